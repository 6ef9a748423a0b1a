//! The world that the tests live in: the service, its store and its clock, and services that only write down.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::model::{Kind, Operation, Protocol, ServiceModel, Shape};
use api::{AwsError, Call, Context, Dispatcher, Principal, Service};
use clock::{Clock, VirtualClock};
use events::{Events, SecretKey};
use futures_util::future::BoxFuture;
use schedule::Missed;
use secretsmanager::SecretsManager;
use serde_json::{Value, json};
use store::{SqliteStore, Store};
use tokio::sync::watch;
use types::{AccountId, Region, Timestamp};

pub const ACCOUNT: &str = "000000000000";
pub const REGION: &str = "us-east-1";
pub const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:machine";
pub const CLUSTER: &str = "arn:aws:ecs:us-east-1:000000000000:cluster/batch";
pub const LOG_GROUP: &str = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/all";
pub const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:queue";
pub const ROLE: &str = "arn:aws:iam::000000000000:role/invoke";

/// 2023-11-14T22:13:20Z.
pub fn start() -> Timestamp {
    Timestamp::from_seconds(1_700_000_000)
}

/// One life of the service. What survives it is the store, the clock and the targets.
pub struct World {
    pub dispatcher: Dispatcher,
    pub clock: VirtualClock,
    pub targets: Targets,
    pub store: Arc<dyn Store>,
    _dir: Option<tempfile::TempDir>,
}

