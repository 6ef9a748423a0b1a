//! Stacks that are changed.

use api::AwsError;
use serde_json::json;

use super::{Process, SCHEDULED, TASKS, submission};

async fn made(template: &str) -> (Process, String) {
    let process = Process::new();
    let stack = process.create(template).await;
    assert_eq!(process.run(&stack).await, "CREATE_COMPLETE");
    process.machine.account.calls();
    (process, stack)
}

async fn update(process: &Process, stack: &str, template: &str) -> String {
    process.ok("UpdateStack", submission(template)).await;
    process.run(stack).await
}

/// The events since the last update began.
async fn latest(process: &Process) -> Vec<String> {
    let events = process.events("s").await;
    let at = events.iter().rposition(|event| event == "s UPDATE_IN_PROGRESS User Initiated").unwrap();
    events[at + 1..].to_vec()
}

#[tokio::test]
async fn nothing_new_is_no_update() {
    let (process, _) = made(SCHEDULED).await;
    let same = SCHEDULED.replace("RetentionInDays: 7", "RetentionInDays: '7'");
    let error = process.error("UpdateStack", submission(&same)).await;
    assert_eq!(error, "ValidationError: No updates are to be performed.");
    assert_eq!(process.machine.account.calls(), [""; 0]);
}

#[tokio::test]
async fn a_change_in_place_changes_only_that() {
    let (process, stack) = made(SCHEDULED).await;
    let status =
        update(&process, &stack, &SCHEDULED.replace("RetentionInDays: 7", "RetentionInDays: 14")).await;
    assert_eq!(status, "UPDATE_COMPLETE");
    assert_eq!(process.machine.account.calls(), ["logs:PutRetentionPolicy my/loggroup"]);
    assert_eq!(
        latest(&process).await,
        [
            "Group UPDATE_IN_PROGRESS",
            "Group UPDATE_COMPLETE",
            "s UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            "s UPDATE_COMPLETE"
        ]
    );
}

#[tokio::test]
async fn a_replacement_comes_before_the_old_one_goes() {
    let (process, stack) = made(TASKS).await;
    assert_eq!(update(&process, &stack, &TASKS.replace("busybox", "alpine")).await, "UPDATE_COMPLETE");
    let prefix = "arn:aws:ecs:us-east-1:111111111111:task-definition/family";
    assert_eq!(
        process.machine.account.calls(),
        [
            "ecs:RegisterTaskDefinition family".to_owned(),
            "events:PutRule rule".to_owned(),
            "events:PutTargets rule".to_owned(),
            format!("ecs:DeregisterTaskDefinition {prefix}:1"),
        ]
    );
    assert_eq!(
        latest(&process).await,
        [
            "Task UPDATE_IN_PROGRESS Requested update requires the creation of a new physical resource; hence creating one.",
            "Task UPDATE_IN_PROGRESS Resource creation Initiated",
            "Task UPDATE_COMPLETE",
            "Rule UPDATE_IN_PROGRESS",
            "Rule UPDATE_COMPLETE",
            "s UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            "Task DELETE_IN_PROGRESS",
            "Task DELETE_COMPLETE",
            "s UPDATE_COMPLETE",
        ]
    );
    process.machine.account.change(|world| {
        let target = &world.targets["rule"][0];
        assert_eq!(target["EcsParameters"]["TaskDefinitionArn"], format!("{prefix}:2"));
    });
}

#[tokio::test]
async fn what_leaves_the_template_goes_last_and_what_is_retained_stays() {
    let (process, stack) = made(SCHEDULED).await;
    let (head, rest) = SCHEDULED.split_once("  Rule:").unwrap();
    let without_rule = format!("{head}  Role:{}", rest.split_once("  Role:").unwrap().1);
    assert_eq!(update(&process, &stack, &without_rule).await, "UPDATE_COMPLETE");
    assert_eq!(process.machine.account.calls(), ["events:RemoveTargets rule", "events:DeleteRule rule"]);
    let retained = without_rule
        .replace("Type: AWS::Logs::LogGroup", "Type: AWS::Logs::LogGroup\n    UpdateReplacePolicy: Retain")
        .replace("my/loggroup", "other");
    assert_eq!(update(&process, &stack, &retained).await, "UPDATE_COMPLETE");
    assert!(latest(&process).await.contains(&"Group DELETE_SKIPPED".to_owned()));
    assert!(process.holds().contains(&"my/loggroup".to_owned()));
}

