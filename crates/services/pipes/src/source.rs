//! The source: messages of a queue, as the events that a pipe carries.
//!
//! Source: EventBridge User Guide, "Amazon Simple Queue Service as a source in EventBridge Pipes".

use api::AwsError;
use event_pattern::{Event, EventPattern};
use serde_json::{Map, Value, json};
use types::Timestamp;

use crate::call::Caller;
use crate::generated::types as model;
use crate::limits::{BATCH_SIZE_DEFAULT, RECEIVED_AT_ONCE, WAIT_SECONDS};

/// A message, and the event that it is.
pub(crate) struct Received {
    pub(crate) receipt_handle: String,
    pub(crate) message_id: String,
    pub(crate) event: Value,
}

/// The URL of the queue with that ARN.
pub(crate) fn queue_url(arn: &str) -> Option<String> {
    let arn: types::Arn = arn.parse().ok().filter(|arn: &types::Arn| arn.service == "sqs")?;
    Some(format!("https://sqs.{}.amazonaws.com/{}/{}", arn.region, arn.account, arn.resource))
}

/// Waits for messages, and gathers as many as the pipe wants in a batch, for as long as it wants.
pub(crate) async fn receive(
    caller: &Caller,
    definition: &model::CreatePipeInput,
) -> Result<Vec<Received>, AwsError> {
    let parameters = definition.source_parameters.as_ref().and_then(|all| all.sqs_queue_parameters.as_ref());
    let size = parameters.and_then(|sqs| sqs.batch_size).and_then(|size| usize::try_from(size).ok());
    let window = parameters.and_then(|sqs| sqs.maximum_batching_window_in_seconds).unwrap_or_default();
    let size = size.unwrap_or(BATCH_SIZE_DEFAULT);
    let mut received = ask(caller, definition, size, WAIT_SECONDS).await?;
    let until =
        caller.clock().now() + std::time::Duration::from_secs(u64::try_from(window).unwrap_or_default());
    while window > 0 && !received.is_empty() && received.len() < size {
        let left = until.since(caller.clock().now()).as_secs();
        let more = ask(caller, definition, size - received.len(), left.min(WAIT_SECONDS)).await?;
        if more.is_empty() && caller.clock().now() >= until {
            break;
        }
        if more.is_empty() && left == 0 {
            break;
        }
        received.extend(more);
    }
    Ok(received)
}

async fn ask(
    caller: &Caller,
    definition: &model::CreatePipeInput,
    count: usize,
    wait_seconds: u64,
) -> Result<Vec<Received>, AwsError> {
    let input = json!({
        "QueueUrl": queue_url(&definition.source),
        "MaxNumberOfMessages": count.min(RECEIVED_AT_ONCE),
        "WaitTimeSeconds": wait_seconds,
        "MessageSystemAttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    });
    let answer = caller.call("sqs", "ReceiveMessage", input, None).await?;
    let messages = answer.get("Messages").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(messages.into_iter().map(|message| event(&definition.source, message)).collect())
}

/// The event that a message is.
fn event(source: &str, message: Value) -> Received {
    let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let region = source.split(':').nth(3).unwrap_or_default();
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
        "awsRegion": region,
    });
    Received { receipt_handle: text("ReceiptHandle"), message_id: text("MessageId"), event }
}

fn attribute(value: &Value) -> Value {
    let mut shown =
        json!({"stringListValues": [], "binaryListValues": [], "dataType": value.get("DataType")});
    for (from, to) in [("StringValue", "stringValue"), ("BinaryValue", "binaryValue")] {
        if let Some(value) = value.get(from) {
            shown[to] = value.clone();
        }
    }
    shown
}

/// Whether one of the patterns matches. A body that is JSON is matched as what it says.
pub(crate) fn is_wanted(patterns: &[EventPattern], event: &Value) -> bool {
    if patterns.is_empty() {
        return true;
    }
    let mut read = event.clone();
    let body = event.get("body").and_then(Value::as_str);
    if let Some(body) = body.and_then(|body| serde_json::from_str::<Value>(body).ok()) {
        read["body"] = body;
    }
    [&read, event].into_iter().any(|event| {
        let text = event.to_string();
        Event::parse(&text).is_ok_and(|event| patterns.iter().any(|pattern| pattern.matches(&event)))
    })
}

/// Deletes messages that are done with.
pub(crate) async fn delete(caller: &Caller, source: &str, handles: &[&str]) -> Result<(), AwsError> {
    for some in handles.chunks(RECEIVED_AT_ONCE) {
        let entry = |(id, handle): (usize, &&str)| json!({"Id": id.to_string(), "ReceiptHandle": handle});
        let entries: Vec<Value> = some.iter().enumerate().map(entry).collect();
        let input = json!({"QueueUrl": queue_url(source), "Entries": entries});
        caller.call("sqs", "DeleteMessageBatch", input, None).await?;
    }
    Ok(())
}

/// `<aws.pipes.event.ingestion-time>`.
pub(crate) fn ingestion_time(now: Timestamp) -> String {
    now.to_iso_seconds()
}
