//! DeleteObject and DeleteObjects.

use api::{AwsError, Context};
use futures_util::{StreamExt as _, stream};

use crate::S3;
use crate::bucket::Versioning;
use crate::error::Error;
use crate::generated::types::{DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, Error as Failure};
use crate::history::{Change, Target, WriteConditions};
use crate::limits;
use crate::put_object::check_key;
use crate::version::{Content, Version, check_id};

/// Keys of one request that are deleted at a time.
const CONCURRENCY: usize = 64;

/// What a deletion did.
#[derive(Debug, Default)]
pub(crate) struct Deleted {
    /// Whether a delete marker was made, or removed.
    pub(crate) delete_marker: bool,
    /// The version that was made or removed; `None` in a bucket that never had versions.
    pub(crate) version_id: Option<String>,
}

impl S3 {
    /// Deletes the version of that id for good, or the key for all who look. What is not there is deleted.
    pub(crate) async fn delete(
        &self,
        cx: &Context,
        target: Target<'_>,
        version_id: Option<&String>,
        if_match: Option<String>,
    ) -> Result<Deleted, Error> {
        check_key(target.key)?;
        let conditions = WriteConditions::read(if_match, None)?;
        match version_id {
            Some(id) => self.delete_version(cx, target, id, &conditions).await,
            None => self.delete_key(cx, target, &conditions).await,
        }
    }

    async fn delete_version(
        &self,
        cx: &Context,
        target: Target<'_>,
        id: &str,
        conditions: &WriteConditions,
    ) -> Result<Deleted, Error> {
        check_id(id)?;
        let _lock = self.locks.key(target.bucket, target.key).await;
        let bucket = self.bucket(cx, target.bucket, target.expected_owner).await?.value;
        let found = self.version(&bucket, target.key, id).await?;
        conditions.check(target.key, found.as_ref().map(|(seen, _)| &seen.value))?;
        let mut deleted = Deleted { delete_marker: false, version_id: Some(id.to_owned()) };
        if let Some((seen, is_older)) = found {
            deleted.delete_marker = seen.value.content == Content::DeleteMarker;
            let mut change = Change::default();
            self.remove(&mut change, &bucket, target.key, (&seen, is_older)).await?;
            self.commit(change).await?;
        }
        Ok(deleted)
    }

    async fn delete_key(
        &self,
        cx: &Context,
        target: Target<'_>,
        conditions: &WriteConditions,
    ) -> Result<Deleted, Error> {
        let _lock = self.locks.key(target.bucket, target.key).await;
        let bucket = self.bucket(cx, target.bucket, target.expected_owner).await?.value;
        let current = self.current(&bucket, target.key).await?;
        conditions.check(target.key, current.as_ref().map(|current| &current.value))?;
        let mut change = Change::default();
        let marker: Option<Version> = match (bucket.versioning, current) {
            (Versioning::Never, None) => return Ok(Deleted::default()),
            (Versioning::Never, Some(current)) => {
                self.remove(&mut change, &bucket, target.key, (&current, false)).await?;
                None
            }
            (Versioning::Enabled | Versioning::Suspended, current) => {
                let content = Content::DeleteMarker;
                Some(self.insert(&mut change, &bucket, target.key, current, content, cx.now).await?)
            }
        };
        self.commit(change).await?;
        Ok(Deleted { delete_marker: marker.is_some(), version_id: marker.map(|marker| marker.id()) })
    }

    pub(crate) async fn delete_many(
        &self,
        cx: &Context,
        input: DeleteObjectsInput,
    ) -> Result<DeleteObjectsOutput, Error> {
        let bucket = &input.bucket;
        let expected_owner = input.expected_bucket_owner.as_ref();
        self.bucket(cx, bucket, expected_owner).await?;
        let objects = input.delete.objects;
        if objects.is_empty() || objects.len() > limits::PAGE_MAX {
            return Err(Error::MalformedXml);
        }
        let deletions = stream::iter(objects).map(|object| async move {
            let target = Target { bucket, key: &object.key, expected_owner };
            let outcome = if object.last_modified_time.is_some() || object.size.is_some() {
                Err(Error::NotImplemented("x-amz-if-match-size"))
            } else {
                self.delete(cx, target, object.version_id.as_ref(), object.e_tag.clone()).await
            };
            outcome
                .map(|deleted| shown(&object.key, object.version_id.clone(), deleted))
                .map_err(|error| failure(&object.key, object.version_id.clone(), error))
        });
        let outcomes: Vec<_> = deletions.buffered(CONCURRENCY).collect().await;
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for outcome in outcomes {
            match outcome {
                Ok(_) if input.delete.quiet == Some(true) => {}
                Ok(object) => deleted.push(object),
                Err(error) => errors.push(error),
            }
        }
        Ok(DeleteObjectsOutput {
            deleted: (!deleted.is_empty()).then_some(deleted),
            errors: (!errors.is_empty()).then_some(errors),
            request_charged: None,
        })
    }
}

fn shown(key: &str, version_id: Option<String>, deleted: Deleted) -> DeletedObject {
    let marker_version_id = deleted.version_id.filter(|_| deleted.delete_marker);
    DeletedObject {
        key: Some(key.to_owned()),
        version_id,
        delete_marker: deleted.delete_marker.then_some(true),
        delete_marker_version_id: marker_version_id,
    }
}

fn failure(key: &str, version_id: Option<String>, error: Error) -> Failure {
    let error = AwsError::from(error);
    Failure {
        key: Some(key.to_owned()),
        version_id,
        code: Some(error.code.into_owned()),
        message: Some(error.message),
    }
}
