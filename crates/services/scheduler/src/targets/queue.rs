//! An SQS queue or an SNS topic: each invocation sends a message.

use api::{AwsError, Dispatcher};
use serde_json::{Value, json};
use types::Arn;

use super::{call, input_or_notification};
use crate::invocation::Invocation;

/// Sends the message to a queue; a FIFO queue knows a second attempt by the invocation's id.
pub async fn send_message(dispatcher: &Dispatcher, invocation: &Invocation) -> Result<Value, AwsError> {
    let arn = &invocation.target.arn;
    let mut input = json!({"QueueUrl": queue_url(arn), "MessageBody": input_or_notification(invocation)});
    let parameters = invocation.target.sqs_parameters.as_ref();
    if let Some(group) = parameters.and_then(|parameters| parameters.message_group_id.as_ref()) {
        input["MessageGroupId"] = group.as_str().into();
    }
    if arn.ends_with(".fifo") {
        input["MessageDeduplicationId"] = invocation.id.as_str().into();
    }
    call(dispatcher, invocation, "sqs", "SendMessage", input).await
}

/// Publishes the message to a topic.
pub async fn publish(dispatcher: &Dispatcher, invocation: &Invocation) -> Result<Value, AwsError> {
    let input = json!({"TopicArn": invocation.target.arn, "Message": input_or_notification(invocation)});
    call(dispatcher, invocation, "sns", "Publish", input).await
}

/// The URL of the queue with that ARN: what counts is its path.
pub fn queue_url(arn: &str) -> String {
    let Ok(Arn { region, account, resource, .. }) = arn.parse() else { return arn.to_owned() };
    format!("https://sqs.{region}.amazonaws.com/{account}/{resource}")
}
