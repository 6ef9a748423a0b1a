//! Map Runs: the children of distributed Map states, what is told of them, and how they end.

use std::collections::BTreeSet;

use crate::world::{Process, World, pass};
use serde_json::{Value, json};

/// A machine whose one state is a distributed Map; a child waits, and fails where its item says so.
pub fn machine(execution_type: &str, fields: &Value) -> Value {
    let processor = json!({
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": execution_type},
        "StartAt": "Wait",
        "States": {
            "Wait": {"Type": "Wait", "SecondsPath": "$.wait", "Next": "Choice"},
            "Choice": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.fails", "BooleanEquals": true, "Next": "Fail"}],
                "Default": "Pass",
            },
            "Fail": {"Type": "Fail", "Error": "Broken", "Cause": "It is."},
            "Pass": {"Type": "Pass", "OutputPath": "$.number", "End": true},
        },
    });
    let mut map = json!({"Type": "Map", "Label": "Each", "ItemProcessor": processor, "End": true});
    for (name, value) in fields.as_object().unwrap() {
        map[name] = value.clone();
    }
    json!({"StartAt": "Map", "States": {"Map": map}})
}

/// Items of which those fail that are named.
pub fn items(count: u64, wait: u64, failing: &[u64]) -> Value {
    let item = |number: u64| json!({"number": number, "wait": wait, "fails": failing.contains(&number)});
    (0..count).map(item).collect()
}

/// The ARN of the one Map Run of an execution.
pub async fn map_run(process: &Process, execution: &str) -> String {
    let listed = process.call("ListMapRuns", json!({"executionArn": execution})).await.unwrap();
    assert_eq!(listed["mapRuns"].as_array().unwrap().len(), 1, "{listed}");
    listed["mapRuns"][0]["mapRunArn"].as_str().unwrap().to_owned()
}

pub async fn describe(process: &Process, map_run: &str) -> Value {
    process.call("DescribeMapRun", json!({"mapRunArn": map_run})).await.unwrap()
}

/// Waits until so many children of the Map Run run.
async fn until_running(process: &Process, map_run: &str, count: u64) -> Value {
    loop {
        let described = describe(process, map_run).await;
        if described["executionCounts"]["running"] == count {
            return described;
        }
        tokio::task::yield_now().await;
    }
}

async fn children(process: &Process, map_run: &str) -> Vec<Value> {
    let listed = process.call("ListExecutions", json!({"mapRunArn": map_run})).await.unwrap();
    listed["executions"].as_array().unwrap().clone()
}

