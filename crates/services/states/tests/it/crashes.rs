//! The process may end between any two batches: nothing is lost, nothing is done twice.

use crate::world::{Process, World, pass};
use serde_json::{Value, json};

/// More rounds than any run takes: each waits for the disk once.
const ROUNDS: usize = 10_000;

/// A state machine with everything that can be under way: tasks, waits, retries, branches.
fn definition() -> Value {
    let task = |end: Value| {
        let mut state = json!({
            "Type": "Task",
            "Resource": "arn:aws:states:::ecs:runTask.sync",
            "Parameters": {"Cluster": "c", "TaskDefinition": "family"},
            "ResultPath": null,
            "Retry": [{"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 1, "IntervalSeconds": 5}],
        });
        for (name, value) in end.as_object().unwrap() {
            state[name] = value.clone();
        }
        state
    };
    let branch = |name: &str| json!({"StartAt": name, "States": {name: task(json!({"End": true}))}});
    json!({
        "StartAt": "First",
        "States": {
            "First": task(json!({"Next": "Wait"})),
            "Wait": {"Type": "Wait", "Seconds": 10, "Next": "Both"},
            "Both": {"Type": "Parallel", "Branches": [branch("Left"), branch("Right")], "End": true},
        },
    })
}

/// Drives the execution towards its end, until that comes or the process dies.
async fn drive(world: &World, process: &Process, machine: &str) -> Option<String> {
    let input = json!({"stateMachineArn": machine, "name": "e", "input": "{}"});
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
        for task in world.ecs.running() {
            // The first attempt of all fails, the others do well. An event that cannot be delivered is lost.
            let code = i64::from(task.ends_with("0001"));
            let event = world.ecs.stop(&task, &[Some(code)], "EssentialContainerExited");
            let _ = process.deliver(event).await;
        }
        pass(&world.clock, 1);
        world.kept().await;
        rounds += 1;
        assert!(rounds < ROUNDS, "stuck after {:?}", process.event_types(&execution).await);
    }
    None
}

/// An execution's events without what differs between runs: times, ids of requests, and the order of branches.
async fn events(process: &Process, execution: &str) -> Vec<String> {
    let history = process.history(execution).await;
    let mut events: Vec<String> =
        history.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    let branches = events.iter().position(|kind| kind == "ParallelStateStarted").unwrap();
    events[branches..].sort();
    events
}

/// Runs the machine in a process that takes so many batches, and then in others to the end. The flag says whether the
/// first process lived on.
async fn run(world: &World, batches: usize) -> (Vec<String>, bool) {
    let machine = {
        let process = world.process().await;
        process.create("m", &definition()).await
    };
    let mut process = world.process_with(batches).await;
    let mut survived = true;
    loop {
        if let Some(execution) = drive(world, &process, &machine).await {
            let described = process.describe(&execution).await;
            assert_eq!(described["status"], "SUCCEEDED", "after {batches} batches: {described}");
            // One task for each attempt: first, its retry, left, right.
            assert_eq!(world.ecs.started().len(), 4, "after {batches} batches");
            assert_eq!(world.ecs.running(), Vec::<String>::new(), "after {batches} batches");
            return (events(&process, &execution).await, survived);
        }
        survived = false;
        drop(process);
        process = world.process().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_survives_an_end_after_every_batch() {
    survives(World::new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_that_leaves_memory_survives_an_end_after_every_batch() {
    survives(World::forgetful).await;
}

async fn survives(world: fn() -> World) {
    let (expected, survived) = run(&world(), usize::MAX).await;
    assert!(survived);
    for batches in 0.. {
        let (events, survived) = run(&world(), batches).await;
        assert_eq!(events, expected, "after {batches} batches");
        if survived {
            assert!(batches > 10, "{batches} batches are too few for a crash to show anything");
            return;
        }
    }
}

/// Starts and stops an execution that runs one task; `None` where the process died before both were acknowledged.
async fn start_and_stop(process: &Process, machine: &str) -> Option<String> {
    let input = json!({"stateMachineArn": machine, "name": "e", "input": "{}"});
    let execution = match process.call("StartExecution", input).await {
        Ok(answer) => answer["executionArn"].as_str().unwrap().to_owned(),
        Err(error) if error.code == "ExecutionAlreadyExists" => {
            machine.replace("stateMachine", "execution") + ":e"
        }
        Err(_) => return None,
    };
    process.call("StopExecution", json!({"executionArn": execution})).await.ok().map(|_| execution)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_leaves_no_task_behind_whenever_the_process_ends() {
    let task = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask.sync",
        "Parameters": {"Cluster": "c", "TaskDefinition": "family"},
        "End": true,
    });
    for batches in 0..12 {
        let world = World::new();
        let machine = {
            let process = world.process().await;
            process.create("m", &json!({"StartAt": "T", "States": {"T": task}})).await
        };
        let mut process = world.process_with(batches).await;
        // A caller who got no answer asks again.
        let execution = loop {
            if let Some(execution) = start_and_stop(&process, &machine).await {
                break execution;
            }
            drop(process);
            process = world.process().await;
        };
        if process.store.is_dead() {
            drop(process);
            process = world.process().await;
        }
        let mut rounds = 0;
        while !(world.ecs.running().is_empty()
            && world.ecs.inputs("StopTask").len() >= world.ecs.started().len())
        {
            if process.store.is_dead() {
                drop(process);
                process = world.process().await;
            }
            rounds += 1;
            world.kept().await;
            let described = process.describe(&execution).await;
            assert!(rounds < ROUNDS, "after {batches} batches: {described}");
        }
        assert_eq!(process.describe(&execution).await["status"], "ABORTED", "after {batches} batches");
        assert!(world.ecs.started().len() <= 1, "after {batches} batches");
    }
}
