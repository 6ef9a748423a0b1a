//! Converts between the PascalCase JSON of Task states and a service's own, by the service's model.
//!
//! Source: Step Functions Developer Guide, "Pass parameters to a service API"; recorded executions.

use std::collections::BTreeMap;

use api::model::{Kind, Location, Shape};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use types::Timestamp;

use super::sdk_names;

/// The request that `parameters` of an optimised integration ask for.
///
/// # Errors
/// What is wrong with the parameters, a sentence for each field.
pub(super) fn request(shape: &Shape, parameters: &Value) -> Result<Value, Vec<String>> {
    Reader { texts_may_be_json: false, problems: Vec::new() }.read(shape, parameters)
}

/// The request that `parameters` of an SDK integration ask for: objects where a text is wanted become JSON, and bytes are
/// texts or any JSON.
///
/// # Errors
/// What is wrong with the parameters, a sentence for each field.
pub(super) fn sdk_request(shape: &Shape, parameters: &Value) -> Result<Value, Vec<String>> {
    Reader { texts_may_be_json: true, problems: Vec::new() }.read(shape, parameters)
}

/// Reads parameters, and gathers what is wrong with them.
struct Reader {
    texts_may_be_json: bool,
    problems: Vec<String>,
}

impl Reader {
    fn read(mut self, shape: &Shape, parameters: &Value) -> Result<Value, Vec<String>> {
        let request = self.convert(shape, parameters, "Parameters");
        if self.problems.is_empty() { Ok(request) } else { Err(self.problems) }
    }

    fn convert(&mut self, shape: &Shape, value: &Value, field: &str) -> Value {
        match (&shape.kind, value) {
            (Kind::Structure(_), Value::Object(fields)) => self.structure(shape, fields),
            (Kind::List(list), Value::Array(elements)) => {
                elements.iter().map(|element| self.convert(list.element, element, field)).collect()
            }
            (Kind::Map(map), Value::Object(entries)) => {
                let entries =
                    entries.iter().map(|(key, entry)| (key.clone(), self.convert(map.value, entry, key)));
                Value::Object(entries.collect())
            }
            (Kind::String(_), Value::Object(_) | Value::Array(_)) if self.texts_may_be_json => {
                value.to_string().into()
            }
            (Kind::Blob(_), value) if self.texts_may_be_json => bytes(value),
            (Kind::String(_) | Kind::Blob(_), Value::String(_))
            | (Kind::Boolean, Value::Bool(_))
            | (Kind::Double(_), Value::Number(_))
            | (Kind::Document, _)
            | (Kind::Timestamp(_), Value::String(_) | Value::Number(_)) => value.clone(),
            (Kind::Integer(_), Value::Number(number)) if number.is_i64() || number.is_u64() => value.clone(),
            (kind, _) => {
                self.problems.push(format!("The value for the field '{field}' must be {}", kind_name(kind)));
                Value::Null
            }
        }
    }

    fn structure(&mut self, shape: &Shape, fields: &Map<String, Value>) -> Value {
        let mut converted = Map::new();
        for (name, value) in fields {
            let member = shape.members().iter().find(|member| sdk_names::member(member.name) == *name);
            match member {
                Some(_) if value.is_null() => {}
                Some(member) => {
                    converted.insert(member.name.to_owned(), self.convert(member.shape, value, name));
                }
                None => self.problems.push(format!("The field '{name}' is not supported by Step Functions")),
            }
        }
        Value::Object(converted)
    }
}

/// A text, or else JSON, as the base64 of its bytes.
fn bytes(value: &Value) -> Value {
    let encoded = match value {
        Value::String(text) => STANDARD.encode(text),
        other => STANDARD.encode(other.to_string()),
    };
    encoded.into()
}

fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Structure(_) | Kind::Map(_) => "a MAP",
        Kind::List(_) => "a LIST",
        Kind::Integer(_) => "an INTEGER",
        Kind::Double(_) => "a DOUBLE",
        Kind::Boolean => "a BOOLEAN",
        Kind::String(_) | Kind::Timestamp(_) | Kind::Blob(_) | Kind::Document => "a STRING",
    }
}

/// What a state is given of an answer to an SDK integration: keys in PascalCase and sorted, times and bytes as texts,
/// and nothing that is not there. Fields that the model does not have are left out.
pub(super) fn sdk_response(shape: &Shape, value: &Value) -> Value {
    match (&shape.kind, value) {
        (Kind::Structure(members), Value::Object(fields)) => {
            let given = |name: &str| fields.get(name).filter(|value| !value.is_null());
            let converted: BTreeMap<String, Value> = members
                .iter()
                .filter_map(|member| match given(member.name) {
                    Some(value) => Some((sdk_names::member(member.name), sdk_response(member.shape, value))),
                    // Recorded: a map that is read out of headers is there also where no header is.
                    None if member.location == Location::Headers => {
                        Some((sdk_names::member(member.name), Value::Object(Map::new())))
                    }
                    None => None,
                })
                .collect();
            Value::Object(converted.into_iter().collect())
        }
        (Kind::List(list), Value::Array(elements)) => {
            elements.iter().map(|element| sdk_response(list.element, element)).collect()
        }
        (Kind::Map(map), Value::Object(entries)) => {
            let entries = entries.iter().map(|(key, entry)| (key.clone(), sdk_response(map.value, entry)));
            Value::Object(entries.collect())
        }
        (Kind::Timestamp(_), value) => match serde_json::from_value::<Timestamp>(value.clone()) {
            Ok(time) => time.jiff().to_string().into(),
            Err(_) => value.clone(),
        },
        (Kind::Blob(_), Value::String(text)) => match STANDARD.decode(text) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
            Err(_) => value.clone(),
        },
        (_, value) => value.clone(),
    }
}

/// Lists that services have gained since: recorded answers do not show them where they are empty.
const NOT_IN_THE_SDK: [&str; 1] = ["neuronDeviceIds"];

/// What a state is given of a service's answer, or of an event about one of its resources: keys in PascalCase and
/// sorted, times in milliseconds, lists always there. Fields that the model does not have are left out.
pub(super) fn response(shape: &Shape, value: &Value) -> Value {
    match (&shape.kind, value) {
        (Kind::Structure(members), Value::Object(fields)) => {
            let given = |name: &str| fields.get(name).filter(|value| !value.is_null());
            let converted: BTreeMap<String, Value> = members
                .iter()
                .filter_map(|member| match (given(member.name), &member.shape.kind) {
                    (Some(value), _) => Some((sdk_names::member(member.name), response(member.shape, value))),
                    (None, Kind::List(_)) if !NOT_IN_THE_SDK.contains(&member.name) => {
                        Some((sdk_names::member(member.name), Value::Array(Vec::new())))
                    }
                    (None, _) => None,
                })
                .collect();
            Value::Object(converted.into_iter().collect())
        }
        (Kind::List(list), Value::Array(elements)) => {
            elements.iter().map(|element| response(list.element, element)).collect()
        }
        (Kind::Map(map), Value::Object(entries)) => {
            let sorted: BTreeMap<&String, &Value> = entries.iter().collect();
            Value::Object(
                sorted.into_iter().map(|(key, entry)| (key.clone(), response(map.value, entry))).collect(),
            )
        }
        (Kind::Timestamp(_), value) => match serde_json::from_value::<Timestamp>(value.clone()) {
            Ok(time) => time.as_millis().into(),
            Err(_) => value.clone(),
        },
        (_, value) => value.clone(),
    }
}
