//! UploadPart, UploadPartCopy and ListParts: the parts of an upload.

use api::{Body, Context};
use checksum::Algorithm;
use serde::{Deserialize, Serialize};
use store::{Range, Versioned};
use types::Timestamp;

use crate::S3;
use crate::blobs::{Blob, Written};
use crate::byte_range::ByteRange;
use crate::conditions::ReadConditions;
use crate::copy_object::source_object;
use crate::copy_source::{self, CopySource};
use crate::error::Error;
use crate::generated::types as shapes;
use crate::get_object::Found;
use crate::history::{Change, Target};
use crate::limits;
use crate::list_objects::page_size;
use crate::multipart::Upload;
use crate::put_object::Claims;
use crate::sums::{self, Sum};
use crate::version::{Object, whole_second};

/// The store's table of parts, by `UPLOAD ID/NUMBER`.
pub(crate) const TABLE: &str = "s3-upload-parts";

/// A part that was uploaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) number: i64,
    pub(crate) blob: Blob,
    pub(crate) size: u64,
    /// The MD5 of its bytes.
    pub(crate) etag: String,
    pub(crate) sum: Sum,
    pub(crate) last_modified: Timestamp,
}

/// How the records of an upload's parts begin.
pub(crate) fn prefix(upload_id: &str) -> String {
    format!("{upload_id}/")
}

fn key(upload_id: &str, number: i64) -> String {
    format!("{}{number:05}", prefix(upload_id))
}

impl S3 {
    pub(crate) async fn upload(
        &self,
        cx: &Context,
        input: shapes::UploadPartInput,
        body: Body,
    ) -> Result<shapes::UploadPartOutput, Error> {
        let target = Target {
            bucket: &input.bucket,
            key: &input.key,
            expected_owner: input.expected_bucket_owner.as_ref(),
        };
        check_number(input.part_number)?;
        let (_, upload) = self.find_upload(cx, target, &input.upload_id).await?;
        let claims = claims(&input)?;
        check_algorithm(&upload.value, &claims)?;
        let digests = claims.check(&body).await?;
        let digests = match upload.value.algorithm() {
            wanted if wanted == digests.checksum.algorithm() => digests,
            wanted => body.digests(wanted).await?,
        };
        let written = self.blobs.write(body).await?;
        let part = Part {
            number: input.part_number,
            blob: written.blob.clone(),
            size: written.size,
            etag: digests.etag(),
            sum: Sum::of(&digests.checksum),
            last_modified: whole_second(cx.now),
        };
        let answer = answer(&part, upload.value.requested);
        self.add_part(cx, target, &input.upload_id, part, written).await?;
        Ok(answer)
    }

    pub(crate) async fn upload_copy(
        &self,
        cx: &Context,
        input: shapes::UploadPartCopyInput,
    ) -> Result<shapes::UploadPartCopyOutput, Error> {
        let target = Target {
            bucket: &input.bucket,
            key: &input.key,
            expected_owner: input.expected_bucket_owner.as_ref(),
        };
        check_number(input.part_number)?;
        let source = CopySource::parse(&input.copy_source)?;
        let (_, upload) = self.find_upload(cx, target, &input.upload_id).await?;
        let found = self.source(cx, &source, input.expected_source_bucket_owner.as_ref()).await?;
        let object = source_object(&found, &source)?;
        copy_source::check(&read_conditions(&input), &found.seen.value, object)?;
        let range = copied_range(input.copy_source_range.as_deref(), object)?;
        // Overwritten since it was found: whoever tries again finds what is there now.
        let body = self.blobs.body(&object.blob, range).await?.ok_or(Error::Conflict)?;
        let digests = body.digests(upload.value.algorithm()).await?;
        let written = self.blobs.write(body).await?;
        let part = Part {
            number: input.part_number,
            blob: written.blob.clone(),
            size: written.size,
            etag: digests.etag(),
            sum: Sum::of(&digests.checksum),
            last_modified: whole_second(cx.now),
        };
        let answer = copy_answer(&part, &found, upload.value.requested);
        self.add_part(cx, target, &input.upload_id, part, written).await?;
        Ok(answer)
    }

