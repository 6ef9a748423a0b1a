//! Filter policies: every file of `cases/filter`, and what holds for policies and messages made at random.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::world::World;

#[tokio::test]
async fn every_case_is_as_its_file_says() {
    let world = World::new().await;
    let topic = world.topic("t").await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/filter");
    let (mut failures, mut count) = (Vec::new(), 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let cases: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert!(cases["source"].is_string());
        for case in cases["cases"].as_array().unwrap() {
            count += 1;
            let queue = format!("q{count}");
            if let Err(problem) = run(&world, &topic, &queue, case).await {
                failures.push(format!("{}: {}: {problem}", file.display(), case["policy"]));
            }
        }
    }
    assert!(count > 20, "cases are missing");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// Subscribes with the policy, publishes every message, and one that passes nothing is told by the last that passes all.
async fn run(world: &World, topic: &str, queue: &str, case: &Value) -> Result<(), String> {
    let policy = match &case["policy"] {
        Value::String(text) => text.clone(),
        policy => policy.to_string(),
    };
    let scope = case["scope"].as_str().unwrap_or("MessageAttributes");
    let input = json!({"TopicArn": topic, "Protocol": "sqs",
        "Endpoint": crate::world::queue_arn(queue),
        "Attributes": {"FilterPolicy": policy, "FilterPolicyScope": scope}});
    let answer = world.call("Subscribe", input).await;
    if let Some(wanted) = case.get("error") {
        return match answer {
            Err(error) if error.message == wanted.as_str().unwrap() => Ok(()),
            other => Err(format!("{other:?}")),
        };
    }
    let subscription = answer.map_err(|error| error.to_string())?["SubscriptionArn"].clone();
    let (mut wanted, mut sent) = (Vec::new(), 0);
    for (name, passes) in [("accepts", true), ("rejects", false)] {
        for message in case[name].as_array().into_iter().flatten() {
            sent += 1;
            let id = publish(world, topic, scope, message).await;
            if passes {
                wanted.push(id);
            }
        }
    }
    let unset =
        json!({"SubscriptionArn": subscription, "AttributeName": "FilterPolicy", "AttributeValue": "{}"});
    world.ok("SetSubscriptionAttributes", unset).await;
    wanted.push(world.publish(topic, "the last").await);
    let mut found: Vec<String> = Vec::new();
    for delivered in world.queues.wait(queue, wanted.len()).await {
        found.push(delivered.envelope()["MessageId"].as_str().unwrap().to_owned());
    }
    world.ok("Unsubscribe", json!({"SubscriptionArn": subscription})).await;
    found.sort();
    wanted.sort();
    if found == wanted { Ok(()) } else { Err(format!("{} of {sent} passed", found.len() - 1)) }
}

async fn publish(world: &World, topic: &str, scope: &str, message: &Value) -> String {
    if scope == "MessageBody" {
        let text = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
        return world.publish(topic, &text).await;
    }
    let attributes: Map<String, Value> =
        message.as_object().unwrap().iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
    let input = json!({"TopicArn": topic, "Message": "m", "MessageAttributes": attributes});
    world.ok("Publish", input).await["MessageId"].as_str().unwrap().to_owned()
}

/// An attribute that holds a value: numbers are `Number`, lists `String.Array`, `{"bytes": _}` is `Binary`.
fn attribute(value: &Value) -> Value {
    match value {
        Value::String(text) => json!({"DataType": "String", "StringValue": text}),
        Value::Number(number) => json!({"DataType": "Number", "StringValue": number.to_string()}),
        Value::Object(bytes) => json!({"DataType": "Binary", "BinaryValue": bytes["bytes"]}),
        list => json!({"DataType": "String.Array", "StringValue": list.to_string()}),
    }
}

/// A value as policies and messages have it.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[a-c]{1,3}".prop_map(Value::from),
        (-20..20_i64).prop_map(Value::from),
        Just(Value::from("10.0.0.7")),
    ]
}

