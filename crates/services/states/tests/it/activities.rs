//! Activities: their tasks wait for workers, are given to one, and end as it says or when it says nothing.

use std::path::PathBuf;

use api::AwsError;
use futures_util::FutureExt;
use serde_json::{Value, json};

use crate::conformance::check;
use crate::world::{Process, ROLE, World, pass};

/// More polls than any execution takes.
const ROUNDS: usize = 100;

/// How often others get their turn before a second passes.
const TURNS: u64 = 2_000;

const ACTIVITY: &str = "arn:aws:states:us-east-1:000000000000:activity:a";

/// A machine of one activity task, with more fields of its state.
fn machine(fields: Value) -> Value {
    let mut state = json!({"Type": "Task", "Resource": ACTIVITY, "End": true});
    state.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({"StartAt": "T", "States": {"T": state}})
}

async fn create_activity(process: &Process) {
    process.call("CreateActivity", json!({"name": "a"})).await.unwrap();
}

/// Asks for a task, while time passes now and then. Says how many seconds have.
async fn poll(world: &World, process: &Process) -> (Result<Value, AwsError>, u64) {
    let mut call = std::pin::pin!(process.call("GetActivityTask", json!({"activityArn": ACTIVITY})));
    let mut turns = 0;
    loop {
        tokio::select! {
            biased;
            answer = &mut call => return (answer, turns / TURNS),
            () = tokio::task::yield_now() => turns += 1,
        }
        if turns % TURNS == 0 {
            pass(&world.clock, 1);
        }
    }
}

/// Asks for a task that is there.
async fn take(process: &Process, worker: Option<&str>) -> Value {
    let mut input = json!({"activityArn": ACTIVITY});
    if let Some(worker) = worker {
        input["workerName"] = worker.into();
    }
    process.call("GetActivityTask", input).await.unwrap()
}

