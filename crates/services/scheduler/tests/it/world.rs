//! The world that the tests live in: the service, its store and its clock, and services that only write down.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::model::{Kind, Member, Operation, Protocol, STRING, ServiceModel, Shape};
use api::{AwsError, Call, Context, Dispatcher, Principal, Service};
use clock::{Clock, VirtualClock};
use futures_util::future::BoxFuture;
use schedule::Missed;
use scheduler::Scheduler;
use serde_json::{Value, json};
use store::{Batch, Entry, Error, Range, Record, Slice, SqliteStore, Store, Ticket, TimerQueue};
use tokio::sync::watch;
use types::{AccountId, Region, Timestamp};

pub const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:machine";
pub const ROLE: &str = "arn:aws:iam::000000000000:role/invoke";

/// One life of the service. What survives it is the store, the clock and the targets.
pub struct World {
    pub dispatcher: Dispatcher,
    pub clock: VirtualClock,
    pub targets: Targets,
    pub store: Arc<LimitedStore>,
    /// How much of what was given [`World::fires_at`] has seen.
    seen: AtomicUsize,
    _dir: Option<tempfile::TempDir>,
}

pub fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

impl World {
    /// A new service on an empty store.
    pub async fn at(start: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(dir.path()).unwrap());
        let clock = VirtualClock::new(time(start));
        let mut world = Self::on(LimitedStore::new(store, usize::MAX), clock, Targets::default()).await;
        world._dir = Some(dir);
        world
    }

    /// A service on what an earlier one has left.
    pub async fn on(store: LimitedStore, clock: VirtualClock, targets: Targets) -> Self {
        Self::with(store, clock, targets, Missed::default()).await
    }

    /// The same, for which it counts what a downtime's occurrences become.
    pub async fn with(store: LimitedStore, clock: VirtualClock, targets: Targets, missed: Missed) -> Self {
        let store = Arc::new(store);
        let dispatcher = Dispatcher::new(Clock::Virtual(clock.clone()));
        let scheduler =
            Scheduler::making_up(Arc::clone(&store) as Arc<dyn Store>, dispatcher.clone(), missed);
        let fakes = ["states", "ecs", "events", "sqs", "sns"]
            .map(|name| Arc::new(Fake { name, targets: targets.clone() }) as Arc<dyn Service>);
        dispatcher.install(fakes.into_iter().chain([Arc::new(scheduler.clone()) as Arc<dyn Service>]));
        scheduler.start().await.unwrap();
        Self { dispatcher, clock, targets, store, seen: AtomicUsize::new(0), _dir: None }
    }

    /// The next life, after the process has ended.
    pub async fn restarted(self) -> Self {
        let store = LimitedStore::new(Arc::clone(&self.store.inner), usize::MAX);
        let mut world = Self::on(store, self.clock.clone(), self.targets.clone()).await;
        world._dir = self._dir;
        world
    }

    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        let account = AccountId::new("000000000000");
        let call = Call {
            principal: Principal::Root { account: account.clone() },
            account,
            region: Region::new("us-east-1"),
            service: "scheduler".to_owned(),
            operation: operation.to_owned(),
            input,
            request_id: api::ids::uuid(),
            idempotency_key: None,
        };
        self.dispatcher.call(call).await
    }

    /// The answer of a call that must succeed.
    pub async fn ok(&self, operation: &str, input: Value) -> Value {
        match self.call(operation, input.clone()).await {
            Ok(answer) => answer,
            Err(error) => panic!("{operation} {input}: {error}"),
        }
    }

    /// Creates the schedule `s` that tells a state machine its time, with further members.
    pub async fn schedule(&self, expression: &str, more: Value) {
        self.ok("CreateSchedule", schedule(expression, more)).await;
    }

    /// Moves the clock to `times`, one after the other, and asserts that the machine is started for exactly these.
    pub async fn fires_at(&self, times: &[&str]) {
        let before = self.seen.fetch_add(times.len(), Ordering::SeqCst);
        for (count, due) in times.iter().enumerate() {
            let due = time(due);
            if self.dispatcher.clock().now() < due {
                self.clock.advance_to(due - Duration::from_millis(1));
                self.settle().await;
                assert_eq!(self.targets.given().len(), before + count, "early for {due}");
            }
            self.clock.advance_to(due);
            self.targets.count(before + count + 1).await;
        }
        let given: Vec<String> = self.targets.given().split_off(before).iter().map(Given::time).collect();
        let wanted: Vec<String> = times.iter().map(|due| time(due).to_iso_seconds()).collect();
        assert_eq!(given, wanted);
    }

    /// Lets everything happen that is due now: timers that are due are given to tasks, which end.
    pub async fn settle(&self) {
        for _ in 0..20 {
            // Each write waits its turn behind what was submitted before it.
            self.store.inner.submit(Batch::new()).durable().await.unwrap();
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    }
}

/// The input that creates or updates the schedule `s`.
pub fn schedule(expression: &str, more: Value) -> Value {
    let mut input = json!({
        "Name": "s",
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": MACHINE, "RoleArn": ROLE,
            "Input": r#"{"time": "<aws.scheduler.scheduled-time>"}"#,
        },
    });
    for (name, value) in more.as_object().unwrap() {
        input[name] = value.clone();
    }
    input
}

