//! Inputs and outputs of states: JSON that many frames and events share.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

use crate::limits::PAYLOAD_BYTES;

/// A JSON value with its text. Cloning shares both.
///
/// The text is as it was given, blanks included, until a state changes the value; then it is compact JSON. AWS's limit of
/// 256 KiB counts the bytes of the text.
#[derive(Clone)]
pub struct Payload(Arc<Content>);

/// At least one of the two is there from the beginning; the other is made when somebody asks.
struct Content {
    value: OnceLock<Arc<Value>>,
    text: OnceLock<Arc<str>>,
}

impl Payload {
    /// A payload with a new value.
    pub fn new(value: Value) -> Self {
        Self::shared(Arc::new(value))
    }

    /// A payload of a value that others hold too.
    pub fn shared(value: Arc<Value>) -> Self {
        Self(Arc::new(Content { value: OnceLock::from(value), text: OnceLock::new() }))
    }

    /// Reads JSON text, and keeps it.
    ///
    /// # Errors
    /// The parser's error where `text` is not JSON, or nested deeper than 127 levels.
    pub fn parse(text: Arc<str>) -> Result<Self, serde_json::Error> {
        let value = Arc::new(serde_json::from_str(&text)?);
        Ok(Self(Arc::new(Content { value: OnceLock::from(value), text: OnceLock::from(text) })))
    }

    /// A payload of text that was a payload's before: it is read only when its value is asked for.
    pub(crate) fn of_text(text: Arc<str>) -> Self {
        Self(Arc::new(Content { value: OnceLock::new(), text: OnceLock::from(text) }))
    }

    /// The value.
    pub fn value(&self) -> &Value {
        self.shared_value()
    }

    /// The value, shared.
    pub fn arc(&self) -> Arc<Value> {
        Arc::clone(self.shared_value())
    }

    fn shared_value(&self) -> &Arc<Value> {
        self.0.value.get_or_init(|| {
            let text = self.0.text.get().map_or("null", |text| text);
            // Text that is no JSON was never a payload's: it stands for itself.
            Arc::new(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)))
        })
    }

    /// The JSON text.
    pub fn text(&self) -> &Arc<str> {
        self.0.text.get_or_init(|| self.shared_value().to_string().into())
    }

    /// Whether the text is longer than AWS's 262,144 bytes.
    pub fn exceeds_limit(&self) -> bool {
        self.text().len() > PAYLOAD_BYTES
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.value() == other.value()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(text.into()).map_err(D::Error::custom)
    }
}
