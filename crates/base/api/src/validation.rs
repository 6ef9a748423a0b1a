//! Checks a request against its service's model and answers in AWS's words.

use serde_json::Value;

use crate::AwsError;
use crate::model::{Operation, ServiceModel};

/// Checks `input` against the shape of `operation`'s input.
///
/// # Errors
/// The service's validation error.
pub fn validate(_model: &ServiceModel, _operation: &Operation, _input: &Value) -> Result<(), AwsError> {
    Ok(())
}
