//! `AWS::Logs::LogGroup`: a log group and how long it keeps its events.

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use types::Arn;

use super::client::Client;
use super::schema::TAGS;
use super::{
    Deletion, Failure, Kind, Made, Naming, Property, ResourceType, Tagging, attributes, input, tags, text,
};
use crate::door::Door;
use crate::stack::{Request, Resource, Sighting, Tag};

pub(super) struct LogGroup;

const LOGS: Client = Client::new("logs", "CloudWatchLogs");

const PROPERTIES: &[Property] = &[
    Property::refused("BearerTokenAuthenticationEnabled"),
    Property::refused("DataProtectionPolicy"),
    Property::refused("DeletionProtectionEnabled"),
    Property::refused("FieldIndexPolicies"),
    Property::refused("KmsKeyId"),
    Property::new("LogGroupClass", Kind::Text).replaces(),
    Property::new("LogGroupName", Kind::Text).replaces(),
    Property::refused("ResourcePolicyDocument"),
    Property::new("RetentionInDays", Kind::Integer),
    Property::new("Tags", TAGS),
];

impl ResourceType for LogGroup {
    fn type_name(&self) -> &'static str {
        "AWS::Logs::LogGroup"
    }

    fn properties(&self) -> &'static [Property] {
        PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["Arn"]
    }

    fn naming(&self) -> Naming {
        Naming { property: Some("LogGroupName"), length_max: 512, with_stack: true, is_unique: true }
    }

    fn look<'a>(&'a self, door: &'a Door, request: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async {
            match exists(door, &request.name).await? {
                true => Err(Failure::exists(self.type_name(), &request.name)),
                false => Ok(Sighting::default()),
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
            let group = input([
                ("logGroupName", Some(request.name.clone().into())),
                ("logGroupClass", request.properties.get("LogGroupClass").cloned()),
                ("tags", tags::mapped(&tags::merged(request))),
            ]);
            match LOGS.ask(door, "CreateLogGroup", group).await {
                Ok(_) => {}
                // The name was free when it was looked at: an earlier try of ours has taken it.
                Err(error) if resumed && error.error.code.contains("AlreadyExists") => {}
                Err(error) => return Err(LOGS.failure(&error)),
            }
            if let Some(days) = request.properties.get("RetentionInDays") {
                put_retention(door, &request.name, days)
                    .await
                    .map_err(|failure| failure.leaving(&request.name))?;
            }
            Ok(made(door, &request.name))
        })
    }

    fn tagging(&self, door: &Door, made: &Made, tags: &[Tag]) -> Option<Tagging> {
        let input = json!({"resourceArn": arn(door, &made.physical_id), "tags": tags::mapped(tags)});
        Some(Tagging { service: "logs", operation: "TagResource", input })
    }

    fn update<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async move {
            let name = current.physical_id.as_deref().unwrap_or_default();
            match request.properties.get("RetentionInDays") {
                Some(days) => put_retention(door, name, days).await?,
                None => drop(LOGS.call(door, "DeleteRetentionPolicy", json!({"logGroupName": name})).await?),
            }
            let before = tags::of(&current.properties, &current.tags);
            let (set, gone) = tags::difference(&before, &tags::merged(request));
            let arn = arn(door, name);
            if let Some(set) = tags::mapped(&set) {
                LOGS.call(door, "TagResource", json!({"resourceArn": arn, "tags": set})).await?;
            }
            if !gone.is_empty() {
                LOGS.call(door, "UntagResource", json!({"resourceArn": arn, "tagKeys": gone})).await?;
            }
            Ok(made(door, name))
        })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async {
            LOGS.delete(door, "DeleteLogGroup", json!({"logGroupName": resource.physical_id})).await
        })
    }
}

async fn exists(door: &Door, name: &str) -> Result<bool, Failure> {
    // Names sort behind their prefixes, so the group itself comes first.
    let answer = LOGS.call(door, "DescribeLogGroups", json!({"logGroupNamePrefix": name})).await?;
    let groups = answer.get("logGroups").and_then(Value::as_array);
    Ok(groups.is_some_and(|groups| groups.iter().any(|group| text(group, &["logGroupName"]) == name)))
}

async fn put_retention(door: &Door, name: &str, days: &Value) -> Result<(), Failure> {
    let input = json!({"logGroupName": name, "retentionInDays": days});
    LOGS.call(door, "PutRetentionPolicy", input).await.map(drop)
}

fn arn(door: &Door, name: &str) -> String {
    Arn::new("logs", &door.region, &door.account, format!("log-group:{name}")).to_string()
}

/// `Arn` ends with `:*`, as Step Functions wants it.
fn made(door: &Door, name: &str) -> Made {
    Made {
        physical_id: name.to_owned(),
        attributes: attributes([("Arn", &format!("{}:*", arn(door, name)))]),
    }
}
