//! What targets are given.

use std::time::Duration;

use api::{AwsError, Principal};
use serde_json::{Value, json};

use crate::world::{Given, MACHINE, ROLE, World};

/// What the target of a schedule that is due now is given.
async fn given(target: Value) -> Given {
    let world = World::at("2026-11-20T12:00:00Z").await;
    world.schedule("rate(5 minutes)", json!({"Target": target})).await;
    world.targets.count(1).await.remove(0)
}

#[tokio::test]
async fn a_state_machine_without_input_gets_a_notification() {
    let given = given(json!({"Arn": MACHINE, "RoleArn": ROLE})).await;
    assert_eq!((given.service, given.operation.as_str()), ("states", "StartExecution"));
    let Principal::Role { role_arn, session } = &given.principal else { panic!("{:?}", given.principal) };
    assert_eq!((role_arn.as_str(), session.len()), (ROLE, 32));
    let id = given.input["name"].clone();
    let input: Value = serde_json::from_str(given.input["input"].as_str().unwrap()).unwrap();
    let wanted = json!({
        "version": "0", "id": id, "detail-type": "Scheduled Event", "source": "aws.scheduler",
        "account": "000000000000", "time": "2026-11-20T12:00:00Z", "region": "us-east-1",
        "resources": ["arn:aws:scheduler:us-east-1:000000000000:schedule/default/s"], "detail": "{}",
    });
    assert_eq!(input, wanted);
}

#[tokio::test]
async fn a_cluster_runs_a_task_with_overrides() {
    let given = given(json!({
        "Arn": "arn:aws:ecs:us-east-1:000000000000:cluster/batch", "RoleArn": ROLE,
        "EcsParameters": {
            "TaskDefinitionArn": "family:1", "LaunchType": "FARGATE", "EnableECSManagedTags": true,
            "NetworkConfiguration": {"awsvpcConfiguration": {"Subnets": ["subnet"], "AssignPublicIp": "ENABLED"}},
            "Tags": [{"Key": "k", "Value": "v"}],
        },
        "Input": r#"{"containerOverrides": [{"name": "c", "command": ["<aws.scheduler.attempt-number>"]}], "x": 1}"#,
    }))
    .await;
    let mut input = given.input.clone();
    let token = input.as_object_mut().unwrap().remove("clientToken").unwrap();
    assert_eq!(token.as_str().unwrap().len(), 36);
    let wanted = json!({
        "cluster": "arn:aws:ecs:us-east-1:000000000000:cluster/batch", "taskDefinition": "family:1", "count": 1,
        "launchType": "FARGATE", "enableECSManagedTags": true, "startedBy": "chronos-schedule/s",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet"], "assignPublicIp": "ENABLED"}},
        "tags": [{"key": "k", "value": "v"}],
        "overrides": {"containerOverrides": [{"name": "c", "command": ["1"]}]},
    });
    assert_eq!(input, wanted);
}

#[tokio::test]
async fn a_bus_gets_an_event() {
    let bus = "arn:aws:events:us-east-1:000000000000:event-bus/orders";
    let given = given(json!({
        "Arn": bus, "RoleArn": ROLE, "Input": r#"{"a": 1}"#,
        "EventBridgeParameters": {"Source": "mine", "DetailType": "due"},
    }))
    .await;
    let entry = json!({
        "EventBusName": bus, "Source": "mine", "DetailType": "due", "Detail": r#"{"a": 1}"#,
        "Resources": ["arn:aws:scheduler:us-east-1:000000000000:schedule/default/s"],
    });
    assert_eq!(given.input, json!({"Entries": [entry]}));
}

#[tokio::test]
async fn a_universal_target_names_members_as_the_service_does() {
    let given = given(json!({
        "Arn": "arn:aws:scheduler:::aws-sdk:sfn:stopExecution", "RoleArn": ROLE,
        "Input": r#"{"StateMachineArn": "m"}"#,
    }))
    .await;
    assert_eq!(given.operation, "StopExecution");
    assert_eq!(given.input, json!({"stateMachineArn": "m"}));
}

#[tokio::test]
async fn failures_that_may_pass_are_retried_under_the_same_id() {
    let world = World::at("2026-11-20T12:00:00Z").await;
    let busy = || AwsError::new("ThrottlingException", "Rate exceeded");
    world.targets.fail([busy(), busy()]);
    world.schedule("at(2026-11-20T12:00:00)", json!({"ActionAfterCompletion": "DELETE"})).await;
    for count in 1..=2 {
        world.targets.count(count).await;
        world.settle().await;
        // Between its attempts the schedule is there.
        world.ok("GetSchedule", json!({"Name": "s"})).await;
        world.clock.advance(Duration::from_secs(4));
    }
    let given = world.targets.count(3).await;
    assert!(given.iter().all(|one| one.input["name"] == given[0].input["name"]));
    world.settle().await;
    assert!(world.call("GetSchedule", json!({"Name": "s"})).await.is_err());
}

