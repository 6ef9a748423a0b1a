//! `AWS::Pipes::Pipe`: `Ref` gives its name.

use api::camel_case;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::client::{Client, SMALL_TAG_RESOURCE, TagForm, TagOperations};
use super::{
    Deletion, Failure, HandlerErrorCode, Kind, Made, Naming, Property, ResourceType, Tagging, attributes,
    tags, text,
};
use crate::door::Door;
use crate::stack::{Request, Resource, Sighting, Tag};

pub(super) struct Pipe;

const PIPES: Client = Client::new("pipes", "Pipes");

const TAG_PIPE: TagOperations = TagOperations { form: TagForm::Map, ..SMALL_TAG_RESOURCE };

const TEXTS: Kind = Kind::List(&Kind::Text);

const SOURCE: &[Property] = &[
    Property::refused("ActiveMQBrokerParameters"),
    Property::refused("DynamoDBStreamParameters"),
    Property::new(
        "FilterCriteria",
        Kind::Object(&[Property::new(
            "Filters",
            Kind::List(&Kind::Object(&[Property::new("Pattern", Kind::Text)])),
        )]),
    ),
    Property::refused("KinesisStreamParameters"),
    Property::refused("ManagedStreamingKafkaParameters"),
    Property::refused("RabbitMQBrokerParameters"),
    Property::refused("SelfManagedKafkaParameters"),
    Property::new(
        "SqsQueueParameters",
        Kind::Object(&[
            Property::new("BatchSize", Kind::Integer),
            Property::new("MaximumBatchingWindowInSeconds", Kind::Integer),
        ]),
    ),
];

const CONTAINER: &[Property] = &[
    Property::new("Command", TEXTS),
    Property::new("Cpu", Kind::Integer),
    Property::new("Environment", Kind::Json),
    Property::new("EnvironmentFiles", Kind::Json),
    Property::new("Memory", Kind::Integer),
    Property::new("MemoryReservation", Kind::Integer),
    Property::new("Name", Kind::Text),
    Property::new("ResourceRequirements", Kind::Json),
];

const OVERRIDES: &[Property] = &[
    Property::new("ContainerOverrides", Kind::List(&Kind::Object(CONTAINER))),
    Property::new("Cpu", Kind::Text),
    Property::new("EphemeralStorage", Kind::Object(&[Property::new("SizeInGiB", Kind::Integer)])),
    Property::new("ExecutionRoleArn", Kind::Text),
    Property::new("InferenceAcceleratorOverrides", Kind::Json),
    Property::new("Memory", Kind::Text),
    Property::new("TaskRoleArn", Kind::Text),
];

const NETWORK: Kind = Kind::Object(&[Property::new(
    "AwsvpcConfiguration",
    Kind::Object(&[
        Property::new("AssignPublicIp", Kind::Text),
        Property::new("SecurityGroups", TEXTS),
        Property::new("Subnets", TEXTS).required(),
    ]),
)]);

const STRATEGY: Kind = Kind::List(&Kind::Object(&[
    Property::new("Base", Kind::Integer),
    Property::new("CapacityProvider", Kind::Text).required(),
    Property::new("Weight", Kind::Integer),
]));

const ECS: &[Property] = &[
    Property::new("CapacityProviderStrategy", STRATEGY),
    Property::new("EnableECSManagedTags", Kind::Boolean),
    Property::new("EnableExecuteCommand", Kind::Boolean),
    Property::new("Group", Kind::Text),
    Property::new("LaunchType", Kind::Text),
    Property::new("NetworkConfiguration", NETWORK),
    Property::new("Overrides", Kind::Object(OVERRIDES)),
    Property::new("PlacementConstraints", Kind::Json),
    Property::new("PlacementStrategy", Kind::Json),
    Property::new("PlatformVersion", Kind::Text),
    Property::new("PropagateTags", Kind::Text),
    Property::new("ReferenceId", Kind::Text),
    Property::new("Tags", Kind::Json),
    Property::new("TaskCount", Kind::Integer),
    Property::new("TaskDefinitionArn", Kind::Text).required(),
];

const HTTP: Kind = Kind::Object(&[
    Property::new("HeaderParameters", Kind::Texts),
    Property::new("PathParameterValues", TEXTS),
    Property::new("QueryStringParameters", Kind::Texts),
]);

