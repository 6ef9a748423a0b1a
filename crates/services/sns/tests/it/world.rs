//! The world that the tests live in: the service, its store and its clock, and queues that only write down.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use api::model::{Kind, Operation, Protocol, ServiceModel, Shape};
use api::{AwsError, Call, Context, Dispatcher, Principal, Service};
use clock::{Clock, VirtualClock};
use futures_util::future::BoxFuture;
use sealed::SecretKey;
use serde_json::{Value, json};
use sns::Sns;
use store::{SqliteStore, Store};
use tokio::sync::watch;
use types::{AccountId, Region, Timestamp};

pub const ACCOUNT: &str = "000000000000";
pub const REGION: &str = "us-east-1";

/// The key that all lives have.
static KEY: LazyLock<SecretKey> = LazyLock::new(|| SecretKey::ephemeral().unwrap());

/// One life of the service. What survives it is the store, the clock and the queues.
pub struct World {
    pub dispatcher: Dispatcher,
    pub clock: VirtualClock,
    pub queues: Queues,
    pub store: Arc<dyn Store>,
    _dir: Option<tempfile::TempDir>,
}

impl World {
    /// A new service on an empty store, at 2026-11-20T12:00:00Z.
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path()).unwrap());
        let clock = VirtualClock::new(Timestamp::parse_rfc3339("2026-11-20T12:00:00Z").unwrap());
        let mut world = Self::on(store, clock, Queues::default()).await;
        world._dir = Some(dir);
        world
    }

    /// A service on what an earlier one has left.
    pub async fn on(store: Arc<dyn Store>, clock: VirtualClock, queues: Queues) -> Self {
        let dispatcher = Dispatcher::new(Clock::Virtual(clock.clone()));
        let service = Sns::new(Arc::clone(&store), dispatcher.clone(), "http://127.0.0.1:4566".to_owned());
        let service = service.with_secret_key(KEY.clone());
        dispatcher.install([Arc::new(queues.clone()) as Arc<dyn Service>, Arc::new(service.clone())]);
        service.start().await.unwrap();
        Self { dispatcher, clock, queues, store, _dir: None }
    }

    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        self.call_as(Principal::Root { account: AccountId::new(ACCOUNT) }, operation, input).await
    }

    pub async fn call_as(
        &self,
        principal: Principal,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        self.dispatcher.call(self.request(principal, operation, input)).await
    }

    /// A call that is one of several tries.
    pub async fn call_again(&self, key: &str, operation: &str, input: Value) -> Result<Value, AwsError> {
        let principal = Principal::service("events.amazonaws.com");
        let call = self.request(principal, operation, input).with_idempotency_key(key);
        self.dispatcher.call(call).await
    }

    fn request(&self, principal: Principal, operation: &str, input: Value) -> Call {
        Call::new(principal, &AccountId::new(ACCOUNT), &Region::new(REGION), "sns", operation, input)
    }

    /// The answer of a call that must succeed.
    pub async fn ok(&self, operation: &str, input: Value) -> Value {
        match self.call(operation, input.clone()).await {
            Ok(answer) => answer,
            Err(error) => panic!("{operation} {input}: {error}"),
        }
    }

    /// A topic of that name; its ARN.
    pub async fn topic(&self, name: &str) -> String {
        let attributes = if name.ends_with(".fifo") {
            json!({"FifoTopic": "true", "ContentBasedDeduplication": "true"})
        } else {
            json!({})
        };
        let answer = self.ok("CreateTopic", json!({"Name": name, "Attributes": attributes})).await;
        answer["TopicArn"].as_str().unwrap().to_owned()
    }

    /// A subscription of the topic by the queue of that name; its ARN.
    pub async fn subscribe(&self, topic: &str, queue: &str, attributes: Value) -> String {
        let input = json!({"TopicArn": topic, "Protocol": "sqs", "Endpoint": queue_arn(queue),
                           "Attributes": attributes});
        self.ok("Subscribe", input).await["SubscriptionArn"].as_str().unwrap().to_owned()
    }

    /// Publishes a text; its id.
    pub async fn publish(&self, topic: &str, message: &str) -> String {
        let answer = self.ok("Publish", json!({"TopicArn": topic, "Message": message})).await;
        answer["MessageId"].as_str().unwrap().to_owned()
    }

    /// Moves the clock, again and again, until something is so.
    pub async fn advance_until(&self, step: Duration, is_so: impl Fn() -> bool) {
        let wait = async {
            while !is_so() {
                self.clock.advance(step);
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
            }
        };
        in_time(wait).await;
    }
}

