//! Tags of secrets.

use std::collections::BTreeMap;

use crate::Error;
use crate::generated::types as model;
use crate::limits::TAGS_MAX;

type Tags = BTreeMap<String, String>;

/// The tags there were with `added` on top.
///
/// # Errors
/// [`Error::InvalidParameter`] where they are too many.
pub fn added(mut tags: Tags, added: Vec<model::Tag>) -> Result<Tags, Error> {
    tags.extend(added.into_iter().map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())));
    if tags.len() > TAGS_MAX {
        return Err(Error::InvalidParameter(format!("The number of tags exceeds the limit of {TAGS_MAX}.")));
    }
    Ok(tags)
}

/// As answers have them.
pub fn shown(tags: &Tags) -> Vec<model::Tag> {
    tags.iter()
        .map(|(key, value)| model::Tag { key: Some(key.clone()), value: Some(value.clone()) })
        .collect()
}
