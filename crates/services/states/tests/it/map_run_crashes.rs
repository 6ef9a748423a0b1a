//! The process may end between any two batches: no child of a Map Run is lost, none runs twice.

use crate::map_runs::{describe, items, machine, map_run};
use crate::world::{Process, World, pass};
use serde_json::{Value, json};
use store::{Range, Slice, Store};

/// More rounds than any run takes: each waits for the disk once.
const ROUNDS: usize = 10_000;

/// Drives the execution towards its end, until that comes or the process dies.
async fn drive(world: &World, process: &Process, machine: &str) -> Option<String> {
    let input = json!({"stateMachineArn": machine, "name": "e", "input": items(4, 1, &[1]).to_string()});
    let execution = match process.call("StartExecution", input).await {
        Ok(answer) => answer["executionArn"].as_str().unwrap().to_owned(),
        Err(error) if error.code == "ExecutionAlreadyExists" => {
            machine.replace("stateMachine", "execution") + ":e"
        }
        Err(_) => return None,
    };
    let mut rounds = 0;
    while !process.store.is_dead() {
        if world.events.statuses(&execution).iter().any(|detail| detail["status"] != "RUNNING") {
            return Some(execution);
        }
        pass(&world.clock, 1);
        world.kept().await;
        rounds += 1;
        assert!(rounds < ROUNDS, "stuck after {:?}", process.event_types(&execution).await);
    }
    None
}

/// What has come of the execution, and what is left of it in the store.
async fn outcome(world: &World, process: &Process, execution: &str) -> Value {
    let described = process.describe(execution).await;
    let run = map_run(process, execution).await;
    let uuid = run.rsplit(':').next().unwrap();
    let counts = describe(process, &run).await["executionCounts"].clone();
    let file = |name: &str| {
        let content = world.s3.json("b", &format!("p/{uuid}/{name}_0.json")).unwrap_or_default();
        let of = |field: &str| -> Value {
            content.as_array().into_iter().flatten().map(|result| result[field].clone()).collect()
        };
        json!([of("Input"), of("Output"), of("Error")])
    };
    let open = process.store.list("states/head", Range::prefix("")).await.unwrap();
    let mut histories = Vec::new();
    for child in process.store.list("states/execution", Range::prefix("")).await.unwrap() {
        let record: Value = serde_json::from_slice(&child.value).unwrap();
        let (order, name) = (record["order"].as_u64().unwrap(), record["name"].as_str().unwrap());
        let log = format!("states/history/{order:020}/{name}");
        let history = process.store.read(&log, Slice::default()).await;
        histories.push(history.unwrap().len());
    }
    histories.sort_unstable();
    json!({
        "status": described["status"],
        "events": process.event_types(execution).await,
        "counts": counts,
        "succeeded": file("SUCCEEDED"),
        "failed": file("FAILED"),
        "open": open.len(),
        "histories": histories,
    })
}

/// Runs the machine in a process that takes so many batches, and then in others to the end. The flag says whether the
/// first process lived on.
async fn run(execution_type: &str, batches: usize) -> (Value, bool) {
    let world = World::new();
    let fields = json!({
        "MaxConcurrency": 2,
        "ToleratedFailureCount": 1,
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "b", "Prefix": "p"},
        },
    });
    let machine = {
        let process = world.process().await;
        process.create("m", &machine(execution_type, &fields)).await
    };
    let mut process = world.process_with(batches).await;
    let mut survived = true;
    loop {
        if let Some(execution) = drive(&world, &process, &machine).await {
            return (outcome(&world, &process, &execution).await, survived);
        }
        survived = false;
        drop(process);
        process = world.process().await;
    }
}

async fn survives_an_end_after_every_batch(execution_type: &str) {
    let (expected, survived) = run(execution_type, usize::MAX).await;
    assert!(survived);
    assert_eq!(expected["status"], "SUCCEEDED", "{expected}");
    assert_eq!(expected["succeeded"][1], json!(["0", "2", "3"]), "{expected}");
    assert_eq!(expected["failed"][2], json!(["Broken"]), "{expected}");
    assert_eq!(expected["open"], 0, "{expected}");
    for batches in 0.. {
        let (outcome, survived) = run(execution_type, batches).await;
        assert_eq!(outcome, expected, "after {batches} batches");
        if survived {
            assert!(batches > 8, "{batches} batches are too few for a crash to show anything");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_children_survive_an_end_after_every_batch() {
    survives_an_end_after_every_batch("STANDARD").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn express_children_survive_an_end_after_every_batch() {
    survives_an_end_after_every_batch("EXPRESS").await;
}
