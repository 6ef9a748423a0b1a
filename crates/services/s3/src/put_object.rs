//! PutObject, and what all requests share that write an object.

use std::collections::BTreeMap;

use api::{Body, Context};
use checksum::{Algorithm, Digests};

use crate::S3;
use crate::error::Error;
use crate::generated::types::{PutObjectInput, PutObjectOutput};
use crate::history::{Change, Target, WriteConditions};
use crate::sums::{self, Sum};
use crate::version::{About, Object};
use crate::{limits, tagging};

/// Storage classes of which an object can be read at any time.
const STORAGE_CLASSES: [&str; 6] =
    ["STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "REDUCED_REDUNDANCY", "GLACIER_IR"];

/// Storage classes of which an object has to be restored first.
const ARCHIVES: [&str; 2] = ["GLACIER", "DEEP_ARCHIVE"];

/// What a client says of the bytes that it sends.
pub(crate) struct Claims<'c> {
    pub(crate) content_md5: Option<&'c String>,
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) sum: Option<(Algorithm, String)>,
}

impl Claims<'_> {
    /// Computes what is to be known of the bytes, and checks what the client claims.
    ///
    /// # Errors
    /// Claims that are not so, or no claims at all; bytes that are too many.
    pub(crate) async fn check(&self, body: &Body) -> Result<Digests, Error> {
        if body.len() > limits::PUT_BYTES_MAX {
            return Err(Error::EntityTooLarge(body.len()));
        }
        let digests = body.digests(self.algorithm(body)).await?;
        sums::check_md5(self.content_md5, &digests)?;
        sums::check(self.sum.as_ref(), &digests)?;
        Ok(digests)
    }

    /// A checksum outweighs the name of an algorithm, and that what was computed on the way.
    fn algorithm(&self, body: &Body) -> Algorithm {
        let claimed = self.sum.as_ref().map(|(algorithm, _)| *algorithm).or(self.algorithm);
        let known = || body.known_digests().map(|digests| digests.checksum.algorithm());
        claimed.or_else(known).unwrap_or(Algorithm::Crc64Nvme)
    }
}

/// Checks a key.
///
/// # Errors
/// [`Error::KeyTooLong`].
pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    if key.len() > limits::KEY_BYTES_MAX { Err(Error::KeyTooLong(key.len())) } else { Ok(()) }
}

/// Checks a storage class; `STANDARD` is `None`.
///
/// # Errors
/// Archives are not served; AWS's own error for others.
pub(crate) fn storage_class(class: Option<String>) -> Result<Option<String>, Error> {
    match class {
        Some(class) if ARCHIVES.contains(&class.as_str()) => {
            Err(Error::NotImplemented("x-amz-storage-class"))
        }
        Some(class) if !STORAGE_CLASSES.contains(&class.as_str()) => Err(Error::InvalidStorageClass(class)),
        class => Ok(class.filter(|class| class != "STANDARD")),
    }
}

/// Checks the metadata that a user gives. Names are in lower case, as headers are.
///
/// # Errors
/// [`Error::MetadataTooLarge`].
pub(crate) fn metadata(given: Option<BTreeMap<String, String>>) -> Result<BTreeMap<String, String>, Error> {
    let metadata: BTreeMap<String, String> = given
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    let size = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > limits::METADATA_BYTES_MAX { Err(Error::MetadataTooLarge(size)) } else { Ok(metadata) }
}

/// The content type of an object that was given none.
pub(crate) fn content_type(given: Option<String>) -> Option<String> {
    given.or_else(|| Some("binary/octet-stream".to_owned()))
}

impl S3 {
    pub(crate) async fn put(
        &self,
        cx: &Context,
        input: PutObjectInput,
        body: Body,
    ) -> Result<PutObjectOutput, Error> {
        let target = Target {
            bucket: &input.bucket,
            key: &input.key,
            expected_owner: input.expected_bucket_owner.as_ref(),
        };
        self.bucket(cx, target.bucket, target.expected_owner).await?;
        check_key(target.key)?;
        let conditions = WriteConditions::read(input.if_match.clone(), input.if_none_match.as_ref())?;
        let tags = tagging::parse_header(input.tagging.as_deref().unwrap_or_default())?;
        let about = about(&input)?;
        let digests = claims(&input)?.check(&body).await?;
        let written = self.blobs.write(body).await?;
        let object = Object {
            blob: written.blob.clone(),
            size: written.size,
            etag: digests.etag(),
            sum: Sum::of(&digests.checksum),
            about,
            tags,
            parts: None,
        };
        let answer = answer(&object);
        let made = self.make(cx, target, &conditions, object, written, Change::default()).await?;
        Ok(PutObjectOutput { version_id: made.version_id, ..answer })
    }
}

fn claims(input: &PutObjectInput) -> Result<Claims<'_>, Error> {
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

fn about(input: &PutObjectInput) -> Result<About, Error> {
    Ok(About {
        storage_class: storage_class(input.storage_class.clone())?,
        cache_control: input.cache_control.clone(),
        content_disposition: input.content_disposition.clone(),
        content_encoding: input.content_encoding.clone(),
        content_language: input.content_language.clone(),
        content_type: content_type(input.content_type.clone()),
        expires: input.expires.clone(),
        website_redirect_location: input.website_redirect_location.clone(),
        metadata: metadata(input.metadata.clone())?,
    })
}

fn answer(object: &Object) -> PutObjectOutput {
    let sum = object.sum.members();
    PutObjectOutput {
        server_side_encryption: Some(crate::version::encryption()),
        e_tag: Some(object.quoted_etag()),
        checksum_crc32: sum.crc32,
        checksum_crc32_c: sum.crc32c,
        checksum_crc64_nvme: sum.crc64nvme,
        checksum_sha1: sum.sha1,
        checksum_sha256: sum.sha256,
        checksum_sha512: sum.sha512,
        checksum_type: object.sum.kind_name(),
        ..PutObjectOutput::default()
    }
}
