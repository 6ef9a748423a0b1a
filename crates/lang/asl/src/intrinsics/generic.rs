//! `States.Format` and `States.UUID`.

use std::borrow::Cow;

use serde_json::Value;

use super::string::text;
use crate::expression::Scope;

/// `States.Format(template, …)` with a template that is computed.
pub(super) fn format(arguments: &[Cow<'_, Value>], _: &Scope<'_>) -> Result<Value, String> {
    let pieces: Vec<String> = text(arguments, 0)?.split("{}").map(str::to_owned).collect();
    fill(&pieces, arguments.get(1..).unwrap_or_default())
}

/// Puts the values between the pieces of a template.
pub(super) fn fill(pieces: &[String], values: &[Cow<'_, Value>]) -> Result<Value, String> {
    if pieces.len() != values.len() + 1 {
        return Err(
            "The number of arguments does not match the number of placeholders in the template".to_owned()
        );
    }
    let mut text = String::new();
    for (at, piece) in pieces.iter().enumerate() {
        text.push_str(piece);
        if let Some(value) = values.get(at) {
            text.push_str(&shown(value));
        }
    }
    Ok(text.into())
}

/// A value inside a text: arrays and objects as Java shows its lists and maps.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(shown).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

/// `States.UUID()`: a version 4 UUID.
pub(super) fn uuid(_: &[Cow<'_, Value>], scope: &Scope<'_>) -> Result<Value, String> {
    let mut random = scope.random.get();
    let uuid = random.uuid();
    scope.random.set(random);
    Ok(uuid.into())
}
