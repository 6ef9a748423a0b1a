//! `states:startExecution` in its four patterns.

use serde_json::{Value, json};

use crate::world::{Process, ROLE, World, pass};

fn machine(suffix: &str, child: &str, parameters: &Value) -> Value {
    let mut state = json!({
        "Type": "Task",
        "Resource": format!("arn:aws:states:::states:startExecution{suffix}"),
        "Parameters": {"StateMachineArn": child},
        "End": true,
    });
    for (name, value) in parameters.as_object().unwrap() {
        state["Parameters"][name] = value.clone();
    }
    json!({"StartAt": "T", "States": {"T": state}})
}

fn passes() -> Value {
    json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"done": true}, "End": true}}})
}

fn waits() -> Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": true}}})
}

async fn run(world: &World, process: &Process, definition: &Value) -> (String, Value) {
    let parent = process.create("parent", definition).await;
    let execution = process.start(&parent, "e", &json!({"a": [1]})).await;
    let end = world.events.end_of(&execution).await;
    (execution, end)
}

/// Executions of a machine, the newest first.
async fn executions(process: &Process, machine: &str) -> Vec<Value> {
    let listed = process.call("ListExecutions", json!({"stateMachineArn": machine})).await.unwrap();
    listed["executions"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn request_response_gives_arn_and_date_and_makes_up_a_uuid() {
    let world = World::new();
    let process = world.process().await;
    let child = process.create("child", &waits()).await;
    let (_, end) = run(&world, &process, &machine("", &child, &json!({"Input.$": "$"}))).await;
    let output: Value = serde_json::from_str(end["output"].as_str().unwrap()).unwrap();
    let keys: Vec<&String> = output.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["ExecutionArn", "SdkHttpMetadata", "SdkResponseMetadata", "StartDate"]);
    assert_eq!(output["StartDate"], json!(1_700_000_000_000_i64));
    assert_eq!(output["SdkHttpMetadata"]["HttpHeaders"]["connection"], "keep-alive");
    let arn = output["ExecutionArn"].as_str().unwrap();
    let name = arn.rsplit(':').next().unwrap();
    let lengths: Vec<usize> = name.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12], "{name}");
    assert_eq!(process.describe(arn).await["input"], r#"{"a":[1]}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_gives_texts_and_sync_2_gives_json() {
    for (suffix, input, output) in
        [(".sync", json!("{}"), json!(r#"{"done":true}"#)), (".sync:2", json!({}), json!({"done": true}))]
    {
        let world = World::new();
        let process = world.process().await;
        let child = process.create("child", &passes()).await;
        let definition = machine(suffix, &child, &json!({"Name": "c", "Input": null}));
        let (execution, end) = run(&world, &process, &definition).await;
        let given: Value = serde_json::from_str(end["output"].as_str().unwrap()).unwrap();
        let date = json!(1_700_000_000_000_i64);
        let expected = json!({
            "ExecutionArn": child.replace("stateMachine", "execution") + ":c",
            "Input": input, "InputDetails": {"Included": true}, "Name": "c",
            "Output": output, "OutputDetails": {"Included": true},
            "RedriveCount": 0, "RedriveStatus": "NOT_REDRIVABLE",
            "RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
            "StartDate": date, "StateMachineArn": child, "Status": "SUCCEEDED", "StopDate": date,
        });
        assert_eq!(given, expected);
        let types = process.event_types(&execution).await;
        assert_eq!(types[2..6], ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_waits_for_the_end_and_fails_with_the_child() {
    let world = World::new();
    let process = world.process().await;
    let child = process.create("child", &waits()).await;
    let parent = process.create("parent", &machine(".sync:2", &child, &json!({"Name": "c"}))).await;
    let execution = process.start(&parent, "e", &json!({})).await;
    until_submitted(&process, &execution).await;
    let arn = child.replace("stateMachine", "execution") + ":c";
    let stop = json!({"executionArn": arn, "error": "E", "cause": "because"});
    process.call("StopExecution", stop).await.unwrap();
    let end = world.events.end_of(&execution).await;
    assert_eq!((&end["status"], &end["error"]), (&json!("FAILED"), &json!("States.TaskFailed")));
    let cause: Value = serde_json::from_str(end["cause"].as_str().unwrap()).unwrap();
    let told = (&cause["Status"], &cause["Error"], &cause["Cause"], &cause["Input"]);
    assert_eq!(told, (&json!("ABORTED"), &json!("E"), &json!("because"), &json!("{}")));
    assert_eq!(cause.get("Output"), None);
}

async fn until_submitted(process: &Process, execution: &str) {
    while !process.event_types(execution).await.iter().any(|kind| kind == "TaskSubmitted") {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tasks_may_wait_for_one_execution() {
    let world = World::new();
    let process = world.process().await;
    let child = process.create("child", &waits()).await;
    let definition = machine(".sync", &child, &json!({"Name": "c"}));
    let parent = process.create("parent", &definition).await;
    let both =
        [process.start(&parent, "one", &json!({})).await, process.start(&parent, "two", &json!({})).await];
    for execution in &both {
        until_submitted(&process, execution).await;
    }
    assert_eq!(executions(&process, &child).await.len(), 1);
    // The process ends, and the next one knows who waits.
    drop(process);
    let process = world.process().await;
    pass(&world.clock, 60);
    for execution in &both {
        assert_eq!(world.events.end_of(execution).await["status"], "SUCCEEDED");
    }
    drop(process);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_that_is_stopped_or_times_out_stops_its_child() {
    for times_out in [false, true] {
        let world = World::new();
        let process = world.process().await;
        let child = process.create("child", &waits()).await;
        let mut definition = machine(".sync", &child, &json!({"Name": "c"}));
        definition["States"]["T"]["TimeoutSeconds"] = 10.into();
        let parent = process.create("parent", &definition).await;
        let execution = process.start(&parent, "e", &json!({})).await;
        until_submitted(&process, &execution).await;
        if times_out {
            pass(&world.clock, 10);
        } else {
            process.call("StopExecution", json!({"executionArn": execution})).await.unwrap();
        }
        let arn = child.replace("stateMachine", "execution") + ":c";
        assert_eq!(world.events.end_of(&arn).await["status"], "ABORTED");
        let end = world.events.end_of(&execution).await;
        let (status, error) =
            if times_out { ("FAILED", json!("States.Timeout")) } else { ("ABORTED", Value::Null) };
        assert_eq!((&end["status"], &end["error"]), (&json!(status), &error));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_comes_back_from_the_child() {
    let world = World::new();
    let process = world.process().await;
    let sends = json!({"StartAt": "S", "States": {"S": {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
        "Parameters": {"TaskToken.$": "$.token", "Output": {"from": "child"}},
        "End": true,
    }}});
    let child = process.create("child", &sends).await;
    let parameters = json!({"Input": {"token.$": "$$.Task.Token"}});
    let (_, end) = run(&world, &process, &machine(".waitForTaskToken", &child, &parameters)).await;
    assert_eq!(end["output"], r#"{"from":"child"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_errors_of_step_functions() {
    let world = World::new();
    let process = world.process().await;
    let child = process.create("child", &passes()).await;
    process.start(&child, "taken", &json!({"other": 1})).await;
    let missing = child.replace(":child", ":missing");
    let express =
        json!({"name": "x", "definition": passes().to_string(), "roleArn": ROLE, "type": "EXPRESS"});
    let express = process.call("CreateStateMachine", express).await.unwrap();
    let express = express["stateMachineArn"].as_str().unwrap();
    for (number, (suffix, machine_arn, name, error, words, code)) in [
        (
            "",
            &*missing,
            "n",
            "StepFunctions.StateMachineDoesNotExistException",
            "State Machine Does Not Exist",
            "StateMachineDoesNotExist",
        ),
        (
            ".sync",
            &*child,
            "taken",
            "StepFunctions.ExecutionAlreadyExistsException",
            "Execution Already Exists",
            "ExecutionAlreadyExists",
        ),
        ("", &*child, "a b", "StepFunctions.InvalidNameException", "Invalid Name", "InvalidName"),
        (".sync", express, "n", "StepFunctions.InvalidArnException", "Invalid Arn", "InvalidArn"),
    ]
    .into_iter()
    .enumerate()
    {
        let definition = machine(suffix, machine_arn, &json!({"Name": name}));
        let parent = process.create(&format!("parent{number}"), &definition).await;
        let execution = process.start(&parent, "e", &json!({})).await;
        let end = world.events.end_of(&execution).await;
        assert_eq!(end["error"], error);
        let cause = end["cause"].as_str().unwrap();
        let tail = format!("(Service: AWSStepFunctions; Status Code: 400; Error Code: {code}; Request ID: ");
        assert!(
            cause.starts_with(words) && cause.contains(&tail) && cause.ends_with("; Proxy: null)"),
            "{cause}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_express_child_is_started_and_not_waited_for() {
    let world = World::new();
    let process = world.process().await;
    let express =
        json!({"name": "x", "definition": passes().to_string(), "roleArn": ROLE, "type": "EXPRESS"});
    let express = process.call("CreateStateMachine", express).await.unwrap();
    let arn = express["stateMachineArn"].as_str().unwrap();
    let (_, end) = run(&world, &process, &machine("", arn, &json!({}))).await;
    let output: Value = serde_json::from_str(end["output"].as_str().unwrap()).unwrap();
    assert!(output["ExecutionArn"].as_str().unwrap().contains(":express:x:"), "{output}");
}

/// Drives a parent with two children to its end, through a process that ends after so many batches.
async fn survive(batches: usize) -> (Vec<String>, bool) {
    let world = World::new();
    let (parent, child) = {
        let process = world.process().await;
        let child = process.create("child", &waits()).await;
        let task = |next: Value| {
            let mut state = machine(".sync", &child, &json!({}))["States"]["T"].clone();
            state.as_object_mut().unwrap().remove("End");
            state["ResultPath"] = Value::Null;
            state.as_object_mut().unwrap().extend(next.as_object().unwrap().clone());
            state
        };
        let mut named = task(json!({"End": true}));
        named["Parameters"]["Name"] = "named".into();
        let definition = json!({"StartAt": "A", "States": {"A": task(json!({"Next": "B"})), "B": named}});
        (process.create("parent", &definition).await, child)
    };
    let execution = parent.replace("stateMachine", "execution") + ":e";
    let mut process = world.process_with(batches).await;
    let mut survived = true;
    loop {
        let start = json!({"stateMachineArn": parent, "name": "e", "input": "{}"});
        let _ = process.call("StartExecution", start).await;
        let mut rounds = 0;
        while !process.store.is_dead() {
            if world.events.statuses(&execution).iter().any(|detail| detail["status"] != "RUNNING") {
                let described = process.describe(&execution).await;
                assert_eq!(described["status"], "SUCCEEDED", "after {batches} batches: {described}");
                let children = executions(&process, &child).await;
                assert_eq!(children.len(), 2, "after {batches} batches: {children:?}");
                assert!(children.iter().all(|child| child["status"] == "SUCCEEDED"), "{children:?}");
                return (process.event_types(&execution).await, survived);
            }
            // A second here and there, so that ends come before, while and after somebody waits for them.
            if rounds % 3 == 0 {
                pass(&world.clock, 1);
            }
            world.kept().await;
            rounds += 1;
            assert!(rounds < 10_000, "stuck after {batches}: {:?}", process.event_types(&execution).await);
        }
        survived = false;
        drop(process);
        process = world.process().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_is_started_once_and_wakes_its_parent_once_whenever_the_process_ends() {
    let (expected, survived) = survive(usize::MAX).await;
    assert!(survived);
    for batches in 0.. {
        let (events, survived) = survive(batches).await;
        assert_eq!(events, expected, "after {batches} batches");
        if survived {
            assert!(batches > 10, "{batches} batches are too few for a crash to show anything");
            return;
        }
    }
}
