//! CopyObject.

use api::Context;
use checksum::Algorithm;

use crate::S3;
use crate::blobs::Written;
use crate::conditions::ReadConditions;
use crate::copy_source::{self, CopySource};
use crate::error::Error;
use crate::generated::types::{CopyObjectInput, CopyObjectOutput, CopyObjectResult};
use crate::get_object::Found;
use crate::history::{Change, Made, Target, WriteConditions};
use crate::put_object::{check_key, content_type, metadata, storage_class};
use crate::sums::{self, Sum, SumKind};
use crate::version::{About, Object};
use crate::{limits, tagging};

/// How often a copy is tried where the source is overwritten each time before its bytes are opened.
const ATTEMPTS_MAX: usize = 16;

impl S3 {
    pub(crate) async fn copy(&self, cx: &Context, input: CopyObjectInput) -> Result<CopyObjectOutput, Error> {
        let source = CopySource::parse(&input.copy_source)?;
        let target = Target {
            bucket: &input.bucket,
            key: &input.key,
            expected_owner: input.expected_bucket_owner.as_ref(),
        };
        check_key(target.key)?;
        check_change(&input, &source)?;
        let conditions = WriteConditions::read(input.if_match.clone(), input.if_none_match.as_ref())?;
        let algorithm = sums::named(input.checksum_algorithm.as_ref())?;
        self.bucket(cx, target.bucket, target.expected_owner).await?;
        for _ in 0..ATTEMPTS_MAX {
            let found = self.source(cx, &source, input.expected_source_bucket_owner.as_ref()).await?;
            let object = source_object(&found, &source)?;
            copy_source::check(&read_conditions(&input), &found.seen.value, object)?;
            let Some(copied) = self.duplicate(object, algorithm).await? else { continue };
            let (written, etag, sum) = copied;
            let (about, tags) = (about(&input, object)?, tags(&input, object)?);
            let copy =
                Object { blob: written.blob.clone(), size: object.size, etag, sum, about, tags, parts: None };
            let result = result(&copy);
            let made = self.make(cx, target, &conditions, copy, written, Change::default()).await?;
            return Ok(answer(result, &found, made));
        }
        Err(Error::Conflict)
    }

    /// Finds the source of a copy.
    pub(crate) async fn source(
        &self,
        cx: &Context,
        source: &CopySource,
        owner: Option<&String>,
    ) -> Result<Found, Error> {
        self.find(cx, (&source.bucket, owner), &source.key, source.version_id.as_ref()).await
    }

    /// Writes an object's bytes once more; `None` where it has been overwritten meanwhile.
    ///
    /// What was uploaded in parts has an ETag and a checksum of its parts, and becomes one piece.
    async fn duplicate(
        &self,
        object: &Object,
        algorithm: Option<Algorithm>,
    ) -> Result<Option<(Written, String, Sum)>, Error> {
        let wanted = algorithm.unwrap_or_else(|| object.sum.algorithm());
        let is_known = object.parts.is_none()
            && object.sum.kind == SumKind::FullObject
            && object.sum.algorithm() == wanted;
        let (etag, sum) = if is_known {
            (object.etag.clone(), object.sum.clone())
        } else {
            let Some(body) = self.blobs.body(&object.blob, 0..object.size).await? else { return Ok(None) };
            let digests = body.digests(wanted).await?;
            (digests.etag(), Sum::of(&digests.checksum))
        };
        let written = self.blobs.duplicate(&object.blob, object.size).await?;
        Ok(written.map(|written| (written, etag, sum)))
    }
}

/// A copy of an object to itself must change something.
fn check_change(input: &CopyObjectInput, source: &CopySource) -> Result<(), Error> {
    let is_itself = source.bucket == input.bucket && source.key == input.key && source.version_id.is_none();
    let changes = input.metadata_directive.as_deref() == Some("REPLACE")
        || input.storage_class.is_some()
        || input.website_redirect_location.is_some()
        || input.checksum_algorithm.is_some();
    if !is_itself || changes {
        return Ok(());
    }
    Err(Error::InvalidRequest(
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's \
         metadata, storage class, website redirect location or encryption attributes."
            .to_owned(),
    ))
}

/// The object to copy. A delete marker cannot be.
pub(crate) fn source_object<'f>(found: &'f Found, source: &CopySource) -> Result<&'f Object, Error> {
    let object = found.seen.value.object().ok_or_else(|| match source.version_id {
        None => Error::NoSuchKey(source.key.clone()),
        Some(_) => Error::InvalidRequest(
            "The source of a copy request may not specifically refer to a delete marker by version id."
                .to_owned(),
        ),
    })?;
    if object.size > limits::COPY_BYTES_MAX {
        return Err(Error::InvalidRequest(format!(
            "The specified copy source is larger than the maximum allowable size for a copy source: {}",
            limits::COPY_BYTES_MAX
        )));
    }
    Ok(object)
}

fn read_conditions(input: &CopyObjectInput) -> ReadConditions {
    ReadConditions {
        if_match: input.copy_source_if_match.clone(),
        if_none_match: input.copy_source_if_none_match.clone(),
        if_modified_since: input.copy_source_if_modified_since,
        if_unmodified_since: input.copy_source_if_unmodified_since,
    }
}

/// What is said of the source is said of the copy, but for its storage class and where it redirects to.
fn about(input: &CopyObjectInput, source: &Object) -> Result<About, Error> {
    let storage_class = storage_class(input.storage_class.clone())?;
    let website_redirect_location = input.website_redirect_location.clone();
    if input.metadata_directive.as_deref() != Some("REPLACE") {
        return Ok(About { storage_class, website_redirect_location, ..source.about.clone() });
    }
    Ok(About {
        storage_class,
        website_redirect_location,
        cache_control: input.cache_control.clone(),
        content_disposition: input.content_disposition.clone(),
        content_encoding: input.content_encoding.clone(),
        content_language: input.content_language.clone(),
        content_type: content_type(input.content_type.clone()),
        expires: input.expires.clone(),
        metadata: metadata(input.metadata.clone())?,
    })
}

fn tags(input: &CopyObjectInput, source: &Object) -> Result<tagging::Tags, Error> {
    if input.tagging_directive.as_deref() == Some("REPLACE") {
        tagging::parse_header(input.tagging.as_deref().unwrap_or_default())
    } else {
        Ok(source.tags.clone())
    }
}

fn result(copy: &Object) -> CopyObjectResult {
    let sum = copy.sum.members();
    CopyObjectResult {
        e_tag: Some(copy.quoted_etag()),
        last_modified: None,
        checksum_type: copy.sum.kind_name(),
        checksum_crc32: sum.crc32,
        checksum_crc32_c: sum.crc32c,
        checksum_crc64_nvme: sum.crc64nvme,
        checksum_sha1: sum.sha1,
        checksum_sha256: sum.sha256,
        checksum_sha512: sum.sha512,
        ..CopyObjectResult::default()
    }
}

fn answer(result: CopyObjectResult, source: &Found, made: Made) -> CopyObjectOutput {
    let last_modified = Some(made.version.last_modified);
    CopyObjectOutput {
        server_side_encryption: Some(crate::version::encryption()),
        copy_object_result: Some(CopyObjectResult { last_modified, ..result }),
        copy_source_version_id: source.version_id(),
        version_id: made.version_id,
        ..CopyObjectOutput::default()
    }
}
