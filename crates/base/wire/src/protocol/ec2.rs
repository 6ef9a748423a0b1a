//! `ec2Query`: EC2's answers and errors in XML. Its forms are read by `query`.
//!
//! Source: Smithy 2.0, "AWS EC2 query protocol".

use std::borrow::Cow;

use api::AwsError;
use api::model::Operation;
use serde_json::Value;

use super::xml::Writer;

/// Writes the answer of an operation. One that answers nothing says that it is done.
pub fn output(operation: &Operation, output: &Value, namespace: &str, request_id: &str) -> Vec<u8> {
    let mut xml = Writer::with_declaration();
    let response = format!("{}Response", operation.name);
    xml.open_with_namespace(&response, namespace);
    xml.text("requestId", request_id);
    if operation.output.members().is_empty() {
        xml.text("return", "true");
    }
    xml.members(operation.output, output);
    xml.close(&response);
    xml.finish()
}

/// Writes an error.
pub fn error(error: &AwsError, request_id: &str) -> Vec<u8> {
    let mut xml = Writer::with_declaration();
    for element in ["Response", "Errors", "Error"] {
        xml.open(element);
    }
    xml.text("Code", &error.code);
    xml.text("Message", &error.message);
    xml.close("Error");
    xml.close("Errors");
    xml.text("RequestID", request_id);
    xml.close("Response");
    xml.finish()
}

/// The error with the code and status that EC2 gives it. EC2's model lists no errors.
pub fn translate(error: &AwsError) -> Cow<'_, AwsError> {
    let (code, status) = match error.code.as_ref() {
        "AccessDeniedException" => ("UnauthorizedOperation", 403),
        "SerializationException" => ("InvalidParameterValue", 400),
        "ThrottlingException" => ("RequestLimitExceeded", 503),
        "UnknownOperationException" => ("InvalidAction", 400),
        _ => return Cow::Borrowed(error),
    };
    let mut error = error.clone();
    error.code = Cow::Borrowed(code);
    Cow::Owned(error.with_status(status))
}
