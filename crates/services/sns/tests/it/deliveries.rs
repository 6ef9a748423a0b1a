//! Messages on their way: what endpoints are sent, when they are tried again, and what becomes of what they do not take.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::{AwsError, Principal};
use serde_json::{Value, json};

use crate::endpoint::Endpoint;
use crate::world::{World, in_time, queue_arn};

fn failing() -> AwsError {
    AwsError::new("ServiceUnavailable", "not now").with_status(503)
}

fn missing() -> AwsError {
    AwsError::new("QueueDoesNotExist", "The specified queue does not exist.")
}

#[tokio::test]
async fn a_queue_is_sent_the_envelope_or_the_message_alone() {
    let world = World::new().await;
    let topic = world.topic("t").await;
    let subscription = world.subscribe(&topic, "q", json!({})).await;
    world.subscribe(&topic, "raw", json!({"RawMessageDelivery": "true"})).await;
    let attributes = json!({"n": {"DataType": "Number", "StringValue": "99.12"},
                            "b": {"DataType": "Binary", "BinaryValue": "AgME"}});
    let structured = json!({"default": "d", "sqs": "for queues", "http": "for others", "x": 1}).to_string();
    let input = json!({"TopicArn": topic, "Message": structured, "MessageStructure": "json",
                       "Subject": "s", "MessageAttributes": attributes});
    let id = world.ok("Publish", input).await["MessageId"].clone();
    let sent = world.queues.wait("q", 1).await.remove(0);
    let envelope = sent.envelope();
    let expected = json!({
        "Type": "Notification", "MessageId": id, "TopicArn": topic, "Subject": "s", "Message": "for queues",
        "Timestamp": "2026-11-20T12:00:00.000Z", "SignatureVersion": "1",
        "Signature": envelope["Signature"], "SigningCertURL": envelope["SigningCertURL"],
        "UnsubscribeURL":
            format!("http://127.0.0.1:4566/?Action=Unsubscribe&SubscriptionArn={subscription}"),
        "MessageAttributes": {"n": {"Type": "Number", "Value": "99.12"}, "b": {"Type": "Binary", "Value": "AgME"}},
    });
    assert_eq!(envelope, expected);
    assert!(sent.body().starts_with("{\n  \"Type\" : \"Notification\",\n  \"MessageId\" : "));
    assert!(sent.idempotency_key.is_some());
    let raw = world.queues.wait("raw", 1).await.remove(0);
    assert_eq!(raw.input["MessageBody"], "for queues");
    assert_eq!(raw.input["MessageAttributes"], attributes);
}

#[tokio::test]
async fn one_subscription_does_not_hold_up_another_and_the_dead_letter_queue_gets_what_is_given_up() {
    let world = World::new().await;
    let topic = world.topic("t").await;
    let dead = json!({"RedrivePolicy": json!({"deadLetterTargetArn": queue_arn("dead")}).to_string()});
    world.subscribe(&topic, "gone", dead).await;
    world.subscribe(&topic, "slow", json!({})).await;
    world.subscribe(&topic, "good", json!({})).await;
    world.queues.fail("gone", 1, &missing());
    // More than attempts may be under way at once.
    world.queues.fail("slow", 40, &failing());
    for n in 0..20 {
        world.publish(&topic, &format!("m{n}")).await;
    }
    world.queues.wait("good", 20).await;
    let dead = world.queues.wait("dead", 1).await.remove(0);
    assert_eq!(dead.envelope()["Type"], "Notification");
    assert_eq!(world.queues.wait("gone", 19).await.len(), 19);
    world.advance_until(Duration::from_secs(1), || world.queues.sent("slow").len() == 20).await;
}

