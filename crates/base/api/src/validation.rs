//! Checks a request against its service's model and answers in AWS's words.
//!
//! First every value must be of its shape's kind, as if the request were being deserialised; only then are constraints
//! checked, and all violations are reported together. Rules that no model states are the services' own; S3, EC2 and SQS
//! have words of their own for all of it.

mod ec2;
mod print;
mod query_compatible;
mod rest_xml;

use std::fmt::{self, Write as _};

use serde_json::Value;
use types::Timestamp;

use crate::AwsError;
use crate::model::{Kind, List, Map, Member, Operation, Protocol, Range, ServiceModel, Shape, Size, Text};
pub(crate) use print::lower_first;
use print::print;

/// Checks `input` against the shape of `operation`'s input.
///
/// # Errors
/// `SerializationException` where a value is of another kind than its shape; else the operation's validation error,
/// which names every violated constraint.
pub fn validate(model: &ServiceModel, operation: &Operation, input: &Value) -> Result<(), AwsError> {
    if matches!(model.protocol, Protocol::RestXml(_)) {
        return rest_xml::validate(operation, input);
    }
    if model.protocol == Protocol::Ec2Query {
        return ec2::validate(operation, input);
    }
    check_kind(operation.input, input).map_err(|text| AwsError::new("SerializationException", text))?;
    if model.protocol == Protocol::AwsQueryCompatible {
        return query_compatible::validate(operation, input);
    }
    let mut violations = Violations { prints_values: model.prints_values, texts: Vec::new() };
    violations.structure(operation.input.members(), input, Path::Input);
    match violations.texts.len() {
        0 => Ok(()),
        count => Err(AwsError::new(operation.validation_code, message(count, &violations.texts))),
    }
}

fn message(count: usize, texts: &[String]) -> String {
    let noun = if count == 1 { "error" } else { "errors" };
    format!("{count} validation {noun} detected: {}", texts.join("; "))
}

/// The constraints that a request violates.
struct Violations {
    /// Whether the service repeats the offending value and an enumeration's members.
    prints_values: bool,
    texts: Vec<String>,
}

impl Violations {
    fn add(&mut self, value: &Value, shape: &Shape, path: Path<'_>, constraint: &str) {
        let value = match value {
            _ if !self.prints_values => "Value".to_owned(),
            Value::Null => "Value null".to_owned(),
            value => format!("Value '{}'", print(shape, value)),
        };
        self.texts.push(format!("{value} at '{path}' failed to satisfy constraint: {constraint}"));
    }

    fn structure(&mut self, members: &[Member], input: &Value, path: Path<'_>) {
        for member in members {
            let value = input.get(member.name).unwrap_or(&Value::Null);
            let path = Path::Member(&path, member.name);
            if !value.is_null() {
                self.value(member.shape, value, path);
            } else if member.required {
                self.add(value, member.shape, path, "Member must not be null");
            }
        }
    }

    fn value(&mut self, shape: &Shape, value: &Value, path: Path<'_>) {
        for constraint in broken_constraints(shape, value, self.prints_values) {
            self.add(value, shape, path, &constraint);
        }
        match &shape.kind {
            Kind::Structure(members) => self.structure(members, value, path),
            Kind::List(list) => self.list(shape, list, value, path),
            Kind::Map(map) => self.map(shape, map, value, path),
            _ => {}
        }
    }

    /// A list of structures is checked element by element. A list of scalars is reported once, as a whole.
    fn list(&mut self, shape: &Shape, list: &List, value: &Value, path: Path<'_>) {
        let elements = value.as_array().map(Vec::as_slice).unwrap_or_default();
        if is_scalar(list.element) {
            let broken = elements.iter().any(|element| breaks(list.element, element));
            if broken {
                let constraints = element_constraints(list.element, elements.iter(), self.prints_values);
                self.add(value, shape, path, &format!("Member must satisfy constraint: [{constraints}]"));
            }
            return;
        }
        for (index, element) in elements.iter().enumerate() {
            let path = Path::Element(&path, index);
            if element.is_null() {
                self.add(element, list.element, path, "Member must not be null");
            } else {
                self.value(list.element, element, path);
            }
        }
    }

