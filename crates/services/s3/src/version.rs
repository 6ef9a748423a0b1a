//! One version of one key: an object, or the mark that it was deleted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::blobs::Blob;
use crate::error::Error;
use crate::sums::Sum;
use crate::tagging::Tags;

/// The id of a version that was written while versioning was not enabled.
pub(crate) const NULL: &str = "null";

/// Number of letters and digits of all other ids.
pub(crate) const ID_LENGTH: usize = 32;

/// A version of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// `None` for the one that was written while versioning was not enabled: `null`.
    pub(crate) id: Option<String>,
    /// Greater than that of the version before it.
    pub(crate) sequence: u64,
    /// Whole seconds, as S3 keeps it.
    pub(crate) last_modified: Timestamp,
    pub(crate) content: Content,
}

/// What a version is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Content {
    Object(Box<Object>),
    DeleteMarker,
}

/// An object without its bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Object {
    pub(crate) blob: Blob,
    pub(crate) size: u64,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) sum: Sum,
    pub(crate) about: About,
    pub(crate) tags: Tags,
    /// Of how many parts it was made; `None` where it was put in one piece. What they are stands in [`PARTS`].
    pub(crate) parts: Option<usize>,
}

/// The store's table of the parts that objects were made of, by the ids of the objects' blobs.
pub(crate) const PARTS: &str = "s3-object-parts";

/// A part that an object was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ObjectPart {
    pub(crate) number: i64,
    pub(crate) size: u64,
    pub(crate) sum: Sum,
}

/// What a client says of an object, and is told again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct About {
    /// `None` is `STANDARD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) storage_class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) website_redirect_location: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Version {
    /// The id as answers give it where the bucket has versions.
    pub(crate) fn id(&self) -> String {
        self.id.clone().unwrap_or_else(|| NULL.to_owned())
    }

    /// Whether a request for `version_id` means this one.
    pub(crate) fn is(&self, version_id: &str) -> bool {
        self.id.as_deref().unwrap_or(NULL) == version_id
    }

    /// The object; `None` for a delete marker.
    pub(crate) fn object(&self) -> Option<&Object> {
        match &self.content {
            Content::Object(object) => Some(object),
            Content::DeleteMarker => None,
        }
    }
}

impl About {
    /// The storage class by its name.
    pub(crate) fn storage_class(&self) -> String {
        self.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned())
    }
}

impl Object {
    /// The ETag with quotes, as answers give it.
    pub(crate) fn quoted_etag(&self) -> String {
        format!("\"{}\"", self.etag)
    }
}

/// The first millisecond of a time's second.
pub(crate) fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_seconds(time.as_seconds())
}

/// Checks that a text is the id of a version, of some key or none.
///
/// # Errors
/// AWS's error for texts that cannot be one.
pub(crate) fn check_id(version_id: &str) -> Result<(), Error> {
    let is_id = version_id.len() == ID_LENGTH && version_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_id || version_id == NULL {
        return Ok(());
    }
    Err(Error::argument("Invalid version id specified", "versionId", version_id))
}

/// What every answer about an object says of its encryption: as at AWS, where no object is without it. Here the bytes lie
/// on the disk as they are; to encrypt the disk is the operator's part.
pub(crate) fn encryption() -> String {
    "AES256".to_owned()
}
