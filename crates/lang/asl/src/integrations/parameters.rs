//! The form of an integration's parameters, and what is wrong with those of a task.
//!
//! Only the form: names, types, and what must be there. Whether the values make sense is the service's business.

use serde_json::{Map, Value};

/// A field of a call's parameters.
#[derive(Debug)]
pub struct ParameterField {
    /// Its name, in PascalCase and without `.$`.
    pub name: &'static str,
    /// What its value must be.
    pub kind: ParameterKind,
    /// Whether a call without it cannot be made.
    pub required: bool,
}

/// What a value must be.
#[derive(Debug)]
pub enum ParameterKind {
    /// A string.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// An array whose elements all are of that kind.
    List(&'static ParameterKind),
    /// An object of those fields.
    Structure(&'static [ParameterField]),
    /// An object with free names, whose values all are of that kind.
    Map(&'static ParameterKind),
    /// Any JSON value.
    Any,
}

impl ParameterField {
    /// A field that may be left out.
    pub(super) const fn optional(name: &'static str, kind: ParameterKind) -> Self {
        Self { name, kind, required: false }
    }

    /// A field that must be there.
    pub(super) const fn required(name: &'static str, kind: ParameterKind) -> Self {
        Self { name, kind, required: true }
    }
}

impl ParameterKind {
    fn takes(&self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Boolean => value.is_boolean(),
            Self::List(_) => value.is_array(),
            Self::Structure(_) | Self::Map(_) => value.is_object(),
            Self::Any => true,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Text => "a STRING",
            Self::Integer => "an INTEGER",
            Self::Boolean => "a BOOLEAN",
            Self::List(_) => "a LIST",
            Self::Structure(_) | Self::Map(_) => "a MAP",
            Self::Any => "a value",
        }
    }
}

/// What is wrong with the parameters of a call that takes `fields`: a sentence for each, in AWS's words.
pub(super) fn problems(fields: &[ParameterField], parameters: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    match parameters {
        Value::Object(given) => check_fields(fields, given, &mut problems),
        _ => problems.push(wrong("Parameters", "a MAP")),
    }
    problems
}

/// Null is as good as nothing.
fn check_fields(fields: &[ParameterField], given: &Map<String, Value>, problems: &mut Vec<String>) {
    for (name, value) in given {
        match fields.iter().find(|field| field.name == name) {
            Some(_) if value.is_null() => {}
            Some(field) => check(&field.kind, name, value, problems),
            None => problems.push(format!("The field '{name}' is not supported by Step Functions")),
        }
    }
    let is_missing =
        |field: &&ParameterField| field.required && given.get(field.name).is_none_or(Value::is_null);
    for field in fields.iter().filter(is_missing) {
        problems.push(format!("The field '{}' is required but was missing", field.name));
    }
}

fn check(kind: &ParameterKind, name: &str, value: &Value, problems: &mut Vec<String>) {
    if !kind.takes(value) {
        return problems.push(wrong(name, kind.name()));
    }
    match (kind, value) {
        (ParameterKind::List(element), Value::Array(values)) => {
            values.iter().for_each(|value| check(element, name, value, problems));
        }
        (ParameterKind::Structure(fields), Value::Object(given)) => check_fields(fields, given, problems),
        (ParameterKind::Map(kind), Value::Object(given)) => {
            given.iter().for_each(|(name, value)| check(kind, name, value, problems));
        }
        _ => {}
    }
}

fn wrong(name: &str, kind: &str) -> String {
    format!("The value for the field '{name}' must be {kind}")
}
