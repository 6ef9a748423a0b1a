//! ListObjects and ListObjectsV2.

use std::ops::ControlFlow;

use api::Context;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::Range;

use crate::S3;
use crate::bucket::Bucket;
use crate::error::Error;
use crate::generated::types as shapes;
use crate::listing::{Listing, Shown};
use crate::version::{Object, Version};
use crate::{limits, url};

/// One page of the objects of a bucket.
struct Page {
    objects: Vec<shapes::Object>,
    common_prefixes: Vec<String>,
    /// What the next page comes after, if there is one.
    next: Option<String>,
}

/// How texts are written in an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoding {
    is_url: bool,
}

impl Encoding {
    /// Reads `encoding-type`.
    ///
    /// # Errors
    /// Anything but `url`.
    pub(crate) fn read(name: Option<&String>) -> Result<Self, Error> {
        match name.map(String::as_str) {
            None => Ok(Self { is_url: false }),
            Some("url") => Ok(Self { is_url: true }),
            Some(other) => {
                Err(Error::argument("Invalid Encoding Method specified in Request", "encoding-type", other))
            }
        }
    }

    /// A text as the answer has it.
    pub(crate) fn text(self, text: String) -> String {
        if self.is_url { url::encode(&text) } else { text }
    }

    /// The common prefixes as the answer has them; `None` where there are none.
    pub(crate) fn common_prefixes(self, prefixes: Vec<String>) -> Option<Vec<shapes::CommonPrefix>> {
        let prefixes =
            prefixes.into_iter().map(|prefix| shapes::CommonPrefix { prefix: Some(self.text(prefix)) });
        let prefixes: Vec<_> = prefixes.collect();
        (!prefixes.is_empty()).then_some(prefixes)
    }
}

/// How many entries a page may have: as many as are asked for, but not more than AWS gives.
///
/// # Errors
/// A negative number.
pub(crate) fn page_size(asked: Option<i64>, name: &'static str) -> Result<usize, Error> {
    let Some(asked) = asked else { return Ok(limits::PAGE_MAX) };
    let count = usize::try_from(asked).map_err(|_| {
        let message = format!("Argument {name} must be an integer between 0 and 2147483647");
        Error::argument(message, name, asked.to_string())
    })?;
    Ok(count.min(limits::PAGE_MAX))
}

impl S3 {
    pub(crate) async fn list_v1(
        &self,
        cx: &Context,
        input: shapes::ListObjectsInput,
    ) -> Result<shapes::ListObjectsOutput, Error> {
        let bucket = self.bucket(cx, &input.bucket, input.expected_bucket_owner.as_ref()).await?.value;
        let encoding = Encoding::read(input.encoding_type.as_ref())?;
        let limit = page_size(input.max_keys, "maxKeys")?;
        let (prefix, delimiter) = (input.prefix.clone().unwrap_or_default(), input.delimiter.as_deref());
        let marker = input.marker.clone().filter(|marker| !marker.is_empty());
        let page = self.page(&bucket, encoding, true, (&prefix, delimiter, marker, limit)).await?;
        Ok(shapes::ListObjectsOutput {
            is_truncated: Some(page.next.is_some()),
            marker: Some(encoding.text(input.marker.unwrap_or_default())),
            // Without a delimiter the last key is the next marker.
            next_marker: page.next.filter(|_| delimiter.is_some()).map(|next| encoding.text(next)),
            contents: (!page.objects.is_empty()).then_some(page.objects),
            name: Some(bucket.name),
            prefix: Some(encoding.text(prefix)),
            delimiter: input.delimiter.map(|delimiter| encoding.text(delimiter)),
            max_keys: i64::try_from(limit).ok(),
            common_prefixes: encoding.common_prefixes(page.common_prefixes),
            encoding_type: input.encoding_type,
            request_charged: None,
        })
    }