#[tokio::test]
async fn messages_of_a_group_keep_their_order_whatever_fails_and_whoever_dies() {
    let world = World::new().await;
    let topic = world.topic("t.fifo").await;
    world.subscribe(&topic, "q.fifo", json!({"RawMessageDelivery": "true"})).await;
    world.queues.fail("q.fifo", 10_000, &failing());
    let publish = |group: &'static str, text: String| {
        let input = json!({"TopicArn": topic, "Message": text, "MessageGroupId": group});
        async { world.ok("Publish", input).await["SequenceNumber"].as_str().unwrap().to_owned() }
    };
    let mut numbers = Vec::new();
    for n in 0..6 {
        numbers.push(publish("a", format!("a{n}")).await);
        numbers.push(publish("b", format!("b{n}")).await);
    }
    assert!(numbers.windows(2).all(|two| two[0] < two[1] && two[0].len() == 20), "{numbers:?}");
    world.advance_until(Duration::from_secs(1), || world.queues.failures_left() < 9_990).await;

    // The next life begins with what this one has left.
    let (store, clock) = (Arc::clone(&world.store), world.clock.clone());
    let queues = crate::world::Queues::default();
    queues.fail("q.fifo", 5, &failing());
    let next = World::on(store, clock, queues).await;
    next.advance_until(Duration::from_secs(1), || next.queues.sent("q.fifo").len() == 12).await;
    let mut by_group: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for sent in next.queues.sent("q.fifo") {
        assert_eq!(sent.input["MessageDeduplicationId"].as_str().unwrap().len(), 64);
        by_group
            .entry(sent.input["MessageGroupId"].as_str().unwrap().to_owned())
            .or_default()
            .push(sent.body());
    }
    for (group, bodies) in by_group {
        assert_eq!(bodies, (0..6).map(|n| format!("{group}{n}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn what_was_there_before_is_known_for_five_minutes() {
    let world = World::new().await;
    let topic = world.topic("t.fifo").await;
    world.subscribe(&topic, "q.fifo", json!({})).await;
    let input = json!({"TopicArn": topic, "Message": "m", "MessageGroupId": "g"});
    let first = world.ok("Publish", input.clone()).await;
    assert_eq!(world.ok("Publish", input.clone()).await, first);
    let batch = json!({"TopicArn": topic, "PublishBatchRequestEntries": [
        {"Id": "1", "Message": "x", "MessageGroupId": "g"}, {"Id": "2", "Message": "x", "MessageGroupId": "h"}]});
    let answer = world.ok("PublishBatch", batch).await;
    assert_eq!(answer["Successful"][0]["MessageId"], answer["Successful"][1]["MessageId"]);
    world.clock.advance(Duration::from_secs(300));
    let again = async {
        while world.ok("Publish", input.clone()).await == first {
            tokio::task::yield_now().await;
        }
    };
    in_time(again).await;
    let bodies: Vec<Value> =
        world.queues.wait("q.fifo", 3).await.iter().map(|sent| sent.envelope()["Message"].clone()).collect();
    assert_eq!(bodies, ["m", "x", "m"]);
}

#[tokio::test]
async fn tries_of_one_call_publish_once() {
    let world = World::new().await;
    let topic = world.topic("t").await;
    world.subscribe(&topic, "q", json!({})).await;
    let input = json!({"TopicArn": topic, "Message": "m"});
    let tries =
        futures_util::future::join_all((0..8).map(|_| world.call_again("key", "Publish", input.clone())));
    let answers: Vec<Value> = tries.await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let other = world.call_again("other", "Publish", input).await.unwrap();
    assert_ne!(other, answers[0]);
    assert_eq!(world.queues.wait("q", 2).await.len(), 2);
}

#[tokio::test]
async fn an_http_endpoint_confirms_is_notified_and_takes_its_leave() {
    let (world, endpoint) = (World::new().await, Endpoint::start().await);
    let topic = world.topic("t").await;
    let subscribe = json!({"TopicArn": topic, "Protocol": "http", "Endpoint": endpoint.url});
    let answer = world.ok("Subscribe", subscribe.clone()).await;
    assert_eq!(answer["SubscriptionArn"], "pending confirmation");
    let asked = endpoint.wait(1).await;
    assert_eq!(asked.line, "POST /in HTTP/1.1\r\n");
    assert_eq!(asked.header("x-amz-sns-message-type"), "SubscriptionConfirmation");
    assert_eq!(asked.header("x-amz-sns-topic-arn"), topic);
    assert_eq!(asked.header("x-amz-sns-subscription-arn"), "");
    assert_eq!(asked.header("content-type"), "text/plain; charset=UTF-8");
    assert_eq!(asked.header("user-agent"), "Amazon Simple Notification Service Agent");
    let token = asked.json()["Token"].as_str().unwrap().to_owned();
    let url = format!("http://127.0.0.1:4566/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}");
    assert_eq!(asked.json()["SubscribeURL"], url);
    // Nothing is sent to who has not confirmed.
    world.publish(&topic, "too early").await;
    let confirm = json!({"TopicArn": topic, "Token": token});
    let arn = world.call_as(Principal::Anonymous, "ConfirmSubscription", confirm.clone()).await.unwrap();
    let arn = arn["SubscriptionArn"].as_str().unwrap().to_owned();
    let wrong = json!({"TopicArn": topic, "Token": "f".repeat(288)});
    assert_eq!(
        world.call("ConfirmSubscription", wrong).await.unwrap_err().message,
        "Invalid parameter: Token"
    );

    let id = world.publish(&topic, "hello").await;
    let notified = endpoint.wait(2).await;
    assert_eq!(notified.header("x-amz-sns-message-type"), "Notification");
    assert_eq!(notified.header("x-amz-sns-message-id"), id);
    assert_eq!(notified.header("x-amz-sns-subscription-arn"), arn);
    assert_eq!(notified.json()["Message"], "hello");

    let raw =
        json!({"SubscriptionArn": arn, "AttributeName": "RawMessageDelivery", "AttributeValue": "true"});
    world.ok("SetSubscriptionAttributes", raw).await;
    world.publish(&topic, "raw").await;
    let notified = endpoint.wait(3).await;
    assert_eq!((notified.body.as_str(), notified.header("x-amz-sns-rawdelivery")), ("raw", "true"));

    let leave = json!({"SubscriptionArn": arn});
    world.call_as(Principal::Anonymous, "Unsubscribe", leave.clone()).await.unwrap();
    let farewell = endpoint.wait(4).await;
    assert_eq!(farewell.header("x-amz-sns-message-type"), "UnsubscribeConfirmation");
    assert!(world.call("GetSubscriptionAttributes", leave.clone()).await.is_err());
    world.publish(&topic, "to nobody").await;
    let back = json!({"TopicArn": topic, "Token": farewell.json()["Token"]});
    assert_eq!(world.ok("ConfirmSubscription", back).await["SubscriptionArn"], arn);
    world.publish(&topic, "back").await;
    assert_eq!(endpoint.wait(5).await.body, "back");
    // The owner's word needs no confirmation.
    world.ok("Unsubscribe", leave.clone()).await;
    world.ok("Unsubscribe", leave).await;
    let shown = world.ok("GetTopicAttributes", json!({"TopicArn": topic})).await;
    assert_eq!(shown["Attributes"]["SubscriptionsConfirmed"], "0");
    assert_eq!(shown["Attributes"]["SubscriptionsDeleted"], "2");
}

#[tokio::test]
async fn an_http_endpoint_is_retried_as_its_policy_says() {
    let (world, endpoint) = (World::new().await, Endpoint::start().await);
    let topic = world.topic("t").await;
    let policy = json!({"healthyRetryPolicy": {"numRetries": 2, "minDelayTarget": 7, "maxDelayTarget": 7}});
    let redrive = json!({"deadLetterTargetArn": queue_arn("dead")});
    let subscribe = json!({"TopicArn": topic, "Protocol": "http", "Endpoint": endpoint.url, "Attributes": {
        "DeliveryPolicy": policy.to_string(), "RedrivePolicy": redrive.to_string()}});
    world.ok("Subscribe", subscribe).await;
    let token = endpoint.wait(1).await.json()["Token"].clone();
    world.ok("ConfirmSubscription", json!({"TopicArn": topic, "Token": token})).await;

    endpoint.answer([500, 429, 503]);
    let id = world.publish(&topic, "late").await;
    endpoint.wait(2).await;
    world.advance_until(Duration::from_secs(1), || endpoint.requests().len() == 4).await;
    let dead = world.queues.wait("dead", 1).await.remove(0);
    assert_eq!(dead.envelope()["MessageId"], Value::from(id));
    // What the endpoint says will not pass is given up at once.
    endpoint.answer([404]);
    world.publish(&topic, "wrong").await;
    assert_eq!(world.queues.wait("dead", 2).await[1].envelope()["Message"], "wrong");
    assert_eq!(endpoint.requests().len(), 5);
}

#[tokio::test]
async fn who_does_not_confirm_is_forgotten_after_two_days() {
    let world = World::new().await;
    let topic = world.topic("t").await;
    let subscribe = json!({"TopicArn": topic, "Protocol": "email", "Endpoint": "me@example.com"});
    assert_eq!(world.ok("Subscribe", subscribe).await["SubscriptionArn"], "pending confirmation");
    let list = || world.ok("ListSubscriptionsByTopic", json!({"TopicArn": topic}));
    assert_eq!(list().await["Subscriptions"][0]["SubscriptionArn"], "PendingConfirmation");
    world.clock.advance(Duration::from_secs(48 * 60 * 60));
    let forgotten = async {
        while list().await["Subscriptions"] != json!([]) {
            tokio::task::yield_now().await;
        }
    };
    in_time(forgotten).await;
}

#[tokio::test]
async fn a_sealed_message_outlives_its_server() {
    let world = World::new().await;
    let make = json!({"Name": "t", "Attributes": {"KmsMasterKeyId": "alias/aws/sns"}});
    let topic = world.ok("CreateTopic", make).await["TopicArn"].as_str().unwrap().to_owned();
    world.subscribe(&topic, "q", json!({})).await;
    world.queues.fail("q", 9_999, &failing());
    world.publish(&topic, "secret").await;
    world.advance_until(Duration::from_secs(1), || world.queues.failures_left() < 9_999).await;
    let queues = crate::world::Queues::default();
    let next = World::on(Arc::clone(&world.store), world.clock.clone(), queues).await;
    next.advance_until(Duration::from_secs(1), || !next.queues.sent("q").is_empty()).await;
    assert_eq!(next.queues.sent("q")[0].envelope()["Message"], "secret");
}
