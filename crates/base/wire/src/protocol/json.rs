//! `awsJson1_0` and `awsJson1_1`: JSON in, JSON out, errors named by `__type`.
//!
//! Source: Smithy 2.0, "AWS JSON 1.0 protocol" and "AWS JSON 1.1 protocol".

use api::AwsError;
use serde_json::{Map, Value};

/// Reads an input.
///
/// # Errors
/// `SerializationException` for what is no JSON object in UTF-8.
pub fn input(body: &[u8]) -> Result<Value, AwsError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(Value::Object(object)),
        Ok(_) => Err(AwsError::new("SerializationException", "Unexpected field type")),
        Err(error) => Err(AwsError::new("SerializationException", error.to_string())),
    }
}

/// Writes an output. An operation without output answers `{}`.
pub fn output(output: &Value) -> Vec<u8> {
    match output {
        Value::Null => b"{}".to_vec(),
        output => write(output),
    }
}

/// Writes an error: its code, its text and its members.
pub fn error(error: &AwsError) -> Vec<u8> {
    let mut body = Map::new();
    body.insert("__type".to_owned(), error.code.as_ref().into());
    if !error.message.is_empty() {
        body.insert("message".to_owned(), error.message.as_str().into());
    }
    body.extend(error.members.clone());
    write(&Value::Object(body))
}

/// A JSON value has string keys only, so writing it cannot fail.
fn write(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
