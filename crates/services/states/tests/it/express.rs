//! Express executions: nothing is known of them but what they log, and what a synchronous one answers.

use crate::world::{Process, ROLE, World, pass};
use serde_json::{Value, json};
use store::{Range, Store};

const GROUP: &str = "express";
const STREAMS: &str = "states/m/";

fn wait_machine(seconds: u64) -> Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": seconds, "End": true}}})
}

fn task_machine() -> Value {
    let task = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask",
        "Parameters": {"Cluster": "c", "TaskDefinition": "family"},
        "Next": "W",
    });
    let wait = json!({"Type": "Wait", "Seconds": 10, "End": true});
    json!({"StartAt": "T", "States": {"T": task, "W": wait}})
}

/// Creates the express machine `m`, which logs everything.
async fn create(world: &World, process: &Process, definition: &Value) -> String {
    world.logs.groups.lock().unwrap().insert(GROUP.to_owned());
    let group = format!("arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}:*");
    let input = json!({
        "name": "m", "definition": definition.to_string(), "roleArn": ROLE, "type": "EXPRESS",
        "loggingConfiguration": {
            "level": "ALL",
            "includeExecutionData": true,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
        },
    });
    let answer = process.call("CreateStateMachine", input).await.unwrap();
    answer["stateMachineArn"].as_str().unwrap().to_owned()
}

/// Types of the events that an execution has logged.
fn logged(world: &World, execution: &str) -> Vec<String> {
    let messages = world.logs.messages(GROUP, STREAMS);
    let of_execution = messages.iter().filter(|message| message["execution_arn"] == execution);
    of_execution.map(|message| message["type"].as_str().unwrap().to_owned()).collect()
}

async fn until_logged(world: &World, count: usize) {
    world.logs.until_messages(GROUP, STREAMS, count).await;
}

