//! The service on a store of its own, beside a scripted queue and scripted targets.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::model::{Kind, Operation, Protocol, ServiceModel, Shape};
use api::{AwsError, Call, Context, Dispatcher, Principal, Service};
use clock::{Clock, VirtualClock};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use store::{SqliteStore, Store};
use tokio::sync::watch;
use types::{AccountId, Region, Timestamp};

pub const SOURCE: &str = "arn:aws:sqs:us-east-1:000000000000:from";
pub const TO: &str = "arn:aws:sqs:us-east-1:000000000000:to";
pub const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m";

/// A call that a target, or the source, was given.
#[derive(Clone, Debug)]
pub struct Given {
    pub operation: String,
    pub input: Value,
    pub key: Option<String>,
}

/// How an operation answers the next times.
type Answers = VecDeque<Result<Value, AwsError>>;

/// What the services around the pipe have and do; it outlives the pipe's process.
#[derive(Clone)]
pub struct Around {
    queue: Arc<watch::Sender<Queue>>,
    given: Arc<watch::Sender<Vec<Given>>>,
    answers: Arc<Mutex<HashMap<String, Answers>>>,
    /// Operations that are not answered while they are in here.
    held: Arc<watch::Sender<Vec<String>>>,
}

/// A queue whose messages are given once, until they are shown again.
#[derive(Default)]
struct Queue {
    visible: VecDeque<Value>,
    hidden: Vec<Value>,
}

impl Around {
    pub fn new() -> Self {
        Self {
            queue: Arc::new(watch::Sender::new(Queue::default())),
            given: Arc::new(watch::Sender::new(Vec::new())),
            answers: Arc::default(),
            held: Arc::new(watch::Sender::new(Vec::new())),
        }
    }

    /// Sends messages, all at once.
    pub fn send(&self, messages: &[Value]) {
        self.queue.send_modify(|queue| queue.visible.extend(messages.iter().cloned()));
    }

    /// Makes received messages visible again, with new receipt handles.
    pub fn show_again(&self) {
        self.queue.send_modify(|queue| {
            for mut message in std::mem::take(&mut queue.hidden) {
                message["ReceiptHandle"] = format!("{}+", message["ReceiptHandle"].as_str().unwrap()).into();
                queue.visible.push_back(message);
            }
        });
    }

    /// How many messages are in the queue.
    pub fn left(&self) -> usize {
        let queue = self.queue.borrow();
        queue.visible.len() + queue.hidden.len()
    }

    /// Waits until nothing is in the queue.
    pub async fn is_empty(&self) {
        let mut queue = self.queue.subscribe();
        let empty = queue.wait_for(|queue| queue.visible.is_empty() && queue.hidden.is_empty());
        tokio::time::timeout(Duration::from_secs(60), empty)
            .await
            .expect("the queue is not emptied")
            .unwrap();
    }

    /// Lets an operation answer so the next time.
    pub fn answer(&self, operation: &str, answer: Result<Value, AwsError>) {
        self.answers.lock().unwrap().entry(operation.to_owned()).or_default().push_back(answer);
    }

    /// Lets an operation wait for its answer, or not any more.
    pub fn hold(&self, operations: &[&str]) {
        self.held.send_replace(operations.iter().map(|&name| name.to_owned()).collect());
    }

    /// What was given, once it is as many.
    pub async fn given(&self, count: usize) -> Vec<Given> {
        let mut given = self.given.subscribe();
        let enough = given.wait_for(|given| given.len() >= count);
        let enough = tokio::time::timeout(Duration::from_secs(60), enough).await;
        match enough {
            Ok(given) => given.unwrap().clone(),
            Err(_) => panic!("only {:?}", self.given.borrow()),
        }
    }

    async fn serve(&self, operation: &str, input: Value, key: Option<String>) -> Result<Value, AwsError> {
        match operation {
            "GetQueueAttributes" => return self.next(operation).unwrap_or(Ok(json!({}))),
            "ReceiveMessage" => return Ok(self.receive(&input).await),
            _ => {}
        }
        self.given.send_modify(|given| {
            given.push(Given { operation: operation.to_owned(), input: input.clone(), key });
        });
        let mut held = self.held.subscribe();
        held.wait_for(|held| !held.iter().any(|held| held == operation)).await.unwrap();
        if let Some(answer) = self.next(operation) {
            return answer;
        }
        match operation {
            "DeleteMessageBatch" => self.delete(&input),
            "SendMessageBatch" => {
                let ids = input["Entries"].as_array().unwrap().iter().map(|entry| json!({"Id": entry["Id"]}));
                return Ok(json!({"Successful": ids.collect::<Vec<_>>(), "Failed": []}));
            }
            "PutEvents" => {
                let count = input["Entries"].as_array().unwrap().len();
                return Ok(json!({"Entries": vec![json!({"EventId": "e"}); count]}));
            }
            "RunTask" => return Ok(json!({"tasks": [{}], "failures": []})),
            "StartSyncExecution" => return Ok(json!({"status": "SUCCEEDED", "output": "{}"})),
            _ => {}
        }
        Ok(json!({}))
    }

    fn next(&self, operation: &str) -> Option<Result<Value, AwsError>> {
        self.answers.lock().unwrap().get_mut(operation)?.pop_front()
    }

