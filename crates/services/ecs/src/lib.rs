//! Amazon Elastic Container Service: clusters, task definitions, tasks that really run, and services that keep them.
//!
//! RunTask records a task; the agent starts its containers through a [`container::Driver`], ships their output to
//! CloudWatch Logs and tells EventBridge of each change. Everything that is to be done is a timer in the store, so that
//! a server that is killed goes on where it was, and no container is started twice.
//!
//! Not here: container instances, capacity providers of one's own, task sets. `FARGATE` and `EC2` tasks alike
//! run on this machine.

mod agent;
pub mod capacity;
mod cluster;
mod container_spec;
mod dependency;
mod describe;
mod environment_files;
mod error;
mod execution_role;
mod expiry;
pub mod generated;
mod health;
mod host_folders;
mod inside;
mod lifecycle;
pub mod limits;
mod log_batches;
mod log_lines;
mod log_shipping;
mod multiline;
mod names;
mod operations;
mod overrides;
mod page;
mod placement;
mod restart_policy;
mod retry;
mod run_task;
mod secrets;
mod service;
mod state_change_events;
mod subnets;
mod tables;
mod tag;
mod task;
mod task_definition;
mod task_network;
mod volumes;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::model::ServiceModel;
use api::{AwsError, Context, Dispatcher, Service};
use container::Driver;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value;
use store::{Batch, Store};
use tokio::task::JoinSet;
use wire::{Documents, Front};

use crate::agent::Agent;
pub use crate::capacity::{Capacity, Overflow};
use crate::error::Error;
pub use crate::host_folders::HostFolders;
use crate::inside::Inside;
use crate::placement::Placement;
use crate::service::SERVICE_QUEUE;
pub use crate::subnets::StandIns;
use crate::tables::{EVENT_QUEUE, EXPIRY_QUEUE, TASK_QUEUE, TOKEN_QUEUE, Tables};

/// What the server decides for the service.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where containers that share this machine's network find AWS's services and what [`Ecs::documents`] answers, on a
    /// loopback address: `http://ADDRESS:PORT`. They are told of neither where it is absent.
    pub endpoint_url: Option<String>,
    /// Folders of this machine that tasks may mount.
    pub host_folders: HostFolders,
    /// AWS's services, for containers with a network of their own. They find none where it is absent.
    pub api: Option<Front>,
    /// How much may run at a time.
    pub capacity: Capacity,
    /// Which subnets and security groups a task may name that are not there.
    pub stand_ins: StandIns,
}

/// The service.
pub struct Ecs {
    tables: Tables,
    agent: Arc<Agent>,
    inside: Arc<Inside>,
    host_folders: HostFolders,
    stand_ins: StandIns,
    volumes_dir: Option<PathBuf>,
    background: Mutex<JoinSet<()>>,
}

impl Ecs {
    /// The service on `store`, calling other services through `dispatcher` and running containers with `driver`.
    pub fn new(
        store: Arc<dyn Store>,
        dispatcher: Dispatcher,
        driver: Arc<dyn Driver>,
        config: Config,
    ) -> Self {
        let tables = Tables::new(store);
        let Config { endpoint_url, host_folders, api, capacity, stand_ins } = config;
        let inside =
            Arc::new(Inside::new(tables.clone(), dispatcher.clone(), Arc::clone(&driver), endpoint_url, api));
        let agent = Agent::new(
            tables.clone(),
            dispatcher,
            driver,
            Arc::clone(&inside),
            host_folders.clone(),
            Placement::new(capacity),
        );
        let agent = Arc::new(agent);
        let (volumes_dir, background) = (None, Mutex::default());
        Self { tables, agent, inside, host_folders, stand_ins, volumes_dir, background }
    }

    /// Has the volumes of tasks made in `directory`, an absolute path. Without one, volumes are refused.
    #[must_use]
    pub fn with_volumes_dir(mut self, directory: PathBuf) -> Self {
        self.volumes_dir = Some(directory);
        self
    }

    /// What containers that share this machine's network may ask for: credentials of their roles, and metadata. It has to
    /// be served at [`Config::endpoint_url`].
    pub fn documents(&self) -> Arc<dyn Documents> {
        self.inside.on_loopback()
    }

    /// Starts the background work: tasks that have not stopped are taken up again, containers that still run are found.
    ///
    /// Returns when what is to be done has been read; doing it goes on behind.
    ///
    /// # Errors
    /// [`store::Error::Unavailable`] where the store cannot be read.
    pub async fn start(&self) -> Result<(), store::Error> {
        self.agent.placement.restore(&self.tables).await?;
        let store = &self.tables.store;
        let tasks = store.timers(TASK_QUEUE).await?;
        let events = store.timers(EVENT_QUEUE).await?;
        let expired = store.timers(EXPIRY_QUEUE).await?;
        let tokens = store.timers(TOKEN_QUEUE).await?;
        let services = store.timers(SERVICE_QUEUE).await?;
        let (tables, dispatcher) = (&self.tables, &self.agent.dispatcher);
        let mut background = self.background();
        background.spawn(Arc::clone(&self.agent).run(tasks));
        let agent = Arc::clone(&self.agent);
        background.spawn(async move {
            agent.clear_leftovers().await;
            // Containers were in some of them.
            if let Err(error) = agent.remove_stray_networks().await {
                tracing::warn!(%error, "networks without a task are not removed");
            }
        });
        background.spawn(state_change_events::run(tables.clone(), dispatcher.clone(), events));
        background.spawn(service::background::run(dispatcher.clone(), services));
        background.spawn(expiry::forget_tasks(tables.clone(), dispatcher.clock().clone(), expired));
        background.spawn(expiry::forget_tokens(tables.clone(), dispatcher.clock().clone(), tokens));
        Ok(())
    }

    /// Ends the background work at once, as killing the process does: containers run on, and [`Ecs::start`] of another
    /// service on the same store goes on with them.
    pub fn abort(&self) {
        self.background().abort_all();
    }

    fn background(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.background.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits a batch durably; `false` where somebody else was faster, and the caller must look again.
    async fn commit(&self, batch: Batch) -> Result<bool, Error> {
        match self.tables.store.submit(batch).durable().await {
            Ok(_) => Ok(true),
            Err(store::Error::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Service for Ecs {
    fn name(&self) -> &'static str {
        "ecs"
    }

    fn model(&self) -> &'static ServiceModel {
        &generated::model::MODEL
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        match operation {
            "internal:KeepService" => async move { self.keep_service(cx, &input).await }.boxed(),
            _ => generated::operations::dispatch(self, cx, operation, input).boxed(),
        }
    }
}
