//! Attributes of topics: which there are, what they may hold, and what answers show. Pure.
//!
//! Source: SNS API Reference, CreateTopic, SetTopicAttributes, GetTopicAttributes; recorded answers.

use std::collections::BTreeMap;

use crate::delivery_policy::DeliveryPolicy;
use crate::error::Giver;
use crate::limits::{DISPLAY_NAME_MAX, KEY_NAME_MAX};
use crate::names::TopicName;
use crate::topic::Topic;
use crate::{Error, topic_policy};

/// Whether the topic is a FIFO topic; it is decided when the topic is made.
pub const FIFO_TOPIC: &str = "FifoTopic";
/// Whether a FIFO topic knows messages again by what they say.
pub const CONTENT_BASED_DEDUPLICATION: &str = "ContentBasedDeduplication";
/// `Topic` or `MessageGroup`: where a FIFO topic knows messages again.
pub const FIFO_THROUGHPUT_SCOPE: &str = "FifoThroughputScope";
/// The topic's resource policy.
pub const POLICY: &str = "Policy";
/// How its HTTP endpoints are retried.
pub const DELIVERY_POLICY: &str = "DeliveryPolicy";
/// `1` or `2`.
pub const SIGNATURE_VERSION: &str = "SignatureVersion";
/// The key that messages are sealed with.
pub const KMS_KEY: &str = "KmsMasterKeyId";
const DISPLAY_NAME: &str = "DisplayName";
const TRACING: &str = "TracingConfig";

/// What an attribute is where nobody has set it.
pub fn default(name: &str) -> &'static str {
    match name {
        FIFO_TOPIC | CONTENT_BASED_DEDUPLICATION => "false",
        FIFO_THROUGHPUT_SCOPE => "Topic",
        SIGNATURE_VERSION => "1",
        TRACING => "PassThrough",
        _ => "",
    }
}

/// Reads the attributes of a topic that is to be made.
///
/// # Errors
/// The first that cannot be.
pub fn read(given: BTreeMap<String, String>, is_fifo: bool) -> Result<BTreeMap<String, String>, Error> {
    let mut attributes = BTreeMap::new();
    for (name, value) in given {
        if name == FIFO_TOPIC {
            boolean(&name, &value, Giver::Creation)?;
        } else {
            set(&mut attributes, &name, &value, is_fifo, Giver::Creation)?;
        }
    }
    Ok(attributes)
}

/// Sets an attribute. An empty policy is the default again.
///
/// # Errors
/// Where there is no such attribute, or it cannot be that.
pub fn set(
    attributes: &mut BTreeMap<String, String>,
    name: &str,
    value: &str,
    is_fifo: bool,
    giver: Giver,
) -> Result<(), Error> {
    let value = match name {
        POLICY | DELIVERY_POLICY | KMS_KEY if value.is_empty() => {
            attributes.remove(name);
            return Ok(());
        }
        POLICY => {
            topic_policy::check(value).map(|()| value.to_owned()).map_err(|problem| giver.refuse(problem))?
        }
        DELIVERY_POLICY => {
            DeliveryPolicy::of_topic(value).map_err(|problem| giver.refuse(problem))?;
            value.to_owned()
        }
        DISPLAY_NAME => display_name(value, giver)?,
        KMS_KEY => key_name(value, giver)?,
        SIGNATURE_VERSION => one_of(name, value, &["1", "2"], giver)?,
        CONTENT_BASED_DEDUPLICATION if is_fifo => boolean(name, value, giver)?,
        FIFO_THROUGHPUT_SCOPE if is_fifo => one_of(name, value, &["Topic", "MessageGroup"], giver)?,
        CONTENT_BASED_DEDUPLICATION | FIFO_THROUGHPUT_SCOPE => {
            return Err(giver.refuse(format!("{name}: only FIFO topics have this attribute")));
        }
        TRACING if value == "Active" => return Err(giver.not_served(name, "traces of X-Ray")),
        TRACING => one_of(name, value, &["PassThrough"], giver)?,
        _ => return refuse_other(name, value, giver),
    };
    attributes.insert(name.to_owned(), value);
    Ok(())
}

fn refuse_other(name: &str, value: &str, giver: Giver) -> Result<(), Error> {
    match name {
        // Nothing is asked for.
        "ArchivePolicy" if value.is_empty() => Ok(()),
        "ArchivePolicy" => Err(giver.not_served(name, "archives of messages")),
        "DataProtectionPolicy" => Err(giver.not_served(name, "data protection policies")),
        name if name.contains("Feedback") => Err(giver.not_served(name, "delivery status logs")),
        name => match giver {
            Giver::Creation => Err(giver.refuse(format!("Unknown attribute: {name}"))),
            Giver::Change => Err(Error::Parameter("AttributeName".to_owned())),
        },
    }
}

fn display_name(value: &str, giver: Giver) -> Result<String, Error> {
    let is_allowed = value.chars().count() <= DISPLAY_NAME_MAX && !value.chars().any(char::is_control);
    if is_allowed { Ok(value.to_owned()) } else { Err(giver.refuse("DisplayName: Invalid value")) }
}

/// Any name of a key is taken: which keys there are is KMS's to know, and it is asked for none.
fn key_name(value: &str, giver: Giver) -> Result<String, Error> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b':');
    match value.len() <= KEY_NAME_MAX && value.bytes().all(is_letter) {
        true => Ok(value.to_owned()),
        false => Err(giver.refuse(format!("{KMS_KEY}: Invalid value"))),
    }
}

fn boolean(name: &str, value: &str, giver: Giver) -> Result<String, Error> {
    let lower = value.to_ascii_lowercase();
    match lower.as_str() {
        "true" | "false" => Ok(lower),
        _ => Err(giver.refuse(format!("{name}: Invalid value [{value}]. Must be true or false."))),
    }
}

fn one_of(name: &str, value: &str, allowed: &[&str], giver: Giver) -> Result<String, Error> {
    if allowed.contains(&value) {
        return Ok(value.to_owned());
    }
    Err(giver.refuse(format!("{name}: Invalid value [{value}]. Must be {}.", allowed.join(" or "))))
}

/// What GetTopicAttributes shows, without the numbers of subscriptions.
pub fn shown(name: &TopicName, topic: &Topic) -> BTreeMap<String, String> {
    let mut shown = topic.attributes.clone();
    shown.entry(POLICY.to_owned()).or_insert_with(|| topic_policy::default(name));
    shown.entry(DISPLAY_NAME.to_owned()).or_default();
    shown.insert("Owner".to_owned(), name.account.to_string());
    shown.insert("TopicArn".to_owned(), topic.arn.clone());
    shown.insert("EffectiveDeliveryPolicy".to_owned(), delivery_policy(topic).shown_of_topic());
    if name.is_fifo() {
        shown.insert(FIFO_TOPIC.to_owned(), "true".to_owned());
        let by_content = default(CONTENT_BASED_DEDUPLICATION).to_owned();
        shown.entry(CONTENT_BASED_DEDUPLICATION.to_owned()).or_insert(by_content);
    }
    shown
}

/// The topic's delivery policy. It was checked when it was set.
pub fn delivery_policy(topic: &Topic) -> DeliveryPolicy {
    let text = topic.attributes.get(DELIVERY_POLICY);
    text.and_then(|text| DeliveryPolicy::of_topic(text).ok()).unwrap_or_default()
}

/// `1` or `2`.
pub fn signature_version(topic: &Topic) -> &str {
    topic.attributes.get(SIGNATURE_VERSION).map_or(default(SIGNATURE_VERSION), String::as_str)
}
