//! Converts between the PascalCase JSON of Task states and a service's own, by the service's model.
//!
//! Source: Step Functions Developer Guide, "Pass parameters to a service API"; recorded executions.

use std::collections::BTreeMap;

use api::model::{Kind, Shape};
use serde_json::{Map, Value};
use types::Timestamp;

/// The request that `parameters` ask for.
///
/// # Errors
/// What is wrong with the parameters, a sentence for each field.
pub(super) fn request(shape: &Shape, parameters: &Value) -> Result<Value, Vec<String>> {
    let mut problems = Vec::new();
    let request = convert(shape, parameters, "Parameters", &mut problems);
    if problems.is_empty() { Ok(request) } else { Err(problems) }
}

fn convert(shape: &Shape, value: &Value, field: &str, problems: &mut Vec<String>) -> Value {
    match (&shape.kind, value) {
        (Kind::Structure(_), Value::Object(fields)) => structure(shape, fields, problems),
        (Kind::List(list), Value::Array(elements)) => {
            let elements = elements.iter().map(|element| convert(list.element, element, field, problems));
            Value::Array(elements.collect())
        }
        (Kind::Map(map), Value::Object(entries)) => {
            let entries =
                entries.iter().map(|(key, entry)| (key.clone(), convert(map.value, entry, key, problems)));
            Value::Object(entries.collect())
        }
        (Kind::String(_) | Kind::Blob(_), Value::String(_))
        | (Kind::Boolean, Value::Bool(_))
        | (Kind::Double(_), Value::Number(_))
        | (Kind::Timestamp(_), Value::String(_) | Value::Number(_)) => value.clone(),
        (Kind::Integer(_), Value::Number(number)) if number.is_i64() || number.is_u64() => value.clone(),
        (kind, _) => {
            problems.push(format!("The value for the field '{field}' must be {}", kind_name(kind)));
            Value::Null
        }
    }
}

fn structure(shape: &Shape, fields: &Map<String, Value>, problems: &mut Vec<String>) -> Value {
    let mut converted = Map::new();
    for (name, value) in fields {
        let member = shape.members().iter().find(|member| pascal(member.name) == *name);
        match member {
            Some(_) if value.is_null() => {}
            Some(member) => {
                converted.insert(member.name.to_owned(), convert(member.shape, value, name, problems));
            }
            None => problems.push(format!("The field '{name}' is not supported by Step Functions")),
        }
    }
    Value::Object(converted)
}

fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Structure(_) | Kind::Map(_) => "a MAP",
        Kind::List(_) => "a LIST",
        Kind::Integer(_) => "an INTEGER",
        Kind::Double(_) => "a DOUBLE",
        Kind::Boolean => "a BOOLEAN",
        _ => "a STRING",
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
                    (Some(value), _) => Some((pascal(member.name), response(member.shape, value))),
                    (None, Kind::List(_)) if !NOT_IN_THE_SDK.contains(&member.name) => {
                        Some((pascal(member.name), Value::Array(Vec::new())))
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

/// `taskArn` becomes `TaskArn`.
pub(crate) fn pascal(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