pub fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

/// A wait that must end: otherwise the test fails instead of hanging.
pub async fn in_time<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("what was waited for never came")
}

/// A message that a queue was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub queue: String,
    pub input: Value,
    pub idempotency_key: Option<String>,
}

impl Sent {
    /// The message's body.
    pub fn body(&self) -> String {
        self.input["MessageBody"].as_str().unwrap().to_owned()
    }

    /// The message's body as JSON.
    pub fn envelope(&self) -> Value {
        serde_json::from_str(&self.body()).unwrap()
    }
}

/// Everything that queues were sent, by all lives, and how they are to answer.
#[derive(Clone)]
pub struct Queues {
    sent: Arc<watch::Sender<Vec<Sent>>>,
    failures: Arc<Mutex<VecDeque<(String, AwsError)>>>,
}

impl Default for Queues {
    fn default() -> Self {
        Self { sent: Arc::new(watch::Sender::new(Vec::new())), failures: Arc::default() }
    }
}

impl Queues {
    /// Lets the queue refuse so many messages.
    pub fn fail(&self, queue: &str, times: usize, error: &AwsError) {
        let mut failures = self.failures.lock().unwrap();
        failures.extend(std::iter::repeat_n((queue.to_owned(), error.clone()), times));
    }

    /// How many refusals are left.
    pub fn failures_left(&self) -> usize {
        self.failures.lock().unwrap().len()
    }

    /// What the queue was sent.
    pub fn sent(&self, queue: &str) -> Vec<Sent> {
        self.sent.borrow().iter().filter(|sent| sent.queue == queue).cloned().collect()
    }

    /// Waits until the queue was sent so many messages, and gives them.
    pub async fn wait(&self, queue: &str, count: usize) -> Vec<Sent> {
        let mut watched = self.sent.subscribe();
        let enough = watched.wait_for(|all| all.iter().filter(|sent| sent.queue == queue).count() >= count);
        drop(in_time(enough).await.unwrap());
        self.sent(queue)
    }
}

static ANYTHING: Shape = Shape { name: "Anything", kind: Kind::Structure(&[]) };

static OPERATIONS: [Operation; 1] = [Operation {
    name: "SendMessage",
    action: "",
    input: &ANYTHING,
    output: &ANYTHING,
    result_wrapper: None,
    validation_code: "",
    errors: &[],
}];

static MODEL: ServiceModel = ServiceModel {
    service_id: "SQS",
    endpoint_prefix: "sqs",
    signing_name: "sqs",
    iam_prefix: "sqs",
    api_version: "2012-11-05",
    protocol: Protocol::AwsJson1_0,
    target_prefix: "AmazonSQS",
    xml_namespace: "",
    prints_values: true,
    operations: &OPERATIONS,
};

impl Service for Queues {
    fn name(&self) -> &'static str {
        "sqs"
    }

    fn model(&self) -> &'static ServiceModel {
        &MODEL
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        _operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        Box::pin(async move {
            assert_eq!(cx.principal, Principal::service("sns.amazonaws.com"));
            let url = input["QueueUrl"].as_str().unwrap();
            let queue = url.rsplit('/').next().unwrap().to_owned();
            let refusal = {
                let mut failures = self.failures.lock().unwrap();
                let at = failures.iter().position(|(refusing, _)| *refusing == queue);
                at.and_then(|at| failures.remove(at))
            };
            if let Some((_, error)) = refusal {
                return Err(error);
            }
            let idempotency_key = cx.idempotency_key.clone();
            self.sent.send_modify(|all| all.push(Sent { queue, input, idempotency_key }));
            Ok(json!({"MessageId": "m"}))
        })
    }
}
