//! What subscribers are sent: the JSON text around a message, and those that ask for confirmations. Pure.
//!
//! Nothing is signed: `Signature` holds the words "not signed" in Base64, and behind `SigningCertURL` is nothing.
//!
//! Source: SNS Developer Guide, "Parsing Amazon SNS message formats"; recorded messages.

use serde_json::Value;

use crate::message::{Attribute, AttributeValue, Message};

/// "not signed".
const SIGNATURE: &str = "bm90IHNpZ25lZA==";

/// What a message is sent for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    /// Somebody has published it.
    Notification,
    /// The endpoint is asked whether it wants to be subscribed.
    SubscriptionConfirmation { token: String },
    /// The endpoint is told that it no longer is.
    UnsubscribeConfirmation { token: String },
}

impl Kind {
    /// `Type` of the text, and the value of a header.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Notification => "Notification",
            Self::SubscriptionConfirmation { .. } => "SubscriptionConfirmation",
            Self::UnsubscribeConfirmation { .. } => "UnsubscribeConfirmation",
        }
    }
}

/// A message and whom it is for.
pub struct Envelope<'a> {
    pub kind: &'a Kind,
    pub message: &'a Message,
    pub topic_arn: &'a str,
    pub subscription_arn: &'a str,
    /// `1` or `2`.
    pub signature_version: &'a str,
    /// `http://HOST:PORT`, where links lead.
    pub endpoint_url: &'a str,
}

impl Envelope<'_> {
    /// The text, with its members in the order in which AWS writes them.
    pub fn text(&self) -> String {
        let mut members: Vec<(&str, String)> = Vec::with_capacity(12);
        let mut add = |name, value: &str| members.push((name, quoted(value)));
        let message = self.message;
        add("Type", self.kind.as_str());
        add("MessageId", &message.id);
        if let Kind::SubscriptionConfirmation { token } | Kind::UnsubscribeConfirmation { token } = self.kind
        {
            add("Token", token);
        }
        if let Some(number) = message.sequence_number {
            add("SequenceNumber", &number.to_string());
        }
        add("TopicArn", self.topic_arn);
        if let Some(subject) = &message.subject {
            add("Subject", subject);
        }
        add("Message", &message.body);
        if let Kind::SubscriptionConfirmation { token } | Kind::UnsubscribeConfirmation { token } = self.kind
        {
            add("SubscribeURL", &self.subscribe_url(token));
        }
        add("Timestamp", &message.published.to_iso_millis());
        // Messages of FIFO topics have no signature.
        if message.sequence_number.is_none() {
            add("SignatureVersion", self.signature_version);
            add("Signature", SIGNATURE);
            add("SigningCertURL", &self.certificate_url());
        }
        if matches!(self.kind, Kind::Notification) {
            add("UnsubscribeURL", &self.unsubscribe_url());
        }
        if !message.attributes.is_empty() {
            members.push(("MessageAttributes", attributes(message)));
        }
        object(&members, "  ", "\n")
    }

    fn subscribe_url(&self, token: &str) -> String {
        let Self { endpoint_url, topic_arn, .. } = self;
        format!("{endpoint_url}/?Action=ConfirmSubscription&TopicArn={topic_arn}&Token={token}")
    }

    fn unsubscribe_url(&self) -> String {
        format!("{}/?Action=Unsubscribe&SubscriptionArn={}", self.endpoint_url, self.subscription_arn)
    }

    fn certificate_url(&self) -> String {
        format!("{}/SimpleNotificationService-00000000000000000000000000000000.pem", self.endpoint_url)
    }
}

/// What the endpoint is told that is asked whether it wants to be subscribed.
pub fn invitation(topic_arn: &str) -> String {
    format!(
        "You have chosen to subscribe to the topic {topic_arn}.\nTo confirm the subscription, visit the SubscribeURL \
         included in this message."
    )
}

/// What the endpoint is told that no longer is subscribed.
pub fn farewell(subscription_arn: &str) -> String {
    format!(
        "You have chosen to deactivate subscription {subscription_arn}.\nTo cancel this operation and restore the \
         subscription, visit the SubscribeURL included in this message."
    )
}

fn attributes(message: &Message) -> String {
    let written: Vec<(&str, String)> = message
        .attributes
        .0
        .iter()
        .map(|(name, attribute)| (name.as_str(), attribute_text(attribute)))
        .collect();
    object(&written, "    ", "\n  ")
}

fn attribute_text(attribute: &Attribute) -> String {
    let value = match &attribute.value {
        AttributeValue::Text(text) => quoted(text),
        AttributeValue::Bytes(bytes) => serde_json::to_string(bytes).unwrap_or_default(),
    };
    format!("{{\"Type\":{},\"Value\":{value}}}", quoted(&attribute.data_type))
}

/// An object as AWS writes it: a member on each line, with blanks around the colon.
fn object(members: &[(&str, String)], indent: &str, end: &str) -> String {
    let lines: Vec<String> =
        members.iter().map(|(name, value)| format!("{indent}{} : {value}", quoted(name))).collect();
    format!("{{\n{}{end}}}", lines.join(",\n"))
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use types::{Blob, Timestamp};

    use super::*;
    use crate::message::Attributes;

    #[test]
    fn is_written_as_aws_writes_it() {
        let attributes = BTreeMap::from([
            (
                "a".to_owned(),
                Attribute { data_type: "Number".to_owned(), value: AttributeValue::Text("99.12".to_owned()) },
            ),
            (
                "b".to_owned(),
                Attribute {
                    data_type: "Binary".to_owned(),
                    value: AttributeValue::Bytes(Blob(vec![2, 3, 4])),
                },
            ),
        ]);
        let message = Message {
            id: "165545c9-2a5c-472c-8df2-7ff2be2b3b1b".to_owned(),
            body: "say \"hello\"\nö".to_owned(),
            subject: Some("s".to_owned()),
            attributes: Attributes(attributes),
            published: Timestamp::parse_rfc3339("2012-04-26T20:45:04.751Z").unwrap(),
            group: None,
            deduplication_id: None,
            sequence_number: None,
        };
        let envelope = Envelope {
            kind: &Kind::Notification,
            message: &message,
            topic_arn: "arn:aws:sns:us-east-1:123456789012:t",
            subscription_arn: "arn:aws:sns:us-east-1:123456789012:t:u",
            signature_version: "1",
            endpoint_url: "http://127.0.0.1:4566",
        };
        let expected = r#"{
  "Type" : "Notification",
  "MessageId" : "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
  "TopicArn" : "arn:aws:sns:us-east-1:123456789012:t",
  "Subject" : "s",
  "Message" : "say \"hello\"\nö",
  "Timestamp" : "2012-04-26T20:45:04.751Z",
  "SignatureVersion" : "1",
  "Signature" : "bm90IHNpZ25lZA==",
  "SigningCertURL" : "http://127.0.0.1:4566/SimpleNotificationService-00000000000000000000000000000000.pem",
  "UnsubscribeURL" : "http://127.0.0.1:4566/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:us-east-1:123456789012:t:u",
  "MessageAttributes" : {
    "a" : {"Type":"Number","Value":"99.12"},
    "b" : {"Type":"Binary","Value":"AgME"}
  }
}"#;
        assert_eq!(envelope.text(), expected);
    }
}