    /// Adds a part to an upload, in the place of one of the same number. Where that fails, its bytes are removed.
    async fn add_part(
        &self,
        cx: &Context,
        target: Target<'_>,
        upload_id: &str,
        part: Part,
        written: Written,
    ) -> Result<(), Error> {
        let added = self.try_add_part(cx, target, upload_id, part, &written).await;
        match &added {
            // Nobody knows whether the store has the batch. If not, the next start removes the file.
            Ok(()) | Err(Error::Store(_)) => {}
            Err(_) => self.blobs.remove(vec![written.blob]).await,
        }
        added
    }

    async fn try_add_part(
        &self,
        cx: &Context,
        target: Target<'_>,
        upload_id: &str,
        part: Part,
        written: &Written,
    ) -> Result<(), Error> {
        let _lock = self.locks.key(target.bucket, target.key).await;
        let (_, upload) = self.find_upload(cx, target, upload_id).await?;
        let mut change = Change::default();
        // Each part is a new version of the upload's record, by which its completion sees that it has read all parts.
        self.uploads.replace(&mut change.batch, &upload, &upload.value);
        let key = key(upload_id, part.number);
        if let Some(replaced) = self.parts.get(&key).await? {
            change.drop_blob(self, &replaced.value.blob);
        }
        self.blobs.keep(&mut change.batch, written);
        self.parts.put(&mut change.batch, &key, &part);
        self.commit(change).await
    }

    /// All parts of an upload in the order of their numbers.
    pub(crate) async fn all_parts(&self, upload_id: &str) -> Result<Vec<Versioned<Part>>, Error> {
        Ok(self.parts.list(Range::prefix(&prefix(upload_id))).await?)
    }

    pub(crate) async fn list_parts_of(
        &self,
        cx: &Context,
        input: shapes::ListPartsInput,
    ) -> Result<shapes::ListPartsOutput, Error> {
        let target = Target {
            bucket: &input.bucket,
            key: &input.key,
            expected_owner: input.expected_bucket_owner.as_ref(),
        };
        let (bucket, upload) = self.find_upload(cx, target, &input.upload_id).await?;
        let limit = page_size(input.max_parts, "max-parts")?;
        let marker = input.part_number_marker.unwrap_or(0).clamp(0, limits::PART_NUMBER_MAX);
        let after = key(&input.upload_id, marker);
        let prefix = prefix(&input.upload_id);
        let range = Range { after: Some(&after), limit: limit + 1, ..Range::prefix(&prefix) };
        let mut parts = self.parts.list(range).await?;
        let is_truncated = limit > 0 && parts.len() > limit;
        parts.truncate(limit);
        let upload = upload.value;
        let last = parts.last().map_or(0, |part| part.value.number);
        let shown: Vec<_> = parts.iter().map(|part| shown(&part.value, upload.requested)).collect();
        let owner = bucket.owner();
        Ok(shapes::ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            part_number_marker: Some(marker),
            next_part_number_marker: Some(last),
            max_parts: i64::try_from(limit).ok(),
            is_truncated: Some(is_truncated),
            parts: (!shown.is_empty()).then_some(shown),
            initiator: Some(shapes::Initiator { id: owner.id.clone(), display_name: None }),
            owner: Some(owner),
            storage_class: Some(upload.about.storage_class()),
            checksum_algorithm: upload.requested.then(|| upload.algorithm.clone()),
            checksum_type: upload.requested.then(|| upload.kind.name().to_owned()),
            ..shapes::ListPartsOutput::default()
        })
    }
}

fn check_number(number: i64) -> Result<(), Error> {
    if (1..=limits::PART_NUMBER_MAX).contains(&number) {
        return Ok(());
    }
    let message = "Part number must be an integer between 1 and 10000, inclusive";
    Err(Error::argument(message, "partNumber", number.to_string()))
}

/// A part of an upload that was begun with a checksum has the same kind of checksum.
fn check_algorithm(upload: &Upload, claims: &Claims<'_>) -> Result<(), Error> {
    let claimed: Option<Algorithm> = claims.sum.as_ref().map(|(algorithm, _)| *algorithm);
    match claimed.or(claims.algorithm) {
        Some(other) if upload.requested && other != upload.algorithm() => Err(Error::ChecksumMismatch {
            expected: upload.algorithm.to_ascii_lowercase(),
            actual: other.name().to_ascii_lowercase(),
        }),
        _ => Ok(()),
    }
}

