//! What is there after a restart: messages, what was received, what was deleted, what is known to be sent already.

use serde_json::{Value, json};

use crate::world::{World, call, url};

async fn bodies(world: &World, queue: &str) -> Vec<String> {
    let input = json!({"QueueUrl": url(queue), "MaxNumberOfMessages": 10});
    let answer = world.call("ReceiveMessage", input).await.unwrap();
    let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
    messages.iter().map(|message| message["Body"].as_str().unwrap().to_owned()).collect()
}

async fn send(world: &World, queue: &str, body: &str, more: Value) -> Value {
    let mut input = json!({"QueueUrl": url(queue), "MessageBody": body});
    input.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    world.call("SendMessage", input).await.unwrap()
}

#[tokio::test]
async fn a_standard_queue_is_as_it_was() {
    let world = World::new().await;
    world.call("CreateQueue", json!({"QueueName": "q"})).await.unwrap();
    for body in ["a", "b", "c"] {
        send(&world, "q", body, json!({})).await;
    }
    send(&world, "q", "later", json!({"DelaySeconds": 60})).await;
    let input = json!({"QueueUrl": url("q"), "MaxNumberOfMessages": 2});
    let taken = world.call("ReceiveMessage", input).await.unwrap();
    let handle = taken["Messages"][0]["ReceiptHandle"].clone();
    world.call("DeleteMessage", json!({"QueueUrl": url("q"), "ReceiptHandle": handle})).await.unwrap();
    let world = world.restarted().await;
    assert_eq!(bodies(&world, "q").await, ["c"]);
    world.advance(30).await;
    assert_eq!(bodies(&world, "q").await, ["b", "c"]);
    // A handle from before is still good: nobody has received the message since.
    world.advance(30).await;
    assert_eq!(bodies(&world, "q").await, ["b", "c", "later"]);
}

#[tokio::test]
async fn a_fifo_queue_keeps_its_order_and_knows_what_it_was_sent() {
    let world = World::new().await;
    let attributes = json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"});
    world.call("CreateQueue", json!({"QueueName": "q.fifo", "Attributes": attributes})).await.unwrap();
    let group = json!({"MessageGroupId": "g"});
    let first = send(&world, "q.fifo", "1", group.clone()).await;
    send(&world, "q.fifo", "2", group.clone()).await;
    let input = json!({"QueueUrl": url("q.fifo")});
    let taken = world.call("ReceiveMessage", input).await.unwrap();
    let world = world.restarted().await;
    assert_eq!(send(&world, "q.fifo", "1", group.clone()).await, first);
    assert!(bodies(&world, "q.fifo").await.is_empty(), "the group is in flight");
    let handle = taken["Messages"][0]["ReceiptHandle"].clone();
    world.call("DeleteMessage", json!({"QueueUrl": url("q.fifo"), "ReceiptHandle": handle})).await.unwrap();
    assert_eq!(bodies(&world, "q.fifo").await, ["2"]);
    world.advance(301).await;
    assert_ne!(send(&world, "q.fifo", "1", group).await["MessageId"], first["MessageId"]);
}

#[tokio::test]
async fn a_call_that_is_made_again_is_served_once() {
    let world = World::new().await;
    world.call("CreateQueue", json!({"QueueName": "q"})).await.unwrap();
    let input = json!({"QueueUrl": url("q"), "MessageBody": "once"});
    let again = || call("SendMessage", input.clone()).with_idempotency_key("delivery-1");
    let first = world.dispatcher.call(again()).await.unwrap();
    assert_eq!(world.dispatcher.call(again()).await.unwrap(), first);
    let world = world.restarted().await;
    assert_eq!(world.dispatcher.call(again()).await.unwrap(), first);
    assert_eq!(bodies(&world, "q").await, ["once"]);
}

#[test]
fn a_call_is_known_after_its_message_was_deleted_and_an_hour_without_the_service() {
    // A life ends with its runtime.
    let life = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let input = json!({"QueueUrl": url("q"), "MessageBody": "once"});
    let again = || call("SendMessage", input.clone()).with_idempotency_key("delivery-1");
    let (world, first) = life().block_on(async {
        let world = World::new().await;
        world.call("CreateQueue", json!({"QueueName": "q"})).await.unwrap();
        let first = world.dispatcher.call(again()).await.unwrap();
        let taken = world.call("ReceiveMessage", json!({"QueueUrl": url("q")})).await.unwrap();
        let handle = taken["Messages"][0]["ReceiptHandle"].clone();
        world.call("DeleteMessage", json!({"QueueUrl": url("q"), "ReceiptHandle": handle})).await.unwrap();
        (world, first)
    });
    world.clock.advance(std::time::Duration::from_secs(3600));
    life().block_on(async {
        let world = world.restarted().await;
        assert_eq!(world.dispatcher.call(again()).await.unwrap(), first);
        assert!(bodies(&world, "q").await.is_empty());
        world.advance(301).await;
        world.advance(61).await;
        assert!(world.store.list("sqs/call", store::Range::prefix("")).await.unwrap().is_empty());
        assert_ne!(world.dispatcher.call(again()).await.unwrap()["MessageId"], first["MessageId"]);
    });
}

#[tokio::test]
async fn no_row_of_a_sealed_queue_holds_a_body() {
    let world = World::new().await;
    world.call("CreateQueue", json!({"QueueName": "q"})).await.unwrap();
    let plain = json!({"SqsManagedSseEnabled": "false"});
    world.call("CreateQueue", json!({"QueueName": "plain", "Attributes": plain})).await.unwrap();
    send(&world, "q", "correct horse battery staple", json!({})).await;
    send(&world, "plain", "plain words", json!({})).await;
    let rows = world.store.list("sqs/messages", store::Range::prefix("")).await.unwrap();
    let holds = |words: &str| {
        rows.iter().any(|row| row.value.windows(words.len()).any(|part| part == words.as_bytes()))
    };
    assert!(holds("plain words") && !holds("correct horse"));
    let world = world.restarted().await;
    assert_eq!(bodies(&world, "q").await, ["correct horse battery staple"]);
}
