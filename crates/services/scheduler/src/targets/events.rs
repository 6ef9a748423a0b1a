//! An event bus: each invocation puts an event.

use api::{AwsError, Dispatcher};
use serde_json::{Value, json};

use super::{call, input_or_notification};
use crate::invocation::Invocation;

/// Puts the event. PutEvents knows no idempotency key: as on AWS, an event may be put twice where an outcome is lost.
pub async fn put_event(dispatcher: &Dispatcher, invocation: &Invocation) -> Result<Value, AwsError> {
    let parameters = invocation.target.event_bridge_parameters.clone().unwrap_or_default();
    let entry = json!({
        "EventBusName": invocation.target.arn,
        "Source": parameters.source,
        "DetailType": parameters.detail_type,
        "Detail": input_or_notification(invocation),
        "Resources": [invocation.schedule.arn()],
    });
    let answer = call(dispatcher, invocation, "events", "PutEvents", json!({"Entries": [entry]})).await?;
    let failure = answer.pointer("/Entries/0");
    match failure.and_then(|entry| entry.get("ErrorCode")?.as_str()) {
        None => Ok(answer),
        Some(code) => {
            let text = failure.and_then(|entry| entry.get("ErrorMessage")?.as_str()).unwrap_or_default();
            let status = if code.starts_with("Internal") { 500 } else { 400 };
            Err(AwsError::new(code.to_owned(), text).with_status(status))
        }
    }
}
