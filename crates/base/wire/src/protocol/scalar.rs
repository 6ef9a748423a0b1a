//! Reads texts of forms, paths, query strings and headers as the values that their shapes want.

use api::model::{Kind, Shape};
use serde_json::{Number, Value};
use types::Timestamp;

/// The value that `text` stands for. Text that is not of its shape's kind stays text, for validation to refuse.
pub fn read(shape: &Shape, text: &str) -> Value {
    let parsed = match shape.kind {
        Kind::Integer(_) => text.parse::<i64>().ok().map(Value::from),
        Kind::Double(_) => text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number),
        Kind::Boolean => boolean(text),
        Kind::Timestamp(_) => timestamp(text),
        _ => None,
    };
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn boolean(text: &str) -> Option<Value> {
    let is_true = text.eq_ignore_ascii_case("true");
    (is_true || text.eq_ignore_ascii_case("false")).then_some(Value::Bool(is_true))
}

/// Inputs carry times as epoch seconds, whatever the wire wrote.
fn timestamp(text: &str) -> Option<Value> {
    let time = Timestamp::parse_rfc3339(text).or_else(|_| Timestamp::parse_http(text)).ok()?;
    serde_json::to_value(time).ok()
}
