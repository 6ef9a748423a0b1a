//! Buckets as they are kept, and which of them a caller may use.

use api::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::Versioned;
use types::{AccountId, Region, Timestamp};

use crate::S3;
use crate::error::Error;
use crate::generated::types as shapes;
use crate::tagging::Tags;

/// The store's table of buckets, by their names: a name stands for one bucket, whosever it is.
pub(crate) const TABLE: &str = "s3-buckets";

/// A bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    /// Never used for another bucket, not even of the same name.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) creation_time: Timestamp,
    pub(crate) versioning: Versioning,
    pub(crate) tags: Tags,
}

/// Whether what is overwritten or deleted stays as a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Versioning {
    /// It never was turned on.
    Never,
    Enabled,
    Suspended,
}

impl Bucket {
    /// Under which key what belongs to the object `key` is kept.
    pub(crate) fn record_key(&self, key: &str) -> String {
        format!("{}/{key}", self.id)
    }

    /// The key of the object that is kept under `record_key`.
    pub(crate) fn object_key<'k>(&self, record_key: &'k str) -> &'k str {
        record_key.get(self.id.len() + 1..).unwrap_or_default()
    }

    /// `None` for `us-east-1`, as AWS gives it.
    pub(crate) fn location_constraint(&self) -> Option<String> {
        let region = self.region.to_string();
        (region != "us-east-1").then_some(region)
    }

    /// Whose the bucket is, and with it all that is in it.
    pub(crate) fn owner(&self) -> shapes::Owner {
        owner(&self.account)
    }
}

/// The canonical user of an account. AWS gives no display names any more.
pub(crate) fn owner(account: &AccountId) -> shapes::Owner {
    let digest = Sha256::digest(format!("canonical user of {account}"));
    let id = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    shapes::Owner { id: Some(id), display_name: None }
}

impl S3 {
    /// The bucket of that name, if the caller may use it.
    pub(crate) async fn bucket(
        &self,
        cx: &Context,
        name: &str,
        expected_owner: Option<&String>,
    ) -> Result<Versioned<Bucket>, Error> {
        let bucket = self.buckets.get(name).await?.ok_or_else(|| Error::NoSuchBucket(name.to_owned()))?;
        let owner = bucket.value.account.as_str();
        if bucket.value.account != cx.account || expected_owner.is_some_and(|expected| expected != owner) {
            return Err(Error::AccessDenied);
        }
        Ok(bucket)
    }
}