    fn map(&mut self, shape: &Shape, map: &Map, value: &Value, path: Path<'_>) {
        let Some(entries) = value.as_object() else { return };
        let keys: Vec<Value> = entries.keys().map(|key| Value::String(key.clone())).collect();
        if keys.iter().any(|key| breaks(map.key, key)) {
            let constraints = element_constraints(map.key, keys.iter(), self.prints_values);
            self.add(value, shape, path, &format!("Map keys must satisfy constraint: [{constraints}]"));
        }
        if is_scalar(map.value) {
            if entries.values().any(|value| breaks(map.value, value)) {
                let constraints = element_constraints(map.value, entries.values(), self.prints_values);
                self.add(value, shape, path, &format!("Map value must satisfy constraint: [{constraints}]"));
            }
            return;
        }
        for (key, value) in entries {
            let path = Path::Entry(&path, key);
            if value.is_null() {
                self.add(value, map.value, path, "Member must not be null");
            } else {
                self.value(map.value, value, path);
            }
        }
    }
}

/// Where in an input a value is; written out only for messages.
#[derive(Clone, Copy)]
enum Path<'a> {
    Input,
    Member(&'a Path<'a>, &'a str),
    /// By its place, the first being 0.
    Element(&'a Path<'a>, usize),
    Entry(&'a Path<'a>, &'a str),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Input => Ok(()),
            Path::Member(Path::Input, name) => f.write_str(&lower_first(name)),
            Path::Member(path, name) => write!(f, "{path}.{}", lower_first(name)),
            Path::Element(path, index) => write!(f, "{path}.{}.member", index + 1),
            Path::Entry(path, key) => write!(f, "{path}.{key}.member"),
        }
    }
}

fn is_scalar(shape: &Shape) -> bool {
    !matches!(shape.kind, Kind::Structure(_) | Kind::List(_) | Kind::Map(_))
}

fn breaks(shape: &Shape, value: &Value) -> bool {
    value.is_null() || !broken_constraints(shape, value, false).is_empty()
}

/// All constraints of an element, whichever of them is broken: AWS lists them so.
fn element_constraints<'a>(
    shape: &Shape,
    mut values: impl Iterator<Item = &'a Value>,
    lists_enumerations: bool,
) -> String {
    let mut constraints = constraints(shape, lists_enumerations);
    if values.any(Value::is_null) {
        constraints.push("Member must not be null".to_owned());
    }
    constraints.join(", ")
}

fn constraints(shape: &Shape, lists_enumerations: bool) -> Vec<String> {
    let mut texts = Vec::new();
    let mut bounds = |what: &str, min: Option<i128>, max: Option<i128>| {
        texts.extend(max.map(|max| format!("Member must have {what} less than or equal to {max}")));
        texts.extend(min.map(|min| format!("Member must have {what} greater than or equal to {min}")));
    };
    match &shape.kind {
        Kind::String(text) => {
            bounds("length", text.size.min.map(i128::from), text.size.max.map(i128::from));
            texts.extend(text.pattern.as_ref().map(|pattern| matches_pattern(pattern.text)));
            if !text.values.is_empty() {
                texts.push(is_one_of(text.values, lists_enumerations));
            }
        }
        Kind::Integer(range) | Kind::Double(range) => {
            bounds("value", range.min.map(i128::from), range.max.map(i128::from));
        }
        Kind::Blob(size) => bounds("length", size.min.map(i128::from), size.max.map(i128::from)),
        _ => {}
    }
    texts
}

