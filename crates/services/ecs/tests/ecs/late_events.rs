//! Races between StopTask and whatever the task is doing.

use serde_json::json;

use crate::crash::{prepare, run};
use crate::support::{World, within};

#[tokio::test]
async fn a_task_that_is_stopped_at_once_ends_without_its_container() {
    let world = World::new();
    world.driver.hang_pulls();
    let process = world.start().await;
    prepare(&world, &process, &["forever"]).await;
    let started = process.call("RunTask", run()).await.unwrap();
    process.call("StopTask", json!({"task": started["tasks"][0]["taskArn"]})).await.unwrap();
    let stopped = world.stopped().await;
    assert_eq!(stopped["stopCode"], "UserInitiated");
    assert!(world.driver.launches().is_empty());
}

#[tokio::test]
async fn many_tasks_end_each_by_itself() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["exit-0"]).await;
    let mut input = run();
    input["count"] = json!(10);
    for batch in 0..20 {
        input["clientToken"] = json!(format!("token-{batch}"));
        process.call("RunTask", input.clone()).await.unwrap();
    }
    within(
        world.until(|store| {
            store.timer_keys("ecs/task").is_empty() && store.timer_keys("ecs/emit").is_empty()
        }),
    )
    .await;
    assert_eq!(world.driver.launches()["c0"], 200);
    assert_eq!(world.driver.left(), 0);
    assert_eq!(world.events.entries().len(), 200 * 5);
}

#[tokio::test]
async fn a_wish_to_stop_does_not_wait_for_an_engine_that_is_away() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["unavailable"]).await;
    process.call("RunTask", run()).await.unwrap();
    let pending = world.event(|detail| detail["lastStatus"] == "PENDING").await;
    process.call("StopTask", json!({"task": pending["taskArn"]})).await.unwrap();
    assert_eq!(world.stopped().await["stopCode"], "UserInitiated");
    assert!(world.driver.launches().is_empty());
}
