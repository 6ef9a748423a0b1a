//! ListObjectVersions.

use std::ops::ControlFlow;

use api::Context;
use store::Range;

use crate::S3;
use crate::bucket::{Bucket, Versioning};
use crate::error::Error;
use crate::generated::types as shapes;
use crate::history::older_prefix;
use crate::list_objects::{Encoding, page_size};
use crate::listing::{Listing, Shown};
use crate::version::{Content, Object, Version};

/// Versions on the way into an answer.
struct Versions<'v> {
    bucket: &'v Bucket,
    encoding: Encoding,
    versions: Vec<shapes::ObjectVersion>,
    delete_markers: Vec<shapes::DeleteMarkerEntry>,
    /// Key and id of the last one.
    last: Option<(String, String)>,
}

/// From where on a page goes.
struct Start {
    key: Option<String>,
    /// The last version of `key` that was shown.
    version_id: Option<String>,
}

impl S3 {
    pub(crate) async fn list_versions(
        &self,
        cx: &Context,
        input: shapes::ListObjectVersionsInput,
    ) -> Result<shapes::ListObjectVersionsOutput, Error> {
        let bucket = self.bucket(cx, &input.bucket, input.expected_bucket_owner.as_ref()).await?.value;
        let encoding = Encoding::read(input.encoding_type.as_ref())?;
        let limit = page_size(input.max_keys, "maxKeys")?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let start = start(&input)?;
        let mut listing = Listing::new(&prefix, input.delimiter.as_deref(), start.key.clone(), limit);
        let mut page =
            Versions { bucket: &bucket, encoding, versions: vec![], delete_markers: vec![], last: None };
        if limit > 0 {
            self.rest_of_key(&mut listing, &mut page, &prefix, &start).await?;
            if !listing.is_truncated() {
                self.fill(&mut listing, &mut page, &prefix, limit).await?;
            }
        }
        let last = page.last.take();
        let (common_prefixes, next) = listing.finish();
        let (next_key, next_version) = match (next, last) {
            (Some(next), Some((key, version_id))) if next == key => (Some(next), Some(version_id)),
            (next, _) => (next, None),
        };
        Ok(shapes::ListObjectVersionsOutput {
            is_truncated: Some(next_key.is_some()),
            key_marker: Some(encoding.text(input.key_marker.unwrap_or_default())),
            version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
            next_key_marker: next_key.map(|key| encoding.text(key)),
            next_version_id_marker: next_version,
            versions: (!page.versions.is_empty()).then_some(page.versions),
            delete_markers: (!page.delete_markers.is_empty()).then_some(page.delete_markers),
            prefix: Some(encoding.text(prefix)),
            delimiter: input.delimiter.map(|delimiter| encoding.text(delimiter)),
            max_keys: i64::try_from(limit).ok(),
            common_prefixes: encoding.common_prefixes(common_prefixes),
            encoding_type: input.encoding_type,
            name: Some(bucket.name),
            request_charged: None,
        })
    }

    /// Shows what is left of the key at which the page before ended.
    async fn rest_of_key(
        &self,
        listing: &mut Listing,
        page: &mut Versions<'_>,
        prefix: &str,
        start: &Start,
    ) -> Result<(), Error> {
        let (Some(key), Some(version_id)) = (&start.key, &start.version_id) else { return Ok(()) };
        if !key.starts_with(prefix) || listing.is_grouped(key) {
            return Ok(());
        }
        let current = self.current(page.bucket, key).await?.map(|seen| seen.value);
        let mut is_shown = current.as_ref().is_some_and(|current| current.is(version_id));
        for older in self.older_versions(page.bucket, key).await? {
            if is_shown {
                if !listing.one_more() {
                    return Ok(());
                }
                page.push(key, &older, false);
            }
            is_shown |= older.is(version_id);
        }
        Ok(())
    }

    async fn fill(
        &self,
        listing: &mut Listing,
        page: &mut Versions<'_>,
        prefix: &str,
        limit: usize,
    ) -> Result<(), Error> {
        let bucket = page.bucket;
        let record_prefix = bucket.record_key(prefix);
        let mut after = listing.resume_after(None).map(|after| bucket.record_key(&after));
        loop {
            let range = Range { after: after.as_deref(), limit: limit + 1, ..Range::prefix(&record_prefix) };
            let records = self.current.list(range).await?;
            for record in &records {
                let key = bucket.object_key(&record.key);
                match listing.offer(key) {
                    ControlFlow::Break(()) => return Ok(()),
                    ControlFlow::Continue(Shown::Not) => continue,
                    ControlFlow::Continue(Shown::Itself) => page.push(key, &record.value, true),
                }
                for older in self.older_versions(bucket, key).await? {
                    if !listing.one_more() {
                        return Ok(());
                    }
                    page.push(key, &older, false);
                }
            }
            let Some(last) = records.last().filter(|_| records.len() > limit) else { return Ok(()) };
            let read = bucket.object_key(&last.key);
            after = listing.resume_after(Some(read)).map(|after| bucket.record_key(&after));
        }
    }

    /// A key's versions before the one that counts, the newest first.
    async fn older_versions(&self, bucket: &Bucket, key: &str) -> Result<Vec<Version>, Error> {
        if bucket.versioning == Versioning::Never {
            return Ok(Vec::new());
        }
        let older = self.older.list(Range::prefix(&older_prefix(bucket, key))).await?;
        Ok(older.into_iter().map(|seen| seen.value).collect())
    }
}

impl Versions<'_> {
    fn push(&mut self, key: &str, version: &Version, is_latest: bool) {
        self.last = Some((key.to_owned(), version.id()));
        let key = self.encoding.text(key.to_owned());
        match &version.content {
            Content::Object(object) => {
                let shown = self.object(key, version, object, is_latest);
                self.versions.push(shown);
            }
            Content::DeleteMarker => self.delete_markers.push(shapes::DeleteMarkerEntry {
                owner: Some(self.bucket.owner()),
                key: Some(key),
                version_id: Some(version.id()),
                is_latest: Some(is_latest),
                last_modified: Some(version.last_modified),
            }),
        }
    }

    fn object(
        &self,
        key: String,
        version: &Version,
        object: &Object,
        is_latest: bool,
    ) -> shapes::ObjectVersion {
        shapes::ObjectVersion {
            e_tag: Some(object.quoted_etag()),
            checksum_algorithm: Some(vec![object.sum.algorithm.clone()]),
            checksum_type: object.sum.kind_name(),
            size: i64::try_from(object.size).ok(),
            storage_class: Some(object.about.storage_class()),
            key: Some(key),
            version_id: Some(version.id()),
            is_latest: Some(is_latest),
            last_modified: Some(version.last_modified),
            owner: Some(self.bucket.owner()),
            restore_status: None,
        }
    }
}

fn start(input: &shapes::ListObjectVersionsInput) -> Result<Start, Error> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (key, version_id) = (given(&input.key_marker), given(&input.version_id_marker));
    if key.is_none()
        && let Some(version_id) = version_id
    {
        let message = "A version-id marker cannot be specified without a key marker.";
        return Err(Error::argument(message, "version-id-marker", version_id));
    }
    Ok(Start { key, version_id })
}
