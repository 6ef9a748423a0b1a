//! `restXml`: method, path, query string and headers name the operation; members stand all over the request and the answer,
//! documents are XML, and bytes that stream are not members at all.
//!
//! Source: Smithy 2.0, "AWS restXml protocol" and "HTTP bindings"; what S3 does otherwise, from its API Reference.

use std::borrow::Cow;

use api::AwsError;
use api::model::{Kind, Location, Member, Operation, Route, ServiceModel, Shape, TimestampFormat};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::rest_json::{decode, labels, literalness};
use super::scalar;
use super::xml::{Writer, timestamp};
use super::xml_reader::Element;

/// A request for an operation that is served.
pub struct Request<'a> {
    /// What it asks for.
    pub operation: &'static Operation,
    /// The HTTP status of an answer that is no error.
    pub status: u16,
    labels: Vec<(&'static str, &'a str)>,
    query: &'a str,
}

/// What an HTTP answer carries, the bytes that stream aside.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl<'a> Request<'a> {
    /// Finds the operation that a request is for: the one whose route asks for the most.
    ///
    /// # Errors
    /// `MethodNotAllowed` where no operation has the method; `NotImplemented` where the operation is not served.
    pub fn route(
        model: &ServiceModel,
        routes: &'static [Route],
        method: &str,
        path: &'a str,
        query: &'a str,
        headers: &HeaderMap,
    ) -> Result<Self, AwsError> {
        let of_method = routes.iter().filter(|route| route.method == method);
        let fitting = of_method.filter_map(|route| Some((route, labels(route.path, path)?)));
        let fitting =
            fitting.filter(|(route, _)| has_parameters(route, query) && has_headers(route, headers));
        let asks_for = |route: &Route| {
            (literalness(route.path), route.query.len() + route.parameters.len() + route.headers.len())
        };
        let (route, labels) = fitting
            .max_by_key(|(route, _)| asks_for(route))
            .ok_or_else(|| method_not_allowed(method, path))?;
        let Some(operation) = model.operation(route.operation) else {
            let text = format!("Runwright does not serve {}:{}.", model.iam_prefix, route.operation);
            return Err(AwsError::new("NotImplemented", text).with_status(501));
        };
        Ok(Self { operation, status: route.status, labels, query })
    }

    /// Reads the input. `document` is the body, where that is no stream.
    ///
    /// # Errors
    /// `MalformedXML`, `MissingRequestBodyError`; `InvalidURI` for what is not UTF-8.
    pub fn input(&self, headers: &HeaderMap, document: &[u8]) -> Result<Value, AwsError> {
        let mut input = Map::new();
        for member in self.operation.input.members() {
            let value = match member.location {
                Location::Body | Location::Stream => None,
                Location::Uri => self.label(member)?,
                Location::QueryString => self.parameter(member)?,
                Location::Header => header(headers, member),
                Location::Headers => headers_with_prefix(headers, member),
                Location::Payload => payload(member, document)?,
            };
            input.extend(value.map(|value| (member.name.to_owned(), value)));
        }
        Ok(Value::Object(input))
    }

    fn label(&self, member: &Member) -> Result<Option<Value>, AwsError> {
        let found = self.labels.iter().find(|(name, _)| *name == member.wire_name());
        found.map(|(_, text)| Ok(scalar::read(member.shape, &utf8(text)?))).transpose()
    }

    /// A parameter without a value is an empty text, and no number at all.
    fn parameter(&self, member: &Member) -> Result<Option<Value>, AwsError> {
        for (name, value) in pairs(self.query) {
            if utf8(name)? == member.wire_name() {
                let value = utf8(&value.unwrap_or_default().replace('+', " "))?;
                let is_text = matches!(member.shape.kind, Kind::String(_));
                return Ok((is_text || !value.is_empty()).then(|| scalar::read(member.shape, &value)));
            }
        }
        Ok(None)
    }
}

fn has_parameters(route: &Route, query: &str) -> bool {
    let has = |name: &str, wanted: Option<&str>| {
        pairs(query).any(|(sent, value)| sent == name && wanted.is_none_or(|wanted| value == Some(wanted)))
    };
    let literals = route.query.iter().map(|text| match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (*text, None),
    });
    literals.chain(route.parameters.iter().map(|name| (*name, None))).all(|(name, value)| has(name, value))
}

