//! Odd input: whatever the members of a request hold, the service answers or refuses, and never fails itself.
//!
//! Requests are made of the model's shapes, with values that lie at the edges; the same ones at every run.

use cases::OddInput;
use serde_json::json;
use sqs::generated::model::MODEL;

use crate::world::{World, url};

/// How many requests are made.
const REQUESTS: usize = 6000;

/// Texts that something is made of.
const TEXTS: [&str; 28] = [
    "",
    " ",
    "a",
    "q",
    "f.fifo",
    "All",
    ".*",
    "true",
    "0",
    "-1",
    "43201",
    "99999999999999999999",
    "1e400",
    "{}",
    "[]",
    "{\"Statement\": 5}",
    "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:f.fifo\",\"maxReceiveCount\":1}",
    "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:d\",\"maxReceiveCount\":\"2\"}",
    "arn:aws:sqs:us-east-1:000000000000:d",
    "arn:aws:sqs:us-east-1:000000000000:",
    "arn:aws:sqs",
    "http://x/000000000000/q",
    "://",
    "eyJ0YXNrSWQiOiIiLCJzb3VyY2VBcm4iOiIifQ==",
    "AQQ=",
    "String",
    "Number.",
    "\u{0}\u{1F600}\u{FFFE}",
];

/// Names of attributes and of what a policy permits.
const NAMES: [&str; 12] = [
    "VisibilityTimeout",
    "DelaySeconds",
    "MessageRetentionPeriod",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "Policy",
    "FifoQueue",
    "DeduplicationScope",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "AWSTraceHeader",
    "SendMessage",
];

#[tokio::test]
async fn the_service_never_fails_itself() {
    let world = World::new().await;
    for name in ["q", "d", "f.fifo"] {
        let fifo = if name.ends_with(".fifo") { json!({"FifoQueue": "true"}) } else { json!({}) };
        world.call("CreateQueue", json!({"QueueName": name, "Attributes": fifo})).await.unwrap();
    }
    let mut dice = OddInput::new(&NAMES, &TEXTS);
    let mut handles = vec!["AQQ=".to_owned()];
    for _ in 0..REQUESTS {
        let operation = &MODEL.operations[dice.roll(MODEL.operations.len())];
        let mut input = dice.value(operation.input);
        if input.get("QueueUrl").is_some() && operation.name != "DeleteQueue" {
            input["QueueUrl"] = url(["q", "d", "f.fifo"][dice.roll(3)]).into();
        }
        if input.get("ReceiptHandle").is_some() && dice.roll(3) > 0 {
            input["ReceiptHandle"] = handles[dice.roll(handles.len())].clone().into();
        }
        if input.is_object() && operation.name == "ReceiveMessage" {
            input["WaitTimeSeconds"] = json!(0);
        }
        match world.call(operation.name, input.clone()).await {
            Ok(answer) => {
                let messages = answer["Messages"].as_array().into_iter().flatten();
                handles.extend(messages.filter_map(|one| one["ReceiptHandle"].as_str().map(str::to_owned)));
            }
            Err(error) => assert!(error.status < 500, "{} {input}: {error}", operation.name),
        }
    }
    assert!(handles.len() > 20, "nothing was received");
}
