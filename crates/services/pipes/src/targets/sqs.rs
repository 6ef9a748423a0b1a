//! An SQS queue: each event becomes a message.

use api::AwsError;
use serde_json::{Value, json};

use super::{Outgoing, batch_key, key, note};
use crate::generated::types::PipeTargetSqsQueueParameters;
use crate::limits::ENTRIES_MAX;
use crate::line::Line;
use crate::shipment::Shipment;
use crate::source::queue_url;
use crate::template::parameter;

/// Sends messages, ten at a time; says of each event whether it was taken.
///
/// # Errors
/// What SQS answers where it may have taken none.
pub(super) async fn send(
    line: &Line,
    shipment: &Shipment,
    events: &[Outgoing],
) -> Result<Vec<bool>, AwsError> {
    let parameters = line.pipe.definition.target_parameters.as_ref();
    let given = parameters.and_then(|given| given.sqs_queue_parameters.clone()).unwrap_or_default();
    let entries: Vec<Value> = events.iter().enumerate().map(|(at, event)| entry(&given, at, event)).collect();
    let mut taken = Vec::with_capacity(entries.len());
    for some in entries.chunks(ENTRIES_MAX) {
        // In a FIFO queue what is behind a message that failed waits for it.
        if line.is_ordered() && taken.contains(&false) {
            break;
        }
        taken.extend(send_some(line, shipment, taken.len(), some).await?);
    }
    if line.is_ordered() {
        let first = taken.iter().position(|taken| !taken).unwrap_or(taken.len());
        taken.truncate(first);
    }
    taken.resize(events.len(), false);
    Ok(taken)
}

async fn send_some(
    line: &Line,
    shipment: &Shipment,
    first: usize,
    entries: &[Value],
) -> Result<Vec<bool>, AwsError> {
    // One after the other, in a FIFO queue: a failure must not be overtaken.
    if line.is_ordered() {
        return Ok(send_each(line, shipment, first, entries).await);
    }
    let input = json!({"QueueUrl": queue_url(&line.pipe.definition.target), "Entries": entries});
    match line.caller.call_once("sqs", "SendMessageBatch", input, &batch_key(shipment)).await {
        Ok(answer) => Ok((first..first + entries.len()).map(|at| is_sent(line, &answer, at)).collect()),
        // One of them may be why all were refused.
        Err(error) if !error.may_pass() && entries.len() > 1 => {
            Ok(send_each(line, shipment, first, entries).await)
        }
        Err(error) => Err(error),
    }
}

async fn send_each(line: &Line, shipment: &Shipment, first: usize, entries: &[Value]) -> Vec<bool> {
    let mut taken = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let mut input = entry.clone();
        if let Some(members) = input.as_object_mut() {
            members.remove("Id");
        }
        input["QueueUrl"] = queue_url(&line.pipe.definition.target).into();
        let answer = line.caller.call_once("sqs", "SendMessage", input, &key(shipment, first + at)).await;
        let answer = answer.inspect_err(|error| note(line, error));
        taken.push(answer.is_ok());
        if answer.is_err() && line.is_ordered() {
            break;
        }
    }
    taken
}

fn entry(given: &PipeTargetSqsQueueParameters, at: usize, event: &Outgoing) -> Value {
    let mut entry = json!({"Id": at.to_string(), "MessageBody": event.text});
    let of_event = |given: &Option<String>| given.as_deref().and_then(|given| parameter(given, &event.event));
    for (name, value) in [
        ("MessageGroupId", of_event(&given.message_group_id)),
        ("MessageDeduplicationId", of_event(&given.message_deduplication_id)),
    ] {
        if let Some(value) = value {
            entry[name] = value.into();
        }
    }
    entry
}

fn is_sent(line: &Line, answer: &Value, at: usize) -> bool {
    let id = at.to_string();
    let list = |name: &str| answer.get(name).and_then(Value::as_array).into_iter().flatten().cloned();
    let is_this = |entry: &Value| entry.get("Id").and_then(Value::as_str) == Some(&id);
    if let Some(failed) = list("Failed").find(is_this) {
        let text = |name: &str| failed.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        note(line, &AwsError::new(text("Code"), text("Message")));
    }
    list("Successful").any(|entry| is_this(&entry))
}