#[tokio::test]
async fn what_cannot_pass_is_given_up() {
    let world = World::at("2026-11-20T12:00:00Z").await;
    world.targets.fail([AwsError::new("StateMachineDoesNotExist", "no")]);
    world.schedule("at(2026-11-20T12:00:00)", json!({})).await;
    world.targets.count(1).await;
    world.settle().await;
    world.clock.advance(Duration::from_secs(86_400));
    world.settle().await;
    assert_eq!(world.targets.given().len(), 1);
}

#[tokio::test]
async fn queues_and_topics_get_messages() {
    let queue = "arn:aws:sqs:us-east-1:000000000000:q.fifo";
    let parameters = json!({"MessageGroupId": "g"});
    let told =
        given(json!({"Arn": queue, "RoleArn": ROLE, "Input": "hello", "SqsParameters": parameters})).await;
    let wanted = json!({
        "QueueUrl": "https://sqs.us-east-1.amazonaws.com/000000000000/q.fifo", "MessageBody": "hello",
        "MessageGroupId": "g", "MessageDeduplicationId": told.input["MessageDeduplicationId"],
    });
    assert_eq!((told.service, &told.input), ("sqs", &wanted));
    assert_eq!(told.input["MessageDeduplicationId"].as_str().unwrap().len(), 36);
    let topic = "arn:aws:sns:us-east-1:000000000000:t";
    let told = given(json!({"Arn": topic, "RoleArn": ROLE, "Input": "hello"})).await;
    assert_eq!((told.service, told.input), ("sns", json!({"TopicArn": topic, "Message": "hello"})));
}

#[tokio::test]
async fn what_is_given_up_goes_to_the_dead_letter_queue() {
    let world = World::at("2026-11-20T12:00:00Z").await;
    let busy = || AwsError::new("ThrottlingException", "Rate exceeded");
    // The queue itself cannot be reached at first.
    world.targets.fail([busy(), busy(), busy()]);
    let target = json!({"Arn": MACHINE, "RoleArn": ROLE, "Input": r#"{"n": "<aws.scheduler.attempt-number>"}"#,
        "RetryPolicy": {"MaximumRetryAttempts": 1},
        "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:000000000000:dead"}});
    let more = json!({"Target": target, "ActionAfterCompletion": "DELETE"});
    world.schedule("at(2026-11-20T12:00:00)", more).await;
    for count in 1..=3 {
        world.targets.count(count).await;
        world.settle().await;
        world.clock.advance(Duration::from_secs(4));
    }
    let given = world.targets.count(4).await;
    let id = given[0].input["name"].clone();
    let text = |value: &str| json!({"DataType": "String", "StringValue": value});
    let wanted = json!({
        "QueueUrl": "https://sqs.us-east-1.amazonaws.com/000000000000/dead", "MessageBody": r#"{"n": "2"}"#,
        "MessageAttributes": {
            "ERROR_CODE": text("ThrottlingException"), "ERROR_MESSAGE": text("Rate exceeded"),
            "EXECUTION_ID": text(id.as_str().unwrap()), "EXHAUSTED_RETRY_CONDITION": text("MaximumRetryAttempts"),
            "IS_PAYLOAD_TRUNCATED": text("false"), "RETRY_ATTEMPTS": text("1"),
            "SCHEDULED_TIME": text("2026-11-20T12:00:00Z"), "TARGET_ARN": text(MACHINE),
            "SCHEDULE_ARN": text("arn:aws:scheduler:us-east-1:000000000000:schedule/default/s"),
        },
    });
    assert_eq!((given[3].operation.as_str(), &given[3].input), ("SendMessage", &wanted));
    world.settle().await;
    assert!(world.call("GetSchedule", json!({"Name": "s"})).await.is_err());
    assert_eq!(world.targets.given().len(), 4);
}

#[tokio::test]
async fn a_function_is_accepted_and_its_invocations_are_dead_letters() {
    let given = given(json!({
        "Arn": "arn:aws:lambda:us-east-1:000000000000:function:f", "RoleArn": ROLE, "Input": r#"{"a": 1}"#,
        "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:000000000000:dead"},
    }))
    .await;
    assert_eq!((given.service, given.operation.as_str()), ("sqs", "SendMessage"));
    assert_eq!(given.input["MessageBody"], r#"{"a": 1}"#);
    assert_eq!(
        given.input["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"],
        "Runwright does not serve Lambda: arn:aws:lambda:us-east-1:000000000000:function:f was not invoked."
    );
}
