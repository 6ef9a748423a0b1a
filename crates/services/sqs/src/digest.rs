//! MD5 digests of bodies and attributes, by which clients check that what arrived is what they sent.
//!
//! Source: SQS Developer Guide, "Calculating the MD5 message digest for message attributes".

use std::collections::BTreeMap;

use md5::{Digest as _, Md5};

use crate::generated::types::{MessageAttributeValue, MessageSystemAttributeValue};

/// The digest of a text, as hexadecimal digits.
pub(crate) fn of_text(text: &str) -> String {
    hex(Md5::digest(text.as_bytes()).as_slice())
}

/// An attribute's type and value.
pub(crate) trait Typed {
    fn data_type(&self) -> &str;
    fn value(&self) -> Value<'_>;
}

/// What an attribute holds.
pub(crate) enum Value<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl Typed for MessageAttributeValue {
    fn data_type(&self) -> &str {
        &self.data_type
    }

    fn value(&self) -> Value<'_> {
        value(self.string_value.as_deref(), self.binary_value.as_ref())
    }
}

impl Typed for MessageSystemAttributeValue {
    fn data_type(&self) -> &str {
        &self.data_type
    }

    fn value(&self) -> Value<'_> {
        value(self.string_value.as_deref(), self.binary_value.as_ref())
    }
}

fn value<'a>(text: Option<&'a str>, bytes: Option<&'a types::Blob>) -> Value<'a> {
    match (text, bytes) {
        (_, Some(bytes)) => Value::Bytes(&bytes.0),
        (text, None) => Value::Text(text.unwrap_or_default()),
    }
}

/// The digest of attributes in the order of their names; `None` where there are none.
pub(crate) fn of_attributes<T: Typed>(attributes: &BTreeMap<String, T>) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    for (name, attribute) in attributes {
        part(&mut digest, name.as_bytes());
        part(&mut digest, attribute.data_type().as_bytes());
        match attribute.value() {
            Value::Text(text) => {
                digest.update([1]);
                part(&mut digest, text.as_bytes());
            }
            Value::Bytes(bytes) => {
                digest.update([2]);
                part(&mut digest, bytes);
            }
        }
    }
    Some(hex(digest.finalize().as_slice()))
}

fn part(digest: &mut Md5, bytes: &[u8]) {
    // A message is far shorter than 4 GiB.
    digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(bytes);
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| DIGITS.get(usize::from(digit)).copied().map(char::from)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn digests_are_those_of_aws() {
        let attributes = json!({
            "General": {"DataType": "String", "StringValue": "Kenobi"},
            "Hello": {"DataType": "String", "StringValue": "There"},
            "Help.Me": {"DataType": "String", "StringValue": "Me"},
        });
        let attributes: BTreeMap<String, MessageAttributeValue> = serde_json::from_value(attributes).unwrap();
        assert_eq!(of_attributes(&attributes).as_deref(), Some("4c360f3fdafd970e05fae2f149d997f5"));
        let bytes = json!({
            "attr1": {"DataType": "Binary", "BinaryValue": "dHJhY2VwYXJlbnQeMDAtNzc0MDYyZDZjMzcwODFhNWEwYjliNWI4OGUzMDYyN2MtMmQyNDgyMjExZjY0ODlkYS0wMQ=="},
        });
        let bytes: BTreeMap<String, MessageAttributeValue> = serde_json::from_value(bytes).unwrap();
        assert_eq!(of_attributes(&bytes).as_deref(), Some("8cbe4db156db8a94db8b801b7addb984"));
        assert_eq!(of_text("msg"), "6e2baaf3b97dbeef01c0043275f9a0e7");
    }
}
