//! Odd input: whatever the members of a request hold, the service answers or refuses, and never fails itself.
//!
//! Requests are made of the model's shapes, with values that lie at the edges; the same ones at every run.

use cases::OddInput;
use serde_json::json;
use sns::generated::model::MODEL;

use crate::world::{World, queue_arn};

/// How many requests are made.
const REQUESTS: usize = 800;

/// Texts that something is made of.
const TEXTS: [&str; 30] = [
    "",
    " ",
    "a",
    "t",
    "t.fifo",
    "sqs",
    "http",
    "email",
    "http://user:secret@127.0.0.1:1/x?y#z",
    "https://",
    "true",
    "1",
    "json",
    "{\"default\":\"x\",\"sqs\":5}",
    "{}",
    "[]",
    "{\"a\":[{\"numeric\":[\"<\",1e400]}]}",
    "{\"a\":[{\"anything-but\":{\"suffix\":\"b\"}}],\"$or\":[{\"b\":[null]},{\"c\":[{\"cidr\":\"::/0\"}]}]}",
    "{\"a\":{\"b\":[true]}}",
    "{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":5}]}",
    "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:d\"}",
    "{\"http\":{\"defaultHealthyRetryPolicy\":{\"numRetries\":3,\"minDelayTarget\":-1}}}",
    "{\"healthyRetryPolicy\":null}",
    "arn:aws:sns:us-east-1:000000000000:t:00000000-0000-0000-0000-000000000000",
    "arn:aws:sns:us-east-1:000000000000:",
    "String.Array",
    "Number",
    "Binary",
    "[1,[2],{}]",
    "\u{0}\u{1F600}\u{FFFE}",
];

/// Names of attributes and actions.
const NAMES: [&str; 12] = [
    "FilterPolicy",
    "FilterPolicyScope",
    "MessageBody",
    "RawMessageDelivery",
    "RedrivePolicy",
    "DeliveryPolicy",
    "Policy",
    "FifoTopic",
    "ContentBasedDeduplication",
    "DisplayName",
    "SignatureVersion",
    "Publish",
];

#[tokio::test]
async fn the_service_never_fails_itself() {
    let world = World::new().await;
    let topics = [world.topic("t").await, world.topic("t.fifo").await];
    let subscription = world.subscribe(&topics[0], "q", json!({})).await;
    let mut dice = OddInput::new(&NAMES, &TEXTS);
    let mut answered = 0;
    for _ in 0..REQUESTS {
        let operation = &MODEL.operations[dice.roll(MODEL.operations.len())];
        let mut input = dice.value(operation.input);
        for name in ["TopicArn", "ResourceArn"] {
            if input.get(name).is_some() && operation.name != "DeleteTopic" && dice.roll(10) > 0 {
                input[name] = topics[dice.roll(2)].clone().into();
            }
        }
        if input.get("SubscriptionArn").is_some() && operation.name != "Unsubscribe" {
            input["SubscriptionArn"] = subscription.clone().into();
        }
        if operation.name == "Subscribe" && dice.roll(2) == 0 && input.is_object() {
            input["Protocol"] = json!("sqs");
            input["Endpoint"] = queue_arn("q").into();
        }
        match world.call(operation.name, input.clone()).await {
            Ok(_) => answered += 1,
            Err(error) => assert!(error.status < 500, "{} {input}: {error}", operation.name),
        }
    }
    assert!(answered > 200, "nearly everything was refused");
}
