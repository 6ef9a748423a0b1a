//! Change sets, as the command line uses them.

use serde_json::{Value, json};

use super::{Process, SCHEDULED, TASKS};

fn change_set(name: &str, kind: &str, template: &str) -> Value {
    json!({"StackName": "s", "ChangeSetName": name, "ChangeSetType": kind, "TemplateBody": template,
        "Capabilities": ["CAPABILITY_NAMED_IAM"]})
}

fn of(name: &str) -> Value {
    json!({"StackName": "s", "ChangeSetName": name})
}

async fn deploy(process: &Process, name: &str, kind: &str, template: &str) -> String {
    let answer = process.ok("CreateChangeSet", change_set(name, kind, template)).await;
    process.ok("ExecuteChangeSet", json!({"ChangeSetName": answer["Id"]})).await;
    process.run(answer["StackId"].as_str().unwrap()).await
}

#[tokio::test]
async fn deploying_twice_finds_nothing_to_do() {
    let process = Process::new();
    let created = process.ok("CreateChangeSet", change_set("one", "CREATE", SCHEDULED)).await;
    assert_eq!(process.stack("s").await["StackStatus"], "REVIEW_IN_PROGRESS");
    assert_eq!(process.events("s").await, ["s REVIEW_IN_PROGRESS User Initiated"]);
    let shown = process.ok("DescribeChangeSet", of("one")).await;
    assert_eq!(
        (&shown["Status"], &shown["ExecutionStatus"]),
        (&json!("CREATE_COMPLETE"), &json!("AVAILABLE"))
    );
    let changes = shown["Changes"].as_array().unwrap();
    assert_eq!(changes.len(), 4);
    assert_eq!(
        changes[0],
        json!({"Type": "Resource", "ResourceChange": {"Action": "Add", "LogicalResourceId": "Group",
            "ResourceType": "AWS::Logs::LogGroup", "Scope": [], "Details": []}})
    );
    process.ok("ExecuteChangeSet", of("one")).await;
    assert_eq!(process.run(created["StackId"].as_str().unwrap()).await, "CREATE_COMPLETE");
    assert_eq!(process.ok("DescribeChangeSet", of("one")).await["ExecutionStatus"], "EXECUTE_COMPLETE");
    let shown = process.stack("s").await;
    assert_eq!(shown["ChangeSetId"], created["Id"]);
    assert!(shown["LastUpdatedTime"].is_number());

    let second = process.ok("CreateChangeSet", change_set("two", "UPDATE", SCHEDULED)).await;
    let shown = process.ok("DescribeChangeSet", of("two")).await;
    assert_eq!(shown["Status"], "FAILED");
    assert_eq!(shown["ExecutionStatus"], "UNAVAILABLE");
    assert_eq!(
        shown["StatusReason"],
        "The submitted information didn't contain changes. Submit different information to create a change set."
    );
    let error = process.error("ExecuteChangeSet", of("two")).await;
    let id = second["Id"].as_str().unwrap();
    assert_eq!(
        error,
        format!(
            "InvalidChangeSetStatus: ChangeSet [{id}] cannot be executed in its current status of [FAILED]"
        )
    );
}

#[tokio::test]
async fn changes_say_what_causes_them() {
    let process = Process::new();
    assert_eq!(deploy(&process, "one", "CREATE", TASKS).await, "CREATE_COMPLETE");
    process.ok("CreateChangeSet", change_set("two", "UPDATE", &TASKS.replace("busybox", "alpine"))).await;
    let shown = process.ok("DescribeChangeSet", of("two")).await;
    let changes = shown["Changes"].as_array().unwrap();
    assert_eq!(changes.len(), 2);
    assert_eq!(
        changes[0]["ResourceChange"],
        json!({"Action": "Modify", "LogicalResourceId": "Rule", "PhysicalResourceId": "rule",
            "ResourceType": "AWS::Events::Rule", "Replacement": "False", "Scope": ["Properties"],
            "Details": [{"Target": {"Attribute": "Properties", "Name": "Targets", "RequiresRecreation": "Never"},
                "Evaluation": "Dynamic", "ChangeSource": "ResourceReference", "CausingEntity": "Task"}]})
    );
    assert_eq!(
        changes[1]["ResourceChange"],
        json!({"PolicyAction": "ReplaceAndDelete", "Action": "Modify", "LogicalResourceId": "Task",
            "PhysicalResourceId": "arn:aws:ecs:us-east-1:111111111111:task-definition/family:1",
            "ResourceType": "AWS::ECS::TaskDefinition", "Replacement": "True", "Scope": ["Properties"],
            "Details": [{"Target": {"Attribute": "Properties", "Name": "ContainerDefinitions",
                "RequiresRecreation": "Always"}, "Evaluation": "Static", "ChangeSource": "DirectModification"}]})
    );
    let values = process
        .ok(
            "DescribeChangeSet",
            json!({"StackName": "s", "ChangeSetName": "two", "IncludePropertyValues": true}),
        )
        .await;
    let after: Value =
        serde_json::from_str(values["Changes"][0]["ResourceChange"]["AfterContext"].as_str().unwrap())
            .unwrap();
    assert_eq!(after["Properties"]["Targets"], "{{changeSet:KNOWN_AFTER_APPLY}}");
}

