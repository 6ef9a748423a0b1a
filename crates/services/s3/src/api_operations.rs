//! The operations of Amazon S3: each one call into the module of its noun.

use api::{Body, Context};

use crate::S3;
use crate::bucket::Versioning;
use crate::error::Error;
use crate::generated::operations::Api;
use crate::generated::types::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CreateBucketInput, CreateBucketOutput,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteBucketInput, DeleteBucketOutput,
    DeleteBucketTaggingInput, DeleteBucketTaggingOutput, DeleteObjectInput, DeleteObjectOutput,
    DeleteObjectTaggingInput, DeleteObjectTaggingOutput, DeleteObjectsInput, DeleteObjectsOutput,
    GetBucketLocationInput, GetBucketLocationOutput, GetBucketTaggingInput, GetBucketTaggingOutput,
    GetBucketVersioningInput, GetBucketVersioningOutput, GetObjectAttributesInput, GetObjectAttributesOutput,
    GetObjectInput, GetObjectOutput, GetObjectTaggingInput, GetObjectTaggingOutput, HeadBucketInput,
    HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput, ListBucketsOutput,
    ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectVersionsInput, ListObjectVersionsOutput,
    ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ListPartsInput,
    ListPartsOutput, PutBucketTaggingInput, PutBucketTaggingOutput, PutBucketVersioningInput,
    PutBucketVersioningOutput, PutObjectInput, PutObjectOutput, PutObjectTaggingInput,
    PutObjectTaggingOutput, Tag, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput,
    UploadPartOutput,
};
use crate::history::Target;
use crate::tagging::{self, Tagged, Tags};

impl Api for S3 {
    type Error = Error;

    async fn abort_multipart_upload(
        &self,
        cx: &Context,
        input: AbortMultipartUploadInput,
    ) -> Result<AbortMultipartUploadOutput, Error> {
        self.abort_upload(cx, &input).await?;
        Ok(AbortMultipartUploadOutput::default())
    }

    async fn complete_multipart_upload(
        &self,
        cx: &Context,
        input: CompleteMultipartUploadInput,
    ) -> Result<CompleteMultipartUploadOutput, Error> {
        self.complete(cx, input).await
    }

    async fn copy_object(&self, cx: &Context, input: CopyObjectInput) -> Result<CopyObjectOutput, Error> {
        self.copy(cx, input).await
    }

    async fn create_bucket(
        &self,
        cx: &Context,
        input: CreateBucketInput,
    ) -> Result<CreateBucketOutput, Error> {
        self.create(cx, input).await
    }

    async fn create_multipart_upload(
        &self,
        cx: &Context,
        input: CreateMultipartUploadInput,
    ) -> Result<CreateMultipartUploadOutput, Error> {
        self.begin_upload(cx, input).await
    }

    async fn delete_bucket(
        &self,
        cx: &Context,
        input: DeleteBucketInput,
    ) -> Result<DeleteBucketOutput, Error> {
        self.delete_bucket_of(cx, &input).await?;
        Ok(DeleteBucketOutput {})
    }

    async fn delete_bucket_tagging(
        &self,
        cx: &Context,
        input: DeleteBucketTaggingInput,
    ) -> Result<DeleteBucketTaggingOutput, Error> {
        self.update_bucket(cx, &input.bucket, input.expected_bucket_owner.as_ref(), |bucket| {
            bucket.tags.retain(|key, _| tagging::is_reserved(key));
            Ok(())
        })
        .await?;
        Ok(DeleteBucketTaggingOutput {})
    }

    async fn delete_object(
        &self,
        cx: &Context,
        input: DeleteObjectInput,
    ) -> Result<DeleteObjectOutput, Error> {
        let target = target(&input.bucket, &input.key, &input.expected_bucket_owner);
        let deleted = self.delete(cx, target, input.version_id.as_ref(), input.if_match.clone()).await?;
        Ok(DeleteObjectOutput {
            delete_marker: deleted.delete_marker.then_some(true),
            version_id: deleted.version_id,
            request_charged: None,
        })
    }

    async fn delete_object_tagging(
        &self,
        cx: &Context,
        input: DeleteObjectTaggingInput,
    ) -> Result<DeleteObjectTaggingOutput, Error> {
        let target = target(&input.bucket, &input.key, &input.expected_bucket_owner);
        let version_id = self.tag(cx, target, input.version_id.as_ref(), Tags::new()).await?;
        Ok(DeleteObjectTaggingOutput { version_id })
    }

    async fn delete_objects(
        &self,
        cx: &Context,
        input: DeleteObjectsInput,
    ) -> Result<DeleteObjectsOutput, Error> {
        self.delete_many(cx, input).await
    }

    async fn get_bucket_location(
        &self,
        cx: &Context,
        input: GetBucketLocationInput,
    ) -> Result<GetBucketLocationOutput, Error> {
        let bucket = self.bucket(cx, &input.bucket, input.expected_bucket_owner.as_ref()).await?.value;
        Ok(GetBucketLocationOutput { location_constraint: bucket.location_constraint() })
    }

    async fn get_bucket_tagging(
        &self,
        cx: &Context,
        input: GetBucketTaggingInput,
    ) -> Result<GetBucketTaggingOutput, Error> {
        let bucket = self.bucket(cx, &input.bucket, input.expected_bucket_owner.as_ref()).await?.value;
        if bucket.tags.is_empty() {
            return Err(Error::NoSuchTagSet(bucket.name));
        }
        Ok(GetBucketTaggingOutput { tag_set: tag_set(&bucket.tags) })
    }

