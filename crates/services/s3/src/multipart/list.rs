//! ListMultipartUploads.

use std::ops::ControlFlow;

use api::Context;
use store::{Range, Versioned};

use super::Upload;
use crate::S3;
use crate::bucket::Bucket;
use crate::error::Error;
use crate::generated::types as shapes;
use crate::history::{terminated, until_end};
use crate::list_objects::{Encoding, page_size};
use crate::listing::{Listing, Shown};

/// Uploads on the way into an answer.
struct Page<'p> {
    bucket: &'p Bucket,
    encoding: Encoding,
    uploads: Vec<shapes::MultipartUpload>,
    /// Key and upload id of the last one.
    last: Option<(String, String)>,
}

impl S3 {
    pub(crate) async fn list_uploads(
        &self,
        cx: &Context,
        input: shapes::ListMultipartUploadsInput,
    ) -> Result<shapes::ListMultipartUploadsOutput, Error> {
        let bucket = self.bucket(cx, &input.bucket, input.expected_bucket_owner.as_ref()).await?.value;
        let encoding = Encoding::read(input.encoding_type.as_ref())?;
        let limit = page_size(input.max_uploads, "max-uploads")?;
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (key_marker, id_marker) = (given(&input.key_marker), given(&input.upload_id_marker));
        let prefix = input.prefix.clone().unwrap_or_default();
        let mut page = Page { bucket: &bucket, encoding, uploads: Vec::new(), last: None };
        let mut listing = Listing::new(&prefix, input.delimiter.as_deref(), key_marker.clone(), limit);
        // The marker of an upload only counts beside that of a key.
        let rest = key_marker.zip(id_marker);
        self.fill_uploads(&mut listing, &mut page, &prefix, rest.as_ref()).await?;
        let last = page.last.take();
        let uploads = page.uploads;
        let (common_prefixes, next) = listing.finish();
        // A page that asks for nothing is not followed by another.
        let next = next.filter(|_| limit > 0);
        let last_id = last.filter(|(key, _)| next.as_ref() == Some(key)).map(|(_, id)| id);
        Ok(shapes::ListMultipartUploadsOutput {
            key_marker: Some(encoding.text(input.key_marker.unwrap_or_default())),
            upload_id_marker: Some(input.upload_id_marker.unwrap_or_default()),
            is_truncated: Some(next.is_some()),
            next_key_marker: Some(next.map(|key| encoding.text(key)).unwrap_or_default()),
            next_upload_id_marker: Some(last_id.unwrap_or_default()),
            prefix: Some(encoding.text(prefix)),
            delimiter: input.delimiter.map(|delimiter| encoding.text(delimiter)),
            max_uploads: i64::try_from(limit).ok(),
            uploads: (!uploads.is_empty()).then_some(uploads),
            common_prefixes: encoding.common_prefixes(common_prefixes),
            encoding_type: input.encoding_type,
            bucket: Some(bucket.name),
            request_charged: None,
        })
    }

    /// Uploads that are under way are few: they are read at once.
    async fn fill_uploads(
        &self,
        listing: &mut Listing,
        page: &mut Page<'_>,
        prefix: &str,
        rest: Option<&(String, String)>,
    ) -> Result<(), Error> {
        let record_prefix = page.bucket.record_key(terminated(prefix).trim_end_matches('\0'));
        for seen in self.uploads.list(Range::prefix(&record_prefix)).await? {
            let key = until_end(page.bucket.object_key(&seen.key));
            let follows_marker = rest.is_some_and(|(marker, id)| *marker == key && seen.value.id > *id);
            let follows_shown = page.last.as_ref().is_some_and(|(last, _)| *last == key);
            let is_shown = if (follows_marker || follows_shown) && !listing.is_grouped(&key) {
                if !listing.one_more() {
                    return Ok(());
                }
                true
            } else {
                match listing.offer(&key) {
                    ControlFlow::Break(()) => return Ok(()),
                    ControlFlow::Continue(shown) => shown == Shown::Itself,
                }
            };
            if is_shown {
                page.push(&key, &seen);
            }
        }
        Ok(())
    }
}

impl Page<'_> {
    fn push(&mut self, key: &str, seen: &Versioned<Upload>) {
        let upload = &seen.value;
        let owner = self.bucket.owner();
        self.last = Some((key.to_owned(), upload.id.clone()));
        self.uploads.push(shapes::MultipartUpload {
            upload_id: Some(upload.id.clone()),
            key: Some(self.encoding.text(key.to_owned())),
            initiated: Some(upload.initiated),
            storage_class: Some(upload.about.storage_class()),
            initiator: Some(shapes::Initiator { id: owner.id.clone(), display_name: None }),
            owner: Some(owner),
            checksum_algorithm: upload.requested.then(|| upload.algorithm.clone()),
            checksum_type: upload.requested.then(|| upload.kind.name().to_owned()),
            version_id: None,
        });
    }
}
