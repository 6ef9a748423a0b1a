//! What is forgotten, and when.

use std::time::Duration;

use serde_json::json;

use crate::crash::{prepare, run};
use crate::support::{World, within};

#[tokio::test]
async fn a_stopped_task_is_described_for_an_hour_and_its_token_for_a_day() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["exit-0"]).await;
    let first = process.call("RunTask", run()).await.unwrap();
    world.stopped().await;
    let arn = &first["tasks"][0]["taskArn"];

    world.hand.advance(Duration::from_secs(3599));
    let described = process.call("DescribeTasks", json!({"tasks": [arn]})).await.unwrap();
    assert_eq!(described["tasks"][0]["lastStatus"], "STOPPED");

    world.hand.advance(Duration::from_secs(2));
    within(world.until(|store| store.timer_keys("ecs/expire").is_empty())).await;
    let described = process.call("DescribeTasks", json!({"tasks": [arn]})).await.unwrap();
    assert_eq!(described["failures"][0]["reason"], "MISSING");
    assert!(world.store.keys("ecs/task_index").is_empty());
    assert!(world.store.keys("ecs/log_position").is_empty());
    assert_eq!(process.call("RunTask", run()).await.unwrap(), first);

    world.hand.advance(Duration::from_secs(24 * 3600));
    within(world.until(|store| store.keys("ecs/client_token").is_empty())).await;
    assert_ne!(process.call("RunTask", run()).await.unwrap(), first);
}

#[tokio::test]
async fn the_token_of_a_task_that_runs_is_kept() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["forever"]).await;
    let first = process.call("RunTask", run()).await.unwrap();
    world.event(|detail| detail["lastStatus"] == "RUNNING").await;
    let commits = world.store.commits();
    world.hand.advance(Duration::from_secs(48 * 3600));
    within(world.until(|store| store.commits() > commits)).await;
    assert_eq!(process.call("RunTask", run()).await.unwrap(), first);
}
