//! The versions of a key: how a new one takes its place, and what goes.
//!
//! The version that counts lies under the key itself; the others under the key and their age, the newest first, so that
//! both lists of a bucket are ranges in order.

use api::Context;
use store::{Batch, Range, Versioned};
use types::Timestamp;

use crate::S3;
use crate::blobs::{Blob, Written};
use crate::bucket::{Bucket, Versioning};
use crate::conditions;
use crate::error::Error;
use crate::version::{Content, ID_LENGTH, Object, Version, whole_second};

/// The store's table of versions that count.
pub(crate) const CURRENT: &str = "s3-objects";
/// The store's table of the versions before them.
pub(crate) const OLDER: &str = "s3-versions";

/// A change that is made in one piece, and what lies idle once it is made.
#[derive(Default)]
pub(crate) struct Change {
    pub(crate) batch: Batch,
    garbage: Vec<Blob>,
}

/// A key and the bucket that it is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'t> {
    pub(crate) bucket: &'t str,
    pub(crate) key: &'t str,
    pub(crate) expected_owner: Option<&'t String>,
}

/// What must hold for a key to be written.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteConditions {
    if_match: Option<String>,
    if_none_match: bool,
}

/// A version that was made.
pub(crate) struct Made {
    pub(crate) version: Version,
    /// The id to answer; `None` in a bucket that never had versions.
    pub(crate) version_id: Option<String>,
}

impl WriteConditions {
    /// Reads the headers `If-Match` and `If-None-Match`.
    ///
    /// # Errors
    /// An `If-None-Match` that is not `*` is not implemented, by AWS neither.
    pub(crate) fn read(if_match: Option<String>, if_none_match: Option<&String>) -> Result<Self, Error> {
        match if_none_match.map(|header| conditions::unquoted(header)) {
            None | Some("*") => Ok(Self { if_match, if_none_match: if_none_match.is_some() }),
            Some(_) => Err(Error::NotImplemented("If-None-Match")),
        }
    }

    pub(crate) fn check(&self, key: &str, current: Option<&Version>) -> Result<(), Error> {
        let object = current.and_then(Version::object);
        if self.if_none_match && object.is_some() {
            return Err(Error::PreconditionFailed("If-None-Match"));
        }
        match (&self.if_match, object) {
            (Some(_), None) => Err(Error::NoSuchKey(key.to_owned())),
            (Some(wanted), Some(object)) if !conditions::names(wanted, &object.etag) => {
                Err(Error::PreconditionFailed("If-Match"))
            }
            _ => Ok(()),
        }
    }
}

/// How the records of a key's older versions begin.
pub(crate) fn older_prefix(bucket: &Bucket, key: &str) -> String {
    bucket.record_key(&terminated(key))
}

/// A key with an end, so that what follows does not count when keys are put in order. A NUL in it is escaped.
pub(crate) fn terminated(key: &str) -> String {
    format!("{}\0\0", key.replace('\0', "\0\u{1}"))
}

/// The key at the beginning of a text that [`terminated`] has made.
pub(crate) fn until_end(text: &str) -> String {
    text.split("\0\0").next().unwrap_or_default().replace("\0\u{1}", "\0")
}

fn older_key(bucket: &Bucket, key: &str, version: &Version) -> String {
    format!("{}{:016x}", older_prefix(bucket, key), u64::MAX - version.sequence)
}

impl S3 {
    /// Makes a change and removes what it left idle.
    pub(crate) async fn commit(&self, change: Change) -> Result<(), Error> {
        self.store.submit(change.batch).durable().await?;
        self.blobs.remove(change.garbage).await;
        Ok(())
    }

    /// The version of a key that counts.
    pub(crate) async fn current(
        &self,
        bucket: &Bucket,
        key: &str,
    ) -> Result<Option<Versioned<Version>>, Error> {
        Ok(self.current.get(&bucket.record_key(key)).await?)
    }

    /// The version of that id, and whether it is an older one.
    pub(crate) async fn version(
        &self,
        bucket: &Bucket,
        key: &str,
        version_id: &str,
    ) -> Result<Option<(Versioned<Version>, bool)>, Error> {
        if let Some(current) = self.current(bucket, key).await?.filter(|seen| seen.value.is(version_id)) {
            return Ok(Some((current, false)));
        }
        let (prefix, mut after) = (older_prefix(bucket, key), None);
        loop {
            let range = Range { after: after.as_deref(), limit: 1000, ..Range::prefix(&prefix) };
            let page = self.older.list(range).await?;
            let Some(last) = page.last().map(|seen| seen.key.clone()) else { return Ok(None) };
            if let Some(found) = page.into_iter().find(|seen| seen.value.is(version_id)) {
                return Ok(Some((found, true)));
            }
            after = Some(last);
        }
    }

