//! What changes between two sets of evaluated resources.
//!
//! It compares templates, never the world: what was changed behind a stack's back is not seen, as on AWS. Whether a
//! change replaces the resource depends on its type, which nothing here knows.

use indexmap::IndexMap;
use serde_json::{Map, Value};

/// A resource with its functions evaluated.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ProcessedResource {
    /// `Type`.
    pub type_name: String,
    /// `Properties`.
    pub properties: Map<String, Value>,
    /// `Metadata`.
    #[serde(default)]
    pub metadata: Option<Value>,
    /// `DeletionPolicy`, as it is written.
    #[serde(default)]
    pub deletion_policy: Option<String>,
    /// `UpdateReplacePolicy`, as it is written.
    #[serde(default)]
    pub update_replace_policy: Option<String>,
}

/// One resource that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Only the new template has it.
    Added {
        /// Logical id.
        logical_id: String,
    },
    /// Only the old template has it.
    Removed {
        /// Logical id.
        logical_id: String,
    },
    /// Both have it, with another type: the old one goes, a new one comes.
    Retyped {
        /// Logical id.
        logical_id: String,
    },
    /// Both have it, not equal.
    Modified {
        /// Logical id.
        logical_id: String,
        /// Names of the top-level properties that were added, removed or changed; sorted.
        properties: Vec<String>,
        /// Names of the resource's attributes that were, such as `DeletionPolicy`.
        attributes: Vec<&'static str>,
    },
}

/// Compares two templates' resources: first what the new one has, in its order, then what it lacks.
pub fn diff(
    old: &IndexMap<String, ProcessedResource>,
    new: &IndexMap<String, ProcessedResource>,
) -> Vec<Difference> {
    let of_new = new.iter().filter_map(|(logical_id, after)| {
        let logical_id = logical_id.clone();
        match old.get(&logical_id) {
            None => Some(Difference::Added { logical_id }),
            Some(before) if before.type_name != after.type_name => Some(Difference::Retyped { logical_id }),
            Some(before) => modified(logical_id, before, after),
        }
    });
    let gone = old.keys().filter(|logical_id| !new.contains_key(*logical_id));
    of_new.chain(gone.map(|logical_id| Difference::Removed { logical_id: logical_id.clone() })).collect()
}

fn modified(logical_id: String, before: &ProcessedResource, after: &ProcessedResource) -> Option<Difference> {
    let attributes: Vec<&'static str> = [
        ("Metadata", before.metadata != after.metadata),
        ("DeletionPolicy", before.deletion_policy != after.deletion_policy),
        ("UpdateReplacePolicy", before.update_replace_policy != after.update_replace_policy),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect();
    let properties = changed_properties(&before.properties, &after.properties);
    let changed = !properties.is_empty() || !attributes.is_empty();
    changed.then_some(Difference::Modified { logical_id, properties, attributes })
}

/// Names of the properties that were added, removed or changed; sorted.
pub fn changed_properties(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    let mut names: Vec<String> = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(*value))
        .map(|(name, _)| name.clone())
        .chain(before.keys().filter(|name| !after.contains_key(*name)).cloned())
        .collect();
    names.sort();
    names
}