impl World {
    /// A new service on an empty store, at [`start`].
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path()).unwrap());
        let mut world = Self::on(store, VirtualClock::new(start()), Targets::default()).await;
        world._dir = Some(dir);
        world
    }

    /// A service on what an earlier one has left.
    pub async fn on(store: Arc<dyn Store>, clock: VirtualClock, targets: Targets) -> Self {
        Self::making_up(store, clock, targets, Missed::default()).await
    }

    /// The same, for which it counts what a downtime's occurrences become.
    pub async fn making_up(
        store: Arc<dyn Store>,
        clock: VirtualClock,
        targets: Targets,
        missed: Missed,
    ) -> Self {
        let dispatcher = Dispatcher::new(Clock::Virtual(clock.clone()));
        let events = Events::new(Arc::clone(&store), dispatcher.clone())
            .with_secret_key(targets.key.clone())
            .making_up(missed)
            .with_all_outcomes();
        let fakes = ["states", "ecs", "logs", "sqs", "sns"]
            .map(|name| Arc::new(Fake { name, targets: targets.clone() }) as Arc<dyn Service>);
        let secrets = SecretsManager::new(Arc::clone(&store), dispatcher.clone(), targets.key.clone());
        let real: [Arc<dyn Service>; 2] = [Arc::new(events.clone()), Arc::new(secrets)];
        dispatcher.install(fakes.into_iter().chain(real));
        events.load().await.unwrap();
        events.start().await.unwrap();
        Self { dispatcher, clock, targets, store, _dir: None }
    }

    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        self.call_in(REGION, operation, input).await
    }

    pub async fn call_in(&self, region: &str, operation: &str, input: Value) -> Result<Value, AwsError> {
        self.call_of("events", region, operation, input).await
    }

    pub async fn call_of(
        &self,
        service: &str,
        region: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let principal = if operation.starts_with("internal:") {
            Principal::service("states.amazonaws.com")
        } else {
            Principal::Root { account: AccountId::new(ACCOUNT) }
        };
        let call = Call {
            principal,
            account: AccountId::new(ACCOUNT),
            region: Region::new(region),
            service: service.to_owned(),
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

    /// A rule for the source `s` with these targets.
    pub async fn rule(&self, name: &str, targets: Value) {
        self.ok("PutRule", json!({"Name": name, "EventPattern": r#"{"source": ["s"]}"#})).await;
        self.ok("PutTargets", json!({"Rule": name, "Targets": targets})).await;
    }

    /// Puts an event of the source `s`; returns its id.
    pub async fn event(&self, detail: Value) -> String {
        let entry = json!({"Source": "s", "DetailType": "t", "Detail": detail.to_string()});
        let answer = self.ok("PutEvents", json!({"Entries": [entry]})).await;
        answer["Entries"][0]["EventId"].as_str().unwrap().to_owned()
    }

    /// What became of an event, once nothing is pending any more.
    pub async fn outcomes(&self, event_id: &str) -> Vec<Value> {
        self.outcomes_when(event_id, |outcomes| outcomes.iter().all(|one| one["Status"] != "PENDING")).await
    }

    /// What becomes of an event, as soon as it is so.
    pub async fn outcomes_when(&self, event_id: &str, is_so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let look = async {
            loop {
                let answer = self.ok("internal:ListDeliveries", json!({"EventId": event_id})).await;
                let outcomes = answer["Deliveries"].as_array().unwrap().clone();
                if is_so(&outcomes) {
                    return outcomes;
                }
                tokio::task::yield_now().await;
            }
        };
        in_time(look).await
    }
}

/// A wait that must end: otherwise the test fails instead of hanging.
pub async fn in_time<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("what was waited for never came")
}

/// A call that a target was given.
#[derive(Clone, Debug)]
pub struct Given {
    pub service: &'static str,
    pub operation: String,
    pub principal: Principal,
    pub input: Value,
    pub idempotency_key: Option<String>,
}

/// Everything that targets were given, by all lives, and how they are to answer.
#[derive(Clone)]
pub struct Targets {
    given: Arc<watch::Sender<Vec<Given>>>,
    failures: Arc<Mutex<BTreeMap<String, VecDeque<AwsError>>>>,
    answers: Arc<Mutex<BTreeMap<String, Value>>>,
    /// What all lives seal secrets with.
    key: SecretKey,
}

impl Default for Targets {
    fn default() -> Self {
        Self {
            given: Arc::new(watch::Sender::new(Vec::new())),
            failures: Arc::default(),
            answers: Arc::default(),
            key: SecretKey::ephemeral().unwrap(),
        }
    }
}

impl Targets {
    /// Lets the next calls of an operation fail so, one after the other.
    pub fn fail(&self, operation: &str, errors: impl IntoIterator<Item = AwsError>) {
        self.failures.lock().unwrap().entry(operation.to_owned()).or_default().extend(errors);
    }

    /// Lets an operation answer so from now on. What it is given counts as asked, not as given.
    pub fn answer(&self, operation: &str, answer: Value) {
        self.answers.lock().unwrap().insert(operation.to_owned(), answer);
    }

    /// What was given so far.
    pub fn given(&self) -> Vec<Given> {
        self.given.borrow().clone()
    }

    /// What was given of one operation, once it is as many.
    pub async fn given_of(&self, operation: &str, count: usize) -> Vec<Given> {
        let of = |all: &Vec<Given>| {
            all.iter().filter(|one| one.operation == operation).cloned().collect::<Vec<_>>()
        };
        let mut given = self.given.subscribe();
        let all = in_time(given.wait_for(|all| of(all).len() >= count)).await.unwrap().clone();
        of(&all)
    }

    fn take(&self, given: Given) -> Result<Value, AwsError> {
        if let Some(answer) = self.answers.lock().unwrap().get(&given.operation) {
            return Ok(answer.clone());
        }
        let failure = self.failures.lock().unwrap().get_mut(&given.operation).and_then(VecDeque::pop_front);
        self.given.send_modify(|all| all.push(given.clone()));
        match (failure, given.operation.as_str()) {
            (Some(error), _) if error.code == "panic" => panic!("as the test wants it"),
            (Some(error), _) if error.code == "answer" => Ok(Value::Object(error.members)),
            (Some(error), _) => Err(error),
            (None, "RunTask") => Ok(json!({"tasks": [{"taskArn": "task"}], "failures": []})),
            (None, "StartExecution") => {
                Ok(json!({"executionArn": format!("execution:{}", given.input["name"])}))
            }
            (None, "SendMessageBatch") => {
                let entries = given.input["Entries"].as_array().unwrap().iter();
                let sent: Vec<_> = entries.map(|entry| json!({"Id": entry["Id"]})).collect();
                Ok(json!({"Successful": sent, "Failed": []}))
            }
            (None, _) => Ok(json!({})),
        }
    }
}

/// A service that writes down what it is asked.
struct Fake {
    name: &'static str,
    targets: Targets,
}

static ANYTHING: Shape = Shape { name: "Anything", kind: Kind::Structure(&[]) };

const fn operation(name: &'static str) -> Operation {
    Operation {
        name,
        action: "",
        input: &ANYTHING,
        output: &ANYTHING,
        result_wrapper: None,
        validation_code: "",
        errors: &[],
    }
}

static MODEL: ServiceModel = ServiceModel {
    service_id: "Fake",
    endpoint_prefix: "fake",
    signing_name: "fake",
    iam_prefix: "fake",
    api_version: "",
    protocol: Protocol::AwsJson1_1,
    target_prefix: "",
    xml_namespace: "",
    prints_values: false,
    operations: &[
        operation("CreateLogStream"),
        operation("DescribeExecution"),
        operation("Publish"),
        operation("PutLogEvents"),
        operation("RunTask"),
        operation("SendMessage"),
        operation("SendMessageBatch"),
        operation("StartExecution"),
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
        let given = Given {
            service: self.name,
            operation: operation.to_owned(),
            principal: cx.principal.clone(),
            input,
            idempotency_key: cx.idempotency_key.clone(),
        };
        Box::pin(async move { self.targets.take(given) })
    }
}
