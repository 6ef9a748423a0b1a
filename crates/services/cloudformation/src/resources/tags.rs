//! Tags: a resource's own, then the stack's, then those that CloudFormation sets.

use serde_json::{Map, Value, json};

use crate::stack::{Request, Stack, Tag};

/// The tags that CloudFormation itself puts on a stack's resource.
pub fn of_cloudformation(stack: &Stack, logical_id: &str) -> Vec<Tag> {
    let tag =
        |key: &str, value: &str| Tag { key: format!("aws:cloudformation:{key}"), value: value.to_owned() };
    vec![tag("stack-name", &stack.name), tag("stack-id", &stack.arn()), tag("logical-id", logical_id)]
}

/// The tags of a resource: its own win over the stack's.
pub(super) fn merged(request: &Request) -> Vec<Tag> {
    of(&request.properties, &request.tags)
}

/// The tags that properties and a stack give.
pub(super) fn of(properties: &Map<String, Value>, stack: &[Tag]) -> Vec<Tag> {
    let own = properties.get("Tags").and_then(Value::as_array).into_iter().flatten().map(|tag| {
        let text = |name: &str| tag.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Tag { key: text("Key"), value: text("Value") }
    });
    let mut tags: Vec<Tag> = own.collect();
    for tag in stack {
        if !tags.iter().any(|known| known.key == tag.key) {
            tags.push(tag.clone());
        }
    }
    tags
}

/// The same of properties whose `Tags` are an object.
pub(super) fn of_map(properties: &Map<String, Value>, stack: &[Tag]) -> Vec<Tag> {
    let own = properties.get("Tags").and_then(Value::as_object).into_iter().flatten();
    let own: Value =
        own.map(|(key, value)| json!({"Key": key, "Value": value.as_str().unwrap_or_default()})).collect();
    of(&Map::from_iter([("Tags".to_owned(), own)]), stack)
}

/// Tags as lists of pairs, under these names; `None` where there are none.
pub(super) fn listed(tags: &[Tag], key: &str, value: &str) -> Option<Value> {
    let pair = |tag: &Tag| -> Value {
        Map::from_iter([
            (key.to_owned(), tag.key.clone().into()),
            (value.to_owned(), tag.value.clone().into()),
        ])
        .into()
    };
    (!tags.is_empty()).then(|| tags.iter().map(pair).collect())
}

/// Tags as a map; `None` where there are none.
pub(super) fn mapped(tags: &[Tag]) -> Option<Value> {
    let map: Map<String, Value> =
        tags.iter().map(|tag| (tag.key.clone(), tag.value.clone().into())).collect();
    (!map.is_empty()).then(|| map.into())
}

/// The tags to set, and the keys to remove.
pub(super) fn difference(before: &[Tag], after: &[Tag]) -> (Vec<Tag>, Vec<String>) {
    let set = after.iter().filter(|tag| !before.contains(tag)).cloned().collect();
    let gone = |tag: &&Tag| !after.iter().any(|other| other.key == tag.key);
    (set, before.iter().filter(gone).map(|tag| tag.key.clone()).collect())
}
