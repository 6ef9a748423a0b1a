//! `sns:publish`: a message for a topic.
//!
//! Source: Step Functions Developer Guide, "Call Amazon SNS with Step Functions"; recorded executions.

use asl::Pattern;
use serde_json::{Value, json};

use super::envelope::{self, Sdk};
use super::{Answer, Attempt, aws_sdk, not_served, sdk_shape};

const SDK: Sdk = Sdk {
    prefix: "SNS",
    base_class: "AmazonSNSException",
    service: "AmazonSNS",
    content_type: "text/xml",
    keeps_alive: true,
};

/// Characters of AWS's answer, which is XML, with nothing but a message's id in it.
const XML_LENGTH: usize = 294;
/// Characters of the element that holds a sequence number, without the number.
const SEQUENCE_NUMBER_LENGTH: usize = "    <SequenceNumber></SequenceNumber>\n".len();

/// Calls Publish.
pub(super) async fn invoke(attempt: &Attempt<'_>) -> Answer {
    let Some((_, operation)) = aws_sdk::find(attempt.dispatcher, "sns", "publish") else {
        return not_served(attempt);
    };
    let input = match sdk_shape::request(operation.input, &parameters(attempt.parameters)) {
        Ok(input) => input,
        Err(problems) => return attempt.unusable(&problems),
    };
    let (request_id, answer) = attempt.call("sns", "Publish", input).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return envelope::error(&SDK, operation, &error, &request_id),
    };
    let now = attempt.dispatcher.clock().now();
    let mut output = envelope::answer(&SDK, operation, &answer, &request_id, now);
    let length = xml_length(&answer).to_string();
    output["SdkHttpMetadata"]["AllHttpHeaders"]["Content-Length"] = json!([length]);
    output["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"] = length.into();
    match attempt.resource.pattern() {
        Pattern::RequestResponse => Answer::Succeeded(output),
        Pattern::Sync | Pattern::Sync2 | Pattern::WaitForTaskToken => Answer::Submitted { output },
    }
}

/// The parameters with the message as a text.
fn parameters(parameters: &Value) -> Value {
    let mut parameters = parameters.clone();
    if let Some(message) = parameters.get_mut("Message").filter(|message| !message.is_string()) {
        *message = message.to_string().into();
    }
    parameters
}

/// How long AWS's answer would be.
fn xml_length(answer: &Value) -> usize {
    let number = answer.get("SequenceNumber").and_then(Value::as_str);
    XML_LENGTH + number.map_or(0, |number| SEQUENCE_NUMBER_LENGTH + number.len())
}
