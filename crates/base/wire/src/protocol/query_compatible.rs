//! A service that spoke `awsQuery` before `awsJson1_0`, and still does to those who send forms: what errors are called in
//! either, and in the header that old clients' code goes by; what its forms have that others have not.
//!
//! Source: Smithy 2.0, "AWS query compatible error"; SQS Developer Guide, "Making Query API requests"; answers of SQS.

use std::borrow::Cow;

use api::AwsError;
use api::model::{Kind, Operation, Shape};
use hyper::header::HOST;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use super::query::{self, Form};

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
        (
            _,
            _,
            "AccessDeniedException"
            | "UnrecognizedClientException"
            | "MissingAuthenticationTokenException"
            | "IncompleteSignatureException"
            | "InvalidSignatureException"
            | "ExpiredTokenException"
            | "SerializationException"
            | "UnknownOperationException",
        ) => format!("com.amazon.coral.service#{code}"),
        _ => return Cow::Borrowed(error),
    };
    let mut error = error.clone();
    error.code = Cow::Owned(name);
    Cow::Owned(error)
}

/// The error as forms are answered: with the text that it had there, and an element for what SQS never says.
pub fn of_form(error: &AwsError, operation: Option<&Operation>) -> AwsError {
    let mut translated = query::translate(error, operation).into_owned();
    if error.code == "QueueDoesNotExist" {
        translated.message = "The specified queue does not exist for this wsdl version.".into();
    }
    translated.members.insert("Detail".to_owned(), Value::Null);
    translated
}

/// The parameter that says which queue is meant, of a form without it: the address that the form was sent to.
pub fn queue_of(parts: &Parts, operation: &Operation, form: &Form<'_>) -> Option<(&'static str, String)> {
    const NAME: &str = "QueueUrl";
    let is_wanted = operation.input.members().iter().any(|member| member.name == NAME && member.required);
    if !is_wanted || form.get(NAME).is_some() {
        return None;
    }
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    Some((NAME, format!("http://{host}{}", parts.uri.path())))
}

/// Puts empty lists in the place of those that must be there: a form has no way to say that a list is empty.
pub fn with_empty_lists(shape: &Shape, input: &mut Value) {
    for member in shape.members() {
        if member.required && matches!(member.shape.kind, Kind::List(_)) && input.get(member.name).is_none() {
            input[member.name] = json!([]);
        }
    }
}
