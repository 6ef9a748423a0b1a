//! Writes values as XML, in the order and under the names of their shapes.

use api::model::{Kind, Shape, TimestampFormat};
use serde_json::Value;
use types::Timestamp;

/// A document being written.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
    /// Whether times have milliseconds though they are zero.
    always_millis: bool,
}

impl Writer {
    /// A document as S3 and EC2 write it: with a declaration, and all times with milliseconds.
    pub fn with_declaration() -> Self {
        Self { text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(), always_millis: true }
    }

    /// Opens the root element. An empty namespace is left out.
    pub fn open_with_namespace(&mut self, name: &str, namespace: &str) {
        self.text.push('<');
        self.text.push_str(name);
        if !namespace.is_empty() {
            self.text.push_str(" xmlns=\"");
            self.escape(namespace);
            self.text.push('"');
        }
        self.text.push('>');
    }

    /// Opens an element.
    pub fn open(&mut self, name: &str) {
        self.text.push('<');
        self.text.push_str(name);
        self.text.push('>');
    }

    /// Closes an element.
    pub fn close(&mut self, name: &str) {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    /// An element with text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.open(name);
        self.escape(text);
        self.close(name);
    }

    /// The members of a structure, without an element around them.
    pub fn members(&mut self, shape: &Shape, value: &Value) {
        for member in shape.members() {
            if let Some(value) = value.get(member.name) {
                self.value(member.wire_name(), member.shape, value);
            }
        }
    }

    /// What stands inside of the element of a value, which is a structure or text.
    pub fn content(&mut self, shape: &Shape, value: &Value) {
        match value {
            Value::Null => {}
            Value::Object(_) => self.members(shape, value),
            Value::String(text) => self.escape(text),
            value => self.escape(&value.to_string()),
        }
    }

    /// The document.
    pub fn finish(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    /// A value as an element of that name; absent and `null` values are left out.
    pub fn value(&mut self, name: &str, shape: &Shape, value: &Value) {
        match (&shape.kind, value) {
            (_, Value::Null) => {}
            (Kind::Structure(_), value) => {
                self.open(name);
                self.members(shape, value);
                self.close(name);
            }
            (Kind::List(list), Value::Array(elements)) if list.flattened => {
                elements.iter().for_each(|element| self.value(name, list.element, element));
            }
            (Kind::List(list), Value::Array(elements)) => {
                self.open(name);
                elements.iter().for_each(|element| self.value(list.element_name, list.element, element));
                self.close(name);
            }
            (Kind::Map(map), Value::Object(entries)) => {
                let entry = if map.flattened { name } else { "entry" };
                if !map.flattened {
                    self.open(name);
                }
                for (key, value) in entries {
                    self.open(entry);
                    self.text(map.key_name, key);
                    self.value(map.value_name, map.value, value);
                    self.close(entry);
                }
                if !map.flattened {
                    self.close(name);
                }
            }
            (Kind::Timestamp(format), value) => self.text(name, &self.timestamp(*format, value)),
            (_, Value::String(text)) => self.text(name, text),
            (_, value) => self.text(name, &value.to_string()),
        }
    }

    /// ISO 8601 unless the model says otherwise, with milliseconds where there are any.
    fn timestamp(&self, format: TimestampFormat, value: &Value) -> String {
        let text = timestamp(format, value);
        match text.strip_suffix(".000Z") {
            Some(seconds) if !self.always_millis => format!("{seconds}Z"),
            _ => text,
        }
    }

    /// XML has no way to write most control characters; a replacement stands for them.
    fn escape(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\r' => self.text.push_str("&#xD;"),
                '\t' | '\n' => self.text.push(letter),
                '\0'..'\u{20}' | '\u{FFFE}' | '\u{FFFF}' => self.text.push(char::REPLACEMENT_CHARACTER),
                _ => self.text.push(letter),
            }
        }
    }
}

/// A time as an element's or a header's text.
pub fn timestamp(format: TimestampFormat, value: &Value) -> String {
    let Ok(time) = serde_json::from_value::<Timestamp>(value.clone()) else {
        return value.to_string();
    };
    match format {
        TimestampFormat::Default | TimestampFormat::Iso8601 => time.to_iso_millis(),
        TimestampFormat::Epoch => time.as_seconds().to_string(),
        TimestampFormat::Http => time.format("%a, %d %b %Y %H:%M:%S GMT"),
    }
}
