//! Amazon S3: buckets and objects.
//!
//! An object's bytes are a file beside the store ([`blobs`]); what is known of it is a record, so that a list is a range
//! of records in order ([`history`], [`listing`]). A request that writes is answered once both are on disk. What a
//! request implies that is not served is refused ([`refused`]): encryption, ACLs, object locks, and all the
//! configurations of a bucket but its tags and its versioning.

mod api_operations;
mod blobs;
mod bucket;
mod bucket_name;
mod buckets;
mod byte_range;
mod conditions;
mod copy_object;
mod copy_source;
mod delete_objects;
mod error;
pub mod generated;
mod get_object;
mod get_object_attributes;
mod history;
mod limits;
mod list_object_versions;
mod list_objects;
mod listing;
mod locks;
mod multipart;
mod object_tagging;
mod put_object;
mod refused;
mod removals;
mod sums;
mod tagging;
mod upload_part;
mod url;
mod version;

use std::path::Path;
use std::sync::Arc;

use api::model::{ServiceModel, decode};
use api::{AwsError, Body, Context, Reply, Service};
use futures_util::future::BoxFuture;
use serde_json::Value;
use store::{Collection, Store};

pub use blobs::named_files;
pub use error::Error;
pub use generated::{model, types as shapes};
pub use removals::FilesHeld;

use blobs::Blobs;
use bucket::Bucket;
use locks::Locks;
use multipart::Upload;
use upload_part::Part;
use version::{ObjectPart, Version};

/// Amazon S3. Cheap to clone; clones are the same service.
#[derive(Clone)]
pub struct S3 {
    store: Arc<dyn Store>,
    blobs: Blobs,
    /// By name.
    buckets: Collection<Bucket>,
    /// By `BUCKET ID/KEY`: the version that counts.
    current: Collection<Version>,
    /// By bucket, key and age: the versions before that.
    older: Collection<Version>,
    /// By the id of an object's blob.
    object_parts: Collection<Vec<ObjectPart>>,
    /// By bucket, key and upload id.
    uploads: Collection<Upload>,
    /// By `UPLOAD ID/NUMBER`.
    parts: Collection<Part>,
    locks: Arc<Locks>,
}

impl S3 {
    /// The service over what `store` keeps and the files in `folder`, which belongs to it alone.
    pub fn new(store: Arc<dyn Store>, folder: &Path) -> Self {
        Self {
            blobs: Blobs::new(folder, Arc::clone(&store)),
            buckets: Collection::new(Arc::clone(&store), bucket::TABLE),
            current: Collection::new(Arc::clone(&store), history::CURRENT),
            older: Collection::new(Arc::clone(&store), history::OLDER),
            object_parts: Collection::new(Arc::clone(&store), version::PARTS),
            uploads: Collection::new(Arc::clone(&store), multipart::TABLE),
            parts: Collection::new(Arc::clone(&store), upload_part::TABLE),
            locks: Arc::default(),
            store,
        }
    }

    /// Removes what a crash has left in the folder. To be called before the first request.
    ///
    /// # Errors
    /// A folder or a store that cannot be used.
    pub async fn start(&self) -> Result<(), Error> {
        let removed = self.blobs.sweep().await?;
        if removed > 0 {
            tracing::info!(removed, "removed files that belonged to no object");
        }
        Ok(())
    }

    /// Has no file of the folder removed until what this gives is dropped, so that a copy of the store that is made
    /// meanwhile finds the files that it names ([`named_files`]). Files are never changed.
    pub fn hold_files(&self) -> FilesHeld {
        self.blobs.hold_files()
    }

    async fn dispatch(
        &self,
        cx: &Context,
        operation: &str,
        input: Value,
        body: Option<Body>,
    ) -> Result<Reply, AwsError> {
        if operation == "internal:TagBucket" {
            self.add_bucket_tags(cx, decode(input)?).await?;
            return Ok(Reply::default());
        }
        refused::check(operation, &input)?;
        generated::operations::dispatch(self, cx, operation, input, body).await
    }
}

impl Service for S3 {
    fn name(&self) -> &'static str {
        "s3"
    }

    fn model(&self) -> &'static ServiceModel {
        &generated::model::MODEL
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        Box::pin(async move { Ok(self.serve_streaming(cx, operation, input, None).await?.output) })
    }

    fn serve_streaming<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
        body: Option<Body>,
    ) -> BoxFuture<'a, Result<Reply, AwsError>> {
        if ["Get", "Head", "List"].iter().any(|verb| operation.starts_with(verb)) {
            return Box::pin(self.dispatch(cx, operation, input, body));
        }
        // A caller who goes away must not leave a change half made: a file whose record was on its way, or the reverse.
        let (service, cx, operation) = (self.clone(), cx.clone(), operation.to_owned());
        let change = tokio::spawn(async move { service.dispatch(&cx, &operation, input, body).await });
        Box::pin(async move {
            change.await.unwrap_or_else(|error| Err(AwsError::internal("InternalError", &error)))
        })
    }

    fn spool_folder(&self) -> Option<&Path> {
        Some(self.blobs.incoming())
    }
}
