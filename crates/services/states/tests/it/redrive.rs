//! Executions that ended without success and go on, and what others learn of them.

use serde_json::{Value, json};
use store::{Range, Store};

use crate::world::{Process, ROLE, World, pass};

/// More rounds than any run takes: each waits for the disk once.
const ROUNDS: usize = 10_000;

const FILTERS: &str = "RedriveFilter cannot be applied to ListExecutions call with StateMachine ARN";

fn task(more: &Value) -> Value {
    let mut state = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask.sync",
        "Parameters": {"Cluster": "c", "TaskDefinition": "family"},
    });
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    state
}

/// A task whose result is the context of the execution.
fn one_task() -> Value {
    let task = task(&json!({"ResultSelector": {"context.$": "$$.Execution"}, "End": true}));
    json!({"StartAt": "T", "States": {"T": task}})
}

/// Stops the task that was started last, and waits until the execution has this status.
async fn stop_task(world: &World, process: &Process, execution: &str, code: i64, status: &str) {
    world.ecs.until_running(1).await;
    let described = world.ecs.inputs("DescribeTasks").len();
    world.ecs.changes.until(|| world.ecs.inputs("DescribeTasks").len() >= described.max(1)).await;
    let running = world.ecs.running()[0].clone();
    let event = world.ecs.stop(&running, &[Some(code)], "EssentialContainerExited");
    process.deliver(event.clone()).await.unwrap();
    while process.describe(execution).await["status"] != status {
        // Before the submission is kept, nobody listens.
        process.deliver(event.clone()).await.unwrap();
        tokio::task::yield_now().await;
    }
}