    async fn receive(&self, input: &Value) -> Value {
        let count = usize::try_from(input["MaxNumberOfMessages"].as_u64().unwrap()).unwrap();
        let mut queue = self.queue.subscribe();
        loop {
            queue.wait_for(|queue| !queue.visible.is_empty()).await.unwrap();
            let mut taken = Vec::new();
            self.queue.send_if_modified(|queue| {
                taken = queue.visible.drain(..count.min(queue.visible.len())).collect();
                queue.hidden.extend(taken.iter().cloned());
                false
            });
            if !taken.is_empty() {
                return json!({"Messages": taken});
            }
        }
    }

    /// Only the latest handle deletes.
    fn delete(&self, input: &Value) {
        let handles: Vec<&Value> =
            input["Entries"].as_array().unwrap().iter().map(|entry| &entry["ReceiptHandle"]).collect();
        self.queue.send_modify(|queue| {
            queue.hidden.retain(|message| !handles.contains(&&message["ReceiptHandle"]));
        });
    }
}

/// A message of the queue.
pub fn message(at: usize, body: &str) -> Value {
    json!({
        "MessageId": format!("m{at}"), "ReceiptHandle": format!("h{at}"), "Body": body, "MD5OfBody": "md5",
        "Attributes": {"ApproximateReceiveCount": "1"},
    })
}

/// Messages of the queue.
pub fn messages(bodies: &[&str]) -> Vec<Value> {
    bodies.iter().enumerate().map(|(at, body)| message(at, body)).collect()
}

static ANY: Shape = Shape { name: "Any", kind: Kind::Structure(&[]) };

const fn operation(name: &'static str) -> Operation {
    Operation {
        name,
        action: "",
        input: &ANY,
        output: &ANY,
        result_wrapper: None,
        validation_code: "",
        errors: &[],
    }
}

static MODEL: ServiceModel = ServiceModel {
    service_id: "",
    endpoint_prefix: "",
    signing_name: "",
    iam_prefix: "",
    api_version: "",
    protocol: Protocol::AwsJson1_1,
    target_prefix: "",
    xml_namespace: "",
    prints_values: false,
    operations: &[
        operation("CreateLogStream"),
        operation("DeleteMessageBatch"),
        operation("GetQueueAttributes"),
        operation("Publish"),
        operation("PutEvents"),
        operation("PutLogEvents"),
        operation("ReceiveMessage"),
        operation("RunTask"),
        operation("SendMessage"),
        operation("SendMessageBatch"),
        operation("StartExecution"),
        operation("StartSyncExecution"),
    ],
};

/// A service that does what [`Around`] says.
struct Scripted(&'static str, Around);

impl Service for Scripted {
    fn name(&self) -> &'static str {
        self.0
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
        Box::pin(self.1.serve(operation, input, cx.idempotency_key.clone()))
    }
}

/// The service, and what is around it.
pub struct World {
    pub around: Around,
    pub clock: VirtualClock,
    door: Dispatcher,
    store: Arc<dyn Store>,
    dir: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(dir.path()).unwrap());
        Self::on(dir, store, Around::new()).await
    }

    async fn on(dir: tempfile::TempDir, store: Arc<dyn Store>, around: Around) -> Self {
        let clock = VirtualClock::new(Timestamp::parse_rfc3339("2026-11-20T12:00:00Z").unwrap());
        let door = Dispatcher::new(Clock::Virtual(clock.clone()));
        let pipes = pipes::Pipes::new(Arc::clone(&store), door.clone());
        let mut services: Vec<Arc<dyn Service>> = vec![Arc::new(pipes.clone())];
        for name in ["sqs", "sns", "states", "events", "logs", "ecs"] {
            services.push(Arc::new(Scripted(name, around.clone())));
        }
        door.install(services);
        pipes.start().await.unwrap();
        Self { around, clock, door, store, dir }
    }

    /// The process ends where it is, and another one begins. What it had received is given again.
    pub async fn crash(self) -> Self {
        // The old process waits for ever: for an answer that is held, or at an empty queue.
        let mut queue = Queue::default();
        self.around.queue.send_modify(|old| std::mem::swap(old, &mut queue));
        let around = Around {
            queue: Arc::new(watch::Sender::new(queue)),
            held: Arc::new(watch::Sender::new(Vec::new())),
            ..self.around
        };
        Self::on(self.dir, self.store, around).await
    }

    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        let account = AccountId::new("000000000000");
        let principal = Principal::Root { account: account.clone() };
        let region = Region::new("us-east-1");
        self.door.call(Call::new(principal, &account, &region, "pipes", operation, input)).await
    }

    /// Creates the pipe `p`.
    pub async fn create(&self, more: Value) {
        self.call("CreatePipe", pipe(more)).await.unwrap();
    }

    /// Waits until the pipe `p` is in a state; returns what is said of it.
    pub async fn comes_to(&self, state: &str) -> Value {
        let described = async {
            loop {
                let described = self.call("DescribePipe", json!({"Name": "p"})).await.unwrap();
                if described["CurrentState"] == state {
                    return described;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), described).await.expect("the state never came")
    }

    /// Waits until the pipe `p` is gone.
    pub async fn is_gone(&self) {
        let gone = async {
            while self.call("DescribePipe", json!({"Name": "p"})).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), gone).await.expect("the pipe is not deleted");
    }
}

/// The input that creates the pipe `p`.
pub fn pipe(more: Value) -> Value {
    let mut input = json!({
        "Name": "p", "Source": SOURCE, "Target": TO, "RoleArn": "arn:aws:iam::000000000000:role/pipe",
    });
    input.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    input
}