/// An entry of a list of a policy, and whether a value passes it by an independent reading of the guide.
fn condition() -> impl Strategy<Value = Value> {
    prop_oneof![
        value(),
        "[a-c]{1,2}".prop_map(|text| json!({"prefix": text})),
        "[a-c]{1,2}".prop_map(|text| json!({"suffix": text})),
        "[A-C]{1,3}".prop_map(|text| json!({"equals-ignore-case": text})),
        "[a-c]{1,3}".prop_map(|text| json!({"anything-but": [text]})),
        "[a-c]{1,2}".prop_map(|text| json!({"anything-but": {"prefix": text}})),
        (-20..0_i64, 0..20_i64).prop_map(|(from, to)| json!({"numeric": [">=", from, "<", to]})),
        any::<bool>().prop_map(|exists| json!({"exists": exists})),
        Just(json!({"cidr": "10.0.0.0/24"})),
    ]
}

fn passes(condition: &Value, value: Option<&Value>) -> bool {
    let Some((operator, operand)) = condition.as_object().and_then(|object| object.iter().next()) else {
        return value == Some(condition);
    };
    if operator == "exists" {
        return operand.as_bool() == Some(value.is_some());
    }
    let Some(value) = value else { return false };
    let (text, number) = (value.as_str(), value.as_f64());
    match operator.as_str() {
        "prefix" => text.is_some_and(|text| text.starts_with(operand.as_str().unwrap())),
        "suffix" => text.is_some_and(|text| text.ends_with(operand.as_str().unwrap())),
        "equals-ignore-case" => text.is_some_and(|text| text.eq_ignore_ascii_case(operand.as_str().unwrap())),
        "anything-but" => match operand {
            Value::Array(unwanted) => !unwanted.contains(value),
            prefix => text.is_none_or(|text| !text.starts_with(prefix["prefix"].as_str().unwrap())),
        },
        "numeric" => number.is_some_and(|number| {
            number >= operand[1].as_f64().unwrap() && number < operand[3].as_f64().unwrap()
        }),
        _ => text.is_some_and(|text| text.starts_with("10.0.0.")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    /// Attributes pass a policy where each of its keys has a condition that its value passes.
    #[test]
    fn policies_mean_what_the_guide_says(
        policies in prop::collection::vec(
            prop::collection::btree_map("[k-m]", prop::collection::vec(condition(), 1..4), 1..3), 16),
        messages in prop::collection::vec(prop::collection::btree_map("[k-m]", value(), 0..3), 16),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let topic = world.topic("t").await;
            for (at, policy) in policies.iter().enumerate() {
                let attributes = json!({"FilterPolicy": json!(policy).to_string()});
                world.subscribe(&topic, &format!("q{at}"), attributes).await;
            }
            world.subscribe(&topic, "all", json!({})).await;
            for message in &messages {
                publish(&world, &topic, "MessageAttributes", &json!(message)).await;
            }
            world.queues.wait("all", messages.len()).await;
            for (at, policy) in policies.iter().enumerate() {
                let wanted = messages.iter().filter(|message| {
                    policy.iter().all(|(key, conditions)| {
                        conditions.iter().any(|condition| passes(condition, message.get(key)))
                    })
                });
                let (queue, wanted) = (format!("q{at}"), wanted.count());
                let sent = world.queues.wait(&queue, wanted).await.len();
                assert_eq!(sent, wanted, "{policy:?} of {messages:?}");
            }
            world.clock.advance(Duration::ZERO);
        });
    }

    /// No text makes anything fall over, as a policy or as a message.
    #[test]
    fn any_text_is_answered(
        texts in prop::collection::vec("\\PC{0,40}|[{}\\[\\]\":,a0$ ]{0,30}", 24),
        scope in prop_oneof![Just("MessageBody"), Just("MessageAttributes")],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let topic = world.topic("t").await;
            let texts = texts.iter().filter(|text| !text.is_empty());
            let names = ["FilterPolicy", "RedrivePolicy", "DeliveryPolicy"];
            for (text, name) in texts.zip(names.iter().cycle()) {
                let input = json!({"TopicArn": topic, "Protocol": "sqs", "Endpoint": crate::world::queue_arn("q"),
                                   "Attributes": {*name: text, "FilterPolicyScope": scope}});
                if let Err(error) = world.call("Subscribe", input).await {
                    assert_eq!(error.code, "InvalidParameter", "{error}");
                }
                let input = json!({"TopicArn": topic, "Message": text, "MessageStructure": "json"});
                if let Err(error) = world.call("Publish", input).await {
                    assert_eq!(error.code, "InvalidParameter", "{error}");
                }
            }
        });
    }
}
