//! Stacks that are made, and those that cannot be.

use api::AwsError;
use serde_json::json;

use super::{Process, SCHEDULED, TASKS, submission};

#[tokio::test]
async fn a_stack_is_made_in_the_order_of_its_references() {
    let process = Process::new();
    let stack = process.create(SCHEDULED).await;
    assert_eq!(process.stack("s").await["StackStatus"], "CREATE_IN_PROGRESS");
    assert_eq!(process.run(&stack).await, "CREATE_COMPLETE");
    assert_eq!(
        process.machine.account.calls(),
        [
            "iam:CreateRole role",
            "iam:PutRolePolicy role",
            "logs:CreateLogGroup my/loggroup",
            "logs:PutRetentionPolicy my/loggroup",
            "states:CreateStateMachine machine",
            "events:PutRule rule",
            "events:PutTargets rule",
        ]
    );
    let made = |id: &str| {
        [
            format!("{id} CREATE_IN_PROGRESS"),
            format!("{id} CREATE_IN_PROGRESS Resource creation Initiated"),
            format!("{id} CREATE_COMPLETE"),
        ]
    };
    let mut expected = vec!["s CREATE_IN_PROGRESS User Initiated".to_owned()];
    expected.extend(["Role", "Group", "Machine", "Rule"].into_iter().flat_map(made));
    expected.push("s CREATE_COMPLETE".to_owned());
    assert_eq!(process.events("s").await, expected);
    process.machine.account.change(|world| {
        let arn = "arn:aws:states:us-east-1:111111111111:stateMachine:machine";
        let machine = &world.machines[arn];
        assert_eq!(machine["definition"], r#"{"Group": "my/loggroup", "Path": "$.x"}"#);
        assert_eq!(machine["roleArn"], "arn:aws:iam::111111111111:role/role");
        let group = &machine["loggingConfiguration"]["destinations"][0]["cloudWatchLogsLogGroup"];
        assert_eq!(group["logGroupArn"], "arn:aws:logs:us-east-1:111111111111:log-group:my/loggroup:*");
        assert_eq!(world.targets["rule"][0]["Arn"], arn);
    });
    let shown = process.stack("s").await;
    assert_eq!(
        shown["Outputs"][0]["OutputValue"],
        "arn:aws:states:us-east-1:111111111111:stateMachine:machine"
    );
    assert_eq!(shown["DriftInformation"]["StackDriftStatus"], "NOT_CHECKED");
    let exports = process.ok("ListExports", json!({})).await;
    assert_eq!(exports["Exports"][0]["Name"], "machine");
}

/// Not on IAM's.
#[tokio::test]
async fn resources_tell_by_their_tags_whose_they_are() {
    let process = Process::new();
    let stack = process.create(SCHEDULED).await;
    assert_eq!(process.run(&stack).await, "CREATE_COMPLETE");
    let prefix = |service: &str| format!("{service} arn:aws:{service}:us-east-1:111111111111:");
    let tags = |id: &str, key: &str, value: &str| {
        json!([
            {key: "aws:cloudformation:stack-name", value: "s"},
            {key: "aws:cloudformation:stack-id", value: stack},
            {key: "aws:cloudformation:logical-id", value: id},
        ])
    };
    let group = json!({
        "aws:cloudformation:stack-name": "s",
        "aws:cloudformation:stack-id": stack,
        "aws:cloudformation:logical-id": "Group",
    });
    let expected = [
        (format!("{}rule/rule", prefix("events")), tags("Rule", "Key", "Value")),
        (format!("{}log-group:my/loggroup", prefix("logs")), group),
        (format!("{}stateMachine:machine", prefix("states")), tags("Machine", "key", "value")),
    ];
    process.machine.account.change(|world| assert_eq!(world.marks, expected.into()));
}

#[tokio::test]
async fn task_definitions_and_clusters_have_them_too() {
    let process = Process::new();
    let stack = process.create(TASKS).await;
    assert_eq!(process.run(&stack).await, "CREATE_COMPLETE");
    process.machine.account.change(|world| {
        for (arn, id) in [("cluster/cluster", "Cluster"), ("task-definition/family:1", "Task")] {
            let tags = &world.marks[&format!("ecs arn:aws:ecs:us-east-1:111111111111:{arn}")];
            assert_eq!(tags[2], json!({"key": "aws:cloudformation:logical-id", "value": id}));
        }
    });
}

#[tokio::test]
async fn texts_become_what_the_services_take() {
    let process = Process::new();
    let stack = process.create(TASKS).await;
    assert_eq!(process.run(&stack).await, "CREATE_COMPLETE");
    process.machine.account.change(|world| {
        let (task, _) = world.revisions.values().next().unwrap();
        assert_eq!(
            *task,
            json!({"family": "family", "cpu": "256", "containerDefinitions": [{"name": "main", "image": "busybox",
                "memory": 64, "dockerLabels": {"Team": "x"}, "environment": [{"name": "A", "value": "1"}]}]})
        );
        let target = &world.targets["rule"][0];
        assert_eq!(target["EcsParameters"]["TaskCount"], 1);
    });
}

#[tokio::test]
async fn a_failure_rolls_everything_back() {
    let process = Process::new();
    let refusal = AwsError::new(
        "AccessDeniedException",
        "'arn:aws:iam::111111111111:role/role' is not authorized to create managed-rule.",
    );
    process.machine.account.change(|world| world.failing.insert("states:CreateStateMachine".into(), refusal));
    let stack = process.create(SCHEDULED).await;
    assert_eq!(process.run(&stack).await, "ROLLBACK_COMPLETE");
    assert_eq!(process.holds(), [""; 0]);
    let events = process.events("s").await;
    let failed = events.iter().find(|event| event.starts_with("Machine CREATE_FAILED")).unwrap();
    assert!(failed.starts_with(
        "Machine CREATE_FAILED Resource handler returned message: \"'arn:aws:iam::111111111111:role/role' is not \
         authorized to create managed-rule. (Service: AWSStepFunctions; Status Code: 400; Error Code: \
         AccessDeniedException; Request ID: "
    ));
    assert!(
        failed.ends_with("HandlerErrorCode: AccessDenied)")
            && failed.contains("; Proxy: null)\" (RequestToken: ")
    );
    let at = events.iter().position(|event| event.starts_with("s ROLLBACK_IN_PROGRESS")).unwrap();
    assert_eq!(
        events[at..],
        [
            "s ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [Machine]. Rollback requested by user.",
            "Machine DELETE_COMPLETE",
            "Group DELETE_IN_PROGRESS",
            "Group DELETE_COMPLETE",
            "Role DELETE_IN_PROGRESS",
            "Role DELETE_COMPLETE",
            "s ROLLBACK_COMPLETE",
        ]
    );
    let error = process.error("UpdateStack", submission(SCHEDULED)).await;
    assert_eq!(
        error,
        format!("ValidationError: Stack:{stack} is in ROLLBACK_COMPLETE state and can not be updated.")
    );
}

#[tokio::test]
async fn what_was_there_before_is_not_touched() {
    let process = Process::new();
    process.machine.account.change(|world| world.log_groups.insert("my/loggroup".into(), json!({})));
    let stack = process.create(SCHEDULED).await;
    assert_eq!(process.run(&stack).await, "ROLLBACK_COMPLETE");
    assert_eq!(process.holds(), ["my/loggroup"]);
    let events = process.events("s").await;
    let reason = "Resource of type 'AWS::Logs::LogGroup' with identifier 'my/loggroup' already exists.";
    assert!(
        events.iter().any(|event| event.contains(reason) && event.ends_with("AlreadyExists)")),
        "{events:#?}"
    );
}

#[tokio::test]
async fn what_is_half_made_is_cleared_away() {
    let process = Process::new();
    let refusal = AwsError::new("MalformedPolicyDocument", "Syntax errors in policy.");
    process.machine.account.change(|world| world.failing.insert("iam:PutRolePolicy".into(), refusal));
    let stack = process.create(SCHEDULED).await;
    assert_eq!(process.run(&stack).await, "ROLLBACK_COMPLETE");
    assert_eq!(process.holds(), [""; 0]);
}

#[tokio::test]
async fn on_failure_says_what_stays() {
    for (on_failure, status, count) in [("DO_NOTHING", "CREATE_FAILED", 2), ("DELETE", "DELETE_COMPLETE", 0)]
    {
        let process = Process::new();
        let refusal = AwsError::new("AccessDeniedException", "no");
        process
            .machine
            .account
            .change(|world| world.failing.insert("states:CreateStateMachine".into(), refusal));
        let mut input = submission(SCHEDULED);
        input["OnFailure"] = on_failure.into();
        let stack = process.ok("CreateStack", input).await["StackId"].as_str().unwrap().to_owned();
        assert_eq!(process.run(&stack).await, status);
        assert_eq!(process.holds().len(), count);
    }
}

#[tokio::test]
async fn properties_that_do_not_fit_fail_with_a_reason() {
    for (properties, reason) in [
        (
            "{Foo: 1}",
            "Properties validation failed for resource G with message:\n#: extraneous key [Foo] is not permitted",
        ),
        (
            "{RetentionInDays: x}",
            "Properties validation failed for resource G with message:\n#/RetentionInDays: expected type: Number, found: String",
        ),
        (
            "{Tags: [{Key: a}]}",
            "Properties validation failed for resource G with message:\n#/Tags/0: required key [Value] not found",
        ),
        ("{KmsKeyId: k}", "Runwright does not serve property KmsKeyId of AWS::Logs::LogGroup."),
        ("{LogGroupName: !ImportValue x}", "No export named x found"),
    ] {
        let process = Process::new();
        let template = format!("Resources: {{G: {{Type: AWS::Logs::LogGroup, Properties: {properties}}}}}");
        let stack = process.create(&template).await;
        assert_eq!(process.run(&stack).await, "ROLLBACK_COMPLETE");
        let events = process.events("s").await;
        assert!(events.contains(&format!("G CREATE_FAILED {reason}")), "{events:#?}");
        assert_eq!(process.machine.account.calls(), [""; 0]);
    }
}

#[tokio::test]
async fn requests_are_refused_before_anything_is_recorded() {
    let process = Process::new();
    let role = "Resources: {R: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}}";
    let unnamed = json!({"StackName": "s", "TemplateBody": role});
    for (input, error) in [
        (unnamed, "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_IAM]"),
        (
            submission("Resources: {A: {Type: 'AWS::X::B'}, B: {Type: 'AWS::X::A'}}"),
            "ValidationError: Template format error: Unrecognized resource types: [AWS::X::A, AWS::X::B]",
        ),
        (
            submission("Resources: {A: {Type: AWS::Logs::LogGroup}}\nOutputs: {O: {Value: !GetAtt A.X}}"),
            "ValidationError: Resource type AWS::Logs::LogGroup does not support attribute {X}",
        ),
        (
            submission("Transform: AWS::Serverless-2016-10-31\nResources: {A: {Type: AWS::Logs::LogGroup}}"),
            "ValidationError: No transform named AWS::Serverless-2016-10-31 found.",
        ),
        (
            submission("Parameters: {P: {Type: String}}\nResources: {A: {Type: AWS::Logs::LogGroup}}"),
            "ValidationError: Parameters: [P] must have values",
        ),
        (
            submission(
                "Parameters: {P: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /p}}\nResources: {A: {Type: AWS::Logs::LogGroup}}",
            ),
            "ValidationError: Unable to fetch parameters [/p] from parameter store for this account.",
        ),
        (
            json!({"StackName": "s"}),
            "ValidationError: Either Template URL or Template Body must be specified.",
        ),
    ] {
        assert_eq!(process.error("CreateStack", input).await, error);
    }
    assert_eq!(process.ok("ListStacks", json!({})).await["StackSummaries"], json!([]));
    process.create("Resources: {A: {Type: AWS::Logs::LogGroup}}").await;
    let again = process.error("CreateStack", submission("Resources: {A: {Type: AWS::Logs::LogGroup}}")).await;
    assert_eq!(again, "AlreadyExistsException: Stack [s] already exists");
}

#[tokio::test]
async fn names_are_made_up_once() {
    let process = Process::new();
    let stack = process
        .create("Resources: {A: {Type: AWS::Logs::LogGroup}, M: {Type: AWS::CDK::Metadata, Properties: {Analytics: x}}}")
        .await;
    assert_eq!(process.run(&stack).await, "CREATE_COMPLETE");
    let name = process.holds().pop().unwrap();
    assert!(name.starts_with("s-A-") && name.len() == "s-A-".len() + 12, "{name}");
}
