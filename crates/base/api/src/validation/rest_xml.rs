//! Checks a request against the model of S3, which answers otherwise than AWS's other services: a document that is not as
//! its schema says is `MalformedXML`, a header or parameter of the wrong kind `InvalidArgument`, one violation at a time.
//!
//! What texts and numbers outside of documents may be (bucket names, storage classes, page sizes) the service says itself,
//! with a code for each.

use serde_json::Value;

use super::{breaks, check_kind};
use crate::AwsError;
use crate::model::{Kind, Location, Member, Operation, Shape};

/// Checks `input` against the shape of `operation`'s input.
///
/// # Errors
/// `MalformedXML`, `InvalidArgument`; `InvalidRequest` where a required member is missing.
pub fn validate(operation: &Operation, input: &Value) -> Result<(), AwsError> {
    for member in operation.input.members() {
        let value = input.get(member.name).unwrap_or(&Value::Null);
        match (member.location, value) {
            (Location::Stream, _) => {}
            (_, Value::Null) if member.required => return Err(missing(member)),
            (_, Value::Null) => {}
            (Location::Payload, value) if !fits(member.shape, value) => return Err(malformed()),
            (Location::Payload, _) => {}
            (_, value) if check_kind(member.shape, value).is_err() => return Err(wrong_kind(member, value)),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a document is as its schema says.
fn fits(shape: &Shape, value: &Value) -> bool {
    let has_members = |members: &[Member], value: &Value| {
        members.iter().all(|member| match value.get(member.name) {
            None | Some(Value::Null) => !member.required,
            Some(value) => fits(member.shape, value),
        })
    };
    match (&shape.kind, value) {
        (Kind::Structure(members), Value::Object(_)) => has_members(members, value),
        (Kind::List(list), Value::Array(elements)) => {
            elements.iter().all(|element| fits(list.element, element))
        }
        (Kind::Structure(_) | Kind::List(_) | Kind::Map(_), _) => false,
        _ => check_kind(shape, value).is_ok() && !breaks(shape, value),
    }
}

fn malformed() -> AwsError {
    AwsError::new(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

fn missing(member: &Member) -> AwsError {
    let name = member.wire_name();
    match member.location {
        Location::Payload => AwsError::new("MissingRequestBodyError", "Request Body is empty"),
        Location::Header => {
            AwsError::new("InvalidRequest", format!("Missing required header for this request: {name}"))
        }
        _ => AwsError::new("InvalidRequest", format!("Missing required parameter for this request: {name}")),
    }
}

fn wrong_kind(member: &Member, value: &Value) -> AwsError {
    let name = member.wire_name();
    let text = match member.shape.kind {
        Kind::Integer(_) => format!("Provided {name} not an integer or within integer range"),
        _ => format!("The value specified in the {name} is not valid"),
    };
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    AwsError::new("InvalidArgument", text)
        .with_member("ArgumentName", name)
        .with_member("ArgumentValue", value)
}