const TARGET: &[Property] = &[
    Property::refused("BatchJobParameters"),
    Property::new(
        "CloudWatchLogsParameters",
        Kind::Object(&[Property::new("LogStreamName", Kind::Text), Property::new("Timestamp", Kind::Text)]),
    ),
    Property::new("EcsTaskParameters", Kind::Object(ECS)),
    Property::new(
        "EventBridgeEventBusParameters",
        Kind::Object(&[
            Property::new("DetailType", Kind::Text),
            Property::new("EndpointId", Kind::Text),
            Property::new("Resources", TEXTS),
            Property::new("Source", Kind::Text),
            Property::new("Time", Kind::Text),
        ]),
    ),
    Property::new("HttpParameters", HTTP),
    Property::new("InputTemplate", Kind::Text),
    Property::refused("KinesisStreamParameters"),
    Property::refused("LambdaFunctionParameters"),
    Property::refused("RedshiftDataParameters"),
    Property::refused("SageMakerPipelineParameters"),
    Property::new(
        "SqsQueueParameters",
        Kind::Object(&[
            Property::new("MessageDeduplicationId", Kind::Text),
            Property::new("MessageGroupId", Kind::Text),
        ]),
    ),
    Property::new(
        "StepFunctionStateMachineParameters",
        Kind::Object(&[Property::new("InvocationType", Kind::Text)]),
    ),
    Property::refused("TimestreamParameters"),
];

const PROPERTIES: &[Property] = &[
    Property::new("Description", Kind::Text),
    Property::new("DesiredState", Kind::Text),
    Property::new("Enrichment", Kind::Text),
    Property::new(
        "EnrichmentParameters",
        Kind::Object(&[Property::new("HttpParameters", HTTP), Property::new("InputTemplate", Kind::Text)]),
    ),
    Property::new("KmsKeyIdentifier", Kind::Text),
    Property::new("LogConfiguration", Kind::Json),
    Property::new("Name", Kind::Text).replaces(),
    Property::new("RoleArn", Kind::Text).required(),
    Property::new("Source", Kind::Text).required().replaces(),
    Property::new("SourceParameters", Kind::Object(SOURCE)),
    Property::new("Tags", Kind::Texts),
    Property::new("Target", Kind::Text).required(),
    Property::new("TargetParameters", Kind::Object(TARGET)),
];

impl ResourceType for Pipe {
    fn type_name(&self) -> &'static str {
        "AWS::Pipes::Pipe"
    }

    fn properties(&self) -> &'static [Property] {
        PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["Arn"]
    }

    fn naming(&self) -> Naming {
        Naming { property: Some("Name"), length_max: 64, with_stack: true, is_unique: true }
    }

    fn look<'a>(&'a self, door: &'a Door, request: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async {
            match describe(door, &request.name).await? {
                Some(_) => Err(Failure::exists(self.type_name(), &request.name)),
                None => Ok(Sighting::default()),
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
            let mut pipe = definition(&request.properties);
            pipe.insert("Name".to_owned(), request.name.clone().into());
            if let Some(tags) = tags::mapped(&tags::of_map(&request.properties, &request.tags)) {
                pipe.insert("Tags".to_owned(), tags);
            }
            match PIPES.ask(door, "CreatePipe", pipe.into()).await {
                Ok(answer) => Ok(made(&request.name, &answer)),
                // The name was free when it was looked at: an earlier try of ours has taken it.
                Err(error) if resumed && error.error.code == "ConflictException" => {
                    let found = describe(door, &request.name).await?.unwrap_or_default();
                    Ok(made(&request.name, &found))
                }
                Err(error) => Err(PIPES.failure(&error)),
            }
        })
    }

    fn is_stable<'a>(
        &'a self,
        door: &'a Door,
        _: &'a Request,
        made: &'a Made,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        Box::pin(async {
            let found = describe(door, &made.physical_id).await?.unwrap_or_default();
            match text(&found, &["CurrentState"]) {
                "RUNNING" | "STOPPED" => Ok(true),
                state if state.ends_with("_FAILED") => {
                    let words = format!(
                        "Resource of type 'AWS::Pipes::Pipe' with identifier '{}' did not stabilize. \
                         Status Reason is {}",
                        made.physical_id,
                        text(&found, &["StateReason"])
                    );
                    let failure = Failure::handler(words, HandlerErrorCode::NotStabilized);
                    Err(failure.leaving(&made.physical_id))
                }
                _ => Ok(false),
            }
        })
    }

    fn tagging(&self, _: &Door, made: &Made, tags: &[Tag]) -> Option<Tagging> {
        PIPES.tagging(TAG_PIPE, &tagged(made), tags)
    }

    fn update<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async {
            let name = current.physical_id.clone().unwrap_or_default();
            let made = Made { physical_id: name.clone(), attributes: current.attributes.clone() };
            let changed = changes(&name, &request.properties);
            if changed != changes(&name, &current.properties) {
                PIPES.call(door, "UpdatePipe", changed).await?;
            }
            let before = tags::of_map(&current.properties, &current.tags);
            let after = tags::of_map(&request.properties, &request.tags);
            PIPES.retag(door, TAG_PIPE, &tagged(&made), &before, &after).await?;
            Ok(made)
        })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async {
            let name = resource.physical_id.as_deref().unwrap_or_default();
            let Some(pipe) = describe(door, name).await? else { return Ok(Deletion::Done) };
            if text(&pipe, &["CurrentState"]) != "DELETING" {
                PIPES.delete(door, "DeletePipe", json!({ "Name": name })).await?;
            }
            Ok(Deletion::Pending)
        })
    }
}

