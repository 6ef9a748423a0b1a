//! The operations on buckets themselves.

use api::Context;
use serde::Deserialize;
use store::{Batch, Range, Versioned};
use types::Region;

use crate::S3;
use crate::bucket::{Bucket, Versioning, owner};
use crate::error::Error;
use crate::generated::types as shapes;
use crate::history::{CURRENT, Change};
use crate::tagging::{self, Tagged, Tags};
use crate::{bucket_name, limits};

/// The input of `internal:TagBucket`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BucketTags {
    bucket: String,
    tags: Tags,
}

impl S3 {
    pub(crate) async fn create(
        &self,
        cx: &Context,
        input: shapes::CreateBucketInput,
    ) -> Result<shapes::CreateBucketOutput, Error> {
        if !bucket_name::is_valid(&input.bucket) {
            return Err(Error::InvalidBucketName(input.bucket));
        }
        let name = input.bucket.clone();
        let bucket = new_bucket(cx, input)?;
        let answer = shapes::CreateBucketOutput {
            location: Some(match bucket.location_constraint() {
                None => format!("/{name}"),
                Some(_) => format!("http://{name}.s3.amazonaws.com/"),
            }),
            bucket_arn: Some(format!("arn:aws:s3:::{name}")),
        };
        let _lock = self.locks.bucket(&name).await;
        match self.buckets.get(&name).await? {
            None => {}
            Some(there) if there.value.account != cx.account => return Err(Error::BucketAlreadyExists(name)),
            // Who creates a bucket of `us-east-1` once more is told that all is well, as ever.
            Some(there) if there.value.region == bucket.region && bucket.location_constraint().is_none() => {
                return Ok(answer);
            }
            Some(_) => return Err(Error::BucketAlreadyOwnedByYou(name)),
        }
        let mut change = Change::default();
        self.buckets.create(&mut change.batch, &name, &bucket);
        self.commit(change).await?;
        Ok(answer)
    }

    pub(crate) async fn delete_bucket_of(
        &self,
        cx: &Context,
        input: &shapes::DeleteBucketInput,
    ) -> Result<(), Error> {
        let _lock = self.locks.bucket(&input.bucket).await;
        let bucket = self.bucket(cx, &input.bucket, input.expected_bucket_owner.as_ref()).await?;
        let prefix = bucket.value.record_key("");
        let first = self.store.list(CURRENT, Range { limit: 1, ..Range::prefix(&prefix) }).await?;
        if !first.is_empty() {
            return Err(Error::BucketNotEmpty(input.bucket.clone()));
        }
        let mut change = Change::default();
        change.batch.require_version(crate::bucket::TABLE, bucket.key.as_str(), bucket.version);
        self.buckets.delete(&mut change.batch, &bucket.key);
        self.drop_uploads(&mut change, &bucket.value).await?;
        self.commit(change).await
    }

    pub(crate) async fn list_own_buckets(
        &self,
        cx: &Context,
        input: shapes::ListBucketsInput,
    ) -> Result<shapes::ListBucketsOutput, Error> {
        let limit = page_size(input.max_buckets, limits::BUCKETS_PAGE_MAX, "max-buckets")?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let buckets = self.buckets.list(Range::prefix(&prefix)).await?.into_iter().map(|seen| seen.value);
        let mut own: Vec<Bucket> = buckets
            .filter(|bucket| bucket.account == cx.account)
            .filter(|bucket| {
                input.bucket_region.as_ref().is_none_or(|region| *region == bucket.region.to_string())
            })
            .filter(|bucket| input.continuation_token.as_ref().is_none_or(|after| bucket.name > *after))
            .collect();
        let is_truncated = own.len() > limit;
        own.truncate(limit);
        let last = own.last().map(|bucket| bucket.name.clone());
        Ok(shapes::ListBucketsOutput {
            buckets: Some(own.iter().map(|bucket| shown(bucket, input.max_buckets.is_some())).collect()),
            owner: Some(owner(&cx.account)),
            continuation_token: last.filter(|_| is_truncated),
            prefix: input.prefix,
        })
    }

    /// Changes a bucket while nobody changes what is in it.
    pub(crate) async fn update_bucket(
        &self,
        cx: &Context,
        name: &str,
        expected_owner: Option<&String>,
        change: impl FnOnce(&mut Bucket) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let _lock = self.locks.bucket(name).await;
        let seen: Versioned<Bucket> = self.bucket(cx, name, expected_owner).await?;
        let mut bucket = seen.value.clone();
        change(&mut bucket)?;
        let mut batch = Batch::new();
        self.buckets.replace(&mut batch, &seen, &bucket);
        self.store.submit(batch).durable().await?;
        Ok(())
    }

