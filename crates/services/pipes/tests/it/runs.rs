//! Pipes that run: windows, messages that come again, and ends that wait for what is under way.

use std::time::Duration;

use api::AwsError;
use serde_json::json;

use crate::world::{World, message, messages};

#[tokio::test]
async fn a_window_ends_by_the_clock_or_when_the_batch_is_full() {
    let world = World::new().await;
    let sqs = json!({"BatchSize": 3, "MaximumBatchingWindowInSeconds": 60});
    world.create(json!({"SourceParameters": {"SqsQueueParameters": sqs}})).await;
    world.comes_to("RUNNING").await;
    world.around.send(&messages(&["a", "b"]));
    // The window has begun.
    while world.clock.next_due().is_none() {
        tokio::task::yield_now().await;
    }
    world.clock.advance(Duration::from_secs(59));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(world.around.given(0).await.is_empty());
    world.clock.advance(Duration::from_secs(1));
    let given = world.around.given(1).await;
    assert_eq!(given[0].input["Entries"].as_array().unwrap().len(), 2);
    world.around.is_empty().await;
    // Three are a batch at once, and the fourth begins another.
    world.around.send(&[message(3, "c"), message(4, "d"), message(5, "e"), message(6, "f")]);
    let given = world.around.given(3).await;
    assert_eq!(given[2].input["Entries"].as_array().unwrap().len(), 3);
    world.call("StopPipe", json!({"Name": "p"})).await.unwrap();
    // A stop does not wait for the window.
    world.comes_to("STOPPED").await;
    world.around.is_empty().await;
}

#[tokio::test]
async fn a_message_that_is_given_again_while_it_is_under_way_is_delivered_once() {
    let world = World::new().await;
    world.around.hold(&["SendMessageBatch"]);
    world.around.send(&messages(&["a"]));
    world.create(json!({})).await;
    world.around.given(1).await;
    world.around.show_again();
    world.around.send(&[message(1, "b")]);
    // The second batch is under way: the first message was seen again before it.
    world.around.given(2).await;
    world.around.hold(&[]);
    world.around.is_empty().await;
    let sent = world.around.given(4).await;
    let sent: usize = sent.iter().filter(|one| one.operation == "SendMessageBatch").count();
    assert_eq!(sent, 2);
}

#[tokio::test]
async fn what_cannot_be_deleted_is_not_delivered_again() {
    let world = World::new().await;
    let failed = json!({"Successful": [], "Failed": [{"Id": "0", "Code": "ReceiptHandleIsInvalid"}]});
    world.around.answer("DeleteMessageBatch", Ok(failed));
    world.around.send(&messages(&["a"]));
    world.create(json!({})).await;
    world.around.given(2).await;
    world.call("StopPipe", json!({"Name": "p"})).await.unwrap();
    world.comes_to("STOPPED").await;
    let world = world.crash().await;
    world.around.show_again();
    world.call("StartPipe", json!({"Name": "p"})).await.unwrap();
    world.around.is_empty().await;
    let given = world.around.given(3).await;
    assert_eq!(given[2].operation, "DeleteMessageBatch");
    assert_eq!(given[2].input["Entries"][0]["ReceiptHandle"], "h0+");
}

#[tokio::test]
async fn a_stop_waits_for_what_is_under_way() {
    let world = World::new().await;
    world.around.hold(&["SendMessageBatch"]);
    world.around.send(&messages(&["a"]));
    world.create(json!({})).await;
    world.around.given(1).await;
    world.call("StopPipe", json!({"Name": "p"})).await.unwrap();
    let stopping = world.comes_to("STOPPING").await;
    assert_eq!(stopping["DesiredState"], "STOPPED");
    let again = world.call("StartPipe", json!({"Name": "p"})).await.unwrap_err();
    assert_eq!(again.code, "ConflictException");
    world.around.hold(&[]);
    world.comes_to("STOPPED").await;
    assert_eq!(world.around.left(), 0);
    // A stopped pipe asks for nothing.
    world.around.send(&[message(1, "b")]);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.around.left(), 1);
    world.call("StartPipe", json!({"Name": "p"})).await.unwrap();
    world.around.is_empty().await;
}

#[tokio::test]
async fn what_may_pass_is_tried_again_with_the_same_key_and_the_pipe_rests_after_failures() {
    let world = World::new().await;
    let busy = || AwsError::new("InternalFailure", "busy").with_status(500);
    world.around.answer("SendMessageBatch", Err(busy()));
    world.around.send(&messages(&["a"]));
    world.create(json!({})).await;
    world.around.given(1).await;
    while world.clock.next_due().is_none() {
        tokio::task::yield_now().await;
    }
    world.clock.advance(Duration::from_secs(1));
    world.around.is_empty().await;
    let given = world.around.given(3).await;
    assert_eq!((&given[0].operation, &given[0].key), (&given[1].operation, &given[1].key));
}