async fn redrive(process: &Process, execution: &str, token: &str) -> Result<Value, api::AwsError> {
    process.call("RedriveExecution", json!({"executionArn": execution, "clientToken": token})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_execution_goes_on_as_the_same_execution() {
    let world = World::new();
    let process = world.process().await;
    let machine = process.create("m", &one_task()).await;
    let execution = process.start(&machine, "e", &json!({"a": 1})).await;
    let running = redrive(&process, &execution, "t").await.unwrap_err();
    assert_eq!(
        running.to_string(),
        format!(
            "ExecutionNotRedrivable: Execution {execution} invalid for redrive as: Execution is RUNNING and cannot be redriven"
        )
    );
    stop_task(&world, &process, &execution, 1, "FAILED").await;
    let failed = process.describe(&execution).await;
    assert_eq!((&failed["redriveStatus"], &failed["redriveCount"]), (&json!("REDRIVABLE"), &json!(0)));
    assert!(failed.get("redriveDate").is_none() && failed.get("redriveStatusReason").is_none(), "{failed}");

    pass(&world.clock, 60);
    let redriven = redrive(&process, &execution, "t").await.unwrap();
    let described = process.describe(&execution).await;
    assert_eq!((&described["status"], &described["redriveCount"]), (&json!("RUNNING"), &json!(1)));
    assert_eq!(described["redriveDate"], redriven["redriveDate"]);
    assert_eq!(described["startDate"], failed["startDate"]);
    assert_eq!(described["redriveStatusReason"], "Execution is RUNNING and cannot be redriven");
    for gone in ["stopDate", "error", "cause", "output"] {
        assert_eq!(described.get(gone), None, "{described}");
    }
    // The same request again, and another.
    assert_eq!(redrive(&process, &execution, "t").await.unwrap(), redriven);
    assert_eq!(redrive(&process, &execution, "u").await.unwrap_err().code, "ExecutionNotRedrivable");

    stop_task(&world, &process, &execution, 0, "SUCCEEDED").await;
    let succeeded = process.describe(&execution).await;
    let output: Value = serde_json::from_str(succeeded["output"].as_str().unwrap()).unwrap();
    assert_eq!(output["context"]["RedriveCount"], 1);
    assert_eq!(output["context"]["RedriveTime"], "2023-11-14T22:14:20.000Z");
    assert_eq!(succeeded["redriveStatusReason"], "Execution is SUCCEEDED and cannot be redriven");
    assert_eq!(redrive(&process, &execution, "t").await.unwrap(), redriven);
    assert_eq!(redrive(&process, &execution, "u").await.unwrap_err().code, "ExecutionNotRedrivable");
    assert_eq!(
        process.event_types(&execution).await,
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskSubmitted",
            "TaskFailed",
            "ExecutionFailed",
            "ExecutionRedriven",
            "TaskScheduled",
            "TaskStarted",
            "TaskSubmitted",
            "TaskSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
    let history = process.history(&execution).await;
    assert_eq!(history[7]["executionRedrivenEventDetails"], json!({"redriveCount": 1}));
    assert_eq!((&history[7]["previousEventId"], &history[8]["previousEventId"]), (&json!(7), &json!(2)));
    // A new attempt is a new task, under a token of its own.
    assert_eq!(world.ecs.started().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_after_a_redrive_can_be_redriven_by_another_token() {
    let world = World::new();
    let process = world.process().await;
    let machine = process.create("m", &one_task()).await;
    let execution = process.start(&machine, "e", &json!({})).await;
    stop_task(&world, &process, &execution, 1, "FAILED").await;
    let first = redrive(&process, &execution, "t").await.unwrap();
    stop_task(&world, &process, &execution, 1, "FAILED").await;
    pass(&world.clock, 10);
    assert_eq!(redrive(&process, &execution, "t").await.unwrap(), first);
    assert_eq!(process.describe(&execution).await["status"], "FAILED");
    assert_ne!(redrive(&process, &execution, "u").await.unwrap(), first);
    assert_eq!(process.describe(&execution).await["redriveCount"], 2);
    // Without a token, every request is a new one.
    stop_task(&world, &process, &execution, 1, "FAILED").await;
    process.call("RedriveExecution", json!({"executionArn": execution})).await.unwrap();
    process.call("RedriveExecution", json!({"executionArn": execution})).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fail_state_fails_again_at_once() {
    let world = World::new();
    let process = world.process().await;
    let machine =
        process.create("m", &json!({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}})).await;
    let execution = process.start(&machine, "e", &json!({})).await;
    for count in 1..3 {
        process.call("RedriveExecution", json!({"executionArn": execution})).await.unwrap();
        let described = process.describe(&execution).await;
        assert_eq!((&described["status"], &described["redriveCount"]), (&json!("FAILED"), &json!(count)));
        assert_eq!(described["error"], "E");
    }
    let listed = process.call("ListExecutions", json!({"stateMachineArn": machine})).await.unwrap();
    assert_eq!(listed["executions"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&listed["executions"][0]["redriveCount"], &listed["executions"][0]["status"]),
        (&json!(2), &json!("FAILED"))
    );
    assert!(listed["executions"][0].get("redriveDate").is_some());
    let filter = json!({"stateMachineArn": machine, "redriveFilter": "REDRIVEN"});
    let error = process.call("ListExecutions", filter).await.unwrap_err();
    assert_eq!(error.to_string(), format!("ValidationException: {FILTERS}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_told_of_every_status() {
    let world = World::new();
    let process = world.process().await;
    world.logs.groups.lock().unwrap().insert("g".to_owned());
    let destination = "arn:aws:logs:us-east-1:000000000000:log-group:g:*";
    let input = json!({
        "name": "m", "definition": one_task().to_string(), "roleArn": ROLE,
        "loggingConfiguration": {
            "level": "ALL",
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": destination}}],
        },
    });
    let machine = process.call("CreateStateMachine", input).await.unwrap();
    let execution = process.start(machine["stateMachineArn"].as_str().unwrap(), "e", &json!({})).await;
    stop_task(&world, &process, &execution, 1, "FAILED").await;
    pass(&world.clock, 1);
    redrive(&process, &execution, "t").await.unwrap();
    stop_task(&world, &process, &execution, 0, "SUCCEEDED").await;
    world.logs.until_messages("g", "states/m/", 14).await;
    let told = || world.events.statuses(&execution);
    for _ in 0..ROUNDS {
        if told().len() == 4 {
            break;
        }
        world.kept().await;
    }
    let mut told = told();
    told.sort_by_key(|detail| (detail["redriveCount"].as_u64(), detail["stopDate"].as_u64()));
    let shown: Vec<Value> = told
        .iter()
        .map(|detail| {
            json!([detail["status"], detail["redriveCount"], detail["redriveDate"], detail["redriveStatus"]])
        })
        .collect();
    assert_eq!(
        shown,
        [
            json!(["RUNNING", 0, null, "NOT_REDRIVABLE"]),
            json!(["FAILED", 0, null, "REDRIVABLE"]),
            json!(["RUNNING", 1, 1_700_000_001_000_u64, "NOT_REDRIVABLE"]),
            json!(["SUCCEEDED", 1, 1_700_000_001_000_u64, "NOT_REDRIVABLE"]),
        ]
    );
    let mut counts: Vec<(u64, String)> = world
        .logs
        .messages("g", "states/m/")
        .iter()
        .map(|message| {
            let id = message["id"].as_str().unwrap().parse().unwrap();
            (id, message["redrive_count"].as_str().unwrap().to_owned())
        })
        .collect();
    counts.sort();
    assert_eq!(counts[6], (7, "0".to_owned()));
    assert_eq!(counts[7], (8, "1".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_redriven_is_kept_for_fourteen_days() {
    let world = World::new();
    let process = world.process().await;
    let machine = process.create("m", &one_task()).await;
    let execution = process.start(&machine, "e", &json!({})).await;
    process.call("StopExecution", json!({"executionArn": execution})).await.unwrap();
    let kept = |process: &Process| {
        let store = std::sync::Arc::clone(&process.store);
        async move {
            let rows = |table: &'static str| store.list(table, Range::prefix(""));
            (
                rows("states/head").await.unwrap().len(),
                rows("states/redrivable").await.unwrap().len(),
                rows("states/frame").await.unwrap().len(),
            )
        }
    };
    // No start reads it.
    assert_eq!(kept(&process).await, (0, 1, 2));
    pass(&world.clock, 14 * 86_400 - 1);
    assert_eq!(process.describe(&execution).await["redriveStatus"], "REDRIVABLE");
    pass(&world.clock, 1);
    let described = process.describe(&execution).await;
    assert_eq!(described["redriveStatus"], "NOT_REDRIVABLE");
    assert_eq!(described["redriveStatusReason"], "Execution redrivable period exceeded");
    let error = redrive(&process, &execution, "t").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "ExecutionNotRedrivable: Execution {execution} invalid for redrive as: Execution redrivable period exceeded"
        )
    );
    while kept(&process).await != (0, 0, 0) {
        world.clock.advance(std::time::Duration::from_millis(5));
        tokio::task::yield_now().await;
    }
    pass(&world.clock, 76 * 86_400);
    while process.call("DescribeExecution", json!({"executionArn": execution})).await.is_ok() {
        // The sweeper rests a little after each turn, and may have done so just when the time passed.
        world.clock.advance(std::time::Duration::from_millis(5));
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_gone_redrives_nothing() {
    let world = World::new();
    let process = world.process().await;
    let machine = process.create("m", &one_task()).await;
    let execution = process.start(&machine, "e", &json!({})).await;
    process.call("StopExecution", json!({"executionArn": execution})).await.unwrap();
    process.call("DeleteStateMachine", json!({"stateMachineArn": machine})).await.unwrap();
    let described = process.describe(&execution).await;
    assert_eq!(described["redriveStatusReason"], "State machine is in DELETING status");
    assert_eq!(redrive(&process, &execution, "t").await.unwrap_err().code, "ExecutionNotRedrivable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redriven_execution_runs_the_definition_that_it_was_started_with() {
    let world = World::new();
    let process = world.process().await;
    let machine = process.create("m", &one_task()).await;
    let execution = process.start(&machine, "e", &json!({})).await;
    stop_task(&world, &process, &execution, 1, "FAILED").await;
    let other = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}});
    process
        .call("UpdateStateMachine", json!({"stateMachineArn": machine, "definition": other.to_string()}))
        .await
        .unwrap();
    drop(process);
    let process = world.process().await;
    redrive(&process, &execution, "t").await.unwrap();
    stop_task(&world, &process, &execution, 0, "SUCCEEDED").await;
    assert_eq!(process.event_types(&execution).await.last().unwrap(), "ExecutionSucceeded");
}

/// A branch that succeeds, one that fails first, and one that its failure aborts.
fn branches() -> Value {
    let branch = |name: &str| json!({"StartAt": name, "States": {name: task(&json!({"End": true}))}});
    let wait = json!({"StartAt": "W", "States": {
        "W": {"Type": "Wait", "Seconds": 300, "Next": "Late"}, "Late": task(&json!({"End": true}))}});
    json!({"StartAt": "Both", "States": {
        "Both": {"Type": "Parallel", "Branches": [branch("Left"), branch("Right"), wait], "End": true}}})
}

/// Drives an execution to its success: its second task fails, and whatever fails is redriven.
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
        match process.describe(&execution).await["status"].as_str() {
            Some("SUCCEEDED") => return Some(execution),
            Some("FAILED") => {
                // A caller who got no answer asks again, by the same token.
                let _ = redrive(process, &execution, "once").await;
            }
            _ => {}
        }
        for task in world.ecs.running() {
            if world.ecs.started().len() < 2 {
                break;
            }
            let code = i64::from(task.ends_with("0002"));
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

/// Runs the machine in a process that takes so many batches, and then in others to the end. The flag says whether the
/// first process lived on.
async fn run(batches: usize) -> bool {
    let world = World::new();
    let machine = {
        let process = world.process().await;
        process.create("m", &branches()).await
    };
    let mut process = world.process_with(batches).await;
    let mut survived = true;
    loop {
        if let Some(execution) = drive(&world, &process, &machine).await {
            let described = process.describe(&execution).await;
            assert_eq!(described["redriveCount"], 1, "after {batches} batches: {described}");
            let events = process.event_types(&execution).await;
            let count = |kind: &str| events.iter().filter(|event| *event == kind).count();
            assert_eq!(count("ExecutionRedriven"), 1, "after {batches} batches: {events:?}");
            assert_eq!(count("ParallelStateStarted"), 1, "after {batches} batches: {events:?}");
            assert_eq!(count("ExecutionSucceeded"), 1, "after {batches} batches: {events:?}");
            // An attempt that was given up may never have been begun; none is begun twice.
            let (started, scheduled) = (world.ecs.started().len(), count("TaskScheduled"));
            assert!(started <= scheduled, "after {batches} batches: {started} started, {events:?}");
            assert_eq!(process.store.list("states/frame", Range::prefix("")).await.unwrap().len(), 0);
            assert_eq!(process.store.list("states/redrivable", Range::prefix("")).await.unwrap().len(), 0);
            return survived;
        }
        survived = false;
        drop(process);
        process = world.process().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_is_redriven_once_whenever_the_process_ends() {
    assert!(run(usize::MAX).await);
    for batches in 0.. {
        if run(batches).await {
            assert!(batches > 10, "{batches} batches are too few for a crash to show anything");
            return;
        }
    }
}
