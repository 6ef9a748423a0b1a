//! Long polling: who waits is woken by what comes, and by nothing else.

use futures_util::FutureExt as _;
use serde_json::json;

use crate::world::{World, url};

async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_message_wakes_one_of_those_who_wait() {
    let world = World::new().await;
    world.call("CreateQueue", json!({"QueueName": "q"})).await.unwrap();
    let poll = || world.call("ReceiveMessage", json!({"QueueUrl": url("q"), "WaitTimeSeconds": 20}));
    let (mut first, mut second) = (Box::pin(poll()), Box::pin(poll()));
    assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
    world.call("SendMessage", json!({"QueueUrl": url("q"), "MessageBody": "a"})).await.unwrap();
    let (answer, other) = futures_util::future::select(first, second).await.into_inner();
    assert_eq!(answer.unwrap()["Messages"][0]["Body"], "a");
    world.call("SendMessage", json!({"QueueUrl": url("q"), "MessageBody": "b"})).await.unwrap();
    assert_eq!(other.await.unwrap()["Messages"][0]["Body"], "b");
}

#[tokio::test]
async fn who_waits_gets_what_becomes_visible_again() {
    let world = World::new().await;
    world.call("CreateQueue", json!({"QueueName": "q"})).await.unwrap();
    world
        .call("SendMessage", json!({"QueueUrl": url("q"), "MessageBody": "a", "DelaySeconds": 3}))
        .await
        .unwrap();
    let receive = |wait| {
        let input = json!({"QueueUrl": url("q"), "WaitTimeSeconds": wait, "VisibilityTimeout": 5});
        world.call("ReceiveMessage", input)
    };
    let mut waiting = Box::pin(receive(20));
    assert!((&mut waiting).now_or_never().is_none());
    world.advance(3).await;
    assert_eq!(waiting.await.unwrap()["Messages"][0]["Body"], "a");
    // This one begins to wait before it is known when the message is visible again: after a shorter time than it knew.
    let mut waiting = Box::pin(receive(20));
    assert!((&mut waiting).now_or_never().is_none());
    world.advance(5).await;
    assert_eq!(waiting.await.unwrap()["Messages"][0]["Body"], "a");
}

#[tokio::test]
async fn who_waits_in_vain_is_answered_in_time_and_a_deleted_queue_is_told_of() {
    let world = World::new().await;
    world
        .call("CreateQueue", json!({"QueueName": "q", "Attributes": {"ReceiveMessageWaitTimeSeconds": "7"}}))
        .await
        .unwrap();
    let mut waiting = Box::pin(world.call("ReceiveMessage", json!({"QueueUrl": url("q")})));
    assert!((&mut waiting).now_or_never().is_none());
    world.advance(6).await;
    assert!((&mut waiting).now_or_never().is_none());
    world.advance(1).await;
    assert_eq!(waiting.await.unwrap(), json!({}));
    let mut waiting = Box::pin(world.call("ReceiveMessage", json!({"QueueUrl": url("q")})));
    assert!((&mut waiting).now_or_never().is_none());
    world.call("DeleteQueue", json!({"QueueUrl": url("q")})).await.unwrap();
    settle().await;
    assert_eq!(waiting.await.unwrap_err().code, "QueueDoesNotExist");
}
