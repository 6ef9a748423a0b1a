//! `events:putEvents` and SDK integrations, with the real EventBridge behind the door.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::world::{Process, World};

fn task(resource: &str, parameters: &Value) -> Value {
    let resource = format!("arn:aws:states:::{resource}");
    json!({"StartAt": "T", "States": {"T": {
        "Type": "Task", "Resource": resource, "Parameters": parameters, "End": true,
    }}})
}

/// Puts the real EventBridge behind the fake one.
pub fn with_events(world: &World, process: &Process) {
    let store: Arc<dyn store::Store> = Arc::clone(&process.store) as _;
    let key = events::SecretKey::ephemeral().unwrap();
    let events = events::Events::new(store, process.dispatcher.clone()).with_secret_key(key);
    assert!(world.events.real.set(Arc::new(events)).is_ok());
}

async fn run(world: &World, process: &Process, definition: &Value, input: &Value) -> Value {
    let machine = process.create("m", definition).await;
    let execution = process.start(&machine, "e", input).await;
    world.events.end_of(&execution).await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_have_the_execution_among_their_resources() {
    let world = World::new();
    let process = world.process().await;
    let entries = json!({"Entries": [
        {"Source": "s", "DetailType": "t", "Detail": {"a": 1}, "Resources": ["r"], "Time": "2024-01-02T03:04:05Z"},
        {"Source": "s", "DetailType": "t", "Detail": "{\"b\": 2}"},
    ]});
    with_events(&world, &process);
    let end = run(&world, &process, &task("events:putEvents", &entries), &json!({})).await;
    let output: Value = serde_json::from_str(end["output"].as_str().unwrap()).unwrap();
    assert_eq!((&output["FailedEntryCount"], output.as_object().unwrap().len()), (&json!(0), 2), "{output}");
    let put = world.events.put_by_roles();
    let senders = [
        "arn:aws:states:us-east-1:000000000000:stateMachine:m",
        "arn:aws:states:us-east-1:000000000000:execution:m:e",
    ];
    assert_eq!((&put[0]["Detail"], &put[1]["Detail"]), (&json!(r#"{"a":1}"#), &json!(r#"{"b": 2}"#)));
    assert_eq!(put[0]["Resources"], json!(["r", senders[0], senders[1]]));
    assert_eq!(put[1]["Resources"], json!(senders));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_entry_that_fails_fails_the_task() {
    let world = World::new();
    let process = world.process().await;
    with_events(&world, &process);
    let entries = json!({"Entries": [{"DetailType": "t", "Detail": {}}]});
    let end = run(&world, &process, &task("events:putEvents.waitForTaskToken", &entries), &json!({})).await;
    assert_eq!(end["error"], "EventBridge.FailedEntry");
    let reason = "Parameter Source is not valid. Reason: Source is a required argument.";
    let entry = json!({"ErrorCode": "InvalidArgument", "ErrorMessage": reason});
    let cause: Value = serde_json::from_str(end["cause"].as_str().unwrap()).unwrap();
    assert_eq!(cause, json!({"Entries": [entry], "FailedEntryCount": 1}));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_have_no_envelope_and_times_are_texts() {
    let world = World::new();
    let process = world.process().await;
    let parameters = json!({"StateMachineArn.$": "$$.StateMachine.Id"});
    let definition = task("aws-sdk:sfn:describeStateMachine", &parameters);
    let end = run(&world, &process, &definition, &json!({})).await;
    let output: Value = serde_json::from_str(end["output"].as_str().unwrap()).unwrap();
    let told = (&output["CreationDate"], &output["Name"], &output["Type"]);
    assert_eq!(told, (&json!("2023-11-14T22:13:20Z"), &json!("m"), &json!("STANDARD")));
    assert!(output["Definition"].is_string() && output.get("SdkHttpMetadata").is_none(), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_those_of_the_java_sdk() {
    for (resource, parameters, error, start) in [
        (
            "aws-sdk:sfn:describeExecution",
            json!({"ExecutionArn": "arn:aws:states:us-east-1:000000000000:execution:m:none"}),
            "Sfn.ExecutionDoesNotExistException",
            "Execution Does Not Exist: 'arn:aws:states:us-east-1:000000000000:execution:m:none' (Service: Sfn, ",
        ),
        // What an operation does not list is an error of the service as a whole.
        ("aws-sdk:sfn:startExecution", json!({}), "Sfn.ValidationException", "1 validation error detected: "),
        (
            "aws-sdk:cloudwatchlogs:getLogEvents",
            json!({"LogStreamName": "s"}),
            "CloudWatchLogs.CloudWatchLogsException",
            "GetLogEvents (Service: CloudWatchLogs, ",
        ),
    ] {
        let world = World::new();
        let process = world.process().await;
        let end = run(&world, &process, &task(resource, &parameters), &json!({})).await;
        assert_eq!(end["error"], error, "{end}");
        let cause = end["cause"].as_str().unwrap();
        assert!(cause.starts_with(start) && cause.ends_with(") (SDK Attempt Count: 1)"), "{cause}");
        assert!(cause.contains("Status Code: 400, Request ID: "), "{cause}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_no_service_takes_fail_before_the_task_is_scheduled() {
    for (resource, input, problem) in [
        (
            "aws-sdk:sfn:stopExecution",
            json!({"ExecutionArn": 1}),
            "The value for the field 'ExecutionArn' must be a STRING",
        ),
        (
            "aws-sdk:sfn:stopExecution",
            json!({"executionArn": "a"}),
            "The field 'executionArn' is not supported by Step Functions",
        ),
        (
            "states:startExecution",
            json!({"Name": "n"}),
            "The field 'StateMachineArn' is required but was missing",
        ),
        ("events:putEvents", json!({"Entries": {}}), "The value for the field 'Entries' must be a LIST"),
    ] {
        let world = World::new();
        let process = world.process().await;
        let mut definition = task(resource, &json!({}));
        definition["States"]["T"].as_object_mut().unwrap().remove("Parameters");
        let machine = process.create("m", &definition).await;
        let execution = process.start(&machine, "e", &input).await;
        let end = world.events.end_of(&execution).await;
        assert_eq!(end["error"], "States.Runtime");
        let cause = end["cause"].as_str().unwrap();
        let expected = format!("The Parameters '{input}' could not be used to start the Task: [{problem}]");
        assert!(cause.ends_with(&expected), "{cause}");
        assert_eq!(process.event_types(&execution).await.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_has_the_same_token() {
    let world = World::new();
    let process = world.process().await;
    let definition = task("aws-sdk:ecs:runTask", &json!({"TaskDefinition": "family", "Cluster": "c"}));
    let end = run(&world, &process, &definition, &json!({})).await;
    let output: Value = serde_json::from_str(end["output"].as_str().unwrap()).unwrap();
    assert_eq!(output["Tasks"][0]["CreatedAt"], "2023-11-14T22:13:20.123Z");
    assert_eq!(output["Tasks"][0].get("InferenceAccelerators"), None);
    assert_eq!(world.ecs.inputs("RunTask")[0]["clientToken"].as_str().unwrap().len(), 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_given_as_a_text_if_a_state_can_have_it() {
    let world = World::new();
    let process = world.process().await;
    world.s3.put("b", "small", "text");
    world.s3.put("b", "large", "x".repeat(262_145));
    for (key, error) in [("small", Value::Null), ("large", json!("States.DataLimitExceeded"))] {
        let definition = task("aws-sdk:s3:getObject", &json!({"Bucket": "b", "Key": key}));
        let machine = process.create(key, &definition).await;
        let execution = process.start(&machine, "e", &json!({})).await;
        let end = world.events.end_of(&execution).await;
        assert_eq!(end["error"], error, "{end}");
        if error.is_null() {
            let output: Value = serde_json::from_str(end["output"].as_str().unwrap()).unwrap();
            assert_eq!((&output["Body"], &output["Metadata"]), (&json!("text"), &json!({})));
        }
    }
}
