//! Where messages go that were received too often, and whose messages a queue takes.
//!
//! Source: SQS Developer Guide, "Using dead-letter queues in Amazon SQS".

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::Error;
use crate::limits::{RECEIVE_COUNT_MAX, SOURCE_QUEUES_MAX};
use crate::queue::QueueKey;

/// `RedrivePolicy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RedrivePolicy {
    pub(crate) target_arn: String,
    /// How often a message is received before it goes to the dead-letter queue.
    pub(crate) receives_max: u32,
}

/// `RedriveAllowPolicy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RedriveAllowPolicy {
    AllowAll,
    DenyAll,
    ByQueue(Vec<String>),
}

impl RedrivePolicy {
    /// Reads the attribute.
    ///
    /// # Errors
    /// [`Error::InvalidParameterValue`].
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |reason: &str| Error::invalid_value(text, "RedrivePolicy", reason);
        let policy = object(text).ok_or_else(|| invalid("Redrive policy is not a valid JSON map."))?;
        let missing =
            |name: &str| invalid(&format!("Redrive policy does not contain mandatory attribute: {name}."));
        let target = policy.get("deadLetterTargetArn").ok_or_else(|| missing("deadLetterTargetArn"))?;
        let count = policy.get("maxReceiveCount").ok_or_else(|| missing("maxReceiveCount"))?;
        if policy.len() > 2 {
            let text = "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].";
            return Err(invalid(text));
        }
        let target_arn = target.as_str().filter(|arn| QueueKey::of_arn(arn).is_some());
        let target_arn = target_arn.ok_or_else(|| invalid("Invalid value for deadLetterTargetArn."))?;
        let written = count.as_str().map_or_else(|| count.to_string(), str::to_owned);
        let receives_max = written.parse().ok().filter(|count| (1..=RECEIVE_COUNT_MAX).contains(count));
        let receives_max = receives_max.and_then(|count| u32::try_from(count).ok()).ok_or_else(|| {
            invalid(&format!(
                "Invalid value for maxReceiveCount: {written}, valid values are from 1 to {RECEIVE_COUNT_MAX} both inclusive."
            ))
        })?;
        Ok(Self { target_arn: target_arn.to_owned(), receives_max })
    }

    /// The attribute as it is shown.
    pub(crate) fn text(&self) -> String {
        json!({"deadLetterTargetArn": self.target_arn, "maxReceiveCount": self.receives_max}).to_string()
    }

    /// The dead-letter queue.
    pub(crate) fn target(&self) -> Option<QueueKey> {
        QueueKey::of_arn(&self.target_arn)
    }
}

impl RedriveAllowPolicy {
    /// Reads the attribute.
    ///
    /// # Errors
    /// [`Error::InvalidParameterValue`].
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |reason: &str| Error::invalid_value(text, "RedriveAllowPolicy", reason);
        let policy = object(text).ok_or_else(|| {
            invalid("Amazon SQS can't create the redrive allow policy, as it's in an unsupported format.")
        })?;
        let sources = policy.get("sourceQueueArns");
        match (policy.get("redrivePermission").and_then(Value::as_str), sources) {
            (Some("allowAll"), None) => Ok(Self::AllowAll),
            (Some("denyAll"), None) => Ok(Self::DenyAll),
            (Some("byQueue"), Some(Value::Array(arns)))
                if arns.len() <= SOURCE_QUEUES_MAX && !arns.is_empty() =>
            {
                let arns = arns.iter().map(|arn| arn.as_str().filter(|arn| QueueKey::of_arn(arn).is_some()));
                let arns: Option<Vec<&str>> = arns.collect();
                let arns = arns.ok_or_else(|| invalid("Invalid value for sourceQueueArns."))?;
                Ok(Self::ByQueue(arns.into_iter().map(str::to_owned).collect()))
            }
            _ => Err(invalid(
                "Amazon SQS can't create the redrive allow policy, as it's in an unsupported format.",
            )),
        }
    }

    /// The attribute as it is shown.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::AllowAll => json!({"redrivePermission": "allowAll"}),
            Self::DenyAll => json!({"redrivePermission": "denyAll"}),
            Self::ByQueue(arns) => json!({"redrivePermission": "byQueue", "sourceQueueArns": arns}),
        }
        .to_string()
    }

    /// Whether the queue with that ARN may have this one for its dead letters.
    pub(crate) fn allows(&self, source_arn: &str) -> bool {
        match self {
            Self::AllowAll => true,
            Self::DenyAll => false,
            Self::ByQueue(arns) => arns.iter().any(|arn| arn == source_arn),
        }
    }
}

fn object(text: &str) -> Option<Map<String, Value>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}
