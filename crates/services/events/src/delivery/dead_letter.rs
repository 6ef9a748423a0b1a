//! Dead letters: what was given up goes to the target's SQS queue, as the event that it was, with why.
//!
//! The letter is the delivery itself, kept on until the queue has it; it has the same idempotency key at each try.
//!
//! Source: EventBridge User Guide, "Using dead-letter queues to process undelivered events".

use api::{AwsError, Call, Dispatcher, Principal};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use types::{AccountId, Arn, Region, Timestamp};

use super::Delivery;
use super::retry::Condition;
use crate::targets::queue_url;

/// That a delivery was given up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct GivenUp {
    /// When: a queue that cannot be reached is asked for a day.
    pub at: Timestamp,
    /// What has ended the attempts, where there could have been others.
    pub condition: Option<Condition>,
    /// How often the queue could not be reached.
    pub failed_sends: u32,
}

impl Delivery {
    /// The ARN of the target's dead-letter queue.
    pub(super) fn dead_letter_queue(&self) -> Option<&str> {
        self.target.dead_letter_config.as_ref()?.arn.as_deref()
    }
}

/// Sends the event of a delivery that was given up to its queue, once.
///
/// # Errors
/// Whatever the queue answers.
pub(super) async fn send(dispatcher: &Dispatcher, delivery: &Delivery) -> Result<Value, AwsError> {
    let queue = delivery.dead_letter_queue().unwrap_or_default();
    let arn: Arn = queue
        .parse()
        .map_err(|_| AwsError::new("InvalidTarget", "The dead-letter queue has no valid ARN."))?;
    let input = json!({
        "QueueUrl": queue_url(&arn),
        "MessageBody": delivery.event.as_ref().unwrap_or(&delivery.input),
        "MessageAttributes": attributes(delivery),
    });
    let service = Principal::service("events.amazonaws.com");
    let (account, region) = (AccountId::new(arn.account), Region::new(arn.region));
    let call = Call::new(service, &account, &region, "sqs", "SendMessage", input);
    dispatcher.call(call.with_idempotency_key(format!("{}/dead-letter", delivery.id))).await
}

fn attributes(delivery: &Delivery) -> Value {
    let text = |value: &str| json!({"DataType": "String", "StringValue": value});
    let (code, message) =
        delivery.last_error.as_ref().map_or(("UNKNOWN", ""), |error| (error.kind(), &*error.message));
    let retries = delivery.failed_attempts.saturating_sub(1);
    let mut attributes = json!({
        "RULE_ARN": text(&delivery.rule_arn),
        "TARGET_ARN": text(&delivery.target.arn),
        "ERROR_CODE": text(code),
        // An attribute has a value.
        "ERROR_MESSAGE": text(if message.is_empty() { code } else { message }),
        "RETRY_ATTEMPTS": {"DataType": "Number", "StringValue": retries.to_string()},
    });
    if let Some(condition) = delivery.given_up.as_ref().and_then(|given_up| given_up.condition) {
        attributes["EXHAUSTED_RETRY_CONDITION"] = text(condition.as_str());
    }
    attributes
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LastError {
    /// The target's code.
    pub code: String,
    /// Its words.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
}

impl From<&AwsError> for LastError {
    fn from(error: &AwsError) -> Self {
        Self { code: error.code.to_string(), message: error.message.clone(), status: error.status }
    }
}

impl LastError {
    /// EventBridge's own code for a target's error.
    fn kind(&self) -> &'static str {
        const KINDS: [(&str, &str); 17] = [
            ("AccessDenied", "NO_PERMISSIONS"),
            ("NotAuthorized", "NO_PERMISSIONS"),
            ("NotFound", "NO_RESOURCE"),
            ("NonExistent", "NO_RESOURCE"),
            ("DoesNotExist", "NO_RESOURCE"),
            ("QueueDoesNotExist", "NO_RESOURCE"),
            ("Throttl", "THROTTLING"),
            ("TooManyRequests", "THROTTLING"),
            ("LimitExceeded", "RESOURCE_LIMIT_EXCEEDED"),
            ("HttpStatus", "ERROR_FROM_TARGET"),
            ("ConnectionFailure", "CONNECTION_FAILURE"),
            ("TimedOut", "TIMEOUT"),
            ("AssumeRole", "FAILED_TO_ASSUME_ROLE"),
            ("ForwardedBefore", "THIRD_ACCOUNT_HOP_DETECTED"),
            ("InvalidInput", "INVALID_JSON"),
            ("Validation", "INVALID_PARAMETER"),
            ("Invalid", "INVALID_PARAMETER"),
        ];
        let known = KINDS.iter().find(|(part, _)| self.code.contains(part)).map(|(_, kind)| *kind);
        let other = if self.status >= 500 { "INTERNAL_ERROR" } else { "SDK_CLIENT_ERROR" };
        known.unwrap_or(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_targets_have_eventbridges_codes() {
        let kind =
            |code: &'static str, status| LastError::from(&AwsError::new(code, "").with_status(status)).kind();
        assert_eq!(kind("AccessDeniedException", 400), "NO_PERMISSIONS");
        assert_eq!(kind("AWS.SimpleQueueService.NonExistentQueue", 400), "NO_RESOURCE");
        assert_eq!(kind("StateMachineDoesNotExist", 400), "NO_RESOURCE");
        assert_eq!(kind("InvalidExecutionInput", 400), "INVALID_PARAMETER");
        assert_eq!(kind("ThrottlingException", 400), "THROTTLING");
        assert_eq!(kind("InternalException", 500), "INTERNAL_ERROR");
        assert_eq!(kind("Whatever", 400), "SDK_CLIENT_ERROR");
    }
}
