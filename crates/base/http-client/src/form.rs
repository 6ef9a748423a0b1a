//! `application/x-www-form-urlencoded`: JSON as names and values. Pure.
//!
//! Source: Step Functions Developer Guide, "Applying URL-encoding on request body".

use serde_json::Value;

use crate::connection::plain;

/// `ArrayFormat`: how the elements of an array are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrayFormat {
    /// `a[0]=x&a[1]=y`.
    Indices,
    /// `a=x&a=y`.
    Repeat,
    /// `a=x,y`.
    Commas,
    /// `a[]=x&a[]=y`.
    Brackets,
}

impl ArrayFormat {
    /// Reads the text; absent is `INDICES`.
    pub fn of(text: Option<&str>) -> Self {
        match text {
            Some("REPEAT") => Self::Repeat,
            Some("COMMAS") => Self::Commas,
            Some("BRACKETS") => Self::Brackets,
            _ => Self::Indices,
        }
    }
}

/// The members of an object as a form. Anything else has no names.
pub fn encode(value: &Value, format: ArrayFormat) -> String {
    let mut fields = Vec::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        flatten(name, value, format, &mut fields);
    }
    fields.join("&")
}

fn flatten(name: &str, value: &Value, format: ArrayFormat, fields: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(inner, value)| {
                flatten(&format!("{name}[{inner}]"), value, format, fields);
            });
        }
        Value::Array(elements) if format == ArrayFormat::Commas => {
            let texts: Vec<String> = elements.iter().map(plain).collect();
            fields.push(field(name, &texts.join(",")));
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                let name = match format {
                    ArrayFormat::Indices => format!("{name}[{index}]"),
                    ArrayFormat::Brackets => format!("{name}[]"),
                    ArrayFormat::Repeat | ArrayFormat::Commas => name.to_owned(),
                };
                flatten(&name, element, format, fields);
            }
        }
        Value::Null => fields.push(field(name, "")),
        value => fields.push(field(name, &plain(value))),
    }
}

fn field(name: &str, value: &str) -> String {
    format!("{}={}", percent_encoded(name), percent_encoded(value))
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arrays_have_four_forms() {
        let decoded =
            |format| encode(&json!({"a": ["x", 1]}), format).replace("%5B", "[").replace("%5D", "]");
        assert_eq!(decoded(ArrayFormat::Indices), "a[0]=x&a[1]=1");
        assert_eq!(decoded(ArrayFormat::Repeat), "a=x&a=1");
        assert_eq!(decoded(ArrayFormat::Commas), "a=x%2C1");
        assert_eq!(decoded(ArrayFormat::Brackets), "a[]=x&a[]=1");
    }

    #[test]
    fn what_has_no_name_is_not_sent() {
        assert_eq!(encode(&json!([1]), ArrayFormat::Indices), "");
        assert_eq!(encode(&json!({"n": null, "b": true, "é": {}}), ArrayFormat::Indices), "n=&b=true");
    }
}