    async fn get_bucket_versioning(
        &self,
        cx: &Context,
        input: GetBucketVersioningInput,
    ) -> Result<GetBucketVersioningOutput, Error> {
        let bucket = self.bucket(cx, &input.bucket, input.expected_bucket_owner.as_ref()).await?.value;
        let status = match bucket.versioning {
            Versioning::Never => None,
            Versioning::Enabled => Some("Enabled".to_owned()),
            Versioning::Suspended => Some("Suspended".to_owned()),
        };
        Ok(GetBucketVersioningOutput { status, mfa_delete: None })
    }

    async fn get_object(
        &self,
        cx: &Context,
        input: GetObjectInput,
    ) -> Result<(GetObjectOutput, Body), Error> {
        self.get(cx, &input).await
    }

    async fn get_object_attributes(
        &self,
        cx: &Context,
        input: GetObjectAttributesInput,
    ) -> Result<GetObjectAttributesOutput, Error> {
        self.attributes(cx, input).await
    }

    async fn get_object_tagging(
        &self,
        cx: &Context,
        input: GetObjectTaggingInput,
    ) -> Result<GetObjectTaggingOutput, Error> {
        let target = target(&input.bucket, &input.key, &input.expected_bucket_owner);
        let found = self.tagged(cx, target, input.version_id.as_ref()).await?;
        let object = found.object(&input.key, input.version_id.as_ref())?;
        Ok(GetObjectTaggingOutput { version_id: found.version_id(), tag_set: tag_set(&object.tags) })
    }

    async fn head_bucket(&self, cx: &Context, input: HeadBucketInput) -> Result<HeadBucketOutput, Error> {
        let bucket = self.bucket(cx, &input.bucket, input.expected_bucket_owner.as_ref()).await?.value;
        Ok(HeadBucketOutput {
            bucket_arn: Some(format!("arn:aws:s3:::{}", bucket.name)),
            bucket_region: Some(bucket.region.to_string()),
            access_point_alias: Some(false),
            ..HeadBucketOutput::default()
        })
    }

    async fn head_object(&self, cx: &Context, input: HeadObjectInput) -> Result<HeadObjectOutput, Error> {
        self.head(cx, input).await
    }

    async fn list_buckets(&self, cx: &Context, input: ListBucketsInput) -> Result<ListBucketsOutput, Error> {
        self.list_own_buckets(cx, input).await
    }

    async fn list_multipart_uploads(
        &self,
        cx: &Context,
        input: ListMultipartUploadsInput,
    ) -> Result<ListMultipartUploadsOutput, Error> {
        self.list_uploads(cx, input).await
    }

    async fn list_object_versions(
        &self,
        cx: &Context,
        input: ListObjectVersionsInput,
    ) -> Result<ListObjectVersionsOutput, Error> {
        self.list_versions(cx, input).await
    }

    async fn list_objects(&self, cx: &Context, input: ListObjectsInput) -> Result<ListObjectsOutput, Error> {
        self.list_v1(cx, input).await
    }

    async fn list_objects_v2(
        &self,
        cx: &Context,
        input: ListObjectsV2Input,
    ) -> Result<ListObjectsV2Output, Error> {
        self.list_v2(cx, input).await
    }

    async fn list_parts(&self, cx: &Context, input: ListPartsInput) -> Result<ListPartsOutput, Error> {
        self.list_parts_of(cx, input).await
    }

    async fn put_bucket_tagging(
        &self,
        cx: &Context,
        input: PutBucketTaggingInput,
    ) -> Result<PutBucketTaggingOutput, Error> {
        self.set_bucket_tags(cx, input).await?;
        Ok(PutBucketTaggingOutput {})
    }

    async fn put_bucket_versioning(
        &self,
        cx: &Context,
        input: PutBucketVersioningInput,
    ) -> Result<PutBucketVersioningOutput, Error> {
        self.set_versioning(cx, input).await?;
        Ok(PutBucketVersioningOutput {})
    }

    async fn put_object(
        &self,
        cx: &Context,
        input: PutObjectInput,
        body: Body,
    ) -> Result<PutObjectOutput, Error> {
        self.put(cx, input, body).await
    }

    async fn put_object_tagging(
        &self,
        cx: &Context,
        input: PutObjectTaggingInput,
    ) -> Result<PutObjectTaggingOutput, Error> {
        let pairs = input.tagging.tag_set.into_iter().map(|tag| (tag.key, tag.value));
        let tags = tagging::check(Tagged::Object, pairs, cx.principal.may_change_reserved_tags())?;
        let target = target(&input.bucket, &input.key, &input.expected_bucket_owner);
        let version_id = self.tag(cx, target, input.version_id.as_ref(), tags).await?;
        Ok(PutObjectTaggingOutput { version_id })
    }

    async fn upload_part(
        &self,
        cx: &Context,
        input: UploadPartInput,
        body: Body,
    ) -> Result<UploadPartOutput, Error> {
        self.upload(cx, input, body).await
    }

    async fn upload_part_copy(
        &self,
        cx: &Context,
        input: UploadPartCopyInput,
    ) -> Result<UploadPartCopyOutput, Error> {
        self.upload_copy(cx, input).await
    }
}

fn target<'t>(bucket: &'t str, key: &'t str, expected_owner: &'t Option<String>) -> Target<'t> {
    Target { bucket, key, expected_owner: expected_owner.as_ref() }
}

fn tag_set(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}
