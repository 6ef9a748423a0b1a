//! The attributes of a queue: what can be set, to which values, and how they are shown.
//!
//! Source: SQS API Reference, "CreateQueue", "SetQueueAttributes", "GetQueueAttributes".

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::limits::{
    DELAY_SECONDS_MAX, MESSAGE_BYTES_LIMIT_MIN, MESSAGE_BYTES_MAX, RETENTION_SECONDS_MAX,
    RETENTION_SECONDS_MIN, VISIBILITY_SECONDS_MAX, WAIT_SECONDS_MAX,
};
use crate::redrive_policy::{RedriveAllowPolicy, RedrivePolicy};

/// Bytes of the name of a key.
const KEY_NAME_BYTES_MAX: usize = 2048;

/// What can be set of a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    /// Of a FIFO queue.
    pub(crate) fifo: Option<FifoAttributes>,
    pub(crate) delay_seconds: u64,
    pub(crate) message_bytes_max: u64,
    pub(crate) retention_seconds: u64,
    pub(crate) wait_seconds: u64,
    pub(crate) visibility_seconds: u64,
    pub(crate) policy: Option<String>,
    pub(crate) redrive: Option<RedrivePolicy>,
    pub(crate) redrive_allow: Option<RedriveAllowPolicy>,
    pub(crate) encryption: Encryption,
}

/// What only FIFO queues have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FifoAttributes {
    pub(crate) is_content_based: bool,
    /// Whether a deduplication id means something in its group only.
    pub(crate) is_scoped_to_group: bool,
    pub(crate) is_limited_per_group: bool,
}

/// How messages are encrypted: with the data directory's key in any case but the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Encryption {
    Off,
    Sqs,
    Kms { key: String, reuse_seconds: Option<u64> },
}

impl Attributes {
    /// Those of a queue of which nothing is said.
    pub(crate) fn new(is_fifo: bool) -> Self {
        let fifo = FifoAttributes {
            is_content_based: false,
            is_scoped_to_group: false,
            is_limited_per_group: false,
        };
        Self {
            fifo: is_fifo.then_some(fifo),
            delay_seconds: 0,
            message_bytes_max: MESSAGE_BYTES_MAX,
            retention_seconds: 345_600,
            wait_seconds: 0,
            visibility_seconds: 30,
            policy: None,
            redrive: None,
            redrive_allow: None,
            encryption: Encryption::Sqs,
        }
    }

    pub(crate) fn is_fifo(&self) -> bool {
        self.fifo.is_some()
    }

    pub(crate) fn retention(&self) -> Duration {
        Duration::from_secs(self.retention_seconds)
    }

