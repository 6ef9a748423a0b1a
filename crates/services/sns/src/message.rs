//! A message on its way, and its attributes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use types::{Blob, Timestamp};

use crate::Error;
use crate::generated::types as model;
use crate::limits::ATTRIBUTE_NAME_MAX;

/// A message, as one subscription is given it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// A UUID.
    pub id: String,
    /// The message itself.
    pub body: String,
    pub subject: Option<String>,
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// When it was published.
    pub published: Timestamp,
    /// `MessageGroupId`.
    pub group: Option<String>,
    /// `MessageDeduplicationId`, of messages of FIFO topics.
    pub deduplication_id: Option<String>,
    /// `SequenceNumber`, of messages of FIFO topics.
    pub sequence_number: Option<u64>,
}

/// The attributes of a message, checked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(pub BTreeMap<String, Attribute>);

/// One attribute: its type as it was written, such as `Number` or `String.Array`, and its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attribute {
    pub data_type: String,
    pub value: AttributeValue,
}

/// What an attribute holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AttributeValue {
    /// Of the types `String` and `Number`.
    Text(String),
    /// Of the type `Binary`.
    Bytes(Blob),
}

impl Attributes {
    /// Checks what a request says.
    ///
    /// # Errors
    /// [`Error::AttributeValue`]: the first rule that one of them breaks.
    pub fn read(given: BTreeMap<String, model::MessageAttributeValue>) -> Result<Self, Error> {
        let read = given.into_iter().map(|(name, value)| {
            check_name(&name)?;
            let value = Attribute::read(&name, value)?;
            Ok((name, value))
        });
        read.collect::<Result<_, Error>>().map(Self)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of names, types and values.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|(name, attribute)| name.len() + attribute.bytes()).sum()
    }

    /// What filter policies see of them: a JSON object. Binary attributes are not seen.
    pub fn as_event(&self) -> String {
        let seen: Map<String, Value> = self
            .0
            .iter()
            .filter_map(|(name, attribute)| Some((name.clone(), attribute.as_event()?)))
            .collect();
        Value::Object(seen).to_string()
    }
}

impl Attribute {
    fn read(name: &str, given: model::MessageAttributeValue) -> Result<Self, Error> {
        let refuse = |text: String| Err(Error::AttributeValue(text));
        let model::MessageAttributeValue { data_type, string_value, binary_value } = given;
        let field = match data_type.split('.').next() {
            Some("String" | "Number") if !data_type.ends_with('.') => "String",
            Some("Binary") if !data_type.ends_with('.') => "Binary",
            _ => {
                return refuse(format!(
                    "The message attribute '{name}' has an invalid message attribute type, the set of supported type \
                     prefixes is Binary, Number, and String."
                ));
            }
        };
        let empty = || {
            refuse(format!(
                "The message attribute '{name}' must contain non-empty message attribute value for message attribute type \
                 '{data_type}'."
            ))
        };
        let is_number = data_type.split('.').next() == Some("Number");
        let value = match (field, string_value, binary_value) {
            (_, None, None) => return empty(),
            ("String", Some(text), _) if text.is_empty() => return empty(),
            ("Binary", _, Some(Blob(bytes))) if bytes.is_empty() => return empty(),
            ("String", Some(text), _) if is_number && as_number(&text).is_none() => {
                return refuse(format!("Could not cast message attribute '{name}' value to number."));
            }
            ("String", Some(text), _) => AttributeValue::Text(text),
            ("Binary", _, Some(bytes)) => AttributeValue::Bytes(bytes),
            _ => {
                return refuse(format!(
                    "The message attribute '{name}' with type '{data_type}' must use field '{field}'."
                ));
            }
        };
        Ok(Self { data_type, value })
    }

    fn bytes(&self) -> usize {
        let value = match &self.value {
            AttributeValue::Text(text) => text.len(),
            AttributeValue::Bytes(Blob(bytes)) => bytes.len(),
        };
        self.data_type.len() + value
    }

    fn as_event(&self) -> Option<Value> {
        let AttributeValue::Text(text) = &self.value else { return None };
        let text = || Value::from(text.as_str());
        let kind = self.data_type.split('.').next();
        Some(match (kind, self.data_type.as_str(), &self.value) {
            (_, "String.Array", AttributeValue::Text(list)) => match serde_json::from_str(list) {
                Ok(Value::Array(values)) => Value::Array(values),
                _ => text(),
            },
            (Some("Number"), _, AttributeValue::Text(number)) => {
                as_number(number).map_or_else(text, Value::Number)
            }
            _ => text(),
        })
    }
}

/// A number as JSON writes it, of one that may be written otherwise: `+5`, `.5`, `007`.
fn as_number(text: &str) -> Option<Number> {
    let text = text.trim();
    serde_json::from_str(text).ok().or_else(|| Number::from_f64(text.parse().ok()?))
}

/// Checks an attribute's name.
///
/// Source: recorded answers of Publish.
fn check_name(name: &str) -> Result<(), Error> {
    let is_allowed = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let problem = if name.len() > ATTRIBUTE_NAME_MAX {
        "Length of message attribute name must be less than 256 bytes.".to_owned()
    } else if name.starts_with('.') {
        "Invalid message attribute name starting with character '.' was found.".to_owned()
    } else if name.ends_with('.') {
        "Invalid message attribute name ending with character '.' was found.".to_owned()
    } else if let Some(letter) = name.chars().find(|letter| !is_allowed(letter)) {
        format!(
            "Invalid non-alphanumeric character '#x{:X}' was found in the message attribute name. Can only include \
             alphanumeric characters, hyphens, underscores, or dots.",
            u32::from(letter)
        )
    } else if name.contains("..") {
        "Message attribute name can not have successive '.' character.".to_owned()
    } else if name.is_empty() {
        "Message attribute name can not be empty.".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::AttributeValue(problem))
}
