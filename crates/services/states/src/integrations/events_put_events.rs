//! `events:putEvents`: events whose details are objects, and which name the execution that sent them.
//!
//! Source: Step Functions Developer Guide, "Add EventBridge events with Step Functions"; recorded executions.

use api::model::Operation;
use asl::{ErrorName, FailurePhase, Pattern};
use serde_json::{Value, json};

use super::{Answer, Attempt, aws_sdk, failed, not_served, sdk_shape};
use crate::name;

/// Calls PutEvents. One entry that fails fails the task.
pub(super) async fn invoke(attempt: &Attempt<'_>) -> Answer {
    let Some((model, operation)) = aws_sdk::find(attempt.dispatcher, "eventbridge", "putEvents") else {
        return not_served(attempt);
    };
    let input = match request(attempt, operation) {
        Ok(input) => input,
        Err(problems) => return attempt.unusable(&problems),
    };
    let (request_id, answer) = attempt.call("events", "PutEvents", input).await;
    let output = match answer {
        Ok(answer) => sdk_shape::sdk_response(operation.output, &answer),
        Err(error) => return aws_sdk::error(model, operation, &error, &request_id),
    };
    if output.get("FailedEntryCount").and_then(Value::as_i64).is_some_and(|failed| failed > 0) {
        return failed(ErrorName::from("EventBridge.FailedEntry"), output.to_string(), FailurePhase::Run);
    }
    match attempt.resource.pattern() {
        Pattern::RequestResponse => Answer::Succeeded(output),
        Pattern::Sync | Pattern::Sync2 | Pattern::WaitForTaskToken => Answer::Submitted { output },
    }
}

fn request(attempt: &Attempt<'_>, operation: &Operation) -> Result<Value, Vec<String>> {
    let mut parameters = attempt.parameters.clone();
    for entry in parameters.get_mut("Entries").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(detail) =
            entry.get_mut("Detail").filter(|detail| !detail.is_string() && !detail.is_null())
        {
            *detail = detail.to_string().into();
        }
        let senders = [name::machine_of(attempt.execution), attempt.execution.to_owned()];
        let mut resources = entry.get("Resources").and_then(Value::as_array).cloned().unwrap_or_default();
        resources.extend(senders.into_iter().map(Value::from));
        if entry.is_object() {
            entry["Resources"] = json!(resources);
        }
    }
    sdk_shape::sdk_request(operation.input, &parameters)
}