fn counts(succeeded: u64, failed: u64, aborted: u64, pending: u64, written: u64) -> Value {
    json!({
        "pending": pending, "running": 0, "succeeded": succeeded, "failed": failed, "timedOut": 0,
        "aborted": aborted, "total": pending + succeeded + failed + aborted, "resultsWritten": written,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_in_the_order_of_the_items() {
    for execution_type in ["STANDARD", "EXPRESS"] {
        let world = World::new();
        let process = world.process().await;
        let arn = process.create("m", &machine(execution_type, &json!({}))).await;
        let input: Value =
            (0..5).map(|number| json!({"number": number, "wait": 5 - number, "fails": false})).collect();
        let execution = process.start(&arn, "e", &input).await;
        let run = map_run(&process, &execution).await;
        until_running(&process, &run, 5).await;
        for _ in 0..5 {
            pass(&world.clock, 1);
        }
        world.events.until_ended(&execution).await;
        let described = process.describe(&execution).await;
        assert_eq!(described["output"], "[0,1,2,3,4]", "{described}");
        assert_eq!(
            process.event_types(&execution).await,
            [
                "ExecutionStarted",
                "MapStateEntered",
                "MapStateStarted",
                "MapRunStarted",
                "MapRunSucceeded",
                "MapStateSucceeded",
                "MapStateExited",
                "ExecutionSucceeded",
            ]
        );
        let described = describe(&process, &run).await;
        assert_eq!(described["status"], "SUCCEEDED");
        assert_eq!(described["itemCounts"], counts(5, 0, 0, 0, 5));
        assert_eq!(described["executionCounts"], counts(5, 0, 0, 0, 5));
        let listed = process.call("ListExecutions", json!({"stateMachineArn": arn})).await.unwrap();
        assert_eq!(listed["executions"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_children_are_executions_that_others_can_ask_about() {
    let world = World::new();
    let process = world.process().await;
    let arn = process.create("m", &machine("STANDARD", &json!({"MaxConcurrency": 2}))).await;
    let execution = process.start(&arn, "e", &items(3, 10, &[])).await;
    let run = map_run(&process, &execution).await;
    assert!(run.starts_with("arn:aws:states:us-east-1:000000000000:mapRun:m/Each:"), "{run}");
    let described = until_running(&process, &run, 2).await;
    assert_eq!(described["executionCounts"]["pending"], 1);
    assert_eq!(described["maxConcurrency"], 2);
    let listed = loop {
        // What runs is counted when it is started, and listed when that is durable.
        let listed = children(&process, &run).await;
        if listed.len() == 2 {
            break listed;
        }
    };
    let child = &listed[1];
    assert_eq!(child["stateMachineArn"], "arn:aws:states:us-east-1:000000000000:stateMachine:m/Each");
    assert_eq!((&child["mapRunArn"], &child["itemCount"]), (&json!(run), &json!(1)));
    let child = child["executionArn"].as_str().unwrap();
    assert!(child.starts_with("arn:aws:states:us-east-1:000000000000:execution:m/Each:"), "{child}");
    let described = process.describe(child).await;
    assert_eq!(described["mapRunArn"], json!(run));
    assert_eq!(described["input"], "{\"number\":0,\"wait\":10,\"fails\":false}");
    let of = process.call("DescribeStateMachineForExecution", json!({"executionArn": child})).await.unwrap();
    assert_eq!((&of["mapRunArn"], &of["label"]), (&json!(run), &json!("Each")));
    // The third begins to wait when it is begun, which is some time after one of the others has ended.
    while process.describe(&execution).await["status"] == "RUNNING" {
        pass(&world.clock, 1);
        tokio::task::yield_now().await;
    }
    assert_eq!(
        process.event_types(child).await,
        [
            "ExecutionStarted",
            "WaitStateEntered",
            "WaitStateExited",
            "ChoiceStateEntered",
            "ChoiceStateExited",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded",
        ]
    );
    // The parent's events tell of its children.
    assert_eq!(world.events.statuses(child), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn express_children_cannot_be_asked_about() {
    let world = World::new();
    let process = world.process().await;
    let arn = process.create("m", &machine("EXPRESS", &json!({}))).await;
    let execution = process.start(&arn, "e", &items(2, 0, &[])).await;
    world.events.until_ended(&execution).await;
    let run = map_run(&process, &execution).await;
    let error = process.call("ListExecutions", json!({"mapRunArn": run})).await.unwrap_err();
    assert_eq!(error.code, "StateMachineTypeNotSupported");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failure_too_many_aborts_the_others() {
    let world = World::new();
    let process = world.process().await;
    let definition = machine("STANDARD", &json!({"MaxConcurrency": 3, "ToleratedFailureCount": 1}));
    let arn = process.create("m", &definition).await;
    let mut input = items(6, 1, &[0, 1]);
    input[2]["wait"] = 100.into();
    let execution = process.start(&arn, "e", &input).await;
    let run = map_run(&process, &execution).await;
    until_running(&process, &run, 3).await;
    pass(&world.clock, 1);
    world.events.until_ended(&execution).await;
    let described = process.describe(&execution).await;
    assert_eq!(described["error"], "States.ExceedToleratedFailureThreshold", "{described}");
    assert_eq!(described["cause"], "The specified tolerated failure threshold was exceeded");
    let types = process.event_types(&execution).await;
    assert_eq!(types[3..], ["MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"]);
    let described = describe(&process, &run).await;
    assert_eq!((&described["status"], &described["toleratedFailureCount"]), (&json!("FAILED"), &json!(1)));
    let counted = &described["itemCounts"];
    assert_eq!((&counted["failed"], &counted["total"]), (&json!(2), &json!(6)), "{described}");
    let aborted: Vec<Value> =
        children(&process, &run).await.into_iter().filter(|child| child["status"] == "ABORTED").collect();
    assert_eq!(Some(aborted.len() as u64), counted["aborted"].as_u64());
    assert!(!aborted.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn tolerated_failures_are_in_the_result() {
    let world = World::new();
    let process = world.process().await;
    let arn = process.create("m", &machine("EXPRESS", &json!({"ToleratedFailurePercentage": 50}))).await;
    let execution = process.start(&arn, "e", &items(2, 0, &[1])).await;
    world.events.until_ended(&execution).await;
    let output = process.describe(&execution).await["output"].clone();
    let output: Value = serde_json::from_str(output.as_str().unwrap()).unwrap();
    assert_eq!(output[0], 0);
    assert_eq!((&output[1]["Error"], &output[1]["Cause"]), (&json!("Broken"), &json!("It is.")));
    let run = map_run(&process, &execution).await;
    assert_eq!(describe(&process, &run).await["executionCounts"], counts(1, 1, 0, 0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_the_execution_aborts_its_map_run() {
    let world = World::new();
    let process = world.process().await;
    let arn = process.create("m", &machine("STANDARD", &json!({"MaxConcurrency": 2}))).await;
    let execution = process.start(&arn, "e", &items(5, 100, &[])).await;
    let run = map_run(&process, &execution).await;
    until_running(&process, &run, 2).await;
    process.call("StopExecution", json!({"executionArn": execution})).await.unwrap();
    loop {
        let described = describe(&process, &run).await;
        if described["status"] == "ABORTED" {
            assert_eq!(described["itemCounts"], counts(0, 0, 2, 3, 0));
            break;
        }
        tokio::task::yield_now().await;
    }
    for child in children(&process, &run).await {
        assert_eq!(child["status"], "ABORTED");
    }
    let update = json!({"mapRunArn": run, "maxConcurrency": 7});
    let error = process.call("UpdateMapRun", update).await.unwrap_err();
    assert_eq!(error.code, "ValidationException", "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_the_machine_aborts_its_map_runs() {
    let world = World::new();
    let process = world.process().await;
    let arn = process.create("m", &machine("EXPRESS", &json!({}))).await;
    let execution = process.start(&arn, "e", &items(2, 100, &[])).await;
    let run = map_run(&process, &execution).await;
    until_running(&process, &run, 2).await;
    process.call("DeleteStateMachine", json!({"stateMachineArn": arn})).await.unwrap();
    while describe(&process, &run).await["status"] != "ABORTED" {
        tokio::task::yield_now().await;
    }
    assert_eq!(describe(&process, &run).await["itemCounts"], counts(0, 0, 2, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_change_while_it_runs() {
    let world = World::new();
    let process = world.process().await;
    let arn = process.create("m", &machine("STANDARD", &json!({"MaxConcurrency": 1}))).await;
    let execution = process.start(&arn, "e", &items(4, 10, &[0])).await;
    let run = map_run(&process, &execution).await;
    until_running(&process, &run, 1).await;
    let update = json!({"mapRunArn": run, "maxConcurrency": 3, "toleratedFailureCount": 1});
    process.call("UpdateMapRun", update).await.unwrap();
    let described = until_running(&process, &run, 3).await;
    assert_eq!((&described["maxConcurrency"], &described["toleratedFailureCount"]), (&json!(3), &json!(1)));
    pass(&world.clock, 10);
    until_running(&process, &run, 1).await;
    pass(&world.clock, 10);
    world.events.until_ended(&execution).await;
    assert_eq!(process.describe(&execution).await["status"], "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_go_to_a_bucket() {
    let world = World::new();
    let process = world.process().await;
    let writer = json!({
        "ToleratedFailureCount": 1,
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "b", "Prefix": "results"},
        },
    });
    let arn = process.create("m", &machine("STANDARD", &writer)).await;
    let execution = process.start(&arn, "e", &items(3, 0, &[1])).await;
    world.events.until_ended(&execution).await;
    let run = map_run(&process, &execution).await;
    let uuid = run.rsplit(':').next().unwrap();
    let described = process.describe(&execution).await;
    assert_eq!(described["status"], "SUCCEEDED", "{described}");
    let output: Value = serde_json::from_str(described["output"].as_str().unwrap()).unwrap();
    let manifest_key = format!("results/{uuid}/manifest.json");
    let details = json!({"Bucket": "b", "Key": manifest_key});
    assert_eq!(output, json!({"MapRunArn": run, "ResultWriterDetails": details}));
    let manifest = world.s3.json("b", &manifest_key).unwrap();
    assert_eq!((&manifest["DestinationBucket"], &manifest["MapRunArn"]), (&json!("b"), &json!(run)));
    assert_eq!(manifest["ResultFiles"]["PENDING"], json!([]));
    let file = |kind: &str| {
        let key = manifest["ResultFiles"][kind][0]["Key"].as_str().unwrap();
        assert_eq!(key, format!("results/{uuid}/{kind}_0.json"));
        world.s3.json("b", key).unwrap()
    };
    let succeeded = file("SUCCEEDED");
    assert_eq!(succeeded.as_array().unwrap().len(), 2);
    assert_eq!((&succeeded[1]["Output"], &succeeded[1]["Status"]), (&json!("2"), &json!("SUCCEEDED")));
    assert_eq!(file("FAILED")[0]["Error"], "Broken");
    let role = "arn:aws:sts::000000000000:assumed-role/machine/";
    assert!(world.s3.calls().iter().all(|(_, principal)| principal.starts_with(role)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_may_have_a_map_run_of_its_own() {
    let world = World::new();
    let process = world.process().await;
    let inner = machine("EXPRESS", &json!({"Label": "Inner", "ItemsPath": "$.items"}));
    let outer = json!({
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Map",
        "States": inner["States"],
    });
    let definition = json!({
        "StartAt": "Outer",
        "States": {"Outer": {"Type": "Map", "Label": "Outer", "ItemProcessor": outer, "End": true}},
    });
    let arn = process.create("m", &definition).await;
    let input = json!([{"items": items(2, 0, &[])}, {"items": items(1, 0, &[])}]);
    let execution = process.start(&arn, "e", &input).await;
    world.events.until_ended(&execution).await;
    let described = process.describe(&execution).await;
    assert_eq!(described["output"], "[[0,1],[0]]", "{described}");
    let run = map_run(&process, &execution).await;
    let child = &children(&process, &run).await[1];
    let inner = map_run(&process, child["executionArn"].as_str().unwrap()).await;
    assert!(inner.starts_with("arn:aws:states:us-east-1:000000000000:mapRun:m/Inner:"), "{inner}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_items_are_no_children() {
    let world = World::new();
    let process = world.process().await;
    let arn = process.create("m", &machine("STANDARD", &json!({}))).await;
    let execution = process.start(&arn, "e", &json!([])).await;
    world.events.until_ended(&execution).await;
    assert_eq!(process.describe(&execution).await["output"], "[]");
}

/// A machine whose children run a task each: item and task are named alike.
fn task_machine(execution_type: &str, fields: &Value) -> Value {
    let resource = match execution_type {
        "EXPRESS" => "arn:aws:states:::ecs:runTask",
        _ => "arn:aws:states:::ecs:runTask.sync",
    };
    let mut definition = machine(execution_type, fields);
    definition["States"]["Map"]["ItemProcessor"]["StartAt"] = "Task".into();
    definition["States"]["Map"]["ItemProcessor"]["States"] = json!({
        "Task": {
            "Type": "Task",
            "Resource": resource,
            "Parameters": {"Cluster": "c", "TaskDefinition.$": "$.number"},
            "ResultPath": null,
            "OutputPath": "$.number",
            "End": true,
        },
    });
    definition
}

/// Waits until the execution has ended so many times.
async fn until_ended(world: &World, execution: &str, times: usize) {
    loop {
        // A process that ends may have told what the next one tells again.
        let ends =
            world.events.statuses(execution).into_iter().filter(|detail| detail["status"] != "RUNNING");
        if ends.map(|detail| detail.to_string()).collect::<BTreeSet<_>>().len() == times {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_goes_on_with_what_did_not_succeed() {
    let world = World::new();
    let process = world.process().await;
    let arn = process.create("m", &task_machine("STANDARD", &json!({"MaxConcurrency": 2}))).await;
    let input = json!([{"number": "a"}, {"number": "b"}, {"number": "c"}]);
    let execution = process.start(&arn, "e", &input).await;
    let run = map_run(&process, &execution).await;
    world.ecs.until_running(2).await;
    let task_of = |family: &str| {
        let started = world.ecs.inputs("RunTask");
        let at = started.iter().rposition(|input| input["taskDefinition"] == family).unwrap();
        world.ecs.started()[at].clone()
    };
    process.deliver(world.ecs.stop(&task_of("a"), &[Some(0)], "EssentialContainerExited")).await.unwrap();
    world.ecs.until_running(2).await;
    process.deliver(world.ecs.stop(&task_of("b"), &[Some(1)], "EssentialContainerExited")).await.unwrap();
    until_ended(&world, &execution, 1).await;
    let failed = describe(&process, &run).await;
    assert_eq!(
        (&failed["status"], &failed["itemCounts"]),
        (&json!("FAILED"), &counts(1, 1, 1, 0, 0)),
        "{failed}"
    );
    let child = children(&process, &run).await[0]["executionArn"].as_str().unwrap().to_owned();
    assert_eq!(process.describe(&child).await["redriveStatus"], "REDRIVABLE_BY_MAP_RUN");

    process.call("RedriveExecution", json!({"executionArn": execution})).await.unwrap();
    let described = until_running(&process, &run, 2).await;
    assert_eq!((&described["redriveCount"], &described["status"]), (&json!(1), &json!("RUNNING")));
    world.ecs.until_running(2).await;
    for family in ["b", "c"] {
        process
            .deliver(world.ecs.stop(&task_of(family), &[Some(0)], "EssentialContainerExited"))
            .await
            .unwrap();
    }
    until_ended(&world, &execution, 2).await;
    assert_eq!(process.describe(&execution).await["output"], r#"["a","b","c"]"#);
    let ended = describe(&process, &run).await;
    assert_eq!((&ended["status"], &ended["itemCounts"]), (&json!("SUCCEEDED"), &counts(3, 0, 0, 0, 3)));
    let redriven =
        process.call("ListExecutions", json!({"mapRunArn": run, "redriveFilter": "REDRIVEN"})).await.unwrap();
    assert_eq!(redriven["executions"].as_array().unwrap().len(), 2, "{redriven}");
    let types = process.event_types(&execution).await;
    assert_eq!(types[types.len() - 5..types.len() - 3], ["MapRunRedriven", "MapRunSucceeded"], "{types:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_starts_express_children_again_and_those_that_never_were() {
    let world = World::new();
    let process = world.process().await;
    let definition = task_machine("EXPRESS", &json!({"MaxConcurrency": 1}));
    let arn = process.create("m", &definition).await;
    *world.ecs.refusal.lock().unwrap() = Some(api::AwsError::new("ClusterNotFoundException", "None."));
    let execution = process.start(&arn, "e", &json!([{"number": "a"}, {"number": "b"}])).await;
    until_ended(&world, &execution, 1).await;
    let run = map_run(&process, &execution).await;
    assert_eq!(describe(&process, &run).await["itemCounts"], counts(0, 1, 0, 1, 0));
    *world.ecs.refusal.lock().unwrap() = None;
    drop(process);
    let process = world.process().await;
    process.call("RedriveExecution", json!({"executionArn": execution})).await.unwrap();
    until_ended(&world, &execution, 2).await;
    assert_eq!(process.describe(&execution).await["output"], r#"["a","b"]"#);
    assert_eq!(describe(&process, &run).await["itemCounts"], counts(2, 0, 0, 0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn items_are_read_from_an_object() {
    let world = World::new();
    world.s3.put("b", "items.csv", "wait,number,fails\n0,x,no\n0,y,no\n");
    let reader = json!({
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            "Parameters": {"Bucket": "b", "Key.$": "$.key"},
        },
    });
    let process = world.process().await;
    let mut definition = machine("STANDARD", &reader);
    definition["States"]["Map"]["ItemProcessor"]["StartAt"] = "Pass".into();
    for name in ["Wait", "Choice", "Fail"] {
        definition["States"]["Map"]["ItemProcessor"]["States"].as_object_mut().unwrap().remove(name);
    }
    let arn = process.create("m", &definition).await;
    let execution = process.start(&arn, "e", &json!({"key": "items.csv"})).await;
    world.events.until_ended(&execution).await;
    assert_eq!(process.describe(&execution).await["output"], r#"["x","y"]"#);
    let missing = process.start(&arn, "f", &json!({"key": "nothing"})).await;
    world.events.until_ended(&missing).await;
    let described = process.describe(&missing).await;
    assert_eq!(described["error"], "States.ItemReaderFailed", "{described}");
    let cause = described["cause"].as_str().unwrap();
    assert!(
        cause.starts_with("The specified key does not exist. (Service: Amazon S3; Status Code: 404; "),
        "{cause}"
    );
}
