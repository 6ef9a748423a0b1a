//! A queue: a message of the topic becomes one of the queue.

use api::{AwsError, Call, Dispatcher, Principal};
use serde_json::{Map, Value, json};
use types::{AccountId, Arn, Region};

use super::Delivery;
use crate::message::{AttributeValue, Message};
use crate::names::FIFO;

/// Sends the message. A second attempt is known as one by the queue.
pub(super) async fn send(
    dispatcher: &Dispatcher,
    delivery: &Delivery,
    queue: &Arn,
    text: String,
) -> Result<(), AwsError> {
    let (account, region) = (AccountId::new(queue.account.as_str()), Region::new(queue.region.as_str()));
    let id = delivery.subscription.rsplit(':').next().unwrap_or_default();
    let key = format!("{id}/{}/{}", delivery.message.id, if delivery.dead { "dead" } else { "alive" });
    let principal = Principal::service("sns.amazonaws.com");
    let input = request(delivery, queue, text);
    let call = Call::new(principal, &account, &region, "sqs", "SendMessage", input).with_idempotency_key(key);
    dispatcher.call(call).await.map(drop)
}

fn request(delivery: &Delivery, queue: &Arn, text: String) -> Value {
    let Arn { region, account, resource, .. } = queue;
    let mut request = json!({
        "QueueUrl": format!("https://sqs.{region}.amazonaws.com/{account}/{resource}"),
        "MessageBody": text,
    });
    let message = &delivery.message;
    if delivery.raw && !message.attributes.is_empty() {
        request["MessageAttributes"] = attributes(message);
    }
    if let Some(group) = &message.group {
        request["MessageGroupId"] = group.as_str().into();
    }
    if let Some(id) = message.deduplication_id.as_ref().filter(|_| resource.ends_with(FIFO)) {
        request["MessageDeduplicationId"] = id.as_str().into();
    }
    request
}

fn attributes(message: &Message) -> Value {
    let written = message.attributes.0.iter().map(|(name, attribute)| {
        let (field, value) = match &attribute.value {
            AttributeValue::Text(text) => ("StringValue", json!(text)),
            AttributeValue::Bytes(bytes) => ("BinaryValue", json!(bytes)),
        };
        (name.clone(), json!({"DataType": attribute.data_type, field: value}))
    });
    Value::Object(written.collect::<Map<_, _>>())
}
