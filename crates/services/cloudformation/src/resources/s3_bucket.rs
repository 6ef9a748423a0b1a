//! `AWS::S3::Bucket`: a bucket, its tags and its versioning. Nothing in it is ever public.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::schema::TAGS;
use super::{
    Deletion, Failure, HandlerErrorCode, Kind, Made, Naming, Property, ResourceType, Tagging, attributes,
    input, tags, text,
};
use crate::door::{CallError, Door};
use crate::stack::{Request, Resource, Sighting, Tag};

pub(super) struct Bucket;

const PROPERTIES: &[Property] = &[
    Property::refused("AbacStatus"),
    Property::refused("AccelerateConfiguration"),
    Property::refused("AccessControl"),
    Property::refused("AnalyticsConfigurations"),
    Property::refused("BucketEncryption"),
    Property::new("BucketName", Kind::Text).replaces(),
    Property::refused("BucketNamePrefix"),
    Property::refused("BucketNamespace"),
    Property::refused("CorsConfiguration"),
    Property::refused("IntelligentTieringConfigurations"),
    Property::refused("InventoryConfigurations"),
    Property::refused("LifecycleConfiguration"),
    Property::refused("LoggingConfiguration"),
    Property::refused("MetadataConfiguration"),
    Property::refused("MetadataTableConfiguration"),
    Property::refused("MetricsConfigurations"),
    Property::refused("NotificationConfiguration"),
    Property::refused("ObjectLockConfiguration"),
    Property::refused("ObjectLockEnabled"),
    Property::new(
        "OwnershipControls",
        Kind::Object(&[Property::new(
            "Rules",
            Kind::List(&Kind::Object(&[Property::new("ObjectOwnership", Kind::Text)])),
        )
        .required()]),
    ),
    // Without ACLs and bucket policies there is no access to block: whatever it says is so.
    Property::new(
        "PublicAccessBlockConfiguration",
        Kind::Object(&[
            Property::new("BlockPublicAcls", Kind::Boolean),
            Property::new("BlockPublicPolicy", Kind::Boolean),
            Property::new("IgnorePublicAcls", Kind::Boolean),
            Property::new("RestrictPublicBuckets", Kind::Boolean),
        ]),
    ),
    Property::refused("ReplicationConfiguration"),
    Property::new("Tags", TAGS),
    Property::new("VersioningConfiguration", Kind::Object(&[Property::new("Status", Kind::Text).required()])),
    Property::refused("WebsiteConfiguration"),
];

impl ResourceType for Bucket {
    fn type_name(&self) -> &'static str {
        "AWS::S3::Bucket"
    }

    fn properties(&self) -> &'static [Property] {
        PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["Arn", "DomainName", "DualStackDomainName", "RegionalDomainName", "WebsiteURL"]
    }

    fn naming(&self) -> Naming {
        Naming { property: Some("BucketName"), length_max: 63, with_stack: true, is_unique: true }
    }

    fn is_named_in_lower_case(&self) -> bool {
        true
    }

    fn look<'a>(&'a self, door: &'a Door, request: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async {
            check_ownership(&request.properties)?;
            match door.call("s3", "HeadBucket", json!({"Bucket": request.name})).await {
                Err(error) if error.is_not_found() => Ok(Sighting::default()),
                // It is there, be it somebody else's.
                Ok(_) => Err(exists(&request.name)),
                Err(error) if error.error.status == 403 => Err(exists(&request.name)),
                Err(error) => Err(failure(&error)),
            }
        })
    }

    fn create<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        _: &'a Sighting,
        resumed: bool,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async move {
            let region = door.region.to_string();
            let configuration =
                (region != "us-east-1").then(|| json!({"LocationConstraint": region.as_str()}));
            let bucket = input([
                ("Bucket", Some(request.name.clone().into())),
                ("CreateBucketConfiguration", configuration),
            ]);
            match door.call("s3", "CreateBucket", bucket).await {
                Ok(_) => {}
                // The name was free when it was looked at: an earlier try of ours has taken it.
                Err(error) if resumed && error.error.code == "BucketAlreadyOwnedByYou" => {}
                Err(error) => return Err(failure(&error)),
            }
            configure(door, &request.name, None, request)
                .await
                .map_err(|failure| failure.leaving(&request.name))?;
            Ok(made(door, &request.name))
        })
    }

    fn tagging(&self, _: &Door, made: &Made, tags: &[Tag]) -> Option<Tagging> {
        let input = json!({"Bucket": made.physical_id, "Tags": tags::mapped(tags)});
        Some(Tagging { service: "s3", operation: "internal:TagBucket", input })
    }

    fn update<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async move {
            check_ownership(&request.properties)?;
            let name = current.physical_id.as_deref().unwrap_or_default();
            configure(door, name, Some(current), request).await?;
            Ok(made(door, name))
        })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async {
            match door.call("s3", "DeleteBucket", json!({"Bucket": resource.physical_id})).await {
                Ok(_) => Ok(Deletion::Done),
                Err(error) if error.is_not_found() => Ok(Deletion::Done),
                Err(error) => Err(failure(&error)),
            }
        })
    }
}