fn has_headers(route: &Route, headers: &HeaderMap) -> bool {
    route.headers.iter().all(|name| headers.contains_key(*name))
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| match pair.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (pair, None),
    })
}

fn utf8(text: &str) -> Result<String, AwsError> {
    decode(text).map_err(|_| AwsError::new("InvalidURI", "Couldn't parse the specified URI."))
}

fn method_not_allowed(method: &str, path: &str) -> AwsError {
    let resource = match path.trim_start_matches('/').split_once('/') {
        Some(_) => "OBJECT",
        None if path == "/" => "SERVICE",
        None => "BUCKET",
    };
    AwsError::new("MethodNotAllowed", "The specified method is not allowed against this resource.")
        .with_status(405)
        .with_member("Method", method)
        .with_member("ResourceType", resource)
}

/// A list is a header with commas. A date of a condition that is none makes no condition.
fn header(headers: &HeaderMap, member: &Member) -> Option<Value> {
    let text = header_text(headers, member.wire_name())?;
    let value = match &member.shape.kind {
        Kind::List(list) => {
            text.split(',').map(|element| scalar::read(list.element, element.trim())).collect()
        }
        _ => scalar::read(member.shape, &text),
    };
    let is_condition = member.wire_name().to_ascii_lowercase().contains("if-");
    let is_no_date = matches!(member.shape.kind, Kind::Timestamp(_)) && value.is_string();
    (!(is_condition && is_no_date)).then_some(value)
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let texts: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    Some(texts.join(","))
}

fn headers_with_prefix(headers: &HeaderMap, member: &Member) -> Option<Value> {
    let mut entries = Map::new();
    for name in headers.keys() {
        if let Some(key) = name.as_str().strip_prefix(member.wire_name()) {
            entries.extend(header_text(headers, name.as_str()).map(|text| (key.to_owned(), text.into())));
        }
    }
    (!entries.is_empty()).then_some(Value::Object(entries))
}

fn payload(member: &Member, document: &[u8]) -> Result<Option<Value>, AwsError> {
    if document.iter().all(u8::is_ascii_whitespace) {
        let missing = || AwsError::new("MissingRequestBodyError", "Request Body is empty");
        return if member.required { Err(missing()) } else { Ok(None) };
    }
    match Element::parse(document) {
        Ok(root) if root.name == member.wire_name() => Ok(Some(element(member.shape, &root))),
        _ => Err(AwsError::new(
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        )),
    }
}

/// The value that an element stands for.
fn element(shape: &Shape, from: &Element<'_>) -> Value {
    match &shape.kind {
        Kind::Structure(members) => {
            let values = members
                .iter()
                .filter_map(|member| Some((member.name.to_owned(), member_value(member, from)?)));
            Value::Object(values.collect())
        }
        Kind::List(list) => from.named(list.element_name).map(|child| element(list.element, child)).collect(),
        Kind::Map(map) => {
            let entries = from.named("entry").filter_map(|entry| {
                let (key, value) = (entry.named(map.key_name).next()?, entry.named(map.value_name).next()?);
                Some((key.text.clone(), element(map.value, value)))
            });
            Value::Object(entries.collect())
        }
        Kind::String(_) => Value::String(from.text.clone()),
        _ => scalar::read(shape, from.text.trim()),
    }
}

fn member_value(member: &Member, parent: &Element<'_>) -> Option<Value> {
    let mut found = parent.named(member.wire_name()).peekable();
    let first = *found.peek()?;
    Some(match &member.shape.kind {
        Kind::List(list) if list.flattened => found.map(|child| element(list.element, child)).collect(),
        _ => element(member.shape, first),
    })
}

/// Writes the answer of an operation.
pub fn output(request: &Request<'_>, namespace: &str, output: &Value) -> Answer {
    let mut headers = HeaderMap::new();
    let shape = request.operation.output;
    write_headers(shape, output, &mut headers);
    let body = document(request.operation, namespace, output);
    if body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    }
    // A part of an object says so, with whatever operation it is answered.
    let status = if headers.contains_key("content-range") { 206 } else { request.status };
    Answer { status, headers, body: body.unwrap_or_default() }
}

