//! Odd input: whatever the members of a request hold, the service answers or refuses, and never fails itself.
//!
//! Requests are made of the model's shapes, with values that lie at the edges; the same ones at every run.

use api::model::{Kind, Shape};
use serde_json::{Map, Value, json};
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

/// Numbers that are the same at every run (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn value(&mut self, shape: &Shape) -> Value {
        if self.roll(60) == 0 {
            return [json!(null), json!(7), json!("x"), json!([]), json!({})][self.roll(5)].clone();
        }
        match &shape.kind {
            Kind::Structure(members) => {
                let mut object = Map::new();
                for member in *members {
                    if member.required || self.roll(3) == 0 {
                        object.insert(member.name.to_owned(), self.value(member.shape));
                    }
                }
                Value::Object(object)
            }
            Kind::List(list) => (0..self.roll(4)).map(|_| self.value(list.element)).collect(),
            Kind::Map(map) => Value::Object(
                (0..self.roll(4)).map(|_| (self.text(), self.value(map.value))).collect::<Map<_, _>>(),
            ),
            Kind::Integer(_) => {
                [json!(0), json!(1), json!(-1), json!(10), json!(43_200), json!(i64::MAX), json!(i64::MIN)]
                    [self.roll(7)]
                .clone()
            }
            Kind::Boolean => (self.roll(2) == 0).into(),
            Kind::Blob(_) => [json!(""), json!("AAE="), json!("!")][self.roll(3)].clone(),
            _ => self.text().into(),
        }
    }

    fn text(&mut self) -> String {
        let texts = if self.roll(2) == 0 { &NAMES[..] } else { &TEXTS[..] };
        texts[self.roll(texts.len())].to_owned()
    }
}

#[tokio::test]
async fn the_service_never_fails_itself() {
    let world = World::new().await;
    let topics = [world.topic("t").await, world.topic("t.fifo").await];
    let subscription = world.subscribe(&topics[0], "q", json!({})).await;
    let mut dice = Dice(0x5151_5151_5151_5151);
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
