//! Tags of objects and buckets, and the rules that they follow.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::limits;

/// Tags by their keys.
pub(crate) type Tags = BTreeMap<String, String>;

/// Whose tags they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tagged {
    Bucket,
    Object,
}

/// Checks a set of tags.
///
/// # Errors
/// [`Error::InvalidTag`], [`Error::TooManyTags`].
pub(crate) fn check(
    tagged: Tagged,
    pairs: impl IntoIterator<Item = (String, String)>,
    may_be_reserved: bool,
) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    for (key, value) in pairs {
        check_pair(&key, &value, may_be_reserved)?;
        if tags.insert(key, value).is_some() {
            return Err(Error::InvalidTag("Cannot provide multiple Tags with the same key"));
        }
    }
    let (whose, max) = match tagged {
        Tagged::Bucket => ("Bucket", limits::BUCKET_TAGS_MAX),
        Tagged::Object => ("Object", limits::OBJECT_TAGS_MAX),
    };
    if tags.keys().filter(|key| !is_reserved(key)).count() > max {
        return Err(Error::TooManyTags(whose, max));
    }
    Ok(tags)
}

fn check_pair(key: &str, value: &str, may_be_reserved: bool) -> Result<(), Error> {
    if key.is_empty() || key.chars().count() > limits::TAG_KEY_MAX || !key.chars().all(is_legal) {
        return Err(Error::InvalidTag("The TagKey you have provided is invalid"));
    }
    if value.chars().count() > limits::TAG_VALUE_MAX || !value.chars().all(is_legal) {
        return Err(Error::InvalidTag("The TagValue you have provided is invalid"));
    }
    if !may_be_reserved && is_reserved(key) {
        return Err(Error::InvalidTag("System tags cannot be added/updated by requester"));
    }
    Ok(())
}

/// Whether AWS keeps such keys for its own services. A user can neither set nor remove tags with them.
pub(crate) fn is_reserved(key: &str) -> bool {
    key.starts_with("aws:")
}

/// Letters, digits, blanks and `_.:/=+-@`, of any language.
fn is_legal(c: char) -> bool {
    c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c)
}

/// Reads the header `x-amz-tagging`: `key1=value1&key2=value2`, encoded as a URL's query.
///
/// # Errors
/// [`Error::InvalidTagging`] for what is no such text; what [`check`] finds.
pub(crate) fn parse_header(header: &str) -> Result<Tags, Error> {
    let pairs: Option<Vec<_>> = header.split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
    check(Tagged::Object, pairs.ok_or(Error::InvalidTagging)?, false)
}

fn pair(pair: &str) -> Option<(String, String)> {
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    Some((crate::url::decode_form(key)?, crate::url::decode_form(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_like_queries() {
        let tags = parse_header("a=1&b%20c=d+e&f").unwrap();
        let pairs: Vec<_> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("a", "1"), ("b c", "d e"), ("f", "")]);
        for wrong in ["=1", "a=1&a=2", "aws:x=1", "a=%zz", "a=b*c"] {
            assert!(parse_header(wrong).is_err(), "{wrong}");
        }
        let many = (0..11).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join("&");
        assert!(matches!(parse_header(&many), Err(Error::TooManyTags(..))));
    }
}
