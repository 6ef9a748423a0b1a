//! Stacks that wait for their services.

use super::{Process, submission};

fn template(task_definition: &str) -> String {
    format!(
        "
Resources:
  Service:
    Type: AWS::ECS::Service
    Properties:
      ServiceName: web
      TaskDefinition: {task_definition}
      DesiredCount: '1'
      LaunchType: FARGATE
      EnableECSManagedTags: true
Outputs:
  Arn: {{Value: !Ref Service}}
  Name: {{Value: !GetAtt Service.Name}}
"
    )
}

async fn made() -> (Process, String) {
    let process = Process::new();
    let stack = process.create(&template("job:1")).await;
    assert_eq!(process.run(&stack).await, "CREATE_COMPLETE");
    (process, stack)
}

#[tokio::test]
async fn a_service_is_made_once_it_rests() {
    let (process, _) = made().await;
    let outputs = process.stack("s").await["Outputs"].clone();
    assert_eq!(outputs[0]["OutputValue"], "arn:aws:ecs:us-east-1:111111111111:service/default/web");
    assert_eq!(outputs[1]["OutputValue"], "web");
    let input = process.machine.account.world.lock().unwrap().services["web"].0["input"].clone();
    assert_eq!(input["desiredCount"], 1);
    assert_eq!(input["enableECSManagedTags"], true);
}

#[tokio::test]
async fn a_change_is_asked_for_once_and_waited_for() {
    let (process, stack) = made().await;
    process.machine.account.calls();
    process.ok("UpdateStack", submission(&template("job:2"))).await;
    assert_eq!(process.run(&stack).await, "UPDATE_COMPLETE");
    let calls = process.machine.account.calls();
    let updates = calls.iter().filter(|call| call.starts_with("ecs:UpdateService")).count();
    assert_eq!(updates, 1, "{calls:?}");
}

#[tokio::test]
async fn a_deployment_that_fails_puts_the_stack_back() {
    let (process, stack) = made().await;
    process.ok("UpdateStack", submission(&template("broken:1"))).await;
    assert_eq!(process.run(&stack).await, "UPDATE_ROLLBACK_COMPLETE");
    let events = process.events("s").await;
    let words = "Resource handler returned message: \"Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'.\"";
    assert!(events.iter().any(|event| event.contains(words)), "{events:?}");
    let input = process.machine.account.world.lock().unwrap().services["web"].0["input"].clone();
    assert_eq!(input["taskDefinition"], "job:1");
}

#[tokio::test]
async fn a_service_goes_when_its_tasks_have() {
    let (process, stack) = made().await;
    process.ok("DeleteStack", serde_json::json!({"StackName": "s"})).await;
    assert_eq!(process.run(&stack).await, "DELETE_COMPLETE");
    assert!(process.holds().is_empty());
}

#[tokio::test]
async fn what_services_do_not_have_here_is_refused_by_name() {
    let process = Process::new();
    let with = template("job:1").replace("      LaunchType", "      LoadBalancers: []\n      LaunchType");
    let stack = process.create(&with).await;
    assert_eq!(process.run(&stack).await, "ROLLBACK_COMPLETE");
    let events = process.events("s").await;
    let words = "Runwright does not serve property LoadBalancers of AWS::ECS::Service.";
    assert!(events.iter().any(|event| event.contains(words)), "{events:?}");
}
