//! Executions from their start to their end, and what others learn of them.

use crate::world::{World, pass};
use serde_json::{Value, json};

fn pass_machine() -> Value {
    json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"Arg1": "argument1"}, "End": true}}})
}

fn wait_machine(seconds: u64) -> Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": seconds, "End": true}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_machine_has_ended_when_start_execution_answers() {
    let world = World::new();
    let process = world.process().await;
    let machine = process.create("m", &pass_machine()).await;
    let execution = process.start(&machine, "e", &json!({})).await;
    let described = process.describe(&execution).await;
    assert_eq!(described["status"], "SUCCEEDED");
    assert_eq!(described["input"], "{}");
    assert_eq!(described["output"], "{\"Arg1\":\"argument1\"}");
    assert_eq!(
        process.event_types(&execution).await,
        ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    );
    world.events.until_ended(&execution).await;
    let statuses = world.events.statuses(&execution);
    assert_eq!(statuses.iter().map(|detail| &detail["status"]).collect::<Vec<_>>(), ["RUNNING", "SUCCEEDED"]);
    assert_eq!(statuses[1]["output"], "{\"Arg1\":\"argument1\"}");
    assert_eq!(statuses[0]["stopDate"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_goes_on_when_it_is_time() {
    let world = World::new();
    let process = world.process().await;
    let machine = process.create("m", &wait_machine(60)).await;
    let execution = process.start(&machine, "e", &json!({"a": 1})).await;
    assert_eq!(process.describe(&execution).await["status"], "RUNNING");
    pass(&world.clock, 61);
    world.events.until_ended(&execution).await;
    let described = process.describe(&execution).await;
    assert_eq!((&described["status"], &described["output"]), (&json!("SUCCEEDED"), &json!("{\"a\":1}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_goes_on_in_the_next_process() {
    let world = World::new();
    let process = world.process().await;
    let machine = process.create("m", &wait_machine(60)).await;
    let execution = process.start(&machine, "e", &json!({})).await;
    drop(process);
    pass(&world.clock, 61);
    let process = world.process().await;
    world.events.until_ended(&execution).await;
    assert_eq!(process.describe(&execution).await["status"], "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_start_twice_is_one_execution() {
    let world = World::new();
    let process = world.process().await;
    let machine = process.create("m", &wait_machine(60)).await;
    let execution = process.start(&machine, "e", &json!({})).await;
    assert_eq!(process.start(&machine, "e", &json!({})).await, execution);
    let other = json!({"stateMachineArn": machine, "name": "e", "input": "[]"});
    let error = process.call("StartExecution", other.clone()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("ExecutionAlreadyExists: Execution Already Exists: '{execution}'"));
    process
        .call("StopExecution", json!({"executionArn": execution, "error": "E", "cause": "C"}))
        .await
        .unwrap();
    let described = process.describe(&execution).await;
    assert_eq!(
        (&described["status"], &described["error"], &described["cause"]),
        (&json!("ABORTED"), &json!("E"), &json!("C"))
    );
    assert_eq!(described["redriveStatus"], "REDRIVABLE");
    let error = process.call("StartExecution", other).await.unwrap_err();
    assert_eq!(error.code, "ExecutionAlreadyExists");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_machine_aborts_what_it_runs() {
    let world = World::new();
    let process = world.process().await;
    let machine = process.create("m", &wait_machine(60)).await;
    let execution = process.start(&machine, "e", &json!({})).await;
    process.call("DeleteStateMachine", json!({"stateMachineArn": machine})).await.unwrap();
    world.events.until_ended(&execution).await;
    assert_eq!(process.describe(&execution).await["status"], "ABORTED");
    process.call("DeleteStateMachine", json!({"stateMachineArn": machine})).await.unwrap();
    let described =
        process.call("DescribeStateMachineForExecution", json!({"executionArn": execution})).await.unwrap();
    assert_eq!(described["stateMachineArn"], json!(machine));
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_are_listed_newest_first_in_pages() {
    let world = World::new();
    let process = world.process().await;
    let machine = process.create("m", &pass_machine()).await;
    for number in 0..7 {
        process.start(&machine, &format!("e{number}"), &json!({})).await;
    }
    let names = |answer: &Value| -> Vec<String> {
        let executions = answer["executions"].as_array().unwrap();
        executions.iter().map(|execution| execution["name"].as_str().unwrap().to_owned()).collect()
    };
    let first =
        process.call("ListExecutions", json!({"stateMachineArn": machine, "maxResults": 4})).await.unwrap();
    assert_eq!(names(&first), ["e6", "e5", "e4", "e3"]);
    let token = &first["nextToken"];
    let rest = json!({"stateMachineArn": machine, "maxResults": 4, "nextToken": token});
    let rest = process.call("ListExecutions", rest).await.unwrap();
    assert_eq!(names(&rest), ["e2", "e1", "e0"]);
    assert_eq!(rest.get("nextToken"), None);
    let filtered = json!({"stateMachineArn": machine, "statusFilter": "RUNNING"});
    assert_eq!(names(&process.call("ListExecutions", filtered).await.unwrap()), Vec::<String>::new());
    let foreign = json!({"stateMachineArn": machine, "statusFilter": "SUCCEEDED", "nextToken": token});
    let error = process.call("ListExecutions", foreign).await.unwrap_err();
    assert_eq!(error.to_string(), "InvalidToken: Invalid Token: 'Invalid token'");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_read_in_pages_both_ways() {
    let world = World::new();
    let process = world.process().await;
    let machine = process.create("m", &pass_machine()).await;
    let execution = process.start(&machine, "e", &json!({})).await;
    for reverse in [false, true] {
        let mut ids = Vec::new();
        let mut input = json!({"executionArn": execution, "maxResults": 3, "reverseOrder": reverse});
        loop {
            let page = process.call("GetExecutionHistory", input.clone()).await.unwrap();
            ids.extend(page["events"].as_array().unwrap().iter().map(|event| event["id"].as_i64().unwrap()));
            let Some(token) = page.get("nextToken") else { break };
            input["nextToken"] = token.clone();
        }
        assert_eq!(ids, if reverse { [4, 3, 2, 1] } else { [1, 2, 3, 4] });
    }
    let input = json!({"executionArn": execution, "includeExecutionData": false});
    let bare = process.call("GetExecutionHistory", input).await.unwrap();
    assert_eq!(bare["events"][0]["executionStartedEventDetails"], json!({"roleArn": crate::world::ROLE}));
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_executions_are_forgotten_after_ninety_days() {
    let world = World::new();
    let process = world.process().await;
    let machine = process.create("m", &pass_machine()).await;
    let execution = process.start(&machine, "e", &json!({})).await;
    pass(&world.clock, 90 * 86_400 - 1);
    assert_eq!(process.describe(&execution).await["status"], "SUCCEEDED");
    pass(&world.clock, 2);
    // The name is free once the execution is forgotten.
    loop {
        let input = json!({"stateMachineArn": machine, "name": "e"});
        match process.call("StartExecution", input).await {
            Ok(_) => break,
            Err(error) => assert_eq!(error.code, "ExecutionAlreadyExists"),
        }
        // The sweeper rests a little after each turn, and may have done so just when the time passed.
        world.clock.advance(std::time::Duration::from_millis(5));
        tokio::task::yield_now().await;
    }
    assert_eq!(process.event_types(&execution).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn execution_logs_go_where_the_configuration_says() {
    let world = World::new();
    let process = world.process().await;
    world.logs.groups.lock().unwrap().insert("my/loggroup".to_owned());
    let group = "arn:aws:logs:us-east-1:000000000000:log-group:my/loggroup:*";
    let destinations = json!([{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]);
    for (name, level, messages) in [("all", "ALL", 4), ("error", "ERROR", 0)] {
        let input = json!({
            "name": name, "definition": pass_machine().to_string(), "roleArn": crate::world::ROLE,
            "loggingConfiguration": {"level": level, "destinations": destinations},
        });
        let machine = process.call("CreateStateMachine", input).await.unwrap();
        let machine = machine["stateMachineArn"].as_str().unwrap().to_owned();
        let execution = process.start(&machine, "e", &json!({"secret": 1})).await;
        world.events.until_ended(&execution).await;
        let prefix = format!("states/{name}/2023-11-14-22-00/");
        world.logs.until_messages("my/loggroup", &prefix, messages).await;
        let found = world.logs.messages("my/loggroup", &prefix);
        assert_eq!(found.len(), messages, "{level}");
        if let Some(first) = found.first() {
            assert_eq!(first["details"], json!({"roleArn": crate::world::ROLE}));
            assert_eq!(first["execution_arn"], json!(execution));
        }
    }
    let validation = world.logs.messages("my/loggroup", "log_stream_created_by_aws_to_validate");
    assert_eq!(validation.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_of_the_same_name_outlives_its_predecessor() {
    let world = World::new();
    let process = world.process().await;
    for round in 0..20 {
        let machine = process.create("m", &wait_machine(60)).await;
        let execution = process.start(&machine, &format!("e{round}"), &json!({})).await;
        assert_eq!(process.describe(&execution).await["status"], "RUNNING");
        process.call("StopExecution", json!({"executionArn": execution})).await.unwrap();
        process.call("DeleteStateMachine", json!({"stateMachineArn": machine})).await.unwrap();
    }
    assert_eq!(process.call("ListStateMachines", json!({})).await.unwrap()["stateMachines"], json!([]));
}
