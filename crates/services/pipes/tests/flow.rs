//! Pipes from the outside: calls through the door, beside services that answer what the test says.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use api::model::{Operation, Protocol, ServiceModel, Shape};
use api::{AwsError, Call, Context, Dispatcher, Principal, Service};
use clock::{Clock, VirtualClock};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use store::{SqliteStore, Store};
use types::{AccountId, Region, Timestamp};

static EMPTY: Shape = Shape::structure("Empty", &[]);

const fn operation(name: &'static str) -> Operation {
    Operation {
        name,
        action: "test:Operation",
        input: &EMPTY,
        output: &EMPTY,
        result_wrapper: None,
        validation_code: "ValidationException",
        errors: &[],
    }
}

const fn model(name: &'static str, operations: &'static [Operation]) -> ServiceModel {
    ServiceModel {
        service_id: name,
        endpoint_prefix: name,
        signing_name: name,
        iam_prefix: name,
        api_version: "2026-01-01",
        protocol: Protocol::AwsJson1_1,
        target_prefix: name,
        xml_namespace: "",
        prints_values: true,
        operations,
    }
}

static SQS: ServiceModel =
    model("sqs", &[operation("DeleteMessageBatch"), operation("ReceiveMessage"), operation("SendMessage")]);
static STATES: ServiceModel =
    model("states", &[operation("StartExecution"), operation("StartSyncExecution")]);

/// What the queue has, what is refused, and what was called.
#[derive(Clone, Default)]
struct Script {
    messages: Arc<Mutex<VecDeque<Value>>>,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
}

struct Scripted(&'static ServiceModel, Script);

impl Service for Scripted {
    fn name(&self) -> &'static str {
        self.0.signing_name
    }

    fn model(&self) -> &'static ServiceModel {
        self.0
    }

    fn serve<'a>(
        &'a self,
        _: &'a Context,
        name: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        Box::pin(async move {
            if name == "ReceiveMessage" {
                let some: Vec<Value> = self.1.messages.lock().unwrap().drain(..).collect();
                // Nothing comes any more: who asks waits for as long as the test lasts.
                return if some.is_empty() {
                    std::future::pending().await
                } else {
                    Ok(json!({"Messages": some}))
                };
            }
            self.1.calls.lock().unwrap().push((name.to_owned(), input.clone()));
            match input["MessageBody"].as_str() {
                Some(body) if body.contains("poison") => Err(AwsError::new("InvalidMessageContents", "No.")),
                _ if name == "StartSyncExecution" => {
                    Ok(json!({"status": "SUCCEEDED", "output": "[{\"sum\": 3}]"}))
                }
                _ => Ok(json!({})),
            }
        })
    }
}

struct World {
    door: Dispatcher,
    script: Script,
    store: Arc<dyn Store>,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new(bodies: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path()).unwrap());
        let clock = VirtualClock::new(Timestamp::parse_rfc3339("2026-11-20T12:00:00Z").unwrap());
        let door = Dispatcher::new(Clock::Virtual(clock));
        let message = |(at, body): (usize, &&str)| json!({"MessageId": format!("m{at}"), "ReceiptHandle": format!("h{at}"), "Body": body, "MD5OfBody": ""});
        let script = Script {
            messages: Arc::new(Mutex::new(bodies.iter().enumerate().map(message).collect())),
            calls: Arc::default(),
        };
        let pipes = pipes::Pipes::new(Arc::clone(&store), door.clone());
        door.install([
            Arc::new(pipes) as Arc<dyn Service>,
            Arc::new(Scripted(&SQS, script.clone())),
            Arc::new(Scripted(&STATES, script.clone())),
        ]);
        Self { door, script, store, _dir: dir }
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        let account = AccountId::new("000000000000");
        let principal = Principal::Root { account: account.clone() };
        self.door
            .call(Call::new(principal, &account, &Region::new("us-east-1"), "pipes", operation, input))
            .await
    }

    /// The first calls of the pipe, once there are so many.
    async fn calls(&self, count: usize) -> Vec<(String, Value)> {
        loop {
            self.store.submit(store::Batch::new()).durable().await.unwrap();
            let calls = self.script.calls.lock().unwrap().clone();
            if calls.len() >= count {
                return calls;
            }
        }
    }
}

fn pipe(target: &str, more: Value) -> Value {
    let mut input = json!({
        "Name": "p",
        "Source": "arn:aws:sqs:us-east-1:000000000000:from",
        "Target": target,
        "RoleArn": "arn:aws:iam::000000000000:role/pipe",
    });
    input.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    input
}

const TO: &str = "arn:aws:sqs:us-east-1:000000000000:to";

