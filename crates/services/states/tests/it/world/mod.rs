//! A world for the service to live in: a store in a temporary directory, a clock that is moved by hand, and other
//! services that do as they are told. A world can end at any batch and go on on the same store.

pub mod fakes;
pub mod limited;
pub mod s3;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::{AwsError, Call, Dispatcher, Principal, Service};
use clock::{Clock, VirtualClock};
use serde_json::{Value, json};
use states::{Config, States};
use store::{Batch, SqliteStore, Store};
use types::{AccountId, Region, Timestamp};

use fakes::{FakeEcs, FakeEvents, FakeLogs};
use limited::LimitedStore;
use s3::FakeS3;

pub const ROLE: &str = "arn:aws:iam::000000000000:role/machine";

/// What stays when the process ends.
pub struct World {
    pub clock: VirtualClock,
    pub ecs: Arc<FakeEcs>,
    pub events: Arc<FakeEvents>,
    pub logs: Arc<FakeLogs>,
    pub s3: Arc<FakeS3>,
    pub config: Config,
    store: Arc<SqliteStore>,
    dir: tempfile::TempDir,
}

/// A process in the world.
pub struct Process {
    pub dispatcher: Dispatcher,
    pub store: Arc<LimitedStore>,
    pub states: Arc<States>,
    pub started: Result<(), states::Error>,
}

impl World {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            clock: VirtualClock::new(Timestamp::from_seconds(1_700_000_000)),
            ecs: Arc::default(),
            events: Arc::default(),
            logs: Arc::default(),
            s3: Arc::default(),
            config: Config::default(),
            store: Arc::new(SqliteStore::open(dir.path()).unwrap()),
            dir,
        }
    }

    /// A world whose processes have no execution in memory that waits.
    pub fn forgetful() -> Self {
        Self { config: Config { in_memory: 0, ..Config::default() }, ..Self::new() }
    }

    /// A process that lives on.
    pub async fn process(&self) -> Process {
        let process = self.process_with(usize::MAX).await;
        assert!(process.started.is_ok());
        process
    }

    /// A process of another configuration.
    pub async fn process_as(&self, config: Config) -> Process {
        let process = self.process_of(usize::MAX, config).await;
        assert!(process.started.is_ok());
        process
    }

    /// A process whose store takes only so many batches.
    pub async fn process_with(&self, batches: usize) -> Process {
        self.process_of(batches, self.config.clone()).await
    }

    /// How many rows each of the store's tables has, and all logs and all queues together have.
    pub fn rows(&self) -> BTreeMap<String, u64> {
        let connection = rusqlite::Connection::open(self.dir.path().join("store.sqlite")).unwrap();
        let counts = "SELECT tbl, count(*) FROM records GROUP BY tbl \
            UNION ALL SELECT 'logs', count(*) FROM logs HAVING count(*) > 0 \
            UNION ALL SELECT 'entries', count(*) FROM entries HAVING count(*) > 0 \
            UNION ALL SELECT 'timers', count(*) FROM timers HAVING count(*) > 0";
        let mut statement = connection.prepare(counts).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())));
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// Waits until all that was submitted is on disk. Who looks again and again at what becomes of something takes turns
    /// with the disk so, however slow that is.
    pub async fn kept(&self) {
        let mut barrier = Batch::new();
        barrier.put("barrier", "barrier", Vec::new());
        self.store.submit(barrier).durable().await.unwrap();
    }

    async fn process_of(&self, batches: usize, config: Config) -> Process {
        // What the last process submitted is on its way: a dead process's batches are there or not, never later.
        self.kept().await;
        let store = Arc::new(LimitedStore::new(Arc::clone(&self.store), batches));
        let dispatcher = Dispatcher::new(Clock::Virtual(self.clock.clone()));
        let states = Arc::new(States::new(Arc::clone(&store) as _, dispatcher.clone(), config));
        // Connections have their secrets there.
        let key = events::SecretKey::ephemeral().unwrap();
        let secrets = secretsmanager::SecretsManager::new(Arc::clone(&store) as _, dispatcher.clone(), key);
        dispatcher.install([
            Arc::clone(&states) as Arc<dyn Service>,
            Arc::new(secrets) as _,
            Arc::clone(&self.ecs) as _,
            Arc::clone(&self.events) as _,
            Arc::clone(&self.logs) as _,
            Arc::clone(&self.s3) as _,
        ]);
        let started = states.start().await;
        Process { dispatcher, store, states, started }
    }
}

impl Drop for Process {
    /// As `kill -9` does: nothing is written any more.
    fn drop(&mut self) {
        self.store.kill();
        self.states.stop();
    }
}

impl Process {
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        let principal = Principal::Root { account: AccountId::new("000000000000") };
        self.call_as(principal, operation, input).await
    }

    pub async fn call_as(
        &self,
        principal: Principal,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let call = Call {
            principal,
            account: AccountId::new("000000000000"),
            region: Region::new("us-east-1"),
            service: "states".to_owned(),
            operation: operation.to_owned(),
            input,
            request_id: api::ids::uuid(),
            idempotency_key: None,
        };
        self.dispatcher.call(call).await
    }

    /// Creates a machine and returns its ARN.
    pub async fn create(&self, name: &str, definition: &Value) -> String {
        let input = json!({"name": name, "definition": definition.to_string(), "roleArn": ROLE});
        let answer = self.call("CreateStateMachine", input).await.unwrap();
        answer["stateMachineArn"].as_str().unwrap().to_owned()
    }

    /// Starts an execution and returns its ARN.
    pub async fn start(&self, machine: &str, name: &str, input: &Value) -> String {
        let input = json!({"stateMachineArn": machine, "name": name, "input": input.to_string()});
        let answer = self.call("StartExecution", input).await.unwrap();
        answer["executionArn"].as_str().unwrap().to_owned()
    }

    pub async fn describe(&self, execution: &str) -> Value {
        self.call("DescribeExecution", json!({"executionArn": execution})).await.unwrap()
    }

    pub async fn history(&self, execution: &str) -> Vec<Value> {
        let input = json!({"executionArn": execution, "maxResults": 1000});
        let answer = self.call("GetExecutionHistory", input).await.unwrap();
        answer["events"].as_array().unwrap().clone()
    }

    /// The types of an execution's events.
    pub async fn event_types(&self, execution: &str) -> Vec<String> {
        let events = self.history(execution).await;
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    /// Tells of a task what the managed rule would tell.
    pub async fn deliver(&self, event: Value) -> Result<Value, AwsError> {
        let input = json!({"Event": event.to_string()});
        self.call_as(Principal::service("events.amazonaws.com"), "internal:DeliverEvent", input).await
    }
}

/// Moves a clock.
pub fn pass(clock: &VirtualClock, seconds: u64) {
    clock.advance(Duration::from_secs(seconds));
}
