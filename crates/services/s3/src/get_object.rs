//! GetObject and HeadObject.

use std::ops::Range;

use api::{Body, Context};
use store::Versioned;
use types::Timestamp;

use crate::S3;
use crate::bucket::{Bucket, Versioning};
use crate::byte_range::{ByteRange, content_range};
use crate::conditions::ReadConditions;
use crate::error::Error;
use crate::generated::types::{GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput};
use crate::limits;
use crate::version::{Object, Version, check_id};

/// How often a read is tried where the object is overwritten each time before its bytes are opened.
const ATTEMPTS_MAX: usize = 16;

/// A version that was found, and where.
pub(crate) struct Found {
    pub(crate) bucket: Bucket,
    pub(crate) seen: Versioned<Version>,
    pub(crate) is_older: bool,
}

/// The part of an object that is asked for.
struct Slice {
    range: Range<u64>,
    /// Whether it was asked for: the answer is a partial one, even where it is all of the object.
    is_partial: bool,
    parts_count: Option<i64>,
}

impl Found {
    /// The object. A delete marker is none.
    pub(crate) fn object(&self, key: &str, version_id: Option<&String>) -> Result<&Object, Error> {
        let id = self.seen.value.id();
        self.seen.value.object().ok_or_else(|| match version_id {
            Some(_) => Error::DeleteMarker { version_id: id },
            None => Error::Deleted { key: key.to_owned(), version_id: id },
        })
    }

    /// The version's id as answers give it.
    pub(crate) fn version_id(&self) -> Option<String> {
        (self.bucket.versioning != Versioning::Never).then(|| self.seen.value.id())
    }
}

impl S3 {
    /// Finds a version of a key: the one that counts, or the one of that id.
    pub(crate) async fn find(
        &self,
        cx: &Context,
        (bucket, owner): (&str, Option<&String>),
        key: &str,
        version_id: Option<&String>,
    ) -> Result<Found, Error> {
        let bucket = self.bucket(cx, bucket, owner).await?.value;
        let (seen, is_older) = match version_id {
            None => {
                let current = self.current(&bucket, key).await?;
                (current.ok_or_else(|| Error::NoSuchKey(key.to_owned()))?, false)
            }
            Some(id) => {
                check_id(id)?;
                let version = self.version(&bucket, key, id).await?;
                version.ok_or_else(|| Error::NoSuchVersion { key: key.to_owned(), version_id: id.clone() })?
            }
        };
        Ok(Found { bucket, seen, is_older })
    }

    pub(crate) async fn get(
        &self,
        cx: &Context,
        input: &GetObjectInput,
    ) -> Result<(GetObjectOutput, Body), Error> {
        for _ in 0..ATTEMPTS_MAX {
            let (answer, found, range) = self.look(cx, input).await?;
            let object = found.object(&input.key, input.version_id.as_ref())?;
            if let Some(body) = self.blobs.body(&object.blob, range).await? {
                return Ok((answer, body));
            }
            // Overwritten since it was found: there is another one now, or none.
        }
        Err(Error::Conflict)
    }

    pub(crate) async fn head(&self, cx: &Context, input: HeadObjectInput) -> Result<HeadObjectOutput, Error> {
        let input = as_get(input);
        Ok(as_head(self.look(cx, &input).await?.0))
    }

    /// What a read answers beside the bytes, and which bytes of which version those are.
    async fn look(
        &self,
        cx: &Context,
        input: &GetObjectInput,
    ) -> Result<(GetObjectOutput, Found, Range<u64>), Error> {
        let (bucket, version_id) = (&input.bucket, input.version_id.as_ref());
        let found =
            self.find(cx, (bucket, input.expected_bucket_owner.as_ref()), &input.key, version_id).await?;
        let object = found.object(&input.key, version_id)?;
        conditions(input)
            .check(&object.etag, found.seen.value.last_modified)
            .map_err(|unmet| Error::unmet(unmet, &object.quoted_etag()))?;
        let slice = self.slice(object, input).await?;
        let answer = answer(input, &found, object, &slice);
        Ok((answer, found, slice.range))
    }

    async fn slice(&self, object: &Object, input: &GetObjectInput) -> Result<Slice, Error> {
        match (&input.range, input.part_number) {
            (Some(_), Some(_)) => Err(Error::InvalidRequest(
                "Cannot specify both Range header and partNumber query parameter".to_owned(),
            )),
            (Some(header), None) => range(object, header),
            (None, Some(number)) => self.part(object, number).await,
            (None, None) => Ok(Slice { range: 0..object.size, is_partial: false, parts_count: None }),
        }
    }

    async fn part(&self, object: &Object, number: i64) -> Result<Slice, Error> {
        if !(1..=limits::PART_NUMBER_MAX).contains(&number) {
            return Err(Error::argument(
                "Part number must be an integer between 1 and 10000, inclusive",
                "partNumber",
                number.to_string(),
            ));
        }
        let parts = match object.parts {
            Some(_) => self.object_parts.get(&object.blob.id).await?.map(|parts| parts.value),
            None => None,
        };
        let sizes: Vec<u64> =
            parts.map_or_else(|| vec![object.size], |parts| parts.iter().map(|part| part.size).collect());
        // Parts are counted as they lie in the object, whatever numbers they were uploaded under.
        let index = usize::try_from(number - 1).unwrap_or(usize::MAX);
        let Some(size) = sizes.get(index) else {
            return Err(Error::InvalidPartNumber { requested: number, count: sizes.len() });
        };
        let start = sizes.iter().take(index).sum::<u64>();
        let parts_count = object.parts.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        Ok(Slice { range: start..start.saturating_add(*size), is_partial: object.size > 0, parts_count })
    }
}