async fn describe(door: &Door, name: &str) -> Result<Option<Value>, Failure> {
    match PIPES.ask(door, "DescribePipe", json!({ "Name": name })).await {
        Ok(pipe) => Ok(Some(pipe)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(PIPES.failure(&error)),
    }
}

fn made(name: &str, answer: &Value) -> Made {
    Made { physical_id: name.to_owned(), attributes: attributes([("Arn", text(answer, &["Arn"]))]) }
}

fn tagged(made: &Made) -> Value {
    json!({"resourceArn": made.attributes.get("Arn")})
}

/// A pipe has the same names in templates and in the API, but for those that ECS has.
fn definition(properties: &Map<String, Value>) -> Map<String, Value> {
    let mut definition = properties.clone();
    definition.retain(|name, _| name != "Tags");
    let ecs = definition.get_mut("TargetParameters").and_then(|given| given.get_mut("EcsTaskParameters"));
    let Some(ecs) = ecs.and_then(Value::as_object_mut) else { return definition };
    for member in ["CapacityProviderStrategy", "PlacementConstraints", "PlacementStrategy"] {
        small(ecs, member);
    }
    if let Some(network) = ecs.get_mut("NetworkConfiguration").and_then(Value::as_object_mut)
        && let Some(configuration) = network.shift_remove("AwsvpcConfiguration")
    {
        network.insert("awsvpcConfiguration".to_owned(), configuration);
    }
    let Some(overrides) = ecs.get_mut("Overrides").and_then(Value::as_object_mut) else { return definition };
    for member in ["EphemeralStorage", "InferenceAcceleratorOverrides"] {
        small(overrides, member);
    }
    let containers = overrides.get_mut("ContainerOverrides").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
        for member in ["Environment", "EnvironmentFiles", "ResourceRequirements"] {
            small(container, member);
        }
    }
    definition
}

/// Gives what is within a member the names that ECS has.
fn small(members: &mut Map<String, Value>, name: &str) {
    if let Some(member) = members.get_mut(name) {
        *member = camel_case(member.take());
    }
}

/// The input of UpdatePipe: what the template does not say is taken back.
fn changes(name: &str, properties: &Map<String, Value>) -> Value {
    let mut changes = definition(properties);
    changes.retain(|name, _| name != "Source");
    changes.insert("Name".to_owned(), name.into());
    for (member, default) in [("Description", ""), ("Enrichment", ""), ("DesiredState", "RUNNING")] {
        changes.entry(member).or_insert(default.into());
    }
    for (member, within, default) in [
        ("SourceParameters", "FilterCriteria", json!({"Filters": []})),
        ("SourceParameters", "SqsQueueParameters", json!({})),
        ("EnrichmentParameters", "InputTemplate", json!("")),
        ("TargetParameters", "InputTemplate", json!("")),
    ] {
        let members = changes.entry(member).or_insert_with(|| json!({}));
        if let Some(members) = members.as_object_mut() {
            members.entry(within).or_insert(default);
        }
    }
    changes.into()
}
