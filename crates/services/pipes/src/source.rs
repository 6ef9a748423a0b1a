//! The source: messages of a queue, as the events that a pipe carries.
//!
//! Source: EventBridge User Guide, "Amazon Simple Queue Service as a source in EventBridge Pipes".

use std::collections::HashSet;

use api::AwsError;
use event_pattern::{Event, EventPattern};
use serde_json::{Map, Value, json};

use crate::call::Caller;
use crate::limits::{RECEIVED_AT_ONCE, WAIT_SECONDS};
use crate::shipment::Received;

/// The URL of the queue with that ARN.
pub(crate) fn queue_url(arn: &str) -> Option<String> {
    let arn: types::Arn = arn.parse().ok().filter(|arn: &types::Arn| arn.service == "sqs")?;
    let is_name = !arn.resource.is_empty() && !arn.resource.contains([':', '/']);
    is_name.then(|| format!("https://sqs.{}.amazonaws.com/{}/{}", arn.region, arn.account, arn.resource))
}

/// Looks whether the queue is there.
///
/// # Errors
/// What SQS answers.
pub(crate) async fn look(caller: &Caller, source: &str) -> Result<(), AwsError> {
    let input = json!({"QueueUrl": queue_url(source), "AttributeNames": ["QueueArn"]});
    caller.call("sqs", "GetQueueAttributes", input).await.map(drop)
}

/// Waits for messages; an empty answer is one that was waited for in vain.
///
/// # Errors
/// What SQS answers.
pub(crate) async fn receive(caller: &Caller, source: &str, count: usize) -> Result<Vec<Received>, AwsError> {
    let input = json!({
        "QueueUrl": queue_url(source),
        "MaxNumberOfMessages": count.clamp(1, RECEIVED_AT_ONCE),
        "WaitTimeSeconds": WAIT_SECONDS,
        "MessageSystemAttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    });
    let mut answer = caller.call("sqs", "ReceiveMessage", input).await?;
    let messages = match answer.get_mut("Messages").map(Value::take) {
        Some(Value::Array(messages)) => messages,
        _ => Vec::new(),
    };
    Ok(messages.into_iter().map(|message| received(source, &message)).collect())
}

/// The event that a message is.
fn received(source: &str, message: &Value) -> Received {
    let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let attributes: Map<String, Value> = message
        .get("MessageAttributes")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), attribute(value)))
        .collect();
    let event = json!({
        "messageId": text("MessageId"),
        "receiptHandle": text("ReceiptHandle"),
        "body": text("Body"),
        "attributes": message.get("Attributes").cloned().unwrap_or_else(|| json!({})),
        "messageAttributes": attributes,
        "md5OfBody": text("MD5OfBody"),
        "eventSource": "aws:sqs",
        "eventSourceARN": source,
        "awsRegion": source.split(':').nth(3).unwrap_or_default(),
    });
    Received { receipt_handle: text("ReceiptHandle"), message_id: text("MessageId"), event }
}

fn attribute(value: &Value) -> Value {
    let mut shown = Map::new();
    for (from, to) in [("StringValue", "stringValue"), ("BinaryValue", "binaryValue")] {
        if let Some(value) = value.get(from).filter(|value| !value.is_null()) {
            shown.insert(to.to_owned(), value.clone());
        }
    }
    shown.insert("stringListValues".to_owned(), json!([]));
    shown.insert("binaryListValues".to_owned(), json!([]));
    shown.insert("dataType".to_owned(), value.get("DataType").cloned().unwrap_or_default());
    Value::Object(shown)
}

/// Whether one of the patterns matches, or there is none. A body that is JSON is matched as what it says.
pub(crate) fn is_wanted(patterns: &[EventPattern], event: &Value) -> bool {
    if patterns.is_empty() {
        return true;
    }
    let mut read = event.clone();
    let body = event.get("body").and_then(Value::as_str);
    if let Some(body) = body.and_then(|body| serde_json::from_str::<Value>(body).ok()) {
        read["body"] = body;
    }
    let text = read.to_string();
    Event::parse(&text).is_ok_and(|event| patterns.iter().any(|pattern| pattern.matches(&event)))
}

/// A message to delete: its id and its receipt handle.
pub(crate) type Handle = (String, String);

/// Deletes messages; returns the ids of those that are gone.
pub(crate) async fn delete(caller: &Caller, source: &str, handles: &[Handle]) -> HashSet<String> {
    let mut gone = HashSet::new();
    for some in handles.chunks(RECEIVED_AT_ONCE) {
        let entry =
            |(at, (_, handle)): (usize, &Handle)| json!({"Id": at.to_string(), "ReceiptHandle": handle});
        let entries: Vec<Value> = some.iter().enumerate().map(entry).collect();
        let input = json!({"QueueUrl": queue_url(source), "Entries": entries});
        let answer = match caller.call("sqs", "DeleteMessageBatch", input).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(%error, source, "messages could not be deleted");
                continue;
            }
        };
        let failed = failed(&answer);
        let ids = some.iter().enumerate().filter(|(at, _)| !failed.contains(&at.to_string()));
        gone.extend(ids.map(|(_, (id, _))| id.clone()));
    }
    gone
}

/// The ids of a batch's entries that failed.
fn failed(answer: &Value) -> HashSet<String> {
    let failed = answer.get("Failed").and_then(Value::as_array).into_iter().flatten();
    failed.filter_map(|entry| entry.get("Id")?.as_str().map(str::to_owned)).collect()
}