    pub(crate) async fn set_versioning(
        &self,
        cx: &Context,
        input: shapes::PutBucketVersioningInput,
    ) -> Result<(), Error> {
        let configuration = input.versioning_configuration;
        if configuration.mfa_delete.as_deref() == Some("Enabled") {
            return Err(Error::NotImplemented("x-amz-mfa"));
        }
        let versioning = match configuration.status.as_deref() {
            None => return Err(Error::IllegalVersioning),
            Some("Enabled") => Versioning::Enabled,
            Some("Suspended") => Versioning::Suspended,
            Some(_) => return Err(Error::MalformedXml),
        };
        self.update_bucket(cx, &input.bucket, input.expected_bucket_owner.as_ref(), |bucket| {
            bucket.versioning = versioning;
            Ok(())
        })
        .await
    }

    pub(crate) async fn set_bucket_tags(
        &self,
        cx: &Context,
        input: shapes::PutBucketTaggingInput,
    ) -> Result<(), Error> {
        let pairs = input.tagging.tag_set.into_iter().map(|tag| (tag.key, tag.value));
        let given = tagging::check(Tagged::Bucket, pairs, cx.principal.may_change_reserved_tags())?;
        self.update_bucket(cx, &input.bucket, input.expected_bucket_owner.as_ref(), |bucket| {
            bucket.tags.retain(|key, _| tagging::is_reserved(key));
            bucket.tags.extend(given);
            Ok(())
        })
        .await
    }

    /// Adds tags to a bucket, for a service that marks what it has made.
    pub(crate) async fn add_bucket_tags(&self, cx: &Context, input: BucketTags) -> Result<(), Error> {
        let given = tagging::check(Tagged::Bucket, input.tags, cx.principal.may_change_reserved_tags())?;
        self.update_bucket(cx, &input.bucket, None, |bucket| {
            bucket.tags.extend(given);
            Ok(())
        })
        .await
    }
}

fn new_bucket(cx: &Context, input: shapes::CreateBucketInput) -> Result<Bucket, Error> {
    let configuration = input.create_bucket_configuration.unwrap_or_default();
    if configuration.location.is_some() || configuration.bucket.is_some() {
        return Err(Error::NotImplemented("CreateBucketConfiguration"));
    }
    let pairs = configuration.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value));
    Ok(Bucket {
        id: api::ids::hex32(),
        name: input.bucket,
        account: cx.account.clone(),
        region: region(cx, configuration.location_constraint)?,
        creation_time: cx.now,
        versioning: Versioning::Never,
        tags: tagging::check(Tagged::Bucket, pairs, cx.principal.may_change_reserved_tags())?,
    })
}

/// In which region a new bucket lies: that of the endpoint, which outside of `us-east-1` has to be said.
fn region(cx: &Context, constraint: Option<String>) -> Result<Region, Error> {
    let endpoint = cx.region.to_string();
    match constraint.filter(|constraint| !constraint.is_empty()) {
        Some(constraint) if constraint == "us-east-1" => Err(Error::InvalidLocationConstraint(constraint)),
        Some(constraint) if constraint == "EU" && matches!(endpoint.as_str(), "us-east-1" | "eu-west-1") => {
            Ok(Region::new("eu-west-1"))
        }
        Some(constraint) if constraint == endpoint || endpoint == "us-east-1" => Ok(Region::new(&constraint)),
        Some(constraint) => Err(Error::IllegalLocationConstraint(constraint)),
        None if endpoint == "us-east-1" => Ok(cx.region.clone()),
        None => Err(Error::IllegalLocationConstraint("unspecified".to_owned())),
    }
}

/// How many entries an answer may have.
///
/// # Errors
/// A number below 1.
fn page_size(asked: Option<i64>, max: usize, name: &'static str) -> Result<usize, Error> {
    match asked {
        None => Ok(usize::MAX),
        Some(asked) => match usize::try_from(asked) {
            Ok(count) if (1..=max).contains(&count) => Ok(count),
            _ => Err(Error::argument(
                format!("Argument {name} must be an integer between 1 and {max}"),
                name,
                asked.to_string(),
            )),
        },
    }
}

/// The region is shown only to who asks for pages.
fn shown(bucket: &Bucket, in_pages: bool) -> shapes::Bucket {
    shapes::Bucket {
        name: Some(bucket.name.clone()),
        creation_date: Some(crate::version::whole_second(bucket.creation_time)),
        bucket_region: in_pages.then(|| bucket.region.to_string()),
        bucket_arn: Some(format!("arn:aws:s3:::{}", bucket.name)),
    }
}