fn matches_pattern(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

fn is_one_of(values: &[&str], lists: bool) -> String {
    let mut text = "Member must satisfy enum value set".to_owned();
    if lists {
        // Writing to a string cannot fail.
        let _ = write!(text, ": [{}]", values.join(", "));
    }
    text
}

/// The constraints on the value itself that it breaks, not those on what it contains.
fn broken_constraints(shape: &Shape, value: &Value, lists_enumerations: bool) -> Vec<String> {
    match (&shape.kind, value) {
        (Kind::String(text), Value::String(value)) => broken_by_text(text, value, lists_enumerations),
        (Kind::Integer(range), value) => match value.as_i64() {
            Some(number) => broken_by_number(*range, |bound| number < bound, |bound| number > bound),
            None => Vec::new(),
        },
        (Kind::Double(range), value) => match value.as_f64() {
            #[expect(clippy::cast_precision_loss, reason = "models' bounds are small")]
            Some(number) => {
                broken_by_number(*range, |bound| number < bound as f64, |bound| number > bound as f64)
            }
            None => Vec::new(),
        },
        (Kind::List(list), Value::Array(elements)) => broken_by_length(list.size, elements.len()),
        (Kind::Map(map), Value::Object(entries)) => broken_by_length(map.size, entries.len()),
        (Kind::Blob(size), Value::String(base64)) => broken_by_length(*size, decoded_length(base64)),
        _ => Vec::new(),
    }
}

fn broken_by_text(text: &Text, value: &str, lists_enumerations: bool) -> Vec<String> {
    let mut broken = match text.size {
        Size::NONE => Vec::new(),
        size if value.is_ascii() => broken_by_length(size, value.len()),
        size => broken_by_length(size, value.encode_utf16().count()),
    };
    if let Some(pattern) = &text.pattern
        && !pattern.matches(value)
    {
        broken.push(matches_pattern(pattern.text));
    }
    let is = |one: &&str| *one == value || text.any_case && one.eq_ignore_ascii_case(value);
    if !text.values.is_empty() && !text.values.iter().any(is) {
        broken.push(is_one_of(text.values, lists_enumerations));
    }
    broken
}

fn broken_by_length(size: Size, length: usize) -> Vec<String> {
    let length = length as u64;
    let mut broken = Vec::new();
    if let Some(max) = size.max.filter(|max| length > *max) {
        broken.push(format!("Member must have length less than or equal to {max}"));
    }
    if let Some(min) = size.min.filter(|min| length < *min) {
        broken.push(format!("Member must have length greater than or equal to {min}"));
    }
    broken
}

fn broken_by_number(
    range: Range,
    is_less: impl Fn(i64) -> bool,
    is_greater: impl Fn(i64) -> bool,
) -> Vec<String> {
    let mut broken = Vec::new();
    if let Some(max) = range.max.filter(|max| is_greater(*max)) {
        broken.push(format!("Member must have value less than or equal to {max}"));
    }
    if let Some(min) = range.min.filter(|min| is_less(*min)) {
        broken.push(format!("Member must have value greater than or equal to {min}"));
    }
    broken
}

/// How many bytes a base64 text stands for.
fn decoded_length(base64: &str) -> usize {
    base64.trim_end_matches('=').len() * 3 / 4
}

/// Finds the first value of another kind than its shape and says so as AWS's deserialisers do.
fn check_kind(shape: &Shape, value: &Value) -> Result<(), String> {
    match (&shape.kind, value) {
        (_, Value::Null) | (Kind::Document, _) => Ok(()),
        (Kind::Structure(members), Value::Object(object)) => members.iter().try_for_each(|member| {
            object.get(member.name).map_or(Ok(()), |value| check_kind(member.shape, value))
        }),
        (Kind::List(list), Value::Array(elements)) => {
            elements.iter().try_for_each(|element| check_kind(list.element, element))
        }
        (Kind::Map(map), Value::Object(entries)) => {
            entries.values().try_for_each(|value| check_kind(map.value, value))
        }
        (Kind::String(_), Value::String(_)) | (Kind::Boolean, Value::Bool(_)) => Ok(()),
        (Kind::Integer(_), Value::Number(number)) if number.as_i64().is_some() => Ok(()),
        (Kind::Double(_), Value::Number(_)) => Ok(()),
        (Kind::Timestamp(_), Value::Number(_) | Value::String(_)) => check_timestamp(value),
        (Kind::Blob(_), Value::String(text)) => check_blob(text),
        (kind, value) => Err(mismatch(kind, value)),
    }
}

fn check_timestamp(value: &Value) -> Result<(), String> {
    match serde_json::from_value::<Timestamp>(value.clone()) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("{} can not be converted to a Date", token(value))),
    }
}

fn check_blob(text: &str) -> Result<(), String> {
    let digits = text.trim_end_matches('=');
    let legal = digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    if legal && text.len().is_multiple_of(4) && text.len() - digits.len() <= 2 {
        Ok(())
    } else {
        Err("Invalid Base64 characters found".to_owned())
    }
}

fn mismatch(kind: &Kind, value: &Value) -> String {
    let wanted = match kind {
        Kind::Structure(_) | Kind::List(_) | Kind::Map(_) | Kind::Document => None,
        Kind::String(_) => Some("a String"),
        Kind::Integer(_) => Some("an Integer"),
        Kind::Double(_) => Some("a Double"),
        Kind::Boolean => Some("a Boolean"),
        Kind::Timestamp(_) => Some("a Date"),
        Kind::Blob(_) => Some("a ByteBuffer"),
    };
    match (wanted, value) {
        (_, Value::Object(_)) => "Start of structure or map found where not expected.".to_owned(),
        (_, Value::Array(_)) => "Start of list found where not expected".to_owned(),
        (None, _) => "Unexpected field type".to_owned(),
        (Some(wanted), value) => format!("{} can not be converted to {wanted}", token(value)),
    }
}

fn token(value: &Value) -> &'static str {
    match value {
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        _ => "STRING_VALUE",
    }
}