fn range(object: &Object, header: &str) -> Result<Slice, Error> {
    let whole = Slice { range: 0..object.size, is_partial: false, parts_count: None };
    let Some(range) = ByteRange::parse(header) else { return Ok(whole) };
    let range = range
        .resolve(object.size)
        .ok_or_else(|| Error::InvalidRange { range: header.to_owned(), size: object.size })?;
    Ok(Slice { range, is_partial: true, parts_count: None })
}

fn conditions(input: &GetObjectInput) -> ReadConditions {
    ReadConditions {
        if_match: input.if_match.clone(),
        if_none_match: input.if_none_match.clone(),
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    }
}

fn answer(input: &GetObjectInput, found: &Found, object: &Object, slice: &Slice) -> GetObjectOutput {
    let about = object.about.clone();
    // A checksum of all bytes says nothing of some of them.
    let shows_sum = input.checksum_mode.is_some() && !slice.is_partial;
    let sum = if shows_sum { object.sum.members() } else { Default::default() };
    let or = |asked: &Option<String>, own: Option<String>| asked.clone().or(own);
    let tags = i64::try_from(object.tags.len()).unwrap_or(i64::MAX);
    GetObjectOutput {
        server_side_encryption: Some(crate::version::encryption()),
        accept_ranges: Some("bytes".to_owned()),
        last_modified: Some(found.seen.value.last_modified),
        content_length: Some(i64::try_from(slice.range.end - slice.range.start).unwrap_or(i64::MAX)),
        content_range: slice.is_partial.then(|| content_range(&slice.range, object.size)),
        e_tag: Some(object.quoted_etag()),
        checksum_crc32: sum.crc32,
        checksum_crc32_c: sum.crc32c,
        checksum_crc64_nvme: sum.crc64nvme,
        checksum_sha1: sum.sha1,
        checksum_sha256: sum.sha256,
        checksum_sha512: sum.sha512,
        checksum_type: if shows_sum { object.sum.kind_name() } else { None },
        version_id: found.version_id(),
        cache_control: or(&input.response_cache_control, about.cache_control),
        content_disposition: or(&input.response_content_disposition, about.content_disposition),
        content_encoding: or(&input.response_content_encoding, about.content_encoding),
        content_language: or(&input.response_content_language, about.content_language),
        content_type: or(&input.response_content_type, about.content_type),
        expires: input.response_expires.map(http_date).or(about.expires),
        website_redirect_location: about.website_redirect_location,
        metadata: Some(about.metadata).filter(|metadata| !metadata.is_empty()),
        storage_class: about.storage_class,
        parts_count: slice.parts_count,
        tag_count: (tags > 0).then_some(tags),
        ..GetObjectOutput::default()
    }
}

/// `Wed, 21 Oct 2026 07:28:00 GMT`.
fn http_date(time: Timestamp) -> String {
    time.format("%a, %d %b %Y %H:%M:%S GMT")
}

fn as_get(input: HeadObjectInput) -> GetObjectInput {
    GetObjectInput {
        bucket: input.bucket,
        key: input.key,
        version_id: input.version_id,
        expected_bucket_owner: input.expected_bucket_owner,
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
        range: input.range,
        part_number: input.part_number,
        checksum_mode: input.checksum_mode,
        response_cache_control: input.response_cache_control,
        response_content_disposition: input.response_content_disposition,
        response_content_encoding: input.response_content_encoding,
        response_content_language: input.response_content_language,
        response_content_type: input.response_content_type,
        response_expires: input.response_expires,
        ..GetObjectInput::default()
    }
}

fn as_head(get: GetObjectOutput) -> HeadObjectOutput {
    HeadObjectOutput {
        server_side_encryption: get.server_side_encryption,
        accept_ranges: get.accept_ranges,
        last_modified: get.last_modified,
        content_length: get.content_length,
        content_range: get.content_range,
        e_tag: get.e_tag,
        checksum_crc32: get.checksum_crc32,
        checksum_crc32_c: get.checksum_crc32_c,
        checksum_crc64_nvme: get.checksum_crc64_nvme,
        checksum_sha1: get.checksum_sha1,
        checksum_sha256: get.checksum_sha256,
        checksum_sha512: get.checksum_sha512,
        checksum_type: get.checksum_type,
        version_id: get.version_id,
        cache_control: get.cache_control,
        content_disposition: get.content_disposition,
        content_encoding: get.content_encoding,
        content_language: get.content_language,
        content_type: get.content_type,
        expires: get.expires,
        website_redirect_location: get.website_redirect_location,
        metadata: get.metadata,
        storage_class: get.storage_class,
        parts_count: get.parts_count,
        tag_count: get.tag_count,
        ..HeadObjectOutput::default()
    }
}
