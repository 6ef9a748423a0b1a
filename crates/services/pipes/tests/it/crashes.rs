//! What a crash leaves is taken up: nothing is lost, and a target that knows keys is given the same ones.

use serde_json::json;

use crate::world::{MACHINE, World, message, messages};

#[tokio::test]
async fn a_batch_that_was_under_way_goes_on_with_the_same_key() {
    let world = World::new().await;
    world.around.hold(&["SendMessageBatch"]);
    world.around.send(&messages(&["a", "b"]));
    world.create(json!({})).await;
    let before = world.around.given(1).await;
    let world = world.crash().await;
    world.around.is_empty().await;
    let given = world.around.given(3).await;
    assert_eq!(given[1].operation, "SendMessageBatch");
    assert_eq!((&given[1].key, &given[1].input), (&before[0].key, &before[0].input));
    assert!(before[0].key.as_ref().unwrap().starts_with("pipe/"));
}

#[tokio::test]
async fn messages_that_are_given_again_before_they_are_deleted_are_not_carried_again() {
    let world = World::new().await;
    world.around.hold(&["DeleteMessageBatch"]);
    world.around.send(&messages(&["a"]));
    let parameters = json!({"StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"}});
    world.create(json!({"Target": MACHINE, "TargetParameters": parameters})).await;
    world.around.given(2).await;
    // The visibility timeout ends during the downtime.
    let world = world.crash().await;
    world.around.show_again();
    world.around.send(&[message(9, "z")]);
    world.around.is_empty().await;
    let starts = |given: &[crate::world::Given]| -> Vec<String> {
        let starts = given.iter().filter(|one| one.operation == "StartExecution");
        starts.map(|one| one.input["name"].as_str().unwrap().to_owned()).collect()
    };
    let names = starts(&world.around.given(0).await);
    assert_eq!(names.len(), 3, "the first one twice, under one name");
    assert_eq!(names.iter().filter(|name| **name == names[0]).count(), 2);
}

#[tokio::test]
async fn an_enrichment_is_asked_once() {
    let world = World::new().await;
    world.around.hold(&["SendMessageBatch"]);
    world.around.answer("StartSyncExecution", Ok(json!({"status": "SUCCEEDED", "output": "[{\"n\":1}]"})));
    world.around.send(&messages(&["a"]));
    world.create(json!({"Enrichment": MACHINE})).await;
    world.around.given(2).await;
    let world = world.crash().await;
    world.around.is_empty().await;
    let operations: Vec<String> = world.around.given(4).await.into_iter().map(|one| one.operation).collect();
    assert_eq!(
        operations,
        ["StartSyncExecution", "SendMessageBatch", "SendMessageBatch", "DeleteMessageBatch"]
    );
}

#[tokio::test]
async fn a_pipe_that_was_being_deleted_is_deleted() {
    let world = World::new().await;
    world.around.hold(&["SendMessageBatch"]);
    world.around.send(&messages(&["a"]));
    world.create(json!({})).await;
    world.around.given(1).await;
    world.call("DeletePipe", json!({"Name": "p"})).await.unwrap();
    world.comes_to("DELETING").await;
    let world = world.crash().await;
    world.around.is_empty().await;
    world.is_gone().await;
}
