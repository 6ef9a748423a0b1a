//! SQS's words for what its model forbids: the first member that is missing. Values are the service's own to check.

use serde_json::Value;

use crate::AwsError;
use crate::model::{Kind, Member, Operation, Shape};

/// Checks `input`, whose values are of their kinds, against the shape of `operation`'s input.
///
/// # Errors
/// `MissingParameter`.
pub fn validate(operation: &Operation, input: &Value) -> Result<(), AwsError> {
    members(operation.input.members(), input)
}

fn members(members: &[Member], input: &Value) -> Result<(), AwsError> {
    for member in members {
        match input.get(member.name).filter(|value| !value.is_null()) {
            Some(given) => value(member.shape, given)?,
            None if member.required => {
                let text = format!("The request must contain the parameter {}.", member.name);
                return Err(AwsError::new("MissingParameter", text));
            }
            None => {}
        }
    }
    Ok(())
}

fn value(shape: &Shape, given: &Value) -> Result<(), AwsError> {
    match (&shape.kind, given) {
        (Kind::Structure(inner), given) => members(inner, given),
        (Kind::List(list), Value::Array(elements)) => {
            elements.iter().try_for_each(|element| value(list.element, element))
        }
        (Kind::Map(map), Value::Object(entries)) => {
            entries.values().try_for_each(|entry| value(map.value, entry))
        }
        _ => Ok(()),
    }
}