    /// Sets attributes, one after the other.
    ///
    /// # Errors
    /// [`Error::UnknownAttribute`], [`Error::InvalidAttributeValue`], [`Error::InvalidParameterValue`],
    /// [`Error::TwoEncryptions`].
    pub(crate) fn set_all<'a>(
        &mut self,
        given: impl IntoIterator<Item = (&'a String, &'a String)> + Clone,
    ) -> Result<(), Error> {
        // How long a key is used again is said of a key: that comes first.
        let is_key = |(name, _): &(&String, &String)| *name == "KmsMasterKeyId";
        let (keys, others): (Vec<_>, Vec<_>) = given.clone().into_iter().partition(is_key);
        for (name, value) in keys.into_iter().chain(others) {
            self.set(name, value)?;
        }
        let says = |wanted: &str, value: Option<&str>| {
            given
                .clone()
                .into_iter()
                .any(|(name, given)| name == wanted && value.is_none_or(|value| given == value))
        };
        let names_key = says("KmsMasterKeyId", None) && !says("KmsMasterKeyId", Some(""));
        if names_key && says("SqsManagedSseEnabled", Some("true")) {
            return Err(Error::TwoEncryptions);
        }
        if self.fifo.as_ref().is_some_and(|fifo| fifo.is_limited_per_group && !fifo.is_scoped_to_group) {
            return Err(Error::InvalidAttributeValue {
                name: "FifoThroughputLimit".to_owned(),
                reason: " Reason: The perMessageGroupId value is allowed only when the value for DeduplicationScope is \
                         messageGroup."
                    .to_owned(),
            });
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "DelaySeconds" => self.delay_seconds = number(name, value, 0, DELAY_SECONDS_MAX)?,
            "MaximumMessageSize" => {
                self.message_bytes_max = number(name, value, MESSAGE_BYTES_LIMIT_MIN, MESSAGE_BYTES_MAX)?;
            }
            "MessageRetentionPeriod" => {
                self.retention_seconds = number(name, value, RETENTION_SECONDS_MIN, RETENTION_SECONDS_MAX)?;
            }
            "ReceiveMessageWaitTimeSeconds" => self.wait_seconds = number(name, value, 0, WAIT_SECONDS_MAX)?,
            "VisibilityTimeout" => self.visibility_seconds = number(name, value, 0, VISIBILITY_SECONDS_MAX)?,
            "Policy" => self.policy = policy(value)?,
            "RedrivePolicy" => self.redrive = unless_empty(value).map(RedrivePolicy::parse).transpose()?,
            "RedriveAllowPolicy" => {
                self.redrive_allow = unless_empty(value).map(RedriveAllowPolicy::parse).transpose()?;
            }
            "KmsMasterKeyId" | "KmsDataKeyReusePeriodSeconds" | "SqsManagedSseEnabled" => {
                self.set_encryption(name, value)?;
            }
            "FifoQueue" | "ContentBasedDeduplication" | "DeduplicationScope" | "FifoThroughputLimit" => {
                self.set_fifo(name, value)?;
            }
            _ => return Err(Error::UnknownAttribute(name.to_owned())),
        }
        Ok(())
    }

    fn set_fifo(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let Some(fifo) = &mut self.fifo else { return Err(Error::UnknownAttribute(name.to_owned())) };
        match name {
            "FifoQueue" if !value.eq_ignore_ascii_case("true") => {
                let reason = " Reason: Modifying queue type is not supported.".to_owned();
                return Err(Error::InvalidAttributeValue { name: name.to_owned(), reason });
            }
            "ContentBasedDeduplication" => fifo.is_content_based = truth(name, value)?,
            "DeduplicationScope" => fifo.is_scoped_to_group = choice(name, value, "messageGroup", "queue")?,
            "FifoThroughputLimit" => {
                fifo.is_limited_per_group = choice(name, value, "perMessageGroupId", "perQueue")?;
            }
            _ => {}
        }
        Ok(())
    }

    fn set_encryption(&mut self, name: &str, value: &str) -> Result<(), Error> {
        self.encryption = match (name, &self.encryption) {
            ("SqsManagedSseEnabled", before) => match (truth(name, value)?, before) {
                (true, _) => Encryption::Sqs,
                (false, Encryption::Kms { .. }) => before.clone(),
                (false, Encryption::Off | Encryption::Sqs) => Encryption::Off,
            },
            ("KmsMasterKeyId", Encryption::Kms { .. }) if value.is_empty() => Encryption::Off,
            ("KmsMasterKeyId", before) if value.is_empty() => before.clone(),
            ("KmsMasterKeyId", before) => {
                check_key(value)?;
                let reuse_seconds = before.reuse_seconds();
                Encryption::Kms { key: value.to_owned(), reuse_seconds }
            }
            (_, before) => {
                let seconds = number(name, value, 60, 86_400)?;
                match before {
                    Encryption::Kms { key, .. } => {
                        Encryption::Kms { key: key.clone(), reuse_seconds: Some(seconds) }
                    }
                    other => other.clone(),
                }
            }
        };
        Ok(())
    }

    /// Names and values, as GetQueueAttributes gives them; not those that say how a queue stands.
    pub(crate) fn shown(&self) -> Vec<(&'static str, String)> {
        let mut shown = vec![
            ("VisibilityTimeout", self.visibility_seconds.to_string()),
            ("MaximumMessageSize", self.message_bytes_max.to_string()),
            ("MessageRetentionPeriod", self.retention_seconds.to_string()),
            ("DelaySeconds", self.delay_seconds.to_string()),
            ("ReceiveMessageWaitTimeSeconds", self.wait_seconds.to_string()),
            ("SqsManagedSseEnabled", (self.encryption == Encryption::Sqs).to_string()),
        ];
        shown.extend(self.policy.clone().map(|policy| ("Policy", policy)));
        shown.extend(self.redrive.as_ref().map(|policy| ("RedrivePolicy", policy.text())));
        shown.extend(self.redrive_allow.as_ref().map(|policy| ("RedriveAllowPolicy", policy.text())));
        if let Encryption::Kms { key, reuse_seconds } = &self.encryption {
            shown.push(("KmsMasterKeyId", key.clone()));
            shown.push(("KmsDataKeyReusePeriodSeconds", reuse_seconds.unwrap_or(300).to_string()));
        }
        if let Some(fifo) = &self.fifo {
            let scope = if fifo.is_scoped_to_group { "messageGroup" } else { "queue" };
            let limit = if fifo.is_limited_per_group { "perMessageGroupId" } else { "perQueue" };
            shown.push(("FifoQueue", "true".to_owned()));
            shown.push(("ContentBasedDeduplication", fifo.is_content_based.to_string()));
            shown.push(("DeduplicationScope", scope.to_owned()));
            shown.push(("FifoThroughputLimit", limit.to_owned()));
        }
        shown
    }

    /// The first attribute of those `names` by which `other` differs.
    pub(crate) fn difference<'a>(
        &self,
        other: &Self,
        names: impl Iterator<Item = &'a String>,
    ) -> Option<String> {
        let (here, there) = (self.shown(), other.shown());
        let value = |shown: &[(&'static str, String)], wanted: &str| {
            shown.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone())
        };
        names.into_iter().find(|name| value(&here, name) != value(&there, name)).cloned()
    }
}