fn document(operation: &Operation, namespace: &str, output: &Value) -> Option<Vec<u8>> {
    let members = operation.output.members();
    if let Some(member) = members.iter().find(|member| member.location == Location::Payload) {
        let mut xml = Writer::with_declaration();
        let value = output.get(member.name).unwrap_or(&Value::Null);
        xml.open_with_namespace(member.wire_name(), namespace);
        xml.content(member.shape, value);
        xml.close(member.wire_name());
        return Some(xml.finish());
    }
    let root = operation.result_wrapper?;
    let mut xml = Writer::with_declaration();
    xml.open_with_namespace(root, namespace);
    for member in members.iter().filter(|member| member.location == Location::Body) {
        if let Some(value) = output.get(member.name) {
            xml.value(member.wire_name(), member.shape, value);
        }
    }
    xml.close(root);
    Some(xml.finish())
}

fn write_headers(shape: &Shape, output: &Value, headers: &mut HeaderMap) {
    for member in shape.members() {
        let Some(value) = output.get(member.name).filter(|value| !value.is_null()) else { continue };
        match (member.location, value) {
            (Location::Header, value) => {
                insert(headers, member.wire_name(), &header_value(member.shape, value));
            }
            (Location::Headers, Value::Object(entries)) => {
                for (key, value) in entries {
                    let name = format!("{}{key}", member.wire_name());
                    insert(headers, &name, value.as_str().unwrap_or_default());
                }
            }
            _ => {}
        }
    }
}

fn header_value(shape: &Shape, value: &Value) -> String {
    match (&shape.kind, value) {
        (Kind::Timestamp(TimestampFormat::Default), value) => timestamp(TimestampFormat::Http, value),
        (Kind::Timestamp(format), value) => timestamp(*format, value),
        (Kind::List(list), Value::Array(elements)) => {
            let texts: Vec<String> =
                elements.iter().map(|element| header_value(list.element, element)).collect();
            texts.join(",")
        }
        (_, Value::String(text)) => text.clone(),
        (_, value) => value.to_string(),
    }
}

/// A header that HTTP can carry; text beyond ASCII as RFC 2047 has it, which S3 does with users' metadata.
fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    let encoded: Cow<'_, str> = if value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
        value.into()
    } else {
        format!("=?UTF-8?B?{}?=", STANDARD.encode(value)).into()
    };
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(encoded.as_ref())) {
        headers.insert(name, value);
    }
}

/// Writes an error. Members that the operation's answer has in headers are in headers here too: a delete marker's version,
/// the ETag of what has not changed.
pub fn error(error: &AwsError, operation: Option<&Operation>, request_id: &str, host_id: &str) -> Answer {
    let error = translate(error);
    let mut headers = HeaderMap::new();
    let in_header = |name: &str| {
        let member = operation.and_then(|operation| operation.output.member(name));
        member.is_some_and(|member| member.location == Location::Header)
    };
    if let Some(operation) = operation {
        write_headers(operation.output, &Value::Object(error.members.clone()), &mut headers);
    }
    let mut body = Vec::new();
    if error.status != 304 {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        let mut xml = Writer::with_declaration();
        xml.open("Error");
        xml.text("Code", &error.code);
        xml.text("Message", &error.message);
        for (name, value) in error.members.iter().filter(|(name, _)| !in_header(name)) {
            match value {
                Value::String(text) => xml.text(name, text),
                value => xml.text(name, &value.to_string()),
            }
        }
        xml.text("RequestId", request_id);
        xml.text("HostId", host_id);
        xml.close("Error");
        body = xml.finish();
    }
    Answer { status: error.status, headers, body }
}

/// The error with the code and status that S3 gives it, where it came from before the service.
fn translate(error: &AwsError) -> Cow<'_, AwsError> {
    let (code, status) = match error.code.as_ref() {
        "AccessDeniedException" => ("AccessDenied", 403),
        "SerializationException" => ("MalformedXML", 400),
        "ThrottlingException" => ("SlowDown", 503),
        "UnknownOperationException" => ("NotImplemented", 501),
        "InternalFailure" => ("InternalError", 500),
        _ => return Cow::Borrowed(error),
    };
    let mut error = error.clone();
    error.code = Cow::Borrowed(code);
    if status == 500 {
        error.message = "We encountered an internal error. Please try again.".to_owned();
    }
    Cow::Owned(error.with_status(status))
}
