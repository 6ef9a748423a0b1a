//! Multipart uploads: begun, listed, completed, aborted. Their parts are `upload_part`'s.

mod assemble;
mod complete;
mod list;

use api::Context;
use checksum::Algorithm;
use serde::{Deserialize, Serialize};
use store::{Range, Versioned};
use types::Timestamp;

use crate::S3;
use crate::bucket::Bucket;
use crate::error::Error;
use crate::generated::types as shapes;
use crate::history::{Change, Target, terminated};
use crate::put_object::{check_key, content_type, metadata, storage_class};
use crate::sums::{self, SumKind};
use crate::tagging::{self, Tags};
use crate::version::{About, whole_second};

/// The store's table of uploads, by bucket, key and upload id: the older of two of the same key first.
pub(crate) const TABLE: &str = "s3-uploads";

/// An upload that was begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Upload {
    /// Begins with the time, so that ids are in the order of their uploads.
    pub(crate) id: String,
    pub(crate) initiated: Timestamp,
    pub(crate) about: About,
    pub(crate) tags: Tags,
    /// The checksum that each part gets.
    pub(crate) algorithm: String,
    pub(crate) kind: SumKind,
    /// Whether the client asked for that checksum.
    pub(crate) requested: bool,
}

impl Upload {
    pub(crate) fn algorithm(&self) -> Algorithm {
        // What is kept was written by this program.
        Algorithm::by_name(&self.algorithm).unwrap_or(Algorithm::Crc64Nvme)
    }
}

fn record_key(bucket: &Bucket, key: &str, upload_id: &str) -> String {
    bucket.record_key(&(terminated(key) + upload_id))
}

impl S3 {
    pub(crate) async fn begin_upload(
        &self,
        cx: &Context,
        input: shapes::CreateMultipartUploadInput,
    ) -> Result<shapes::CreateMultipartUploadOutput, Error> {
        check_key(&input.key)?;
        let upload = new_upload(cx, &input)?;
        let _lock = self.locks.key(&input.bucket, &input.key).await;
        let bucket = self.bucket(cx, &input.bucket, input.expected_bucket_owner.as_ref()).await?.value;
        let mut change = Change::default();
        self.uploads.create(&mut change.batch, &record_key(&bucket, &input.key, &upload.id), &upload);
        self.commit(change).await?;
        Ok(shapes::CreateMultipartUploadOutput {
            server_side_encryption: Some(crate::version::encryption()),
            bucket: Some(input.bucket),
            key: Some(input.key),
            checksum_algorithm: upload.requested.then_some(upload.algorithm),
            checksum_type: upload.requested.then(|| upload.kind.name().to_owned()),
            upload_id: Some(upload.id),
            ..shapes::CreateMultipartUploadOutput::default()
        })
    }

    pub(crate) async fn find_upload(
        &self,
        cx: &Context,
        target: Target<'_>,
        upload_id: &str,
    ) -> Result<(Bucket, Versioned<Upload>), Error> {
        let bucket = self.bucket(cx, target.bucket, target.expected_owner).await?.value;
        let upload = self.uploads.get(&record_key(&bucket, target.key, upload_id)).await?;
        let upload = upload.ok_or_else(|| Error::NoSuchUpload(upload_id.to_owned()))?;
        Ok((bucket, upload))
    }

    pub(crate) async fn abort_upload(
        &self,
        cx: &Context,
        input: &shapes::AbortMultipartUploadInput,
    ) -> Result<(), Error> {
        let target = Target {
            bucket: &input.bucket,
            key: &input.key,
            expected_owner: input.expected_bucket_owner.as_ref(),
        };
        let _lock = self.locks.key(target.bucket, target.key).await;
        let (_, upload) = self.find_upload(cx, target, &input.upload_id).await?;
        let mut change = Change::default();
        self.drop_upload(&mut change, &upload).await?;
        self.commit(change).await
    }

    /// Says in a change that an upload, as it was seen, is no more, nor are its parts.
    async fn drop_upload(&self, change: &mut Change, upload: &Versioned<Upload>) -> Result<(), Error> {
        change.batch.require_version(TABLE, upload.key.as_str(), upload.version);
        self.uploads.delete(&mut change.batch, &upload.key);
        for part in self.all_parts(&upload.value.id).await? {
            self.parts.delete(&mut change.batch, &part.key);
            change.drop_blob(self, &part.value.blob);
        }
        Ok(())
    }

    /// The same for all uploads of a bucket.
    pub(crate) async fn drop_uploads(&self, change: &mut Change, bucket: &Bucket) -> Result<(), Error> {
        for upload in self.uploads.list(Range::prefix(&bucket.record_key(""))).await? {
            self.drop_upload(change, &upload).await?;
        }
        Ok(())
    }
}

fn new_upload(cx: &Context, input: &shapes::CreateMultipartUploadInput) -> Result<Upload, Error> {
    let requested = sums::named(input.checksum_algorithm.as_ref())?;
    let algorithm = requested.unwrap_or(Algorithm::Crc64Nvme);
    Ok(Upload {
        id: format!("{:012x}{}", cx.now.as_millis(), api::ids::alphanumeric(52)),
        initiated: whole_second(cx.now),
        about: about(input)?,
        tags: tagging::parse_header(input.tagging.as_deref().unwrap_or_default())?,
        algorithm: algorithm.name().to_owned(),
        kind: kind(algorithm, requested, input.checksum_type.as_deref())?,
        requested: requested.is_some(),
    })
}

/// Of what the object's checksum will be: only that of CRCs can be of all bytes, as only they can be put together.
fn kind(algorithm: Algorithm, requested: Option<Algorithm>, asked: Option<&str>) -> Result<SumKind, Error> {
    let refused = |kind: SumKind| {
        Err(Error::ChecksumType { kind: kind.name(), algorithm: algorithm.name().to_ascii_lowercase() })
    };
    let is_crc = matches!(algorithm, Algorithm::Crc32 | Algorithm::Crc32c | Algorithm::Crc64Nvme);
    match asked {
        Some(_) if requested.is_none() => Err(Error::InvalidRequest(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
                .to_owned(),
        )),
        Some("FULL_OBJECT") if is_crc => Ok(SumKind::FullObject),
        Some("FULL_OBJECT") => refused(SumKind::FullObject),
        Some(_) if algorithm == Algorithm::Crc64Nvme => refused(SumKind::Composite),
        Some(_) => Ok(SumKind::Composite),
        None if algorithm == Algorithm::Crc64Nvme => Ok(SumKind::FullObject),
        None => Ok(SumKind::Composite),
    }
}

fn about(input: &shapes::CreateMultipartUploadInput) -> Result<About, Error> {
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
