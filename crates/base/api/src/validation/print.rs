//! Prints values as AWS's messages quote them: structures as `Name(member=value, other=null)`.

use serde_json::Value;
use types::Timestamp;

use crate::model::{Kind, Shape};

/// The text of a value, with every member of a structure, absent ones as `null`.
pub(super) fn print(shape: &Shape, value: &Value) -> String {
    match (&shape.kind, value) {
        (_, Value::Null) => "null".to_owned(),
        (Kind::Structure(members), Value::Object(object)) => {
            let null = Value::Null;
            let known = members.iter().map(|member| {
                let value = object.get(member.name).unwrap_or(&null);
                format!("{}={}", lower_first(member.name), print(member.shape, value))
            });
            let hidden = hidden_members(shape.name).iter().map(|name| format!("{name}=null"));
            let members: Vec<String> = known.chain(hidden).collect();
            format!("{}({})", shape.name, members.join(", "))
        }
        (Kind::List(list), Value::Array(elements)) => {
            let elements: Vec<String> = elements.iter().map(|element| print(list.element, element)).collect();
            format!("[{}]", elements.join(", "))
        }
        (Kind::Map(map), Value::Object(entries)) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key}={}", print(map.value, value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        (Kind::Timestamp(_), value) => match serde_json::from_value::<Timestamp>(value.clone()) {
            Ok(time) => time.format("%a %b %d %H:%M:%S UTC %Y"),
            Err(_) => value.to_string(),
        },
        (_, Value::String(text)) => text.clone(),
        (_, value) => value.to_string(),
    }
}

/// Members that AWS prints though its public model does not have them. Recorded from PutEvents.
fn hidden_members(structure: &str) -> &'static [&'static str] {
    match structure {
        "PutEventsRequestEntry" => &["kmsKeyIdentifier", "internalMetadata"],
        _ => &[],
    }
}

/// `RoleName` as AWS's messages call it: `roleName`.
pub(crate) fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}
