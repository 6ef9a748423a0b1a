//! Nobody starves, and nothing grows without bound: wakes, effects and starts of many machines side by side.

use std::sync::Arc;

use crate::world::{Process, World, pass};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use states::limits::{EFFECTS_AT_A_TIME, EFFECTS_OF_A_MACHINE, STEPS_OF_A_MACHINE};

/// A machine whose task is called once, with the machine's name as the group.
fn task(name: &str) -> Value {
    json!({"StartAt": "T", "States": {"T": {
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask",
        "Parameters": {"Cluster": "c", "TaskDefinition": "family", "Group": name},
        "End": true,
    }}})
}

/// Starts so many executions of a machine, some at a time.
async fn start(process: &Process, machine: &str, count: usize) {
    let start = || process.call("StartExecution", json!({"stateMachineArn": machine, "input": "{}"}));
    let mut starts = FuturesUnordered::new();
    for _ in 0..count {
        if starts.len() == 64 {
            let started: Option<Result<Value, _>> = starts.next().await;
            started.unwrap().unwrap();
        }
        starts.push(start());
    }
    while let Some(started) = starts.next().await {
        started.unwrap();
    }
}

/// The machines whose tasks were called, in the order of the calls.
fn called(world: &World) -> Vec<String> {
    let inputs = world.ecs.inputs("RunTask");
    inputs.iter().map(|input| input["group"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_tasks_of_one_machine_do_not_keep_another_waiting() {
    let world = World::new();
    let process = world.process().await;
    world.ecs.hold();
    let many = process.create("many", &task("many")).await;
    start(&process, &many, 2000).await;
    world.ecs.changes.until(|| called(&world).len() == EFFECTS_OF_A_MACHINE).await;
    let single = process.create("single", &task("single")).await;
    start(&process, &single, 1).await;
    world.ecs.changes.until(|| called(&world).len() > EFFECTS_OF_A_MACHINE).await;
    // None of the others has come back, and none more was called.
    assert_eq!(called(&world)[EFFECTS_OF_A_MACHINE..], ["single"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_places_are_taken_machines_are_served_in_turn() {
    let world = World::new();
    let process = world.process().await;
    world.ecs.hold();
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        let machine = process.create(name, &task(name)).await;
        start(&process, &machine, EFFECTS_OF_A_MACHINE).await;
    }
    world.ecs.changes.until(|| called(&world).len() == EFFECTS_AT_A_TIME).await;
    let single = process.create("single", &task("single")).await;
    start(&process, &single, 1).await;
    // It may come to its turn one place after another is free: a few are enough.
    let mut places = 0;
    while !called(&world).contains(&"single".to_owned()) {
        places += 1;
        assert!(
            places <= EFFECTS_OF_A_MACHINE / 2,
            "it is not served: {:?}",
            &called(&world)[EFFECTS_AT_A_TIME..]
        );
        world.ecs.release(1);
        world.ecs.changes.until(|| called(&world).len() == EFFECTS_AT_A_TIME + places).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_wait_where_the_disk_is_behind_and_not_for_another_machine() {
    let world = World::new();
    let process = Arc::new(world.process().await);
    let wait = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 10, "End": true}}});
    let (many, single) = (process.create("many", &wait).await, process.create("single", &wait).await);
    process.store.hold();
    let begin = |machine: &str| {
        let (process, input) = (Arc::clone(&process), json!({"stateMachineArn": machine, "input": "{}"}));
        tokio::spawn(async move { process.call("StartExecution", input).await })
    };
    let mut starts: Vec<_> = (0..STEPS_OF_A_MACHINE + 500).map(|_| begin(&many)).collect();
    process.store.until_held(STEPS_OF_A_MACHINE).await;
    starts.push(begin(&single));
    process.store.until_held(STEPS_OF_A_MACHINE + 1).await;
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(process.store.held(), STEPS_OF_A_MACHINE + 1);
    process.store.release();
    for start in starts {
        start.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_of_one_machine_that_wake_together_do_not_keep_another_waiting() {
    let world = World::forgetful();
    let process = world.process().await;
    let wait = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 10, "End": true}}});
    let (many, single) = (process.create("many", &wait).await, process.create("single", &wait).await);
    start(&process, &many, 3000).await;
    start(&process, &single, 1).await;
    // What is there is told of as begun before any has ended.
    let machine = |entry: &Value| entry["stateMachineArn"].as_str().unwrap_or_default().to_owned();
    world.events.until_put(3001).await;
    pass(&world.clock, 10);
    world.events.until_put(6002).await;
    let told = world.events.told();
    let ended = told.iter().filter(|entry| entry["status"] == "SUCCEEDED").map(machine);
    let before = ended.take_while(|of| *of != single).count();
    assert!(before < 2 * STEPS_OF_A_MACHINE, "{before} were before the single one");
}
