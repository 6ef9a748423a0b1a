//! EC2's words for what its model forbids: the first violation alone, by the name that the form gives the parameter.

use serde_json::Value;

use super::check_kind;
use crate::AwsError;
use crate::model::{Kind, Member, Operation, Range, Shape};

/// Checks `input` against the shape of `operation`'s input.
///
/// # Errors
/// `MissingParameter`, `InvalidParameterValue`.
pub fn validate(operation: &Operation, input: &Value) -> Result<(), AwsError> {
    check_kind(operation.input, input).map_err(|text| AwsError::new("InvalidParameterValue", text))?;
    members(operation.input.members(), input)
}

fn members(members: &[Member], input: &Value) -> Result<(), AwsError> {
    for member in members {
        match input.get(member.name).filter(|value| !value.is_null()) {
            Some(given) => value(member.wire_name(), member.shape, given)?,
            None if member.required => {
                let text = format!("The request must contain the parameter {}", member.wire_name());
                return Err(AwsError::new("MissingParameter", text));
            }
            None => {}
        }
    }
    Ok(())
}

fn value(name: &str, shape: &Shape, given: &Value) -> Result<(), AwsError> {
    match (&shape.kind, given) {
        (Kind::Structure(inner), given) => members(inner, given),
        (Kind::List(list), Value::Array(elements)) => {
            elements.iter().try_for_each(|element| value(name, list.element, element))
        }
        (Kind::String(text), Value::String(given)) if !text.values.is_empty() => {
            match text.values.contains(&given.as_str()) {
                true => Ok(()),
                false => Err(invalid(format!("Value ({given}) for parameter {name} is invalid."))),
            }
        }
        (Kind::Integer(range), given) => integer(name, *range, given.as_i64().unwrap_or_default()),
        _ => Ok(()),
    }
}

fn integer(name: &str, range: Range, given: i64) -> Result<(), AwsError> {
    let expecting = match (range.min, range.max) {
        (Some(min), _) if given < min => format!("greater than {min}"),
        (_, Some(max)) if given > max => format!("less than {max}"),
        _ => return Ok(()),
    };
    Err(invalid(format!("Value ( {given} ) for parameter {name} is invalid. Expecting a value {expecting}.")))
}

fn invalid(text: String) -> AwsError {
    AwsError::new("InvalidParameterValue", text)
}