/// Gives a bucket what it has besides its name. `current` is what it had before, if it was there.
async fn configure(
    door: &Door,
    name: &str,
    current: Option<&Resource>,
    request: &Request,
) -> Result<(), Failure> {
    let had = current.map(|current| status(&current.properties)).unwrap_or_default();
    let status = match (status(&request.properties), had) {
        // Versioning is not taken back: what remains of it is suspended.
        ("", "Enabled") => "Suspended",
        (status, _) => status,
    };
    if !status.is_empty() && status != had {
        let versioning = json!({"Bucket": name, "VersioningConfiguration": {"Status": status}});
        call(door, "PutBucketVersioning", versioning).await?;
    }
    let before = current.map(|current| tags::of(&current.properties, &current.tags)).unwrap_or_default();
    let after = tags::merged(request);
    match tags::listed(&after, "Key", "Value") {
        _ if before == after => Ok(()),
        Some(tags) => {
            let tagging = json!({"Bucket": name, "Tagging": {"TagSet": tags}});
            call(door, "PutBucketTagging", tagging).await
        }
        None => call(door, "DeleteBucketTagging", json!({"Bucket": name})).await,
    }
}

fn status(properties: &Map<String, Value>) -> &str {
    properties.get("VersioningConfiguration").map_or("", |versioning| text(versioning, &["Status"]))
}

/// The owner of the bucket owns what is in it; nothing else is served.
fn check_ownership(properties: &Map<String, Value>) -> Result<(), Failure> {
    let rules = properties.get("OwnershipControls").and_then(|controls| controls.get("Rules"));
    let mut rules = rules.and_then(Value::as_array).into_iter().flatten();
    match rules.find(|rule| text(rule, &["ObjectOwnership"]) != "BucketOwnerEnforced") {
        None => Ok(()),
        Some(rule) => {
            let ownership = text(rule, &["ObjectOwnership"]);
            Err(Failure::plain(format!(
                "Runwright does not serve ObjectOwnership {ownership} of AWS::S3::Bucket."
            )))
        }
    }
}

async fn call(door: &Door, operation: &str, input: Value) -> Result<(), Failure> {
    door.call("s3", operation, input).await.map(drop).map_err(|error| failure(&error))
}

fn failure(error: &CallError) -> Failure {
    Failure::of_call("S3", error)
}

fn exists(name: &str) -> Failure {
    let text = format!("{name} already exists (Service: S3, Status Code: 0, Request ID: null)");
    Failure::handler(text, HandlerErrorCode::AlreadyExists)
}

fn made(door: &Door, name: &str) -> Made {
    let region = &door.region;
    Made {
        physical_id: name.to_owned(),
        attributes: attributes([
            ("Arn", &format!("arn:aws:s3:::{name}")),
            ("DomainName", &format!("{name}.s3.amazonaws.com")),
            ("DualStackDomainName", &format!("{name}.s3.dualstack.{region}.amazonaws.com")),
            ("RegionalDomainName", &format!("{name}.s3.{region}.amazonaws.com")),
            ("WebsiteURL", &format!("http://{name}.s3-website-{region}.amazonaws.com")),
        ]),
    }
}
