//! `awsJson1_0` of a service that spoke `awsQuery` before: what errors are called in the body, and in the header that old
//! clients' code goes by.
//!
//! Source: Smithy 2.0, "AWS query compatible error"; answers of SQS.

use std::borrow::Cow;

use api::AwsError;
use api::model::Operation;

/// The header `x-amzn-query-error` of an error that has the code and status of the query protocol.
pub fn header(error: &AwsError) -> String {
    let fault = if error.status >= 500 { "Receiver" } else { "Sender" };
    format!("{};{fault}", error.code)
}

/// The error with the name of its shape. Those that no model lists are those of AWS's own framework.
pub fn translate<'a>(error: &'a AwsError, operation: Option<&Operation>) -> Cow<'a, AwsError> {
    let code = error.code.as_ref();
    let service = operation.and_then(|operation| operation.action.split(':').next());
    let listed = operation.and_then(|operation| operation.errors.iter().find(|listed| listed.name == code));
    let name = match (listed, service, code) {
        (Some(listed), Some(service), _) => format!("com.amazonaws.{service}#{}", listed.name),
        (_, _, "InvalidParameterValue") => {
            "com.amazon.coral.service#InvalidParameterValueException".to_owned()
        }
        (_, _, "MissingParameter") => "com.amazon.coral.service#MissingRequiredParameterException".to_owned(),
        _ => return Cow::Borrowed(error),
    };
    let mut error = error.clone();
    error.code = Cow::Owned(name);
    Cow::Owned(error)
}