    /// Makes `object`, whose bytes were `written`, the version of a key that counts, with whatever else `change` holds.
    ///
    /// Where that fails, the bytes are removed.
    pub(crate) async fn make(
        &self,
        cx: &Context,
        target: Target<'_>,
        conditions: &WriteConditions,
        object: Object,
        written: Written,
        change: Change,
    ) -> Result<Made, Error> {
        let blob = written.blob.clone();
        let made = self.try_make(cx, target, conditions, object, &written, change).await;
        match &made {
            // Nobody knows whether the store has the batch. If not, the next start removes the file.
            Ok(_) | Err(Error::Store(_)) => {}
            Err(_) => self.blobs.remove(vec![blob]).await,
        }
        made
    }

    async fn try_make(
        &self,
        cx: &Context,
        target: Target<'_>,
        conditions: &WriteConditions,
        object: Object,
        written: &Written,
        mut change: Change,
    ) -> Result<Made, Error> {
        let _lock = self.locks.key(target.bucket, target.key).await;
        let bucket = self.bucket(cx, target.bucket, target.expected_owner).await?.value;
        let current = self.current(&bucket, target.key).await?;
        conditions.check(target.key, current.as_ref().map(|current| &current.value))?;
        self.blobs.keep(&mut change.batch, written);
        let content = Content::Object(Box::new(object));
        let version = self.insert(&mut change, &bucket, target.key, current, content, cx.now).await?;
        self.commit(change).await?;
        let version_id = match bucket.versioning {
            Versioning::Never => None,
            Versioning::Enabled | Versioning::Suspended => Some(version.id()),
        };
        Ok(Made { version, version_id })
    }

    /// Puts a new version in the place of `current`, which stays as an older one or goes.
    pub(crate) async fn insert(
        &self,
        change: &mut Change,
        bucket: &Bucket,
        key: &str,
        current: Option<Versioned<Version>>,
        content: Content,
        now: Timestamp,
    ) -> Result<Version, Error> {
        let is_null = bucket.versioning != Versioning::Enabled;
        let version = Version {
            id: (!is_null).then(|| api::ids::alphanumeric(ID_LENGTH)),
            sequence: current.as_ref().map_or(1, |current| current.value.sequence.saturating_add(1)),
            last_modified: whole_second(now),
            content,
        };
        let Some(current) = current else {
            self.current.create(&mut change.batch, &bucket.record_key(key), &version);
            return Ok(version);
        };
        self.current.replace(&mut change.batch, &current, &version);
        if is_null && current.value.id.is_none() {
            self.discard(change, &current.value);
            return Ok(version);
        }
        if is_null && let Some((null, true)) = self.version(bucket, key, crate::version::NULL).await? {
            // There is one version `null` at most.
            change.batch.delete(OLDER, null.key.as_str());
            self.discard(change, &null.value);
        }
        let older_key = older_key(bucket, key, &current.value);
        self.older.put(&mut change.batch, &older_key, &current.value);
        Ok(version)
    }

    /// Removes a version for good; where it is the one that counts, the one before it counts again.
    pub(crate) async fn remove(
        &self,
        change: &mut Change,
        bucket: &Bucket,
        key: &str,
        (seen, is_older): (&Versioned<Version>, bool),
    ) -> Result<(), Error> {
        self.discard(change, &seen.value);
        let table = if is_older { OLDER } else { CURRENT };
        change.batch.require_version(table, seen.key.as_str(), seen.version);
        let prefix = older_prefix(bucket, key);
        let before = match bucket.versioning {
            Versioning::Enabled | Versioning::Suspended if !is_older => {
                self.older.list(Range { limit: 1, ..Range::prefix(&prefix) }).await?.pop()
            }
            Versioning::Never | Versioning::Enabled | Versioning::Suspended => None,
        };
        match before {
            Some(before) => {
                self.current.put(&mut change.batch, &seen.key, &before.value);
                change.batch.delete(OLDER, before.key.as_str());
            }
            None => {
                change.batch.delete(table, seen.key.as_str());
            }
        }
        Ok(())
    }

    /// Says in a change that a version's bytes, and what else is kept of it, belong to nobody.
    fn discard(&self, change: &mut Change, version: &Version) {
        let Some(object) = version.object() else { return };
        if object.parts.is_some() {
            change.batch.delete(crate::version::PARTS, object.blob.id.as_str());
        }
        change.drop_blob(self, &object.blob);
    }
}

impl Change {
    /// Says that a blob belongs to nobody.
    pub(crate) fn drop_blob(&mut self, s3: &S3, blob: &Blob) {
        s3.blobs.forget(&mut self.batch, blob);
        self.garbage.push(blob.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_keep_keys_in_order() {
        let mut keys = ["a", "a\0", "a\0\0", "a\0b", "a\u{1}", "a/b", "ab"];
        keys.sort_unstable();
        let ended: Vec<String> = keys.iter().map(|key| terminated(key) + "ffff").collect();
        assert!(ended.is_sorted());
        for (key, ended) in keys.iter().zip(&ended) {
            assert_eq!(until_end(ended), *key);
        }
    }
}
