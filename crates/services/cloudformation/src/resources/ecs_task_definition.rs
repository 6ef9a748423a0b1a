//! `AWS::ECS::TaskDefinition`: a revision of a family. Every change but that of tags registers another one.

mod containers;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::client::{Client, SMALL_TAG_RESOURCE};
use super::schema::{TAGS, to_api};
use super::{Deletion, Failure, Kind, Made, Naming, Property, ResourceType, Tagging, attributes, tags, text};
use crate::door::{CallError, Door};
use crate::stack::{Request, Resource, Sighting, Tag};

pub(super) struct TaskDefinition;

const ECS: Client = Client::new("ecs", "Ecs");

const PROPERTIES: &[Property] = &[
    Property::new("ContainerDefinitions", Kind::List(&Kind::Object(containers::CONTAINER))).replaces(),
    Property::new("Cpu", Kind::Text).replaces(),
    Property::new("EnableFaultInjection", Kind::Boolean).replaces(),
    Property::new("EphemeralStorage", Kind::Object(&[Property::new("SizeInGiB", Kind::Integer)])).replaces(),
    Property::new("ExecutionRoleArn", Kind::Text).replaces(),
    Property::new("Family", Kind::Text).replaces(),
    Property::refused("InferenceAccelerators"),
    Property::new("IpcMode", Kind::Text).replaces(),
    Property::new("Memory", Kind::Text).replaces(),
    Property::new("NetworkMode", Kind::Text).replaces(),
    Property::new("PidMode", Kind::Text).replaces(),
    Property::new(
        "PlacementConstraints",
        Kind::List(&Kind::Object(&[
            Property::new("Expression", Kind::Text),
            Property::new("Type", Kind::Text).required(),
        ])),
    )
    .replaces(),
    Property::refused("ProxyConfiguration"),
    Property::new("RequiresCompatibilities", Kind::List(&Kind::Text)).replaces(),
    Property::new(
        "RuntimePlatform",
        Kind::Object(&[
            Property::new("CpuArchitecture", Kind::Text),
            Property::new("OperatingSystemFamily", Kind::Text),
        ]),
    )
    .replaces(),
    Property::new("Tags", TAGS),
    Property::new("TaskRoleArn", Kind::Text).replaces(),
    Property::new("Volumes", Kind::List(&Kind::Object(containers::VOLUME))).replaces(),
];

impl ResourceType for TaskDefinition {
    fn type_name(&self) -> &'static str {
        "AWS::ECS::TaskDefinition"
    }

    fn properties(&self) -> &'static [Property] {
        PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["TaskDefinitionArn"]
    }

    fn naming(&self) -> Naming {
        Naming { property: Some("Family"), length_max: 255, with_stack: true, is_unique: false }
    }

    /// The family's latest revision, so that one made by an earlier try of ours can be told.
    fn look<'a>(&'a self, door: &'a Door, request: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async { Ok(Sighting(latest(door, &request.name).await?.unwrap_or_default())) })
    }

    fn create<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        sighting: &'a Sighting,
        resumed: bool,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async move {
            if resumed
                && let Some(arn) = latest(door, &request.name).await?
                && arn != sighting.0
            {
                return Ok(made(&arn));
            }
            let mut definition = to_api(PROPERTIES, &request.properties);
            definition.insert("family".to_owned(), request.name.clone().into());
            definition.shift_remove("tags");
            if let Some(tags) = tags::listed(&tags::merged(request), "key", "value") {
                definition.insert("tags".to_owned(), tags);
            }
            definition.entry("containerDefinitions").or_insert_with(|| json!([]));
            let answer = ECS.call(door, "RegisterTaskDefinition", definition.into()).await?;
            Ok(made(text(&answer, &["taskDefinition", "taskDefinitionArn"])))
        })
    }

    fn tagging(&self, _: &Door, made: &Made, tags: &[Tag]) -> Option<Tagging> {
        let input = json!({"resourceArn": made.physical_id, "tags": tags::listed(tags, "key", "value")});
        Some(Tagging { service: "ecs", operation: "TagResource", input })
    }

    fn update<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async {
            let arn = current.physical_id.as_deref().unwrap_or_default();
            let before = tags::of(&current.properties, &current.tags);
            let resource = json!({"resourceArn": arn});
            ECS.retag(door, SMALL_TAG_RESOURCE, &resource, &before, &tags::merged(request)).await?;
            Ok(made(arn))
        })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async {
            let definition = json!({"taskDefinition": resource.physical_id});
            match ECS.ask(door, "DescribeTaskDefinition", definition.clone()).await {
                Ok(answer) if text(&answer, &["taskDefinition", "status"]) == "INACTIVE" => {
                    return Ok(Deletion::Done);
                }
                Ok(_) => {}
                Err(error) if is_unknown(&error) => return Ok(Deletion::Done),
                Err(error) => return Err(ECS.failure(&error)),
            }
            ECS.call(door, "DeregisterTaskDefinition", definition).await?;
            Ok(Deletion::Done)
        })
    }
}

/// ECS has no code of its own for a task definition that is not there.
fn is_unknown(error: &CallError) -> bool {
    error.error.code == "ClientException"
        && error.error.message.starts_with("Unable to describe task definition")
}

async fn latest(door: &Door, family: &str) -> Result<Option<String>, Failure> {
    let list = json!({"familyPrefix": family, "sort": "DESC", "maxResults": 1});
    let answer = ECS.call(door, "ListTaskDefinitions", list).await?;
    let arns = answer.get("taskDefinitionArns").and_then(Value::as_array);
    Ok(arns.and_then(|arns| arns.first()).and_then(Value::as_str).map(str::to_owned))
}

fn made(arn: &str) -> Made {
    let attributes: Map<String, Value> = attributes([("TaskDefinitionArn", arn)]);
    Made { physical_id: arn.to_owned(), attributes }
}
