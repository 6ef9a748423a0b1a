//! Tags of clusters, task definitions and tasks.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::generated::types::Tag;
use crate::limits;

/// A resource's tags by their keys.
pub type Tags = BTreeMap<String, String>;

/// Reads a request's tags.
///
/// # Errors
/// [`Error::InvalidParameter`] for a tag without a key, a reserved key, a key that comes twice, or too many tags.
pub fn parse(tags: Option<&[Tag]>) -> Result<Tags, Error> {
    let mut parsed = Tags::new();
    for Tag { key, value } in tags.unwrap_or_default() {
        let key = key.as_deref().filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| Error::invalid("Tag key must not be null or empty."))?;
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Error::invalid("Tag keys cannot start with aws:"));
        }
        if parsed.insert(key.to_owned(), value.clone().unwrap_or_default()).is_some() {
            return Err(Error::invalid("Duplicate tag keys are not allowed."));
        }
    }
    check_count(&parsed)?;
    Ok(parsed)
}

/// Checks that a resource has no more tags than it may.
///
/// # Errors
/// [`Error::InvalidParameter`].
pub fn check_count(tags: &Tags) -> Result<(), Error> {
    if tags.len() > limits::TAGS_PER_RESOURCE {
        return Err(Error::invalid("Resource can only have 50 tags"));
    }
    Ok(())
}

/// The tags as answers carry them.
pub fn shape(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}