/// A call that a target was given.
#[derive(Clone, Debug)]
pub struct Given {
    pub service: &'static str,
    pub operation: String,
    pub principal: Principal,
    pub input: Value,
}

impl Given {
    /// The time that the machine was told.
    pub fn time(&self) -> String {
        let input: Value = serde_json::from_str(self.input["input"].as_str().unwrap()).unwrap();
        input["time"].as_str().unwrap().to_owned()
    }
}

/// Everything that targets were given, by all lives, and how they are to answer.
#[derive(Clone)]
pub struct Targets {
    given: Arc<watch::Sender<Vec<Given>>>,
    failures: Arc<Mutex<VecDeque<AwsError>>>,
    answers: Arc<Mutex<HashMap<&'static str, Value>>>,
}

impl Default for Targets {
    fn default() -> Self {
        Self {
            given: Arc::new(watch::Sender::new(Vec::new())),
            failures: Arc::default(),
            answers: Arc::default(),
        }
    }
}

impl Targets {
    /// Lets the next calls fail so, one after the other.
    pub fn fail(&self, errors: impl IntoIterator<Item = AwsError>) {
        self.failures.lock().unwrap().extend(errors);
    }

    /// Lets an operation answer so. What it is given counts as asked, not as given.
    pub fn answer(&self, operation: &'static str, answer: Value) {
        self.answers.lock().unwrap().insert(operation, answer);
    }

    /// What was given so far.
    pub fn given(&self) -> Vec<Given> {
        self.given.borrow().clone()
    }

    /// What was given, once it is as many.
    pub async fn count(&self, count: usize) -> Vec<Given> {
        let mut given = self.given.subscribe();
        let wait = tokio::time::timeout(Duration::from_secs(60), given.wait_for(|all| all.len() >= count));
        wait.await.expect("what was waited for never came").unwrap().clone()
    }
}

/// A service that writes down what it is asked.
struct Fake {
    name: &'static str,
    targets: Targets,
}

static INPUT: Shape =
    Shape { name: "Input", kind: Kind::Structure(&[Member::optional("stateMachineArn", &STRING)]) };

const fn operation(name: &'static str) -> Operation {
    Operation {
        name,
        action: "",
        input: &INPUT,
        output: &INPUT,
        result_wrapper: None,
        validation_code: "",
        errors: &[],
    }
}

static MODEL: ServiceModel = ServiceModel {
    service_id: "SFN",
    endpoint_prefix: "states",
    signing_name: "states",
    iam_prefix: "states",
    api_version: "",
    protocol: Protocol::AwsJson1_1,
    target_prefix: "",
    xml_namespace: "",
    prints_values: false,
    operations: &[
        operation("DescribeExecution"),
        operation("DescribeTasks"),
        operation("Publish"),
        operation("PutEvents"),
        operation("RunTask"),
        operation("SendMessage"),
        operation("StartExecution"),
        operation("StopExecution"),
    ],
};

impl Service for Fake {
    fn name(&self) -> &'static str {
        self.name
    }

    fn model(&self) -> &'static ServiceModel {
        &MODEL
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        let answer = self.targets.answers.lock().unwrap().get(operation).cloned();
        if operation.starts_with("Describe") {
            return Box::pin(async move { Ok(answer.unwrap_or_default()) });
        }
        let answer = answer.unwrap_or_else(|| json!({}));
        let principal = cx.principal.clone();
        let given = Given { service: self.name, operation: operation.to_owned(), principal, input };
        self.targets.given.send_modify(|all| all.push(given));
        let failure = self.targets.failures.lock().unwrap().pop_front();
        Box::pin(async move { failure.map_or(Ok(answer), Err) })
    }
}

/// A store that takes a number of batches and then fails, as a process does that is killed.
pub struct LimitedStore {
    pub inner: Arc<SqliteStore>,
    left: AtomicUsize,
    dead: AtomicBool,
}

impl LimitedStore {
    pub fn new(inner: Arc<SqliteStore>, batches: usize) -> Self {
        Self { inner, left: AtomicUsize::new(batches), dead: AtomicBool::new(false) }
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }
}

impl Store for LimitedStore {
    fn submit(&self, batch: Batch) -> Ticket {
        let take = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
            return self.inner.submit(batch);
        }
        self.dead.store(true, Ordering::SeqCst);
        let (settle, ticket) = Ticket::new();
        let _ = settle.send(Err(Error::unavailable("the process has ended")));
        ticket
    }

    fn get<'a>(&'a self, table: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, Error>> {
        self.inner.get(table, key)
    }

    fn list<'a>(&'a self, table: &'a str, range: Range<'a>) -> BoxFuture<'a, Result<Vec<Record>, Error>> {
        self.inner.list(table, range)
    }

    fn read<'a>(&'a self, log: &'a str, slice: Slice) -> BoxFuture<'a, Result<Vec<Entry>, Error>> {
        self.inner.read(log, slice)
    }

    fn timers(&self, queue: &'static str) -> BoxFuture<'_, Result<TimerQueue, Error>> {
        self.inner.timers(queue)
    }
}
