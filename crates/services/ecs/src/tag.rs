//! Tags of clusters, task definitions and tasks.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::generated::types::Tag;
use crate::limits;

/// A resource's tags by their keys.
pub type Tags = BTreeMap<String, String>;

/// Reads a user's tags.
///
/// # Errors
/// [`Error::InvalidParameter`] for a tag without a key, a reserved key, a key that comes twice, or too many tags.
pub fn parse(tags: Option<&[Tag]>) -> Result<Tags, Error> {
    let parsed = parse_any(tags)?;
    check_keys(parsed.keys())?;
    Ok(parsed)
}

/// Reads tags whose keys may be reserved.
///
/// # Errors
/// [`Error::InvalidParameter`] for a tag without a key, a key that comes twice, or too many tags.
pub fn parse_any(tags: Option<&[Tag]>) -> Result<Tags, Error> {
    let mut parsed = Tags::new();
    for Tag { key, value } in tags.unwrap_or_default() {
        let key = key.as_deref().filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| Error::invalid("Tag key must not be null or empty."))?;
        if parsed.insert(key.to_owned(), value.clone().unwrap_or_default()).is_some() {
            return Err(Error::invalid("Duplicate tag keys are not allowed."));
        }
    }
    check_count(&parsed)?;
    Ok(parsed)
}

/// Whether a key is kept for AWS's own services.
pub fn is_reserved(key: &str) -> bool {
    key.to_ascii_lowercase().starts_with("aws:")
}

/// Checks that none of the keys is reserved.
///
/// # Errors
/// [`Error::InvalidParameter`].
pub fn check_keys<'k>(mut keys: impl Iterator<Item = &'k String>) -> Result<(), Error> {
    match keys.any(|key| is_reserved(key)) {
        true => Err(Error::invalid("Tag keys cannot start with aws:")),
        false => Ok(()),
    }
}

/// Checks that a resource has no more tags than it may. Reserved ones do not count.
///
/// # Errors
/// [`Error::InvalidParameter`].
pub fn check_count(tags: &Tags) -> Result<(), Error> {
    if tags.keys().filter(|key| !is_reserved(key)).count() > limits::TAGS_PER_RESOURCE {
        return Err(Error::invalid("Resource can only have 50 tags"));
    }
    Ok(())
}

/// The tags as answers carry them.
pub fn shape(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}
