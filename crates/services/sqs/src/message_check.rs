//! What a message may be: its size, its characters, its attributes, its ids.
//!
//! Source: SQS API Reference, "SendMessage"; SQS Developer Guide, "Amazon SQS message metadata"; AWS's answers.

use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::digest::{self, Typed, Value};
use crate::generated::types::SendMessageBatchRequestEntry;
use crate::limits::{
    ATTRIBUTE_NAME_BYTES, DELAY_SECONDS_MAX, ID_CHARACTERS_MAX, MESSAGE_ATTRIBUTES_MAX, MESSAGE_BYTES_MAX,
};
use crate::queue::Queue;
use crate::send::MessageAttributes;

/// The prefixes that AWS keeps for itself.
const RESERVED_PREFIXES: [&str; 2] = ["aws.", "amazon."];

/// Checks that there is what a FIFO queue needs. `missing` makes the error of a parameter that is not there.
///
/// # Errors
/// [`Error::InvalidParameterValue`], and what `missing` makes.
pub(crate) fn fifo(
    queue: &Queue,
    entry: &SendMessageBatchRequestEntry,
    missing: impl Fn(&'static str) -> Error,
) -> Result<(), Error> {
    let Some(fifo) = &queue.attributes.fifo else { return Ok(()) };
    if entry.message_group_id.as_deref().is_none_or(str::is_empty) {
        return Err(missing("MessageGroupId"));
    }
    if entry.message_deduplication_id.is_none() && !fifo.is_content_based {
        let text = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly";
        return Err(Error::InvalidParameterValue(text.to_owned()));
    }
    Ok(())
}

/// Checks a message.
///
/// # Errors
/// [`Error::MissingParameter`], [`Error::InvalidParameterValue`], [`Error::InvalidMessageContents`].
pub(crate) fn message(queue: &Queue, entry: &SendMessageBatchRequestEntry) -> Result<(), Error> {
    if entry.message_body.is_empty() {
        return Err(Error::MissingParameter("MessageBody"));
    }
    let limit = queue.attributes.message_bytes_max;
    if bytes(entry) > limit {
        let text = format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
        );
        return Err(Error::InvalidParameterValue(text));
    }
    if !is_text(&entry.message_body) {
        return Err(Error::InvalidMessageContents);
    }
    for (name, attribute) in entry.message_attributes.iter().flatten() {
        check_attribute(name, attribute)?;
    }
    if entry.message_attributes.as_ref().is_some_and(|all| all.len() > MESSAGE_ATTRIBUTES_MAX) {
        let count = entry.message_attributes.as_ref().map_or(0, MessageAttributes::len);
        let text = format!(
            "Number of message attributes [{count}] exceeds the allowed maximum [{MESSAGE_ATTRIBUTES_MAX}]."
        );
        return Err(Error::InvalidParameterValue(text));
    }
    check_system_attributes(entry)?;
    check_id("MessageDeduplicationId", entry.message_deduplication_id.as_deref())?;
    check_id("MessageGroupId", entry.message_group_id.as_deref())?;
    check_for_queue(queue, entry)
}

/// What only one of the two kinds of queues takes.
fn check_for_queue(queue: &Queue, entry: &SendMessageBatchRequestEntry) -> Result<(), Error> {
    let delay = entry.delay_seconds.unwrap_or_default();
    if queue.attributes.is_fifo() {
        return match delay {
            0 => Ok(()),
            delay => Err(Error::invalid_value(
                delay,
                "DelaySeconds",
                "The request include parameter that is not valid for this queue type.",
            )),
        };
    }
    if let Some(id) = &entry.message_deduplication_id {
        return Err(Error::invalid_value(
            id,
            "MessageDeduplicationId",
            "The request includes a parameter that is not valid for this queue type.",
        ));
    }
    match u64::try_from(delay) {
        Ok(delay) if delay <= DELAY_SECONDS_MAX => Ok(()),
        _ => Err(Error::invalid_value(
            delay,
            "DelaySeconds",
            &format!("DelaySeconds must be >= 0 and <= {DELAY_SECONDS_MAX}."),
        )),
    }
}

/// Checks that the messages of a batch are not too long together.
///
/// # Errors
/// [`Error::BatchRequestTooLong`].
pub(crate) fn batch_bytes(entries: &[SendMessageBatchRequestEntry]) -> Result<(), Error> {
    let sent = entries.iter().map(bytes).sum();
    if sent > MESSAGE_BYTES_MAX {
        Err(Error::BatchRequestTooLong { limit: MESSAGE_BYTES_MAX, sent })
    } else {
        Ok(())
    }
}

/// The id that a message has in a FIFO queue: its own, or that of its content.
pub(crate) fn deduplication_id(given: Option<String>, body: &str) -> String {
    given.unwrap_or_else(|| digest::hex(Sha256::digest(body.as_bytes()).as_slice()))
}

