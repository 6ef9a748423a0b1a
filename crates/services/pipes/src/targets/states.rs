//! A state machine: all events of a shipment are the input of one execution.

use std::collections::HashSet;

use api::AwsError;
use serde_json::{Value, json};

use super::{Outgoing, Taken, array, batch_key};
use crate::line::Line;
use crate::shipment::Shipment;

/// Starts an execution, or runs one to its end, as the pipe's `InvocationType` says.
///
/// # Errors
/// What Step Functions answers, and an execution that did not succeed.
pub(super) async fn start(line: &Line, shipment: &Shipment, events: &[Outgoing]) -> Result<Taken, AwsError> {
    let parameters = line.pipe.definition.target_parameters.as_ref();
    let given = parameters.and_then(|given| given.step_function_state_machine_parameters.as_ref());
    let invocation = given.and_then(|given| given.invocation_type.as_deref());
    let (arn, input) = (line.pipe.definition.target.as_str(), array(events));
    if invocation == Some("FIRE_AND_FORGET") {
        let request = request(arn, &shipment.id, input);
        let answer = line.caller.call_once("states", "StartExecution", request, &batch_key(shipment)).await;
        return match answer {
            // It was started before, and has ended since.
            Err(error) if error.code == "ExecutionAlreadyExists" => Ok(Taken::AllBut(HashSet::new())),
            answer => answer.map(|_| Taken::AllBut(HashSet::new())),
        };
    }
    let output = run(line, arn, &shipment.id, input).await?;
    Ok(Taken::AllBut(failures(&output)))
}

/// Runs an execution of an express state machine to its end; returns its output.
///
/// # Errors
/// What Step Functions answers, and an execution that did not succeed.
pub(crate) async fn run(line: &Line, arn: &str, name: &str, input: String) -> Result<Value, AwsError> {
    let request = request(arn, name, input);
    let answer = line.caller.call_once("states", "StartSyncExecution", request, name).await?;
    let text = |member: &str| answer.get(member).and_then(Value::as_str).unwrap_or_default();
    if text("status") != "SUCCEEDED" {
        let text = format!("The execution of {arn} ended as {}: {}", text("status"), text("error"));
        return Err(AwsError::new("ExecutionFailed", text));
    }
    Ok(serde_json::from_str(text("output")).unwrap_or_default())
}

fn request(arn: &str, name: &str, input: String) -> Value {
    json!({"stateMachineArn": arn, "name": name, "input": input})
}

/// `batchItemFailures` of what a target answers: the ids of messages. One that is none of the batch's stands for all.
///
/// Source: EventBridge User Guide, "Amazon EventBridge Pipes batching and concurrency", "Partial batch failure".
fn failures(output: &Value) -> HashSet<String> {
    let failures = output.get("batchItemFailures").and_then(Value::as_array).into_iter().flatten();
    let id = |failure: &Value| {
        failure.get("itemIdentifier").and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    failures.map(id).collect()
}
