//! A state machine: each invocation starts an execution.

use api::{AwsError, Dispatcher};
use serde_json::{Value, json};

use super::{call, input_or_notification};
use crate::invocation::Invocation;

/// Starts an execution named after the invocation: a second attempt finds the first one's execution.
pub async fn start_execution(dispatcher: &Dispatcher, invocation: &Invocation) -> Result<Value, AwsError> {
    let input = json!({
        "stateMachineArn": invocation.target.arn,
        "name": invocation.id,
        "input": input_or_notification(invocation),
    });
    match call(dispatcher, invocation, "states", "StartExecution", input).await {
        // The first attempt was made and its outcome lost; the execution has ended since, or had another attempt number.
        Err(error) if error.code == "ExecutionAlreadyExists" => {
            let machine = invocation.target.arn.replacen(":stateMachine:", ":execution:", 1);
            Ok(json!({"executionArn": format!("{machine}:{}", invocation.id)}))
        }
        other => other,
    }
}
