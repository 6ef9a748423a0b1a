//! `awsQuery`: forms in, XML out.
//!
//! Source: Smithy 2.0, "AWS query protocol".

mod form;

use std::borrow::Cow;

use api::AwsError;
use api::model::{Kind, List, Map, Operation, Shape};
use serde_json::Value;

use super::scalar;
use super::xml::Writer;
pub use form::Form;

/// Reads an input. Text that is not of its member's kind stays text, for validation to refuse.
pub fn input(form: &Form<'_>, shape: &Shape) -> Value {
    structure(form, shape, "")
}

/// Writes the answer of an operation.
pub fn output(operation: &Operation, output: &Value, namespace: &str, request_id: &str) -> Vec<u8> {
    let mut xml = Writer::default();
    let response = format!("{}Response", operation.name);
    xml.open_with_namespace(&response, namespace);
    match operation.result_wrapper {
        Some(wrapper) => {
            xml.open(wrapper);
            xml.members(operation.output, output);
            xml.close(wrapper);
        }
        None => xml.members(operation.output, output),
    }
    xml.open("ResponseMetadata");
    xml.text("RequestId", request_id);
    xml.close("ResponseMetadata");
    xml.close(&response);
    xml.finish()
}

/// Writes an error.
pub fn error(error: &AwsError, namespace: &str, request_id: &str) -> Vec<u8> {
    let fault = if error.status >= 500 { "Receiver" } else { "Sender" };
    let mut xml = Writer::default();
    xml.open_with_namespace("ErrorResponse", namespace);
    xml.open("Error");
    xml.text("Type", fault);
    xml.text("Code", &error.code);
    xml.text("Message", &error.message);
    for (name, value) in &error.members {
        match value {
            Value::String(text) => xml.text(name, text),
            value => xml.text(name, &value.to_string()),
        }
    }
    xml.close("Error");
    xml.text("RequestId", request_id);
    xml.close("ErrorResponse");
    xml.finish()
}

/// The error with the code and status that this protocol gives it.
pub fn translate<'a>(error: &'a AwsError, operation: Option<&Operation>) -> Cow<'a, AwsError> {
    let listed = operation.and_then(|operation| {
        operation.errors.iter().find(|listed| listed.name == error.code || listed.code == error.code)
    });
    let (code, status) = match (listed, error.code.as_ref()) {
        (Some(listed), _) => (listed.code, listed.status),
        (None, "AccessDeniedException") => ("AccessDenied", 403),
        (None, "SerializationException") => ("MalformedInput", 400),
        (None, "ThrottlingException") => ("Throttling", 400),
        (None, "UnknownOperationException") => ("InvalidAction", 400),
        (None, "UnsupportedMediaTypeException") => ("UnsupportedMediaType", 415),
        (None, "RequestEntityTooLargeException") => ("RequestEntityTooLarge", 413),
        (None, _) => return Cow::Borrowed(error),
    };
    let mut error = error.clone();
    error.code = Cow::Borrowed(code);
    Cow::Owned(error.with_status(status))
}

fn structure(form: &Form<'_>, shape: &Shape, path: &str) -> Value {
    let mut object = serde_json::Map::new();
    for member in shape.members() {
        let path = join(path, member.wire_name());
        if let Some(value) = value(form, member.shape, &path) {
            object.insert(member.name.to_owned(), value);
        }
    }
    Value::Object(object)
}

/// The value at `path`; `None` where no parameter is there or below.
fn value(form: &Form<'_>, shape: &Shape, path: &str) -> Option<Value> {
    match &shape.kind {
        Kind::Structure(_) => form.has(path).then(|| structure(form, shape, path)),
        Kind::List(items) => list(form, items, path),
        Kind::Map(entries) => map(form, entries, path),
        _ => form.get(path).map(|text| scalar::read(shape, text)),
    }
}

/// A list's parameters are numbered, in any order and with gaps. `Tags=` alone is an empty list.
fn list(form: &Form<'_>, list: &List, path: &str) -> Option<Value> {
    if form.get(path) == Some("") {
        return Some(Value::Array(Vec::new()));
    }
    let path = if list.flattened { path.to_owned() } else { join(path, list.element_name) };
    let indices = form.indices(&path);
    if indices.is_empty() {
        return None;
    }
    let elements = indices.into_iter().filter_map(|index| value(form, list.element, &join(&path, index)));
    Some(Value::Array(elements.collect()))
}

fn map(form: &Form<'_>, map: &Map, path: &str) -> Option<Value> {
    let path = if map.flattened { path.to_owned() } else { join(path, "entry") };
    let indices = form.indices(&path);
    if indices.is_empty() {
        return None;
    }
    let entries = indices.into_iter().filter_map(|index| {
        let entry = join(&path, index);
        let key = form.get(&join(&entry, map.key_name))?.to_owned();
        Some((key, value(form, map.value, &join(&entry, map.value_name))?))
    });
    Some(Value::Object(entries.collect()))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
