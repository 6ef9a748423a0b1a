//! `AWS::StepFunctions::Activity`, `::StateMachineVersion` and `::StateMachineAlias`.

use serde_json::json;

use super::{Process, submission};

const PARTS: &str = "
Resources:
  Activity:
    Type: AWS::StepFunctions::Activity
    Properties: {Name: work, Tags: [{Key: team, Value: x}]}
  Version:
    Type: AWS::StepFunctions::StateMachineVersion
    Properties:
      StateMachineArn: arn:aws:states:us-east-1:111111111111:stateMachine:m
      StateMachineRevisionId: INITIAL
      Description: first
  Alias:
    Type: AWS::StepFunctions::StateMachineAlias
    Properties:
      Name: live
      RoutingConfiguration: [{StateMachineVersionArn: !Ref Version, Weight: 100}]
Outputs:
  A: {Value: !Ref Activity}
  B: {Value: !GetAtt Activity.Name}
  C: {Value: !GetAtt Version.Arn}
  D: {Value: !Ref Alias}
";

#[tokio::test]
async fn parts_are_made_changed_and_deleted() {
    let process = Process::new();
    let stack = process.create(PARTS).await;
    assert_eq!(process.run(&stack).await, "CREATE_COMPLETE", "{:?}", process.events("s").await);
    let outputs = process.stack("s").await["Outputs"].clone();
    let values: Vec<_> =
        outputs.as_array().unwrap().iter().map(|output| output["OutputValue"].as_str().unwrap()).collect();
    let place = "arn:aws:states:us-east-1:111111111111";
    let (version, alias) = (format!("{place}:stateMachine:m:1"), format!("{place}:stateMachine:m:live"));
    assert_eq!(values, [&format!("{place}:activity:work"), "work", version.as_str(), alias.as_str()]);
    process.machine.account.change(|world| {
        let published = json!({
            "stateMachineArn": format!("{place}:stateMachine:m"), "revisionId": "INITIAL", "description": "first",
        });
        assert_eq!(world.parts[&version], published);
        let routes = json!([{"stateMachineVersionArn": version, "weight": 100}]);
        assert_eq!(world.parts[&alias]["routingConfiguration"], routes);
    });

    let changed = PARTS.replace("Name: live", "Name: live\n      Description: new");
    process.ok("UpdateStack", submission(&changed)).await;
    assert_eq!(process.run(&stack).await, "UPDATE_COMPLETE", "{:?}", process.events("s").await);
    process.machine.account.change(|world| assert_eq!(world.parts[&alias]["description"], "new"));

    process.ok("DeleteStack", json!({"StackName": "s"})).await;
    assert_eq!(process.run(&stack).await, "DELETE_COMPLETE", "{:?}", process.events("s").await);
    assert_eq!(process.holds(), Vec::<String>::new());
}

#[tokio::test]
async fn an_alias_is_deployed_at_once_or_not_at_all() {
    let place = "arn:aws:states:us-east-1:111111111111:stateMachine:m";
    let template = |preference: &str| {
        format!(
            "Resources: {{A: {{Type: 'AWS::StepFunctions::StateMachineAlias', Properties: {{Name: live, \
             DeploymentPreference: {{StateMachineVersionArn: '{place}:3', {preference}}}}}}}}}"
        )
    };
    let process = Process::new();
    let stack = process.create(&template("Type: ALL_AT_ONCE")).await;
    assert_eq!(process.run(&stack).await, "CREATE_COMPLETE", "{:?}", process.events("s").await);
    process.machine.account.change(|world| {
        let routes = json!([{"stateMachineVersionArn": format!("{place}:3"), "weight": 100}]);
        assert_eq!(world.parts[&format!("{place}:live")]["routingConfiguration"], routes);
    });
    let process = Process::new();
    let stack = process.create(&template("Type: LINEAR, Interval: 1, Percentage: 10")).await;
    assert_eq!(process.run(&stack).await, "ROLLBACK_COMPLETE");
    let refused = "Runwright does not serve DeploymentPreference Type LINEAR";
    assert!(process.events("s").await.iter().any(|event| event.contains(refused)));
}

#[tokio::test]
async fn an_activity_that_is_there_is_somebody_elses() {
    let process = Process::new();
    let arn = "arn:aws:states:us-east-1:111111111111:activity:work";
    process.machine.account.change(|world| world.parts.insert(arn.to_owned(), json!({})));
    let stack = process
        .create("Resources: {A: {Type: 'AWS::StepFunctions::Activity', Properties: {Name: work}}}")
        .await;
    assert_eq!(process.run(&stack).await, "ROLLBACK_COMPLETE");
    assert!(process.events("s").await.iter().any(|event| event.contains("already exists")));
    process.machine.account.change(|world| assert!(world.parts.contains_key(arn)));
}
