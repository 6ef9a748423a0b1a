//! `ecs:runTask` in its three patterns.

use crate::world::{Process, World, pass};
use api::AwsError;
use serde_json::{Value, json};

fn run_task(suffix: &str, more: &Value) -> Value {
    let mut state = json!({
        "Type": "Task",
        "Resource": format!("arn:aws:states:::ecs:runTask{suffix}"),
        "Parameters": {
            "Cluster": "c",
            "TaskDefinition": "family",
            "Group.$": "$$.Execution.Name",
            "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["s"], "AssignPublicIp": "ENABLED"}},
            "Overrides": {"ContainerOverrides": [{"Name": "c0", "Command.$": "$.commands"}]},
        },
        "End": true,
    });
    for (name, value) in more.as_object().unwrap() {
        state[name] = value.clone();
    }
    json!({"StartAt": "T", "States": {"T": state}})
}

async fn started(process: &Process, definition: &Value) -> String {
    let machine = process.create("m", definition).await;
    process.start(&machine, "e", &json!({"commands": ["sh", "-c", "true"]})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_waits_for_the_event_and_gives_the_task() {
    let world = World::new();
    let process = world.process().await;
    let execution = started(&process, &run_task(".sync", &json!({}))).await;
    world.ecs.until_running(1).await;
    let input = &world.ecs.inputs("RunTask")[0];
    assert_eq!(input["group"], "e");
    assert_eq!(input["startedBy"], "AWS Step Functions");
    assert_eq!(input["overrides"]["containerOverrides"][0]["command"], json!(["sh", "-c", "true"]));
    assert_eq!(input["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"], "ENABLED");
    assert_eq!(input["clientToken"].as_str().unwrap().len(), 64);
    let principal = &world.ecs.calls()[0].2;
    assert!(principal.starts_with("arn:aws:sts::000000000000:assumed-role/machine/"), "{principal}");
    // Only once the task is described is the submission kept, and the event heard.
    world.ecs.changes.until(|| !world.ecs.inputs("DescribeTasks").is_empty()).await;
    let task = world.ecs.started()[0].clone();
    process.deliver(world.ecs.stop(&task, &[Some(0), Some(0)], "EssentialContainerExited")).await.unwrap();
    world.events.until_ended(&execution).await;
    let described = process.describe(&execution).await;
    assert_eq!(described["status"], "SUCCEEDED", "{described}");
    let output: Value = serde_json::from_str(described["output"].as_str().unwrap()).unwrap();
    assert_eq!(output["TaskArn"], json!(task));
    assert_eq!(
        (&output["CreatedAt"], &output["StoppedAt"]),
        (&json!(1_700_000_000_123_i64), &json!(1_700_000_100_500_i64))
    );
    assert_eq!((&output["Tags"], &output["InferenceAccelerators"]), (&json!([]), &json!([])));
    assert_eq!(output["Attachments"][0]["Type"], "eni");
    assert_eq!(output["Overrides"]["ContainerOverrides"][0]["Environment"], json!([]));
    assert_eq!(output.get("PlatformFamily"), None);
    let keys: Vec<&String> = output.as_object().unwrap().keys().collect();
    assert!(keys.is_sorted(), "{keys:?}");
    assert_eq!(
        process.event_types(&execution).await,
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskSubmitted",
            "TaskSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
    let submitted = &process.history(&execution).await[4]["taskSubmittedEventDetails"];
    let submitted: Value = serde_json::from_str(submitted["output"].as_str().unwrap()).unwrap();
    assert_eq!(submitted["SdkHttpMetadata"]["HttpStatusCode"], 200);
    assert_eq!(submitted["Failures"], json!([]));
    assert_eq!(submitted["Tasks"][0]["PlatformFamily"], "Linux");
    assert_eq!(submitted["Tasks"][0]["Attachments"][0]["Type"], "ElasticNetworkInterface");
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_fails_with_any_exit_code_but_zero_and_where_nothing_ran() {
    for (codes, stop_code) in [
        (vec![Some(0), Some(137)], "EssentialContainerExited"),
        (vec![None], "TaskFailedToStart"),
        (vec![Some(143)], "UserInitiated"),
    ] {
        let world = World::new();
        let process = world.process().await;
        let execution = started(&process, &run_task(".sync", &json!({}))).await;
        world.ecs.changes.until(|| !world.ecs.inputs("DescribeTasks").is_empty()).await;
        let task = world.ecs.started()[0].clone();
        process.deliver(world.ecs.stop(&task, &codes, stop_code)).await.unwrap();
        world.events.until_ended(&execution).await;
        let described = process.describe(&execution).await;
        assert_eq!(
            (&described["status"], &described["error"]),
            (&json!("FAILED"), &json!("States.TaskFailed"))
        );
        let cause: Value = serde_json::from_str(described["cause"].as_str().unwrap()).unwrap();
        assert_eq!(cause["StopCode"], json!(stop_code));
        assert_eq!(process.event_types(&execution).await[5], "TaskFailed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_before_the_submission_is_kept_is_found_by_looking() {
    let world = World::new();
    let process = world.process().await;
    let execution = started(&process, &run_task(".sync", &json!({}))).await;
    world.ecs.until_running(1).await;
    // The event is not delivered at all: as if it had come before anybody knew the task.
    let task = world.ecs.started()[0].clone();
    world.ecs.stop(&task, &[Some(0)], "EssentialContainerExited");
    drop(process);
    let process = world.process().await;
    world.events.until_ended(&execution).await;
    assert_eq!(process.describe(&execution).await["status"], "SUCCEEDED");
    assert_eq!(world.ecs.started().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_response_ends_with_the_answer() {
    let world = World::new();
    let process = world.process().await;
    let execution = started(&process, &run_task("", &json!({}))).await;
    world.events.until_ended(&execution).await;
    let described = process.describe(&execution).await;
    let output: Value = serde_json::from_str(described["output"].as_str().unwrap()).unwrap();
    assert_eq!(output["Tasks"][0]["LastStatus"], "PROVISIONING");
    assert!(world.ecs.inputs("RunTask")[0]["startedBy"].is_null());
    let types = process.event_types(&execution).await;
    assert_eq!(types[2..5], ["TaskScheduled", "TaskStarted", "TaskSucceeded"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_token_comes_back_once() {
    let world = World::new();
    let process = world.process().await;
    let parameters = json!({"Parameters": {
        "TaskDefinition": "family",
        "Overrides": {"ContainerOverrides": [{"Name": "c0", "Environment": [
            {"Name": "TOKEN", "Value.$": "$$.Task.Token"}]}]},
    }});
    let execution = started(&process, &run_task(".waitForTaskToken", &parameters)).await;
    world.ecs.until_running(1).await;
    let token =
        world.ecs.inputs("RunTask")[0]["overrides"]["containerOverrides"][0]["environment"][0]["value"]
            .clone();
    process.call("SendTaskHeartbeat", json!({"taskToken": token})).await.unwrap();
    let bad = process.call("SendTaskSuccess", json!({"taskToken": token, "output": "{"})).await.unwrap_err();
    assert_eq!(bad.code, "InvalidOutput");
    process.call("SendTaskSuccess", json!({"taskToken": token, "output": "{\"x\": 1}"})).await.unwrap();
    world.events.until_ended(&execution).await;
    assert_eq!(process.describe(&execution).await["output"], "{\"x\":1}");
    let again =
        process.call("SendTaskSuccess", json!({"taskToken": token, "output": "{}"})).await.unwrap_err();
    assert_eq!(again.code, "TaskTimedOut");
    let bad = process.call("SendTaskFailure", json!({"taskToken": "nonsense"})).await.unwrap_err();
    assert_eq!(bad.to_string(), "InvalidToken: Invalid Token: 'Invalid token'");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_an_error_of_ecs() {
    for (code, error) in [
        ("ClusterNotFoundException", "ECS.ClusterNotFoundException"),
        ("SomethingElse", "ECS.AmazonECSException"),
    ] {
        let world = World::new();
        *world.ecs.refusal.lock().unwrap() = Some(AwsError::new(code.to_owned(), "Cluster not found."));
        let process = world.process().await;
        let execution = started(&process, &run_task(".sync", &json!({}))).await;
        world.events.until_ended(&execution).await;
        let described = process.describe(&execution).await;
        assert_eq!(described["error"], json!(error));
        let cause = described["cause"].as_str().unwrap();
        let start = format!(
            "Cluster not found. (Service: AmazonECS; Status Code: 400; Error Code: {code}; Request ID: "
        );
        assert!(cause.starts_with(&start) && cause.ends_with("; Proxy: null)"), "{cause}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_of_the_wrong_type_cannot_be_used() {
    let world = World::new();
    let process = world.process().await;
    let machine = process.create("m", &run_task(".sync", &json!({}))).await;
    let execution = process.start(&machine, "e", &json!({"commands": "not a list"})).await;
    world.events.until_ended(&execution).await;
    let described = process.describe(&execution).await;
    assert_eq!(described["error"], "States.Runtime");
    let cause = described["cause"].as_str().unwrap();
    let start =
        "An error occurred while executing the state 'T' (entered at the event id #2). The Parameters '{\"";
    let end = "' could not be used to start the Task: [The value for the field 'Command' must be a LIST]";
    assert!(cause.starts_with(start) && cause.ends_with(end), "{cause}");
    let history = process.call("GetExecutionHistory", json!({"executionArn": execution})).await.unwrap();
    let types: Vec<&str> =
        history["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]);
    assert_eq!(world.ecs.calls(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_stopped_or_late_stops_its_task() {
    for stop in [true, false] {
        let world = World::new();
        let process = world.process().await;
        let execution = started(&process, &run_task(".sync", &json!({"TimeoutSeconds": 30}))).await;
        world.ecs.changes.until(|| !world.ecs.inputs("DescribeTasks").is_empty()).await;
        if stop {
            process.call("StopExecution", json!({"executionArn": execution})).await.unwrap();
        } else {
            pass(&world.clock, 31);
        }
        world.ecs.changes.until(|| world.ecs.running().is_empty()).await;
        world.events.until_ended(&execution).await;
        assert_eq!(world.ecs.inputs("StopTask").len(), 1);
        let described = process.describe(&execution).await;
        assert_eq!(described["status"], if stop { "ABORTED" } else { "FAILED" });
        if !stop {
            assert_eq!(described["error"], "States.Timeout");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn creation_puts_the_managed_rule() {
    let world = World::new();
    let process = world.process().await;
    process.create("m", &run_task("", &json!({}))).await;
    assert_eq!(world.events.rules(), Vec::<Value>::new());
    process.create("n", &run_task(".sync", &json!({}))).await;
    let rule = &world.events.rules()[0];
    assert_eq!(rule["Name"], "StepFunctionsGetEventsForECSTaskRule");
    assert_eq!(
        rule["Targets"],
        json!([{"Id": "StepFunctionsGetEventsForECSTaskRule-Id", "Arn": "arn:aws:states:us-east-1:::"}])
    );
}
