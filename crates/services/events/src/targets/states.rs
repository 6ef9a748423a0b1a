//! A state machine: each event starts an execution.

use api::{AwsError, Dispatcher};
use serde_json::{Value, json};

use super::{call, role};
use crate::delivery::Delivery;

/// Starts an execution named `<event id>_<delivery id>`: a second attempt finds the first one's execution.
pub async fn start_execution(dispatcher: &Dispatcher, delivery: &Delivery) -> Result<Value, AwsError> {
    let name = format!("{}_{}", delivery.event_id, delivery.id);
    let input = json!({
        "stateMachineArn": delivery.target.arn,
        "name": name,
        "input": delivery.input,
    });
    match call(dispatcher, delivery, role(delivery), "states", "StartExecution", input).await {
        // The first attempt was made and its outcome lost; the execution has ended since.
        Err(error) if error.code == "ExecutionAlreadyExists" => {
            let machine = delivery.target.arn.replacen(":stateMachine:", ":execution:", 1);
            Ok(json!({"executionArn": format!("{machine}:{name}")}))
        }
        other => other,
    }
}