fn claims(input: &shapes::UploadPartInput) -> Result<Claims<'_>, Error> {
    let given = sums::Members {
        crc32: input.checksum_crc32.clone(),
        crc32c: input.checksum_crc32_c.clone(),
        crc64nvme: input.checksum_crc64_nvme.clone(),
        sha1: input.checksum_sha1.clone(),
        sha256: input.checksum_sha256.clone(),
        sha512: input.checksum_sha512.clone(),
    };
    Ok(Claims {
        content_md5: input.content_md5.as_ref(),
        algorithm: sums::named(input.checksum_algorithm.as_ref())?,
        sum: given.given()?,
    })
}

fn read_conditions(input: &shapes::UploadPartCopyInput) -> ReadConditions {
    ReadConditions {
        if_match: input.copy_source_if_match.clone(),
        if_none_match: input.copy_source_if_none_match.clone(),
        if_modified_since: input.copy_source_if_modified_since,
        if_unmodified_since: input.copy_source_if_unmodified_since,
    }
}

fn copied_range(header: Option<&str>, object: &Object) -> Result<std::ops::Range<u64>, Error> {
    let Some(header) = header else { return Ok(0..object.size) };
    let name = "x-amz-copy-source-range";
    let range = ByteRange::parse_closed(header).ok_or_else(|| {
        let message = "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are \
                       the zero-based offsets of the first and last bytes to copy";
        Error::argument(message, name, header)
    })?;
    if range.end > object.size {
        let message = format!("Range specified is not valid for source object of size: {}", object.size);
        return Err(Error::argument(message, name, header));
    }
    Ok(range)
}

/// What was not asked for is not shown: the checksum of a part of an upload that was begun without one.
fn members(part: &Part, requested: bool) -> sums::Members {
    if requested { part.sum.members() } else { sums::Members::default() }
}

fn answer(part: &Part, requested: bool) -> shapes::UploadPartOutput {
    let sum = members(part, requested);
    shapes::UploadPartOutput {
        server_side_encryption: Some(crate::version::encryption()),
        e_tag: Some(format!("\"{}\"", part.etag)),
        checksum_crc32: sum.crc32,
        checksum_crc32_c: sum.crc32c,
        checksum_crc64_nvme: sum.crc64nvme,
        checksum_sha1: sum.sha1,
        checksum_sha256: sum.sha256,
        checksum_sha512: sum.sha512,
        ..shapes::UploadPartOutput::default()
    }
}

fn copy_answer(part: &Part, source: &Found, requested: bool) -> shapes::UploadPartCopyOutput {
    let sum = members(part, requested);
    shapes::UploadPartCopyOutput {
        server_side_encryption: Some(crate::version::encryption()),
        copy_source_version_id: source.version_id(),
        copy_part_result: Some(shapes::CopyPartResult {
            e_tag: Some(format!("\"{}\"", part.etag)),
            last_modified: Some(part.last_modified),
            checksum_crc32: sum.crc32,
            checksum_crc32_c: sum.crc32c,
            checksum_crc64_nvme: sum.crc64nvme,
            checksum_sha1: sum.sha1,
            checksum_sha256: sum.sha256,
            checksum_sha512: sum.sha512,
            ..shapes::CopyPartResult::default()
        }),
        ..shapes::UploadPartCopyOutput::default()
    }
}

fn shown(part: &Part, requested: bool) -> shapes::Part {
    let sum = members(part, requested);
    shapes::Part {
        part_number: Some(part.number),
        last_modified: Some(part.last_modified),
        e_tag: Some(format!("\"{}\"", part.etag)),
        size: i64::try_from(part.size).ok(),
        checksum_crc32: sum.crc32,
        checksum_crc32_c: sum.crc32c,
        checksum_crc64_nvme: sum.crc64nvme,
        checksum_sha1: sum.sha1,
        checksum_sha256: sum.sha256,
        checksum_sha512: sum.sha512,
        ..shapes::Part::default()
    }
}
