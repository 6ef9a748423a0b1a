//! `awsQuery`: forms in, XML out. How it reads forms serves `ec2Query` too.
//!
//! Source: Smithy 2.0, "AWS query protocol" and "AWS EC2 query protocol".

mod form;

use std::borrow::Cow;

use api::AwsError;
use api::model::{Kind, List, Map, Member, Operation, Shape};
use serde_json::Value;

use super::scalar;
use super::xml::Writer;
pub use form::Form;

/// How a form names what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `awsQuery`.
    Aws,
    /// `ec2Query`: names begin with a capital letter, and the elements of a list follow its name directly.
    Ec2,
}

/// Reads an input. Text that is not of its member's kind stays text, for validation to refuse.
pub fn input(form: &Form<'_>, dialect: Dialect, shape: &Shape) -> Value {
    Reader { form, dialect }.structure(shape, "")
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
            Value::Null => xml.text(name, ""),
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
        (None, "UnrecognizedClientException") => ("InvalidClientTokenId", 403),
        (None, "MissingAuthenticationTokenException") => ("MissingAuthenticationToken", 403),
        (None, "IncompleteSignatureException") => ("IncompleteSignature", 400),
        (None, "InvalidSignatureException") => ("SignatureDoesNotMatch", 403),
        (None, "ExpiredTokenException") => ("ExpiredToken", 403),
        (None, "UnsupportedMediaTypeException") => ("UnsupportedMediaType", 415),
        (None, "RequestEntityTooLargeException") => ("RequestEntityTooLarge", 413),
        (None, _) => return Cow::Borrowed(error),
    };
    let mut error = error.clone();
    error.code = Cow::Borrowed(code);
    Cow::Owned(error.with_status(status))
}

struct Reader<'a> {
    form: &'a Form<'a>,
    dialect: Dialect,
}

impl Reader<'_> {
    fn structure(&self, shape: &Shape, path: &str) -> Value {
        let mut object = serde_json::Map::new();
        for member in shape.members() {
            let path = join(path, &self.dialect.name(member));
            if let Some(value) = self.value(member.shape, &path) {
                object.insert(member.name.to_owned(), value);
            }
        }
        Value::Object(object)
    }

    /// The value at `path`; `None` where no parameter is there or below.
    fn value(&self, shape: &Shape, path: &str) -> Option<Value> {
        match &shape.kind {
            Kind::Structure(_) => self.form.has(path).then(|| self.structure(shape, path)),
            Kind::List(items) => self.list(items, path),
            Kind::Map(entries) => self.map(entries, path),
            _ => self.form.get(path).map(|text| scalar::read(shape, text)),
        }
    }

    /// A list's parameters are numbered, in any order and with gaps. `Tags=` alone is an empty list.
    fn list(&self, list: &List, path: &str) -> Option<Value> {
        if self.form.get(path) == Some("") {
            return Some(Value::Array(Vec::new()));
        }
        let is_flat = list.flattened || self.dialect == Dialect::Ec2;
        let path = if is_flat { path.to_owned() } else { join(path, list.element_name) };
        let indices = self.form.indices(&path);
        if indices.is_empty() {
            // A single element may stand without a number.
            let single = self.value(list.element, &path).filter(|_| list.flattened)?;
            return Some(Value::Array(vec![single]));
        }
        let elements = indices.into_iter().filter_map(|index| self.value(list.element, &join(&path, index)));
        Some(Value::Array(elements.collect()))
    }

    fn map(&self, map: &Map, path: &str) -> Option<Value> {
        let path = if map.flattened { path.to_owned() } else { join(path, "entry") };
        let indices = self.form.indices(&path);
        // A single entry may stand without a number.
        let single = if map.flattened && indices.is_empty() { self.entry(map, &path) } else { None };
        if indices.is_empty() && single.is_none() {
            return None;
        }
        let entries = indices.into_iter().filter_map(|index| self.entry(map, &join(&path, index)));
        Some(Value::Object(single.into_iter().chain(entries).collect()))
    }

    fn entry(&self, map: &Map, path: &str) -> Option<(String, Value)> {
        let key = self.form.get(&join(path, map.key_name))?.to_owned();
        Some((key, self.value(map.value, &join(path, map.value_name))?))
    }
}

impl Dialect {
    fn name(self, member: &Member) -> Cow<'static, str> {
        let name = member.wire_name();
        match (self, name.chars().next()) {
            (Self::Ec2, Some(first)) if first.is_ascii_lowercase() => {
                let rest = name.get(1..).unwrap_or_default();
                Cow::Owned(format!("{}{rest}", first.to_ascii_uppercase()))
            }
            _ => Cow::Borrowed(name),
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