#[tokio::test]
async fn parameters_cause_changes_and_keep_their_values() {
    let process = Process::new();
    let template = "Parameters: {Days: {Type: Number, Default: 7}, Name: {Type: String, NoEcho: true}}\n\
        Resources: {G: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Ref Name, RetentionInDays: !Ref Days}}}";
    let mut input = change_set("one", "CREATE", template);
    input["Parameters"] = json!([{"ParameterKey": "Name", "ParameterValue": "name"}]);
    let stack = process.ok("CreateChangeSet", input.clone()).await["StackId"].as_str().unwrap().to_owned();
    process.ok("ExecuteChangeSet", of("one")).await;
    assert_eq!(process.run(&stack).await, "CREATE_COMPLETE");
    let shown = process.stack("s").await;
    assert_eq!(
        shown["Parameters"],
        json!([{"ParameterKey": "Days", "ParameterValue": "7"}, {"ParameterKey": "Name", "ParameterValue": "****"}])
    );
    input = change_set("two", "UPDATE", template);
    input["Parameters"] = json!([{"ParameterKey": "Name", "UsePreviousValue": true},
        {"ParameterKey": "Days", "ParameterValue": "14"}]);
    process.ok("CreateChangeSet", input).await;
    let shown = process.ok("DescribeChangeSet", of("two")).await;
    let target = json!({"Attribute": "Properties", "Name": "RetentionInDays", "RequiresRecreation": "Never"});
    assert_eq!(
        shown["Changes"][0]["ResourceChange"]["Details"],
        json!([{"Target": target, "Evaluation": "Static", "ChangeSource": "ParameterReference", "CausingEntity": "Days"},
            {"Target": target, "Evaluation": "Dynamic", "ChangeSource": "DirectModification"}])
    );
    process.ok("ExecuteChangeSet", of("two")).await;
    assert_eq!(process.run(&stack).await, "UPDATE_COMPLETE");
    assert_eq!(process.machine.account.change(|world| world.log_groups["name"].clone()), 14);
}

#[tokio::test]
async fn names_that_lead_nowhere() {
    let process = Process::new();
    let group = "Resources: {A: {Type: AWS::Logs::LogGroup}}";
    assert_eq!(
        process.error("DescribeChangeSet", of("x")).await,
        "ValidationError: Stack [s] does not exist"
    );
    let update = process.error("CreateChangeSet", change_set("x", "UPDATE", group)).await;
    assert_eq!(update, "ValidationError: Stack [s] does not exist");
    let nameless = process.error("DeleteChangeSet", json!({"ChangeSetName": "x"})).await;
    assert_eq!(
        nameless,
        "ValidationError: StackName must be specified if ChangeSetName is not specified as an ARN."
    );
    process.ok("CreateChangeSet", change_set("x", "CREATE", group)).await;
    assert_eq!(
        process.error("DescribeChangeSet", of("y")).await,
        "ChangeSetNotFound: ChangeSet [y] does not exist"
    );
    process.ok("DeleteChangeSet", of("x")).await;
    assert_eq!(
        process.error("DescribeChangeSet", of("x")).await,
        "ChangeSetNotFound: ChangeSet [x] does not exist"
    );
    assert_eq!(deploy(&process, "z", "CREATE", group).await, "CREATE_COMPLETE");
    let again = process.error("CreateChangeSet", change_set("w", "CREATE", group)).await;
    assert_eq!(
        again,
        "ValidationError: Stack [s] already exists and cannot be created again with the changeSet [w]."
    );
    let template = process.ok("GetTemplate", json!({"StackName": "s"})).await;
    assert_eq!(template["TemplateBody"], group);
}

#[tokio::test]
async fn a_stack_that_was_only_reviewed_can_be_deleted() {
    let process = Process::new();
    process.ok("CreateChangeSet", change_set("x", "CREATE", SCHEDULED)).await;
    process.ok("DeleteStack", json!({"StackName": "s"})).await;
    let error = process.error("DescribeStacks", json!({"StackName": "s"})).await;
    assert_eq!(error, "ValidationError: Stack with id s does not exist");
}

#[tokio::test]
async fn summaries() {
    let process = Process::new();
    let summary = process.ok("GetTemplateSummary", json!({"TemplateBody": SCHEDULED})).await;
    assert_eq!(summary["Capabilities"], json!(["CAPABILITY_NAMED_IAM"]));
    assert_eq!(
        summary["CapabilitiesReason"],
        "The following resource(s) require capabilities: [AWS::IAM::Role]"
    );
    assert_eq!(summary["ResourceTypes"].as_array().unwrap().len(), 4);
    let valid = process.ok("ValidateTemplate", json!({"TemplateBody": SCHEDULED})).await;
    assert_eq!(valid["Parameters"], json!([]));
    let error = process
        .error("ValidateTemplate", json!({"TemplateBody": "{\"this is invalid JSON\"=\"bobbins\"}"}))
        .await;
    assert_eq!(error, "ValidationError: Template format error: JSON not well-formed. (line 1, column 25)");
}
