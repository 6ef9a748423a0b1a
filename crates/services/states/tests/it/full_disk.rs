//! The store may refuse batches for a while: when it takes them again, everything goes on in the same process.

use crate::world::{Process, World, pass};
use serde_json::{Value, json};

/// More rounds than any run takes.
const ROUNDS: usize = 20_000;

fn definition() -> Value {
    let task = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask.sync",
        "Parameters": {"Cluster": "c", "TaskDefinition": "family"},
        "ResultPath": null,
        "End": true,
    });
    let branch = |name: &str| json!({"StartAt": name, "States": {name: task}});
    json!({
        "StartAt": "Wait",
        "States": {
            "Wait": {"Type": "Wait", "Seconds": 10, "Next": "Both"},
            "Both": {"Type": "Parallel", "Branches": [branch("Left"), branch("Right")], "Next": "Again"},
            "Again": {"Type": "Wait", "Seconds": 1, "End": true},
        },
    })
}

/// Starts the execution as a client does that repeats what was refused.
async fn start(process: &Process, machine: &str) -> String {
    let input = json!({"stateMachineArn": machine, "name": "e", "input": r#"{"items": [1, 2, 3]}"#});
    match process.call("StartExecution", input.clone()).await {
        Ok(answer) => answer["executionArn"].as_str().unwrap().to_owned(),
        Err(error) => {
            assert_eq!(error.status, 500, "{error}");
            process.store.free();
            let answer = process.call("StartExecution", input).await.unwrap();
            answer["executionArn"].as_str().unwrap().to_owned()
        }
    }
}

/// Lets time pass until the execution has ended. The disk is freed some seconds after it was found full; events that were
/// not accepted are delivered again, as EventBridge does.
async fn drive(world: &World, process: &Process, execution: &str) -> bool {
    let (mut full, mut undelivered) = (0, Vec::new());
    for _ in 0..ROUNDS {
        if process.describe(execution).await["status"] != "RUNNING" {
            return full > 0;
        }
        for task in world.ecs.running() {
            undelivered.push(world.ecs.stop(&task, &[Some(0)], "EssentialContainerExited"));
        }
        for event in std::mem::take(&mut undelivered) {
            if process.deliver(event.clone()).await.is_err() {
                undelivered.push(event);
            }
        }
        if process.store.is_dead() {
            full += 1;
            if full > 5 {
                process.store.free();
            }
        }
        pass(&world.clock, 1);
        tokio::task::yield_now().await;
    }
    panic!(
        "stuck, full {full}, dead {}: {:?}",
        process.store.is_dead(),
        process.event_types(execution).await
    );
}

/// A distributed Map of three children, each of which takes two steps.
fn map_definition(execution_type: &str) -> Value {
    json!({
        "StartAt": "Each",
        "States": {"Each": {
            "Type": "Map",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": execution_type},
                "StartAt": "Wait",
                "States": {"Wait": {"Type": "Wait", "Seconds": 1, "End": true}},
            },
            "ItemsPath": "$.items",
            "End": true,
        }},
    })
}

/// Runs the machine on a disk that is full after so many batches, from none to more than it takes.
async fn on_full_disks(definition: &Value, tasks: usize) {
    for batches in 0.. {
        let world = World::new();
        let machine = {
            let process = world.process().await;
            process.create("m", definition).await
        };
        let process = world.process_with(batches).await;
        if process.started.is_err() {
            // The disk was too full for a start.
            continue;
        }
        let execution = start(&process, &machine).await;
        let was_full = drive(&world, &process, &execution).await;
        let described = process.describe(&execution).await;
        assert_eq!(described["status"], "SUCCEEDED", "after {batches} batches: {described}");
        assert_eq!(world.ecs.started().len(), tasks, "after {batches} batches");
        if !was_full && batches > 2 {
            assert!(batches > 8, "{batches} batches are too few for a full disk to show anything");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_goes_on_when_the_disk_is_freed() {
    on_full_disks(&definition(), 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_run_goes_on_when_the_disk_is_freed() {
    on_full_disks(&map_definition("EXPRESS"), 0).await;
    on_full_disks(&map_definition("STANDARD"), 0).await;
}
