//! AWS Step Functions: state machines, their executions, and what those call.
//!
//! The language is `asl`, which is pure. Here is everything around it: the API (`operations`), the executions that run
//! (`open_executions`, and `synchronous` for those whose caller waits), the queues that keep them going (`runner`) and the services that their tasks call
//! (`integrations`). A step is kept in one batch with everything that follows from it, and only then done.

mod activities;
mod answers;
mod awaited;
mod begin;
mod delivery;
mod effect_queue;
mod effects;
mod error;
mod execution;
mod fair_queue;
mod fingerprint;
pub mod generated;
mod history;
mod integrations;
mod json_text;
pub mod limits;
mod logging;
mod map_runs;
mod mock_result;
mod name;
mod open_executions;
mod operations;
mod page;
mod plan;
mod redrive;
mod retention;
mod runner;
mod state_machine;
mod status_change;
mod synchronous;
mod tables;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::model::ServiceModel;
use api::{AwsError, Context, Dispatcher, Service};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use store::{Collection, Store};

pub use error::Error;

use activities::Activities;
use delivery::Delivery;
use effects::Effects;
use history::Histories;
use map_runs::{Inboxes, MapRuns};
use open_executions::OpenExecutions;
use operations::Operations;
use operations::deletion::Deletion;
use retention::Sweeper;
use runner::Runner;
use state_machine::StateMachines;
use synchronous::Synchronous;

/// How the service is run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Workers that wake executions.
    pub workers: usize,
    /// Executions that stay in memory while they wait, those that took a step last; others are read when they are woken.
    pub in_memory: usize,
    /// How long closed executions are kept with their histories. What has ended already is kept so long too.
    pub retention: Duration,
}

impl Default for Config {
    /// Four workers; some thousand executions in memory; 90 days, as AWS keeps them.
    fn default() -> Self {
        Self { workers: 4, in_memory: 8192, retention: limits::HISTORY_RETENTION }
    }
}

/// The service `states`.
///
/// Whatever its consumers are doing when they are stopped is done again by the next service on the same store.
pub struct States {
    config: Config,
    operations: Operations,
    effects: Arc<Effects>,
    runner: Runner,
    /// What runs in the background, once the service is started.
    background: Mutex<Option<Box<dyn Send>>>,
}

impl States {
    /// The service on `store`, with `dispatcher` as the door to the others. Serve nothing before [`Self::start`].
    pub fn new(store: Arc<dyn Store>, dispatcher: Dispatcher, config: Config) -> Self {
        let machines = Arc::new(StateMachines::new(Arc::clone(&store), dispatcher.clone()));
        let inboxes = Arc::<Inboxes>::default();
        let open = Arc::new(OpenExecutions::new(
            Arc::clone(&store),
            dispatcher.clone(),
            Arc::clone(&machines),
            Arc::clone(&inboxes),
            config.in_memory,
        ));
        let map_runs = Arc::new(MapRuns::new(
            Arc::clone(&store),
            dispatcher.clone(),
            Arc::clone(&machines),
            Arc::clone(&open),
            inboxes,
        ));
        let activities = Arc::new(Activities::new(Arc::clone(&store)));
        let effects = Arc::new(Effects::new(
            Arc::clone(&store),
            dispatcher.clone(),
            Arc::clone(&open),
            Arc::clone(&activities),
        ));
        let records = Collection::new(Arc::clone(&store), tables::EXECUTIONS);
        let deletion =
            Deletion { store: Arc::clone(&store), machines: Arc::clone(&machines), open: Arc::clone(&open) };
        let synchronous =
            Arc::new(Synchronous::new(Arc::clone(&store), dispatcher.clone(), Arc::clone(&machines)));
        let runner = Runner {
            store: Arc::clone(&store),
            clock: dispatcher.clock().clone(),
            sweeper: Sweeper::new(Arc::clone(&store), dispatcher.clock().clone(), config.retention),
            open: Arc::clone(&open),
            effects: Arc::clone(&effects),
            map_runs: Arc::clone(&map_runs),
            delivery: Arc::new(Delivery { store: Arc::clone(&store), dispatcher }),
            deletion: Arc::new(deletion),
        };
        let histories = Histories::new(Arc::clone(&store));
        let operations =
            Operations { store, machines, activities, open, synchronous, map_runs, records, histories };
        Self { config, operations, effects, runner, background: Mutex::default() }
    }

    /// Reads what runs, and keeps it going from here on.
    ///
    /// # Errors
    /// Where the store cannot be read, or what it holds is not what this program wrote.
    pub async fn start(&self) -> Result<(), Error> {
        self.operations.machines.load().await?;
        self.operations.activities.load().await?;
        let submitted = self.operations.open.load().await?;
        let tasks = self.runner.clone().start(self.config.workers, submitted).await?;
        *self.background.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(tasks));
        Ok(())
    }

    /// Stops the consumers. The door holds the service and the service the door, so that nobody drops either.
    pub fn stop(&self) {
        self.background.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.operations.synchronous.stop();
    }
}

impl Service for States {
    fn name(&self) -> &'static str {
        "states"
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
        Box::pin(async move {
            match operation {
                "internal:DeliverEvent" => {
                    self.effects.deliver(&input).await?;
                    Ok(json!({}))
                }
                _ => generated::operations::dispatch(&self.operations, cx, operation, input).await,
            }
        })
    }
}
