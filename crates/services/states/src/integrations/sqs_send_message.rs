//! `sqs:sendMessage`: a message whose body may be any value.
//!
//! Source: Step Functions Developer Guide, "Send messages to an Amazon SQS queue with Step Functions"; recorded executions.

use asl::{ErrorName, FailurePhase, Pattern};
use serde_json::Value;

use super::envelope::{self, Sdk};
use super::{Answer, Attempt, aws_sdk, failed, not_served, sdk_shape};

const SDK: Sdk = Sdk {
    prefix: "SQS",
    base_class: "AmazonSQSException",
    service: "AmazonSQS",
    content_type: "application/x-amz-json-1.0",
    keeps_alive: true,
};

/// Calls SendMessage. A repeated call is known to the queue.
pub(super) async fn invoke(attempt: &Attempt<'_>) -> Answer {
    let Some((_, operation)) = aws_sdk::find(attempt.dispatcher, "sqs", "sendMessage") else {
        return not_served(attempt);
    };
    let mut parameters = attempt.parameters.clone();
    if let Some(host) = parameters.get("QueueUrl").and_then(Value::as_str).and_then(unknown_host) {
        let cause = format!("Unable to execute HTTP request: {host}: Name or service not known");
        return failed(ErrorName::from("SQS.SdkClientException"), cause, FailurePhase::Run);
    }
    if let Some(body) = parameters.get_mut("MessageBody").filter(|body| !body.is_string() && !body.is_null())
    {
        *body = body.to_string().into();
    }
    let input = match sdk_shape::request(operation.input, &parameters) {
        Ok(input) => input,
        Err(problems) => return attempt.unusable(&problems),
    };
    let (request_id, answer) = attempt.call("sqs", "SendMessage", input).await;
    let output = match answer {
        Ok(answer) => {
            envelope::answer(&SDK, operation, &answer, &request_id, attempt.dispatcher.clock().now())
        }
        Err(error) => return envelope::error(&SDK, operation, &error, &request_id),
    };
    match attempt.resource.pattern() {
        Pattern::RequestResponse => Answer::Succeeded(output),
        Pattern::Sync | Pattern::Sync2 | Pattern::WaitForTaskToken => Answer::Submitted { output },
    }
}

/// The host that AWS's SDK would look for where a queue's URL is none.
fn unknown_host(url: &str) -> Option<&str> {
    if url.contains("://") { None } else { url.split('/').find(|part| !part.is_empty()) }
}
