//! CompleteMultipartUpload.

use api::Context;

use super::assemble;
use crate::S3;
use crate::error::Error;
use crate::generated::types::{CompleteMultipartUploadInput, CompleteMultipartUploadOutput};
use crate::history::{Change, Target, WriteConditions};
use crate::multipart::Upload;
use crate::sums::{self, Sum};
use crate::upload_part::Part;
use crate::version::{Object, ObjectPart};

/// How often it is tried where each time another part comes in between.
const ATTEMPTS_MAX: usize = 8;

impl S3 {
    pub(crate) async fn complete(
        &self,
        cx: &Context,
        input: CompleteMultipartUploadInput,
    ) -> Result<CompleteMultipartUploadOutput, Error> {
        for _ in 0..ATTEMPTS_MAX {
            match self.try_complete(cx, &input).await {
                Err(Error::Conflict) => {}
                outcome => return outcome,
            }
        }
        Err(Error::Conflict)
    }

    async fn try_complete(
        &self,
        cx: &Context,
        input: &CompleteMultipartUploadInput,
    ) -> Result<CompleteMultipartUploadOutput, Error> {
        let target = Target {
            bucket: &input.bucket,
            key: &input.key,
            expected_owner: input.expected_bucket_owner.as_ref(),
        };
        let conditions = WriteConditions::read(input.if_match.clone(), input.if_none_match.as_ref())?;
        let (bucket, seen) = self.find_upload(cx, target, &input.upload_id).await?;
        // Before all the bytes are written once more; it is checked again when that has been done.
        let current = self.current(&bucket, target.key).await?;
        conditions.check(target.key, current.as_ref().map(|current| &current.value))?;
        let upload = &seen.value;
        let uploaded = self.all_parts(&upload.id).await?.into_iter().map(|part| part.value).collect();
        let named = input.multipart_upload.as_ref().and_then(|named| named.parts.as_deref());
        let parts = assemble::choose(upload, named.unwrap_or_default(), uploaded)?;
        let sum = assemble::sum(upload, &parts);
        check_whole(input, upload, &parts, &sum)?;

        let blobs: Vec<_> = parts.iter().map(|part| (part.blob.clone(), part.size)).collect();
        let gone = || Error::NoSuchUpload(upload.id.clone());
        let written = match self.blobs.concatenate(&blobs).await {
            Err(Error::Files(error)) if error.kind() == std::io::ErrorKind::NotFound => return Err(gone()),
            written => written?.ok_or_else(gone)?,
        };
        let object = Object {
            blob: written.blob.clone(),
            size: written.size,
            etag: assemble::etag(&parts),
            sum,
            about: upload.about.clone(),
            tags: upload.tags.clone(),
            parts: Some(parts.len()),
        };
        let mut change = Change::default();
        let dropped = self.drop_upload(&mut change, &seen).await;
        if let Err(error) = dropped {
            self.blobs.remove(vec![written.blob]).await;
            return Err(error);
        }
        self.object_parts.put(&mut change.batch, &written.blob.id, &object_parts(parts));
        let answer = answer(input, &object);
        let made = self.make(cx, target, &conditions, object, written, change).await?;
        Ok(CompleteMultipartUploadOutput { version_id: made.version_id, ..answer })
    }
}

/// Checks what the client says of the whole object.
fn check_whole(
    input: &CompleteMultipartUploadInput,
    upload: &Upload,
    parts: &[Part],
    sum: &Sum,
) -> Result<(), Error> {
    if upload.requested && input.checksum_type.as_ref().is_some_and(|kind| kind != upload.kind.name()) {
        return Err(Error::InvalidRequest(format!(
            "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
            upload.kind.name()
        )));
    }
    let size = parts.iter().map(|part| part.size).sum::<u64>();
    if let Some(expected) = input.mpu_object_size
        && u64::try_from(expected).ok() != Some(size)
    {
        return Err(Error::InvalidRequest(format!(
            "The provided 'x-amz-mp-object-size' header value {expected} does not match what was computed: {size}"
        )));
    }
    let given = sums::Members {
        crc32: input.checksum_crc32.clone(),
        crc32c: input.checksum_crc32_c.clone(),
        crc64nvme: input.checksum_crc64_nvme.clone(),
        sha1: input.checksum_sha1.clone(),
        sha256: input.checksum_sha256.clone(),
        sha512: input.checksum_sha512.clone(),
    };
    match given.given()? {
        Some((algorithm, _)) if upload.requested && algorithm != upload.algorithm() => {
            Err(Error::ChecksumMismatch {
                expected: upload.algorithm.to_ascii_lowercase(),
                actual: algorithm.name().to_ascii_lowercase(),
            })
        }
        Some((algorithm, value)) if upload.requested && !is_same(&value, &sum.value) => {
            Err(Error::BadChecksum(algorithm))
        }
        _ => Ok(()),
    }
}

/// A composite checksum may be given without the number of parts.
fn is_same(given: &str, computed: &str) -> bool {
    given == computed || computed.strip_prefix(given).is_some_and(|rest| rest.starts_with('-'))
}

fn object_parts(parts: Vec<Part>) -> Vec<ObjectPart> {
    parts.into_iter().map(|part| ObjectPart { number: part.number, size: part.size, sum: part.sum }).collect()
}

fn answer(input: &CompleteMultipartUploadInput, object: &Object) -> CompleteMultipartUploadOutput {
    let sum = object.sum.members();
    CompleteMultipartUploadOutput {
        server_side_encryption: Some(crate::version::encryption()),
        location: Some(format!(
            "http://{}.s3.amazonaws.com/{}",
            input.bucket,
            crate::url::encode(&input.key)
        )),
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        e_tag: Some(object.quoted_etag()),
        checksum_crc32: sum.crc32,
        checksum_crc32_c: sum.crc32c,
        checksum_crc64_nvme: sum.crc64nvme,
        checksum_sha1: sum.sha1,
        checksum_sha256: sum.sha256,
        checksum_sha512: sum.sha512,
        checksum_type: object.sum.kind_name(),
        ..CompleteMultipartUploadOutput::default()
    }
}