    pub(crate) async fn list_v2(
        &self,
        cx: &Context,
        input: shapes::ListObjectsV2Input,
    ) -> Result<shapes::ListObjectsV2Output, Error> {
        let bucket = self.bucket(cx, &input.bucket, input.expected_bucket_owner.as_ref()).await?.value;
        let encoding = Encoding::read(input.encoding_type.as_ref())?;
        let limit = page_size(input.max_keys, "maxKeys")?;
        let (prefix, delimiter) = (input.prefix.clone().unwrap_or_default(), input.delimiter.as_deref());
        let after = match &input.continuation_token {
            Some(token) => Some(after_token(token)?),
            None => input.start_after.clone().filter(|after| !after.is_empty()),
        };
        let shows_owner = input.fetch_owner == Some(true);
        let page = self.page(&bucket, encoding, shows_owner, (&prefix, delimiter, after, limit)).await?;
        let count = page.objects.len() + page.common_prefixes.len();
        Ok(shapes::ListObjectsV2Output {
            is_truncated: Some(page.next.is_some()),
            contents: (!page.objects.is_empty()).then_some(page.objects),
            name: Some(bucket.name),
            prefix: Some(encoding.text(prefix)),
            delimiter: input.delimiter.map(|delimiter| encoding.text(delimiter)),
            max_keys: i64::try_from(limit).ok(),
            common_prefixes: encoding.common_prefixes(page.common_prefixes),
            encoding_type: input.encoding_type,
            key_count: i64::try_from(count).ok(),
            continuation_token: input.continuation_token,
            next_continuation_token: page.next.map(|next| URL_SAFE_NO_PAD.encode(next)),
            start_after: input.start_after.map(|after| encoding.text(after)),
            request_charged: None,
        })
    }

    async fn page(
        &self,
        bucket: &Bucket,
        encoding: Encoding,
        shows_owner: bool,
        (prefix, delimiter, after, limit): (&str, Option<&str>, Option<String>, usize),
    ) -> Result<Page, Error> {
        let mut objects = Vec::new();
        if limit == 0 {
            return Ok(Page { objects, common_prefixes: Vec::new(), next: None });
        }
        let owner = shows_owner.then(|| bucket.owner());
        let mut listing = Listing::new(prefix, delimiter, after, limit);
        let record_prefix = bucket.record_key(prefix);
        let mut after = listing.resume_after(None).map(|after| bucket.record_key(&after));
        loop {
            let range = Range { after: after.as_deref(), limit: limit + 1, ..Range::prefix(&record_prefix) };
            let records = self.current.list(range).await?;
            for record in &records {
                let Some(object) = record.value.object() else { continue };
                let key = bucket.object_key(&record.key);
                match listing.offer(key) {
                    ControlFlow::Continue(Shown::Not) => {}
                    ControlFlow::Continue(Shown::Itself) => {
                        objects.push(shown(encoding.text(key.to_owned()), &record.value, object, &owner));
                    }
                    ControlFlow::Break(()) => {
                        let (common_prefixes, next) = listing.finish();
                        return Ok(Page { objects, common_prefixes, next });
                    }
                }
            }
            let Some(last) = records.last().filter(|_| records.len() > limit) else { break };
            let read = bucket.object_key(&last.key);
            after = listing.resume_after(Some(read)).map(|after| bucket.record_key(&after));
        }
        let (common_prefixes, next) = listing.finish();
        Ok(Page { objects, common_prefixes, next })
    }
}

fn shown(key: String, version: &Version, object: &Object, owner: &Option<shapes::Owner>) -> shapes::Object {
    shapes::Object {
        key: Some(key),
        last_modified: Some(version.last_modified),
        e_tag: Some(object.quoted_etag()),
        checksum_algorithm: Some(vec![object.sum.algorithm.clone()]),
        checksum_type: object.sum.kind_name(),
        size: i64::try_from(object.size).ok(),
        storage_class: Some(object.about.storage_class()),
        owner: owner.clone(),
        restore_status: None,
    }
}

fn after_token(token: &str) -> Result<String, Error> {
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.filter(|text| !text.is_empty()).ok_or_else(|| {
        Error::argument("The continuation token provided is incorrect", "continuation-token", token)
    })
}