fn handles(call: &(String, Value)) -> Vec<&str> {
    assert_eq!(call.0, "DeleteMessageBatch");
    call.1["Entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["ReceiptHandle"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn what_is_wanted_is_transformed_and_delivered_and_what_fails_stays() {
    let world = World::new(&[
        r#"{"kind": "a", "id": 1}"#,
        r#"{"kind": "b"}"#,
        "no JSON",
        r#"{"kind": "a", "id": "poison"}"#,
        r#"{"kind": "a", "id": 3}"#,
    ])
    .await;
    let filter = json!({"Filters": [{"Pattern": "{\"body\": {\"kind\": [\"a\"]}}"}]});
    let input = pipe(
        TO,
        json!({
            "SourceParameters": {"FilterCriteria": filter},
            "TargetParameters": {"InputTemplate": "{\"id\": <$.body.id>, \"from\": \"<aws.pipes.pipe-name>\"}"},
        }),
    );
    let created = world.call("CreatePipe", input).await.unwrap();
    assert_eq!(created["CurrentState"], "CREATING");
    let calls = world.calls(4).await;
    assert_eq!(handles(&calls[0]), ["h1", "h2"], "what nobody wants is deleted");
    assert_eq!(calls[1].1["MessageBody"], r#"{"id": 1, "from": "p"}"#);
    assert_eq!(calls[1].1["QueueUrl"], "https://sqs.us-east-1.amazonaws.com/000000000000/to");
    assert!(calls[2].1["MessageBody"].as_str().unwrap().contains("poison"));
    assert_eq!(handles(&calls[3]), ["h0"], "what failed, and what is behind it, stays");
}

#[tokio::test]
async fn an_enrichment_makes_other_events_of_a_batch() {
    let world = World::new(&["1", "2"]).await;
    let input = pipe(
        TO,
        json!({"Enrichment": "arn:aws:states:us-east-1:000000000000:stateMachine:add",
               "EnrichmentParameters": {"InputTemplate": "<$.body>"}}),
    );
    world.call("CreatePipe", input).await.unwrap();
    let calls = world.calls(3).await;
    assert_eq!(calls[0].0, "StartSyncExecution");
    assert_eq!(calls[0].1["input"], "[1,2]");
    assert_eq!(calls[1].1["MessageBody"], r#"{"sum":3}"#);
    assert_eq!(handles(&calls[2]), ["h0", "h1"]);
}

#[tokio::test]
async fn a_state_machine_gets_the_batch() {
    let world = World::new(&["a", "b"]).await;
    let target = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
    let more = json!({"TargetParameters": {"InputTemplate": "<$.body>"}});
    world.call("CreatePipe", pipe(target, more)).await.unwrap();
    let calls = world.calls(2).await;
    assert_eq!(calls[0].0, "StartExecution");
    assert_eq!(calls[0].1["input"], r#"["a","b"]"#);
    assert_eq!(handles(&calls[1]), ["h0", "h1"]);
}

#[tokio::test]
async fn pipes_are_described_changed_stopped_and_refused() {
    let world = World::new(&[]).await;
    world.call("CreatePipe", pipe(TO, json!({"DesiredState": "STOPPED", "Tags": {"a": "1"}}))).await.unwrap();
    let code = |answer: Result<Value, AwsError>| answer.unwrap_err().code.to_string();
    assert_eq!(code(world.call("CreatePipe", pipe(TO, json!({}))).await), "ConflictException");
    assert_eq!(code(world.call("StopPipe", json!({"Name": "p"})).await), "ConflictException");
    world.call("StartPipe", json!({"Name": "p"})).await.unwrap();
    let role = "arn:aws:iam::000000000000:role/other";
    world.call("UpdatePipe", json!({"Name": "p", "RoleArn": role, "Description": "new"})).await.unwrap();
    let described = world.call("DescribePipe", json!({"Name": "p"})).await.unwrap();
    assert_eq!((&described["CurrentState"], &described["RoleArn"]), (&json!("RUNNING"), &json!(role)));
    assert_eq!((&described["Description"], &described["Tags"]), (&json!("new"), &json!({"a": "1"})));
    let listed = world.call("ListPipes", json!({"CurrentState": "RUNNING"})).await.unwrap();
    assert_eq!(listed["Pipes"][0]["Name"], "p");
    world.call("DeletePipe", json!({"Name": "p"})).await.unwrap();
    assert_eq!(code(world.call("DescribePipe", json!({"Name": "p"})).await), "NotFoundException");
    for more in [
        json!({"Source": "arn:aws:kinesis:us-east-1:000000000000:stream/s"}),
        json!({"Target": "arn:aws:lambda:us-east-1:000000000000:function:f"}),
        json!({"SourceParameters": {"SqsQueueParameters": {"BatchSize": 11}}}),
        json!({"SourceParameters": {"FilterCriteria": {"Filters": [{"Pattern": "{\"body\": 1}"}]}}}),
    ] {
        assert_eq!(code(world.call("CreatePipe", pipe(TO, more)).await), "ValidationException");
    }
}