async fn succeed(process: &Process, task: &Value, output: &str) -> Result<Value, AwsError> {
    let input = json!({"taskToken": task["taskToken"], "output": output});
    process.call("SendTaskSuccess", input).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_who_finds_no_task_waits_a_minute() {
    let world = World::new();
    let process = world.process().await;
    create_activity(&process).await;
    let (answer, seconds) = poll(&world, &process).await;
    assert_eq!(answer.unwrap(), json!({}));
    assert!((60..=62).contains(&seconds), "{seconds}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_who_waits_is_given_the_task_that_comes() {
    let world = World::new();
    let process = world.process().await;
    create_activity(&process).await;
    let machine = process.create("m", &machine(json!({"Parameters": {"x.$": "$.y"}}))).await;
    let input = json!({"y": 7});
    let (task, execution) = tokio::join!(take(&process, Some("w")), process.start(&machine, "e", &input));
    assert_eq!(task["input"], "{\"x\":7}");
    succeed(&process, &task, "[1]").await.unwrap();
    let described = process.describe(&execution).await;
    assert_eq!((&described["status"], &described["output"]), (&json!("SUCCEEDED"), &json!("[1]")));
    let history = process.history(&execution).await;
    assert_eq!(history[3]["activityStartedEventDetails"], json!({"workerName": "w"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_given_in_their_order_and_once() {
    let world = World::new();
    let process = world.process().await;
    create_activity(&process).await;
    let machine = process.create("m", &machine(json!({}))).await;
    for number in 0..5 {
        let execution = process.start(&machine, &format!("e{number}"), &json!(number)).await;
        // A start that was answered has not begun yet: it is the tasks that have an order.
        while !process.event_types(&execution).await.contains(&"ActivityScheduled".to_owned()) {
            tokio::task::yield_now().await;
        }
        pass(&world.clock, 1);
    }
    let mut inputs = Vec::new();
    for _ in 0..5 {
        inputs.push(take(&process, None).await["input"].clone());
    }
    assert_eq!(inputs, ["0", "1", "2", "3", "4"]);
    assert_eq!(poll(&world, &process).await.0.unwrap(), json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_and_what_is_taken_outlive_the_process() {
    let world = World::new();
    let process = world.process().await;
    create_activity(&process).await;
    let machine = process.create("m", &machine(json!({}))).await;
    let taken = process.start(&machine, "taken", &json!("taken")).await;
    let task = take(&process, None).await;
    assert_eq!(task["input"], "\"taken\"");
    process.start(&machine, "waits", &json!("waits")).await;
    drop(process);
    let process = world.process().await;
    assert_eq!(take(&process, None).await["input"], "\"waits\"");
    succeed(&process, &task, "1").await.unwrap();
    assert_eq!(process.describe(&taken).await["status"], "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_time_out_while_they_wait_and_while_they_run() {
    let world = World::new();
    let process = world.process().await;
    create_activity(&process).await;
    let machine = process.create("m", &machine(json!({"TimeoutSeconds": 30, "HeartbeatSeconds": 10}))).await;
    let waits = process.start(&machine, "waits", &json!({})).await;
    pass(&world.clock, 31);
    world.events.until_ended(&waits).await;
    let types = process.event_types(&waits).await;
    assert_eq!(
        types,
        ["ExecutionStarted", "TaskStateEntered", "ActivityScheduled", "ActivityTimedOut", "ExecutionFailed"]
    );
    assert_eq!(process.describe(&waits).await["error"], "States.Timeout");

    // It is not given to anybody any more.
    let beats = process.start(&machine, "beats", &json!("beats")).await;
    let task = take(&process, None).await;
    assert_eq!(task["input"], "\"beats\"");
    for _ in 0..2 {
        pass(&world.clock, 9);
        let token = json!({"taskToken": task["taskToken"]});
        process.call("SendTaskHeartbeat", token).await.unwrap();
    }
    pass(&world.clock, 11);
    world.events.until_ended(&beats).await;
    // So the history calls a missing heartbeat; the time allowed for the whole task has not passed.
    assert_eq!(process.describe(&beats).await["error"], "States.Timeout");
    let late = succeed(&process, &task, "1").await.unwrap_err();
    assert_eq!(late.to_string(), "TaskTimedOut: Task Timed Out: 'Provided task does not exist anymore'");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_outputs_are_checked() {
    let world = World::new();
    let process = world.process().await;
    create_activity(&process).await;
    let machine = process.create("m", &machine(json!({}))).await;
    process.start(&machine, "e", &json!({})).await;
    let task = take(&process, None).await;
    let refused = succeed(&process, &task, "{").await.unwrap_err();
    assert_eq!(refused.code, "InvalidOutput");
    let invalid = succeed(&process, &json!({"taskToken": "nonsense"}), "1").await.unwrap_err();
    assert_eq!(invalid.to_string(), "InvalidToken: Invalid Token: 'Invalid token'");
    succeed(&process, &task, "1").await.unwrap();
    for operation in ["SendTaskHeartbeat", "SendTaskFailure"] {
        let input = json!({"taskToken": task["taskToken"]});
        assert_eq!(process.call(operation, input).await.unwrap_err().code, "TaskTimedOut");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_an_activity_that_is_not_there_fails() {
    let world = World::new();
    let process = world.process().await;
    let machine = process.create("m", &machine(json!({}))).await;
    let execution = process.start(&machine, "e", &json!({})).await;
    world.events.until_ended(&execution).await;
    let described = process.describe(&execution).await;
    assert_eq!(described["error"], "States.Runtime");
    assert_eq!(described["cause"], format!("The activity {ACTIVITY} does not exist."));
}

/// A worker that works on whatever process there is, until the execution has ended.
async fn work(world: &World, process: &Process) -> bool {
    let start = json!({
        "stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:m", "name": "e", "input": "{}",
    });
    match process.call("StartExecution", start).await {
        Err(error) if error.code != "ExecutionAlreadyExists" => return false,
        _ => {}
    }
    let execution = "arn:aws:states:us-east-1:000000000000:execution:m:e";
    for _ in 0..ROUNDS {
        if process.store.is_dead() {
            return false;
        }
        if world.events.statuses(execution).iter().any(|detail| detail["status"] != "RUNNING") {
            return true;
        }
        let (Ok(task), _) = poll(world, process).await else { return false };
        if task.get("taskToken").is_some() {
            // Where this fails, the process has ended, or the task has timed out.
            let _ = succeed(process, &task, "1").await;
        }
    }
    panic!("stuck after {:?}", process.event_types(execution).await)
}

/// A world with a machine that tries again what times out.
async fn world() -> World {
    let world = World::new();
    let process = world.process().await;
    create_activity(&process).await;
    let retry = json!([{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 50}]);
    process.create("m", &machine(json!({"TimeoutSeconds": 20, "Retry": retry}))).await;
    drop(process);
    world
}

/// How the execution went when the first process took so many batches; the flag says whether it lived on.
async fn run(batches: usize) -> (Vec<String>, bool) {
    let world = world().await;
    let mut process = world.process_with(batches).await;
    let mut survived = true;
    while !work(&world, &process).await {
        survived = false;
        drop(process);
        process = world.process().await;
    }
    let execution = "arn:aws:states:us-east-1:000000000000:execution:m:e";
    assert_eq!(process.describe(execution).await["status"], "SUCCEEDED", "after {batches} batches");
    (process.event_types(execution).await, survived)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_started_once_whenever_the_process_ends() {
    for batches in 0.. {
        let (events, survived) = run(batches).await;
        let count = |kind: &str| events.iter().filter(|event| *event == kind).count();
        // A task whose worker never heard of it times out and is tried again; none is started twice.
        assert!(count("ActivityStarted") <= count("ActivityScheduled"), "after {batches}: {events:?}");
        assert_eq!(count("ActivityScheduled"), count("ActivityTimedOut") + 1, "after {batches}: {events:?}");
        assert_eq!(count("ActivitySucceeded"), 1, "after {batches}: {events:?}");
        if survived {
            assert!(batches > 3, "{batches} batches are too few for a crash to show anything");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_hang_up_at_any_moment() {
    for patience in (0..24).step_by(2) {
        let world = world().await;
        let process = world.process().await;
        let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
        process.start(machine, "e", &json!({})).await;
        {
            let mut call = std::pin::pin!(process.call("GetActivityTask", json!({"activityArn": ACTIVITY})));
            for _ in 0..patience {
                if call.as_mut().now_or_never().is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        assert!(work(&world, &process).await);
        let execution = "arn:aws:states:us-east-1:000000000000:execution:m:e";
        assert_eq!(process.describe(execution).await["status"], "SUCCEEDED", "after {patience} turns");
    }
}

/// What the workers of the recordings do, which are state machines themselves.
async fn worker(process: &Process, activity: &str, definition: &str) {
    let definition: Value = serde_json::from_str(definition).unwrap();
    let states = &definition["States"];
    let mut input = json!({"activityArn": activity});
    if let Some(name) = states["GetActivityTask"]["Parameters"]["WorkerName"].as_str() {
        input["workerName"] = name.into();
    }
    let task = process.call("GetActivityTask", input).await.unwrap();
    let token = &task["taskToken"];
    let mut next = Some("TaskReceived");
    while let Some(state) = next.map(|name| &states[name]) {
        next = state["Next"].as_str();
        let (operation, input) = match state["Resource"].as_str().and_then(|arn| arn.rsplit(':').next()) {
            // States that only wait lead on.
            None => continue,
            Some("sendTaskSuccess") => {
                ("SendTaskSuccess", json!({"taskToken": token, "output": task["input"]}))
            }
            Some("sendTaskFailure") => {
                let error = &state["Parameters"]["Error"];
                ("SendTaskFailure", json!({"taskToken": token, "error": error, "cause": task["input"]}))
            }
            Some("sendTaskHeartbeat") => ("SendTaskHeartbeat", json!({"taskToken": token})),
            Some(other) => panic!("a worker does {other}"),
        };
        process.call(operation, input).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_are_as_recorded() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../../shared/conformance/cases/stepfunctions/api/activities.json");
    let Ok(text) = std::fs::read_to_string(path) else { return };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 4);
    for case in &cases {
        let steps = case["steps"].as_array().unwrap();
        let find = |operation: &str| -> Vec<&Value> {
            steps.iter().filter(|step| step["op"] == operation).map(|step| &step["params"]).collect()
        };
        let world = World::new();
        let process = world.process().await;
        let activity = process.call("CreateActivity", find("CreateActivity")[0].clone()).await.unwrap();
        let activity = activity["activityArn"].as_str().unwrap();
        let machines = find("CreateStateMachine");
        let definition = machines[1]["definition"].as_str().unwrap();
        let definition = definition.replace("${step[0].activityArn}", activity);
        let create = json!({"name": "m", "definition": definition, "roleArn": ROLE});
        let machine = process.call("CreateStateMachine", create).await.unwrap();
        let start = json!({
            "stateMachineArn": machine["stateMachineArn"], "name": "e", "input": find("StartExecution")[1]["input"],
        });
        let execution = process.call("StartExecution", start).await.unwrap();
        let execution = execution["executionArn"].as_str().unwrap();
        worker(&process, activity, machines[0]["definition"].as_str().unwrap()).await;
        pass(&world.clock, 6);
        world.events.until_ended(execution).await;
        let history = process.call("GetExecutionHistory", json!({"executionArn": execution})).await;
        let expected = &steps.last().unwrap()["expect"][0]["aws"];
        let tokens = ["activity_arn", "snf_role_arn"];
        if let Err(complaint) = check(expected, &history, &tokens) {
            panic!("{}: {complaint}", case["name"]);
        }
    }
}