/// Rows that are left of executions.
async fn rows(process: &Process) -> Vec<String> {
    let mut keys = Vec::new();
    for table in ["states/execution", "states/execution_by_machine", "states/head", "states/frame"] {
        let rows = process.store.list(table, Range::prefix("")).await.unwrap();
        keys.extend(rows.into_iter().map(|row| format!("{table} {}", row.key)));
    }
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn names_repeat_and_nothing_stays_but_the_log() {
    let world = World::new();
    let process = world.process().await;
    let machine = create(&world, &process, &wait_machine(60)).await;
    let first = process.start(&machine, "e", &json!({"a": 1})).await;
    let second = process.start(&machine, "e", &json!({"a": 1})).await;
    assert_ne!(first, second);
    for execution in [&first, &second] {
        let run = execution.strip_prefix("arn:aws:states:us-east-1:000000000000:express:m:e:").unwrap();
        assert_eq!(run.len(), 36, "{execution}");
    }
    assert!(!rows(&process).await.is_empty());
    until_logged(&world, 4).await;
    pass(&world.clock, 60);
    until_logged(&world, 8).await;
    let expected = ["ExecutionStarted", "WaitStateEntered", "WaitStateExited", "ExecutionSucceeded"];
    assert_eq!(logged(&world, &first), expected);
    assert_eq!(logged(&world, &second), expected);
    let last = world.logs.messages(GROUP, STREAMS).pop().unwrap();
    assert_eq!(last["details"]["output"], "{\"a\":1}");
    assert_eq!(rows(&process).await, Vec::<String>::new());
    assert_eq!(world.events.statuses(&first), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_machine_has_ended_and_gone_when_start_execution_answers() {
    let world = World::new();
    let process = world.process().await;
    let definition = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}});
    let machine = create(&world, &process, &definition).await;
    let input = json!({"stateMachineArn": machine});
    let answer = process.call("StartExecution", input).await.unwrap();
    assert_eq!(rows(&process).await, Vec::<String>::new());
    until_logged(&world, 4).await;
    let execution = answer["executionArn"].as_str().unwrap();
    assert_eq!(logged(&world, execution).last().unwrap(), "ExecutionSucceeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_minutes_are_the_limit() {
    let world = World::new();
    let process = world.process().await;
    let machine = create(&world, &process, &wait_machine(301)).await;
    let execution = process.start(&machine, "e", &json!({})).await;
    until_logged(&world, 2).await;
    pass(&world.clock, 299);
    assert_eq!(logged(&world, &execution).len(), 2);
    pass(&world.clock, 1);
    until_logged(&world, 3).await;
    assert_eq!(logged(&world, &execution).last().unwrap(), "ExecutionTimedOut");
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_outlive_their_machine() {
    let world = World::new();
    let process = world.process().await;
    let machine = create(&world, &process, &wait_machine(60)).await;
    let execution = process.start(&machine, "e", &json!({})).await;
    process.call("DeleteStateMachine", json!({"stateMachineArn": machine})).await.unwrap();
    assert_eq!(process.call("ListStateMachines", json!({})).await.unwrap()["stateMachines"], json!([]));
    drop(process);
    let _process = world.process().await;
    pass(&world.clock, 60);
    until_logged(&world, 4).await;
    assert_eq!(logged(&world, &execution).last().unwrap(), "ExecutionSucceeded");
}

/// Starts an execution in a process that takes so many batches, and lets others bring it to its end. Says whether the
/// first process lived on.
async fn run(batches: usize) -> bool {
    let world = World::new();
    let machine = {
        let process = world.process().await;
        create(&world, &process, &task_machine()).await
    };
    let mut process = world.process_with(batches).await;
    let mut survived = true;
    let (mut acknowledged, mut has_waited) = (None, false);
    for _ in 0..100_000 {
        if process.store.is_dead() {
            survived = false;
            drop(process);
            process = world.process().await;
        }
        if acknowledged.is_none() {
            // A caller who got no answer asks again, and may have started two.
            let input = json!({"stateMachineArn": machine, "name": "e"});
            let answer = process.call("StartExecution", input).await;
            acknowledged = answer.ok().map(|answer| answer["executionArn"].as_str().unwrap().to_owned());
        }
        // Each look takes its time, which the others use.
        let open = rows(&process).await;
        let kinds = acknowledged.as_ref().map(|execution| logged(&world, execution)).unwrap_or_default();
        let has_logged = |wanted: &str| kinds.iter().any(|kind| kind == wanted);
        if !has_waited && has_logged("WaitStateEntered") {
            has_waited = true;
            pass(&world.clock, 10);
        }
        // One that was started without an answer waits on: the clock has no more reason to move.
        let is_open = |execution: &String| open.iter().any(|row| row.contains(execution.as_str()));
        if has_logged("ExecutionSucceeded") && !acknowledged.as_ref().is_some_and(is_open) {
            assert!(has_logged("TaskSucceeded"), "after {batches} batches: {kinds:?}");
            return survived;
        }
    }
    panic!("stuck after {batches} batches: {:?}", world.logs.messages(GROUP, STREAMS));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_an_end_after_every_batch() {
    for batches in 0.. {
        if run(batches).await {
            assert!(batches > 4, "{batches} batches are too few for a crash to show anything");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synchronous_execution_is_answered_at_its_end() {
    let world = World::new();
    let process = world.process().await;
    let machine = create(&world, &process, &task_machine()).await;
    let input = json!({"stateMachineArn": machine, "name": "e", "input": "{}"});
    let call = process.call("StartSyncExecution", input);
    let meanwhile = async {
        world.ecs.until_running(1).await;
        // ExecutionStarted, TaskStateEntered, TaskScheduled, TaskStarted, TaskSucceeded, TaskStateExited,
        // WaitStateEntered.
        until_logged(&world, 7).await;
        assert_eq!(rows(&process).await, Vec::<String>::new());
        pass(&world.clock, 10);
    };
    let (answer, ()) = tokio::join!(call, meanwhile);
    let answer = answer.unwrap();
    assert_eq!(answer["status"], "SUCCEEDED", "{answer}");
    let billing = json!({"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": 10_000});
    assert_eq!(answer["billingDetails"], billing);
    let output: Value = serde_json::from_str(answer["output"].as_str().unwrap()).unwrap();
    assert_eq!(output["Tasks"][0]["TaskArn"], json!(world.ecs.started()[0]));
    until_logged(&world, 9).await;
    let execution = answer["executionArn"].as_str().unwrap();
    assert_eq!(logged(&world, execution).last().unwrap(), "ExecutionSucceeded");
    assert_eq!(world.ecs.started().len(), 1);
    assert_eq!(world.events.statuses(execution), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synchronous_execution_times_out_too() {
    let world = World::new();
    let process = world.process().await;
    let machine = create(&world, &process, &wait_machine(1_000)).await;
    let call = process.call("StartSyncExecution", json!({"stateMachineArn": machine}));
    let meanwhile = async {
        until_logged(&world, 2).await;
        pass(&world.clock, 300);
    };
    let (answer, ()) = tokio::join!(call, meanwhile);
    let answer = answer.unwrap();
    assert_eq!((&answer["status"], &answer["error"]), (&json!("TIMED_OUT"), &Value::Null));
    assert_eq!(answer["billingDetails"]["billedDurationInMilliseconds"], 300_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synchronous_execution_goes_on_when_its_caller_has_gone() {
    let world = World::new();
    let process = world.process().await;
    let machine = create(&world, &process, &wait_machine(10)).await;
    let call = process.call("StartSyncExecution", json!({"stateMachineArn": machine}));
    tokio::select! {
        _ = call => panic!("nobody moved the clock"),
        () = until_logged(&world, 2) => {}
    }
    pass(&world.clock, 10);
    until_logged(&world, 4).await;
}