impl Encryption {
    fn reuse_seconds(&self) -> Option<u64> {
        match self {
            Self::Kms { reuse_seconds, .. } => *reuse_seconds,
            Self::Off | Self::Sqs => None,
        }
    }
}

/// Any name of a key is taken: which keys there are is KMS's to know, and it is asked for none. Messages are sealed with the
/// key of the data directory, whatever the name.
fn check_key(value: &str) -> Result<(), Error> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b':');
    match value.len() <= KEY_NAME_BYTES_MAX && value.bytes().all(is_name) {
        true => Ok(()),
        false => Err(Error::invalid_attribute("KmsMasterKeyId")),
    }
}

fn unless_empty(value: &str) -> Option<&str> {
    Some(value).filter(|value| !value.is_empty())
}

fn number(name: &str, value: &str, min: u64, max: u64) -> Result<u64, Error> {
    let number = value.parse::<u64>().ok().filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| Error::invalid_attribute(name))
}

fn truth(name: &str, value: &str) -> Result<bool, Error> {
    match value {
        _ if value.eq_ignore_ascii_case("true") => Ok(true),
        _ if value.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(Error::invalid_attribute(name)),
    }
}

/// Whether the value is the one or the other.
fn choice(name: &str, value: &str, yes: &str, no: &str) -> Result<bool, Error> {
    match value {
        _ if value == yes => Ok(true),
        _ if value == no => Ok(false),
        _ => Err(Error::invalid_attribute(name)),
    }
}

/// A policy is kept as it was given; what it permits is not decided here.
fn policy(value: &str) -> Result<Option<String>, Error> {
    let Some(text) = unless_empty(value) else { return Ok(None) };
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::Object(_)) => Ok(Some(text.to_owned())),
        _ => Err(Error::invalid_attribute("Policy")),
    }
}
