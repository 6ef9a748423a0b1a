//! The source of a copy: the header `x-amz-copy-source` and its conditions.

use crate::conditions::{ReadConditions, Unmet};
use crate::error::Error;
use crate::url;
use crate::version::{Object, Version};

/// Which object is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CopySource {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version_id: Option<String>,
}

impl CopySource {
    /// Reads `BUCKET/KEY` or `/BUCKET/KEY`, encoded as a URL, with `?versionId=ID` behind it or not.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for other texts.
    pub(crate) fn parse(header: &str) -> Result<Self, Error> {
        let error = || {
            Error::argument(
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
                "x-amz-copy-source",
                header,
            )
        };
        let (path, version_id) = match header.split_once("?versionId=") {
            Some((path, version_id)) => (path, Some(version_id.to_owned())),
            None => (header, None),
        };
        let path = url::decode(path).ok_or_else(error)?;
        match path.trim_start_matches('/').split_once('/') {
            Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
                Ok(Self { bucket: bucket.to_owned(), key: key.to_owned(), version_id })
            }
            _ => Err(error()),
        }
    }
}

/// Checks the conditions of a copy.
///
/// # Errors
/// [`Error::PreconditionFailed`], whichever does not hold.
pub(crate) fn check(conditions: &ReadConditions, version: &Version, object: &Object) -> Result<(), Error> {
    conditions.check(&object.etag, version.last_modified).map_err(|unmet| {
        Error::PreconditionFailed(match unmet {
            Unmet::Match => "x-amz-copy-source-If-Match",
            Unmet::UnmodifiedSince => "x-amz-copy-source-If-Unmodified-Since",
            Unmet::NoneMatch => "x-amz-copy-source-If-None-Match",
            Unmet::ModifiedSince => "x-amz-copy-source-If-Modified-Since",
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_clients_write() {
        let source = |bucket: &str, key: &str, version_id: Option<&str>| CopySource {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version_id: version_id.map(str::to_owned),
        };
        assert_eq!(CopySource::parse("b/k").unwrap(), source("b", "k", None));
        assert_eq!(CopySource::parse("/b/a%20b/c+d").unwrap(), source("b", "a b/c+d", None));
        assert_eq!(CopySource::parse("b%2Fk?versionId=v").unwrap(), source("b", "k", Some("v")));
        for wrong in ["", "b", "b/", "/", "b/%zz"] {
            assert!(CopySource::parse(wrong).is_err(), "{wrong}");
        }
    }
}
