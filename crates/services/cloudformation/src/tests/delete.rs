//! Stacks that are deleted.

use std::time::Duration;

use api::AwsError;
use serde_json::json;

use super::{Process, SCHEDULED};

async fn made() -> (Process, String) {
    let process = Process::new();
    let stack = process.create(SCHEDULED).await;
    assert_eq!(process.run(&stack).await, "CREATE_COMPLETE");
    process.machine.account.calls();
    (process, stack)
}

#[tokio::test]
async fn what_was_made_last_goes_first() {
    let (process, stack) = made().await;
    process.ok("DeleteStack", json!({"StackName": "s"})).await;
    assert_eq!(process.run(&stack).await, "DELETE_COMPLETE");
    assert_eq!(
        process.machine.account.calls(),
        [
            "events:RemoveTargets rule",
            "events:DeleteRule rule",
            "states:DeleteStateMachine arn:aws:states:us-east-1:111111111111:stateMachine:machine",
            "logs:DeleteLogGroup my/loggroup",
            "iam:DeleteRolePolicy role",
            "iam:DeleteRole role",
        ]
    );
    assert_eq!(process.holds(), [""; 0]);
    let error = process.error("DescribeStacks", json!({"StackName": "s"})).await;
    assert_eq!(error, "ValidationError: Stack with id s does not exist");
    assert_eq!(process.stack(&stack).await["StackStatus"], "DELETE_COMPLETE");
    let events = process.error("DescribeStackEvents", json!({"StackName": "s"})).await;
    assert_eq!(events, "ValidationError: Stack [s] does not exist");
    process.ok("DeleteStack", json!({"StackName": "s"})).await;
    let again = process.create(SCHEDULED).await;
    assert_ne!(again, stack);
}

#[tokio::test]
async fn what_cannot_be_deleted_stays_with_what_it_needs() {
    let (process, stack) = made().await;
    let refusal = AwsError::new("AccessDeniedException", "no");
    process.machine.account.change(|world| world.failing.insert("states:DeleteStateMachine".into(), refusal));
    process.ok("DeleteStack", json!({"StackName": "s"})).await;
    assert_eq!(process.run(&stack).await, "DELETE_FAILED");
    let shown = process.stack("s").await;
    assert_eq!(shown["StackStatusReason"], "The following resource(s) failed to delete: [Machine]. ");
    assert_eq!(process.holds().len(), 3, "{:?}", process.holds());
    process.ok("DeleteStack", json!({"StackName": "s", "RetainResources": ["Machine"]})).await;
    assert_eq!(process.run(&stack).await, "DELETE_COMPLETE");
    assert_eq!(process.holds().len(), 1);
}

#[tokio::test]
async fn a_deletion_overtakes_a_creation() {
    let process = Process::new();
    let stack = process.create(SCHEDULED).await;
    let uuid = stack.rsplit('/').next().unwrap();
    let key = format!("111111111111/us-east-1/{uuid}");
    for _ in 0..3 {
        crate::engine::runner::step(&process.service.inner, &key).await.unwrap();
    }
    process.ok("DeleteStack", json!({"StackName": "s"})).await;
    assert_eq!(process.run(&stack).await, "DELETE_COMPLETE");
    assert_eq!(process.holds(), [""; 0]);
}

#[tokio::test]
async fn a_deleted_stack_is_found_for_ninety_days() {
    let (process, stack) = made().await;
    process.ok("DeleteStack", json!({"StackName": "s"})).await;
    assert_eq!(process.run(&stack).await, "DELETE_COMPLETE");
    let day = Duration::from_secs(24 * 60 * 60);
    let group = |name: &str| json!({"StackName": name, "TemplateBody": "Resources: {A: {Type: AWS::Logs::LogGroup}}"});
    process.machine.hand.advance(90 * day);
    process.ok("CreateStack", group("one")).await;
    assert_eq!(process.stack(&stack).await["StackStatus"], "DELETE_COMPLETE");
    let template = process.ok("GetTemplate", json!({"StackName": stack})).await;
    assert_eq!(template["TemplateBody"], SCHEDULED);
    process.machine.hand.advance(day);
    process.ok("CreateStack", group("two")).await;
    let error = process.error("DescribeStacks", json!({"StackName": stack})).await;
    assert_eq!(error, format!("ValidationError: Stack with id {stack} does not exist"));
}

#[tokio::test]
async fn protection_protects() {
    let (process, stack) = made().await;
    let protect = |on: bool| json!({"StackName": "s", "EnableTerminationProtection": on});
    process.ok("UpdateTerminationProtection", protect(true)).await;
    let error = process.error("DeleteStack", json!({"StackName": "s"})).await;
    assert_eq!(error, "ValidationError: Stack [s] cannot be deleted while TerminationProtection is enabled");
    process.ok("UpdateTerminationProtection", protect(false)).await;
    process.ok("DeleteStack", json!({"StackName": "s"})).await;
    assert_eq!(process.run(&stack).await, "DELETE_COMPLETE");
}

#[tokio::test]
async fn the_runner_waits_for_what_is_slow_to_go() {
    let (process, stack) = made().await;
    process.machine.account.change(|world| world.lingering = 3);
    process.service.start().await.unwrap();
    process.ok("DeleteStack", json!({"StackName": "s"})).await;
    // The clock stands still: the runner gets on only as it is moved.
    while process.stack(&stack).await["StackStatus"] != "DELETE_COMPLETE" {
        process.machine.hand.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert_eq!(process.holds(), [""; 0]);
}