#[tokio::test]
async fn a_failed_update_puts_everything_back() {
    let (process, stack) = made(TASKS).await;
    let before = process.holds();
    let refusal = AwsError::new("ValidationException", "no");
    process.machine.account.change(|world| world.failing.insert("events:PutRule".into(), refusal));
    let changed = format!(
        "{}\n  New: {{Type: AWS::Logs::LogGroup, Properties: {{LogGroupName: new}}}}\n",
        TASKS.trim_end()
    )
    .replace("busybox", "alpine");
    process.ok("UpdateStack", submission(&changed)).await;
    let uuid = stack.rsplit('/').next().unwrap();
    let key = format!("111111111111/us-east-1/{uuid}");
    // The service recovers before the rollback reaches the rule.
    loop {
        crate::engine::runner::step(&process.service.inner, &key).await.unwrap();
        if process.stack("s").await["StackStatus"] == "UPDATE_ROLLBACK_IN_PROGRESS" {
            process.machine.account.change(|world| world.failing.clear());
            break;
        }
    }
    assert_eq!(process.run(&stack).await, "UPDATE_ROLLBACK_COMPLETE");
    let events = latest(&process).await;
    let at = events.iter().position(|event| event.starts_with("s UPDATE_ROLLBACK_IN_PROGRESS")).unwrap();
    assert_eq!(
        events[at..],
        [
            "s UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to update: [Rule].",
            "Rule UPDATE_IN_PROGRESS",
            "Rule UPDATE_COMPLETE",
            "Task UPDATE_IN_PROGRESS",
            "Task UPDATE_COMPLETE",
            "s UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            "New DELETE_IN_PROGRESS",
            "New DELETE_COMPLETE",
            "Task DELETE_IN_PROGRESS",
            "Task DELETE_COMPLETE",
            "s UPDATE_ROLLBACK_COMPLETE",
        ]
    );
    assert_eq!(process.holds(), before);
    process.machine.account.change(|world| {
        let target =
            world.targets["rule"][0]["EcsParameters"]["TaskDefinitionArn"].as_str().unwrap().to_owned();
        assert!(target.ends_with(":1"), "{target}");
    });
    // It can be tried again.
    assert_eq!(update(&process, &stack, &changed).await, "UPDATE_COMPLETE");
}

#[tokio::test]
async fn a_named_resource_cannot_be_replaced_by_itself() {
    let (process, stack) = made(SCHEDULED).await;
    let moved = SCHEDULED.replace("RoleName: role", "RoleName: role\n      Path: /other/");
    assert_eq!(update(&process, &stack, &moved).await, "UPDATE_ROLLBACK_COMPLETE");
    let reason = "Role UPDATE_FAILED CloudFormation cannot update a stack when a custom-named resource requires replacing. \
                  Rename role and update the stack again.";
    assert!(latest(&process).await.contains(&reason.to_owned()));
}

#[tokio::test]
async fn stack_tags_reach_the_resources() {
    let (process, stack) = made(SCHEDULED).await;
    let mut input = submission(SCHEDULED);
    input["Tags"] = json!([{"Key": "team", "Value": "x"}]);
    process.ok("UpdateStack", input).await;
    assert_eq!(process.run(&stack).await, "UPDATE_COMPLETE");
    let calls = process.machine.account.calls();
    assert!(calls.contains(&"iam:TagRole role".to_owned()), "{calls:?}");
    assert!(
        calls.contains(
            &"states:TagResource arn:aws:states:us-east-1:111111111111:stateMachine:machine".to_owned()
        ),
        "{calls:?}"
    );
    assert_eq!(process.stack("s").await["Tags"], json!([{"Key": "team", "Value": "x"}]));
}

#[tokio::test]
async fn exports_stay_while_they_are_imported() {
    let (process, stack) = made(SCHEDULED).await;
    let user = "Resources: {G: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Select [6, !Split [':', !ImportValue machine]]}}}";
    let other = process.ok("CreateStack", json!({"StackName": "user", "TemplateBody": user})).await;
    let other = other["StackId"].as_str().unwrap().to_owned();
    assert_eq!(process.run(&other).await, "CREATE_COMPLETE");
    let error = process.error("DeleteStack", json!({"StackName": "s"})).await;
    assert_eq!(error, "ValidationError: Export machine cannot be deleted as it is in use by user");
    let (without, _) = SCHEDULED.split_once("Outputs:").unwrap();
    assert_eq!(update(&process, &stack, without).await, "UPDATE_ROLLBACK_COMPLETE");
    process.ok("DeleteStack", json!({"StackName": "user"})).await;
    assert_eq!(process.run(&other).await, "DELETE_COMPLETE");
    assert_eq!(update(&process, &stack, without).await, "UPDATE_COMPLETE");
    assert_eq!(process.ok("ListExports", json!({})).await["Exports"], json!([]));
}

#[tokio::test]
async fn templates_that_nothing_refers_to_go() {
    let (process, stack) = made(SCHEDULED).await;
    let changed = SCHEDULED.replace("RetentionInDays: 7", "RetentionInDays: 14");
    assert_eq!(update(&process, &stack, &changed).await, "UPDATE_COMPLETE");
    let kept = process.machine.store.list("cloudformation/template", store::Range::prefix("")).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(process.ok("GetTemplate", json!({"StackName": "s"})).await["TemplateBody"], changed);
}

#[tokio::test]
async fn types_stay() {
    let (process, _) = made("Resources: {A: {Type: AWS::Logs::LogGroup}}").await;
    let error = process.error("UpdateStack", submission("Resources: {A: {Type: AWS::ECS::Cluster}}")).await;
    let text = "Update of resource type is not permitted. The new template modifies resource type of the following resources: [A]";
    assert_eq!(error, format!("ValidationError: {text}"));
}
