//! A world for the service: a store in memory, scripted containers, and the services that it calls.

pub mod memory_store;
pub mod neighbours;
pub mod scripted_driver;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::{AwsError, Call, Dispatcher, Principal, Service, ids};
use clock::{Clock, VirtualClock};
use ecs::{Config, Ecs, HostFolders};
use serde_json::Value;
use tempfile::TempDir;
use types::{AccountId, Region, Timestamp};
use wire::DocumentRequest;

use memory_store::MemoryStore;
use neighbours::{Ec2, Events, Logs, Sts};
use scripted_driver::ScriptedDriver;

/// What outlives the service: the machine around it.
pub struct World {
    pub store: Arc<MemoryStore>,
    pub driver: Arc<ScriptedDriver>,
    pub events: Arc<Events>,
    pub logs: Arc<Logs>,
    pub sts: Arc<Sts>,
    pub hand: VirtualClock,
    pub volumes: TempDir,
    pub host_folder: TempDir,
}

/// A running service, as one process would hold it.
pub struct Process {
    dispatcher: Dispatcher,
    ecs: Arc<Ecs>,
}

impl World {
    pub fn new() -> Self {
        Self {
            store: Arc::default(),
            driver: Arc::default(),
            events: Arc::default(),
            logs: Arc::default(),
            sts: Arc::default(),
            hand: VirtualClock::new(Timestamp::from_seconds(1_700_000_000)),
            volumes: tempfile::tempdir().unwrap(),
            host_folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Starts the service on whatever the world holds.
    pub async fn start(&self) -> Process {
        self.start_with(Config::default()).await
    }

    /// Starts the service as a server with that configuration would.
    pub async fn start_with(&self, config: Config) -> Process {
        let dispatcher = Dispatcher::new(Clock::Virtual(self.hand.clone()));
        let host_folders =
            HostFolders::new(vec![PathBuf::from("/srv/data"), self.host_folder.path().to_owned()]);
        let config = Config { host_folders, ..config };
        let (store, driver) = (Arc::clone(&self.store), Arc::clone(&self.driver));
        let ecs = Arc::new(
            Ecs::new(store, dispatcher.clone(), driver, config)
                .with_volumes_dir(self.volumes.path().to_owned()),
        );
        let (events, logs) = (Arc::clone(&self.events), Arc::clone(&self.logs));
        let sts = Arc::clone(&self.sts);
        dispatcher.install([Arc::clone(&ecs) as Arc<dyn Service>, events, logs, sts, Arc::new(Ec2)]);
        ecs.start().await.unwrap();
        Process { dispatcher, ecs }
    }

    /// The detail of the first event that `wanted` accepts.
    pub async fn event(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        within(self.events.wait_for(wanted)).await
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        Clock::Virtual(self.hand.clone()).now()
    }

    /// Waits until somebody sleeps who will be woken within this time.
    pub async fn sleeper(&self, within: Duration) {
        let until = self.now() + within;
        while self.hand.next_due().is_none_or(|due| due > until) {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the store is as `wanted` says.
    pub async fn until(&self, wanted: impl Fn(&MemoryStore) -> bool) {
        while !wanted(&self.store) {
            self.store.changed().await;
        }
    }

    /// The detail of the event that says that the task has stopped.
    pub async fn stopped(&self) -> Value {
        self.event(|detail| detail["lastStatus"] == "STOPPED").await
    }
}

impl Process {
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        let call = Call {
            principal: Principal::Root { account: AccountId::new("000000000000") },
            account: AccountId::new("000000000000"),
            region: Region::new("eu-central-1"),
            service: "ecs".to_owned(),
            operation: operation.to_owned(),
            input,
            request_id: ids::uuid(),
            idempotency_key: None,
        };
        within(self.dispatcher.call(call)).await
    }

    /// What containers in this machine's network are answered: the status, and the JSON.
    pub async fn document(&self, path: &str, authorization: Option<&str>) -> (u16, Value) {
        let documents = self.ecs.documents();
        assert!(documents.own(path), "{path}");
        let answer = within(documents.document(DocumentRequest { path, authorization })).await;
        (answer.status, serde_json::from_str(&answer.body).unwrap())
    }

    /// Ends the process as `kill -9` does.
    pub fn kill(self) {
        let Self { dispatcher, ecs } = self;
        // The dispatcher holds the service, and the service the dispatcher.
        ecs.abort();
        drop((dispatcher, ecs));
    }
}

/// Waits as long as a test may hang; what it waits for takes milliseconds.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it happens in time")
}
