//! A log group: each event becomes a log event in a stream of its own.

use api::{AwsError, Dispatcher, Principal};
use serde_json::{Value, json};
use types::Arn;

use super::call;
use crate::delivery::Delivery;

/// Writes the event. The stream is named after the delivery: a second attempt finds it.
pub async fn put_log_event(
    dispatcher: &Dispatcher,
    delivery: &Delivery,
    arn: &Arn,
) -> Result<Value, AwsError> {
    let group = arn.resource.trim_start_matches("log-group:").trim_end_matches(":*");
    let service = || Principal::service("events.amazonaws.com");
    let stream = json!({"logGroupName": group, "logStreamName": delivery.id});
    match call(dispatcher, delivery, service(), "logs", "CreateLogStream", stream).await {
        Err(error) if error.code != "ResourceAlreadyExistsException" => return Err(error),
        _ => {}
    }
    let (timestamp, message) = timestamp_and_message(&delivery.input)
        .unwrap_or_else(|| (delivery.accepted.as_millis(), delivery.input.clone()));
    let events = json!({
        "logGroupName": group,
        "logStreamName": delivery.id,
        "logEvents": [{"timestamp": timestamp, "message": message}],
    });
    call(dispatcher, delivery, service(), "logs", "PutLogEvents", events).await
}

/// An input transformer may say both: `{"timestamp": <epoch milliseconds>, "message": "..."}`.
fn timestamp_and_message(input: &str) -> Option<(i64, String)> {
    let input: Value = serde_json::from_str(input).ok()?;
    if input.as_object()?.len() != 2 {
        return None;
    }
    Some((input["timestamp"].as_i64()?, input["message"].as_str()?.to_owned()))
}
