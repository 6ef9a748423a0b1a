//! The dead-letter queue of a schedule: what is sent there of an invocation that was given up.
//!
//! Source: EventBridge Scheduler User Guide, "Configuring a schedule's dead-letter queue".

use api::{AwsError, Dispatcher};
use serde_json::{Map, Value, json};

use super::queue::queue_url;
use super::{call, input_or_notification};
use crate::invocation::{GivenUp, Invocation};

/// Sends the message: the target's input, and in its attributes what became of it.
pub async fn send(
    dispatcher: &Dispatcher,
    invocation: &Invocation,
    queue: &str,
    given_up: &GivenUp,
) -> Result<Value, AwsError> {
    let input = json!({
        "QueueUrl": queue_url(queue),
        "MessageBody": input_or_notification(invocation),
        "MessageAttributes": attributes(invocation, given_up),
    });
    call(dispatcher, invocation, "sqs", "SendMessage", input).await
}

fn attributes(invocation: &Invocation, given_up: &GivenUp) -> Map<String, Value> {
    let text = |text: &str| json!({"DataType": "String", "StringValue": text});
    let mut attributes = Map::new();
    let retries = invocation.failed_attempts.saturating_sub(1);
    for (name, value) in [
        ("ERROR_CODE", given_up.error_code.as_str()),
        ("ERROR_MESSAGE", given_up.error_message.as_str()),
        ("EXECUTION_ID", invocation.id.as_str()),
        ("IS_PAYLOAD_TRUNCATED", "false"),
        ("RETRY_ATTEMPTS", retries.to_string().as_str()),
        ("SCHEDULED_TIME", invocation.scheduled.to_iso_seconds().as_str()),
        ("SCHEDULE_ARN", invocation.schedule.arn().to_string().as_str()),
        ("TARGET_ARN", invocation.target.arn.as_str()),
    ] {
        // SQS takes no empty values.
        if !value.is_empty() {
            attributes.insert(name.to_owned(), text(value));
        }
    }
    if let Some(exhausted) = given_up.exhausted {
        attributes.insert("EXHAUSTED_RETRY_CONDITION".to_owned(), text(exhausted.as_str()));
    }
    attributes
}