/// The bytes of a message: its body, and names, types and values of its attributes. Those of the system do not count.
fn bytes(entry: &SendMessageBatchRequestEntry) -> u64 {
    let attributes = entry.message_attributes.iter().flatten().map(|(name, attribute)| {
        let value = match attribute.value() {
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
        };
        name.len() + attribute.data_type.len() + value
    });
    (entry.message_body.len() + attributes.sum::<usize>()) as u64
}

/// Whether XML can hold the text.
fn is_text(text: &str) -> bool {
    text.chars().all(|letter| {
        matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
    })
}

fn check_attribute(
    name: &str,
    attribute: &crate::generated::types::MessageAttributeValue,
) -> Result<(), Error> {
    let invalid = |text: &str| Err(Error::InvalidParameterValue(text.to_owned()));
    if name.len() >= ATTRIBUTE_NAME_BYTES {
        return invalid("Message (user) attribute names must be shorter than 256 Bytes");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        || name.is_empty()
    {
        return invalid(
            "Message (user) attributes name can only contain upper and lower score characters, digits, periods, hyphens and underscores. ",
        );
    }
    let lower = name.to_ascii_lowercase();
    let is_reserved = RESERVED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix));
    if is_reserved || name.starts_with('.') || name.ends_with('.') {
        return invalid(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use. Additionally, they cannot start or end with '.'.",
        );
    }
    let kind = attribute.data_type.split('.').next().unwrap_or_default();
    if !matches!(kind, "String" | "Number" | "Binary") {
        return invalid(&format!(
            "The type of message (user) attribute '{name}' is invalid. You must use only the following supported type prefixes: Binary, Number, String."
        ));
    }
    if attribute.data_type.len() >= ATTRIBUTE_NAME_BYTES {
        return invalid("Message (user) attribute types must be shorter than 256 Bytes");
    }
    check_value(name, kind, attribute)
}

fn check_value(
    name: &str,
    kind: &str,
    attribute: &crate::generated::types::MessageAttributeValue,
) -> Result<(), Error> {
    let lists = (attribute.string_list_values.as_deref(), attribute.binary_list_values.as_deref());
    if !matches!(lists, (None | Some([]), None | Some([]))) {
        return Err(Error::UnsupportedOperation(
            "Message attribute list values in SendMessage operation are not supported.".to_owned(),
        ));
    }
    let is_there = match (kind, attribute.value()) {
        ("Binary", Value::Bytes(bytes)) => !bytes.is_empty(),
        ("String" | "Number", Value::Text(text)) => !text.is_empty(),
        _ => false,
    };
    if !is_there {
        let text = format!(
            "Message (user) attribute '{name}' must contain a non-empty value of type '{}'.",
            stem(kind)
        );
        return Err(Error::InvalidParameterValue(text));
    }
    match attribute.value() {
        Value::Text(text) if !is_text(text) => {
            Err(Error::InvalidParameterValue(Error::InvalidMessageContents.to_string()))
        }
        Value::Text(text) if kind == "Number" && !is_number(text) => {
            let text = format!("Can't cast the value of message (user) attribute '{name}' to a number.");
            Err(Error::InvalidParameterValue(text))
        }
        Value::Text(_) | Value::Bytes(_) => Ok(()),
    }
}

/// Whether the text is a decimal number: what Rust reads beside those, such as `inf`, is none.
fn is_number(text: &str) -> bool {
    let text = text.trim();
    let is_decimal = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    text.bytes().all(is_decimal) && text.parse::<f64>().is_ok()
}

/// Numbers travel as texts.
fn stem(kind: &str) -> &str {
    if kind == "Number" { "String" } else { kind }
}

fn check_system_attributes(entry: &SendMessageBatchRequestEntry) -> Result<(), Error> {
    for (name, attribute) in entry.message_system_attributes.iter().flatten() {
        if name != "AWSTraceHeader" {
            let text = format!("Message system attribute name '{name}' is invalid.");
            return Err(Error::InvalidParameterValue(text));
        }
        let has_text = matches!(attribute.value(), Value::Text(text) if !text.is_empty());
        if attribute.data_type != "String" || !has_text {
            let text =
                format!("Message system attribute '{name}' must contain a non-empty value of type 'String'.");
            return Err(Error::InvalidParameterValue(text));
        }
    }
    Ok(())
}

/// Checks a group's or a deduplication's id.
///
/// # Errors
/// [`Error::InvalidParameterValue`].
pub(crate) fn check_id(parameter: &str, id: Option<&str>) -> Result<(), Error> {
    let is_valid = |id: &str| {
        (1..=ID_CHARACTERS_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match id {
        Some(id) if !is_valid(id) => Err(Error::invalid_value(
            id,
            parameter,
            &format!(
                "{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."
            ),
        )),
        _ => Ok(()),
    }
}
