//! From the value of an expression to JSON.

use jsonata_core::value::JValue;
use serde_json::{Map, Number, Value};

use crate::limits::{JSONATA_SEQUENCE, NESTING};

/// The JSON of a result; the error says what the expression gave instead.
pub(super) fn plain(value: &JValue) -> Result<Value, &'static str> {
    Plain { left: JSONATA_SEQUENCE }.value(value, NESTING)
}

/// A conversion. Values that share their parts are larger as JSON than in memory.
struct Plain {
    /// Values that may follow.
    left: usize,
}

impl Plain {
    /// A value that may nest `levels` deep.
    fn value(&mut self, value: &JValue, levels: usize) -> Result<Value, &'static str> {
        self.left = self.left.checked_sub(1).ok_or("returned a result that is too large.")?;
        match value {
            JValue::Null | JValue::Undefined => Ok(Value::Null),
            JValue::Bool(value) => Ok(Value::Bool(*value)),
            JValue::Number(number) => Ok(number_of(*number)),
            JValue::String(text) => Ok(Value::String(text.to_string())),
            JValue::Array(elements) => {
                let levels = below(levels)?;
                elements.iter().map(|element| self.value(element, levels)).collect()
            }
            JValue::Object(members) => {
                let levels = below(levels)?;
                let member =
                    |(name, value): (&String, &JValue)| Ok((name.clone(), self.value(value, levels)?));
                members.iter().map(member).collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            // Functions and regular expressions.
            _ => Err("returned an unsupported result type."),
        }
    }
}

fn below(levels: usize) -> Result<usize, &'static str> {
    levels.checked_sub(1).ok_or("returned a result that is nested too deep.")
}

/// Numbers without a fraction are integers in JSON, as JavaScript writes them.
#[expect(clippy::cast_possible_truncation, reason = "within the integers that an f64 holds exactly")]
fn number_of(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}
