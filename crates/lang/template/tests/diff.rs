//! What `diff` sees between two templates.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use indexmap::IndexMap;
use serde_json::{Value, json};
use template::{Difference, ProcessedResource, diff};

fn resources(value: Value) -> IndexMap<String, ProcessedResource> {
    serde_json::from_value(value).unwrap()
}

#[test]
fn every_kind_of_difference() {
    let old = resources(json!({
        "Same": {"type_name": "T", "properties": {"P": {"a": 1, "b": 2}}},
        "Gone": {"type_name": "T", "properties": {}},
        "Other": {"type_name": "T", "properties": {}},
        "Changed": {"type_name": "T", "properties": {"Kept": 1, "Lost": 1, "Differs": [1]}},
        "Policy": {"type_name": "T", "properties": {}},
    }));
    let new = resources(json!({
        "Came": {"type_name": "T", "properties": {}},
        // The order of members is not a difference.
        "Same": {"type_name": "T", "properties": {"P": {"b": 2, "a": 1}}},
        "Other": {"type_name": "U", "properties": {}},
        "Changed": {"type_name": "T", "properties": {"Kept": 1, "Won": 1, "Differs": [2]}},
        "Policy": {"type_name": "T", "properties": {}, "deletion_policy": "Retain"},
    }));
    assert_eq!(
        diff(&old, &new),
        [
            Difference::Added { logical_id: "Came".into() },
            Difference::Retyped { logical_id: "Other".into() },
            Difference::Modified {
                logical_id: "Changed".into(),
                properties: ["Differs", "Lost", "Won"].map(str::to_owned).to_vec(),
                attributes: vec![],
            },
            Difference::Modified {
                logical_id: "Policy".into(),
                properties: vec![],
                attributes: vec!["DeletionPolicy"],
            },
            Difference::Removed { logical_id: "Gone".into() },
        ]
    );
    assert_eq!(diff(&new, &new), []);
}
