//! `AWS::Events::Rule`: a rule with its targets.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::{EVENTS, Kind, Made, Property, ResourceType, arn, attributes, document, input, text};
use crate::door::Door;
use crate::resources::client::TAG_RESOURCE;
use crate::resources::schema::TAGS;
use crate::resources::{Deletion, Failure, HandlerErrorCode, Naming, Tagging, tags};
use crate::stack::{Request, Resource, Sighting, Tag};

pub(in crate::resources) struct Rule;

const PROPERTIES: &[Property] = &[
    Property::new("Description", Kind::Text),
    // The schema calls this changeable, yet a rule is found by its bus: another bus takes another rule.
    Property::new("EventBusName", Kind::Text).replaces(),
    Property::new("EventPattern", Kind::Json),
    Property::new("Name", Kind::Text).replaces(),
    Property::new("RoleArn", Kind::Text),
    Property::new("ScheduleExpression", Kind::Text),
    Property::new("State", Kind::Text),
    Property::new("Tags", TAGS),
    Property::new("Targets", Kind::List(&Kind::Object(TARGET))),
];

const TARGET: &[Property] = &[
    Property::new("AppSyncParameters", Kind::Json),
    Property::new("Arn", Kind::Text).required(),
    Property::new("BatchParameters", Kind::Json),
    Property::new("DeadLetterConfig", Kind::Object(&[Property::new("Arn", Kind::Text)])),
    Property::new("EcsParameters", Kind::Object(ECS)),
    Property::new("HttpParameters", Kind::Json),
    Property::new("Id", Kind::Text).required(),
    Property::new("Input", Kind::Text),
    Property::new("InputPath", Kind::Text),
    Property::new(
        "InputTransformer",
        Kind::Object(&[
            Property::new("InputPathsMap", Kind::Texts),
            Property::new("InputTemplate", Kind::Text).required(),
        ]),
    ),
    Property::new("KinesisParameters", Kind::Json),
    Property::new("RedshiftDataParameters", Kind::Json),
    Property::new(
        "RetryPolicy",
        Kind::Object(&[
            Property::new("MaximumEventAgeInSeconds", Kind::Integer),
            Property::new("MaximumRetryAttempts", Kind::Integer),
        ]),
    ),
    Property::new("RoleArn", Kind::Text),
    Property::new("RunCommandParameters", Kind::Json),
    Property::new("SageMakerPipelineParameters", Kind::Json),
    Property::new("SqsParameters", Kind::Json),
];

const ECS: &[Property] = &[
    Property::new("CapacityProviderStrategy", Kind::Json),
    Property::new("EnableECSManagedTags", Kind::Boolean),
    Property::new("EnableExecuteCommand", Kind::Boolean),
    Property::new("Group", Kind::Text),
    Property::new("LaunchType", Kind::Text),
    Property::new(
        "NetworkConfiguration",
        Kind::Object(&[Property::new(
            "AwsVpcConfiguration",
            Kind::Object(&[
                Property::new("AssignPublicIp", Kind::Text),
                Property::new("SecurityGroups", Kind::List(&Kind::Text)),
                Property::new("Subnets", Kind::List(&Kind::Text)).required(),
            ]),
        )]),
    ),
    Property::new("PlacementConstraints", Kind::Json),
    Property::new("PlacementStrategies", Kind::Json),
    Property::new("PlatformVersion", Kind::Text),
    Property::new("PropagateTags", Kind::Text),
    Property::new("ReferenceId", Kind::Text),
    Property::new("TagList", TAGS),
    Property::new("TaskCount", Kind::Integer),
    Property::new("TaskDefinitionArn", Kind::Text).required(),
];

impl ResourceType for Rule {
    fn type_name(&self) -> &'static str {
        "AWS::Events::Rule"
    }

    fn properties(&self) -> &'static [Property] {
        PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["Arn", "RuleName"]
    }

    fn naming(&self) -> Naming {
        Naming { property: Some("Name"), length_max: 64, with_stack: true, is_unique: true }
    }

    fn look<'a>(&'a self, door: &'a Door, request: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async {
            let rule = input([
                ("Name", Some(request.name.clone().into())),
                ("EventBusName", request.properties.get("EventBusName").cloned()),
            ]);
            if EVENTS.has(door, "DescribeRule", rule).await? {
                let text = format!("{} already exists", request.name);
                return Err(Failure::handler(text, HandlerErrorCode::AlreadyExists));
            }
            Ok(Sighting::default())
        })
    }

    fn create<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        _: &'a Sighting,
        _: bool,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        // PutRule and PutTargets end the same however often they are called.
        Box::pin(async move {
            let tags = tags::listed(&tags::merged(request), "Key", "Value");
            put_rule(door, &request.name, &request.properties, tags).await?;
            let left = physical_id(&request.properties, &request.name);
            put_targets(door, &request.name, &request.properties)
                .await
                .map_err(|failure| failure.leaving(left))?;
            Ok(made(door, &request.properties, &request.name))
        })
    }

    fn tagging(&self, _: &Door, made: &Made, tags: &[Tag]) -> Option<Tagging> {
        let arn = made.attributes.get("Arn");
        let input = json!({"ResourceARN": arn, "Tags": tags::listed(tags, "Key", "Value")});
        Some(Tagging { service: "events", operation: "TagResource", input })
    }

    fn update<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async move {
            let name = rule_name(current);
            put_rule(door, name, &request.properties, None).await?;
            put_targets(door, name, &request.properties).await?;
            let kept = target_ids(&request.properties);
            let gone: Vec<String> =
                target_ids(&current.properties).into_iter().filter(|id| !kept.contains(id)).collect();
            remove_targets(door, name, &request.properties, &gone).await?;
            let made = made(door, &request.properties, name);
            let arn = made.attributes.get("Arn").cloned();
            let before = tags::of(&current.properties, &current.tags);
            let resource = json!({"ResourceARN": arn});
            EVENTS.retag(door, TAG_RESOURCE, &resource, &before, &tags::merged(request)).await?;
            Ok(made)
        })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async {
            let name = rule_name(resource);
            let bus = resource.properties.get("EventBusName").cloned();
            let rule = input([("Rule", Some(name.into())), ("EventBusName", bus.clone())]);
            let answer = match EVENTS.ask(door, "ListTargetsByRule", rule).await {
                Ok(answer) => answer,
                Err(error) if error.is_not_found() => return Ok(Deletion::Done),
                Err(error) => return Err(EVENTS.failure(&error)),
            };
            let targets = answer.get("Targets").and_then(Value::as_array).into_iter().flatten();
            let ids: Vec<String> = targets.map(|target| text(target, &["Id"]).to_owned()).collect();
            remove_targets(door, name, &resource.properties, &ids).await?;
            let rule = input([("Name", Some(name.into())), ("EventBusName", bus)]);
            EVENTS.delete(door, "DeleteRule", rule).await
        })
    }
}

async fn put_rule(
    door: &Door,
    name: &str,
    properties: &Map<String, Value>,
    tags: Option<Value>,
) -> Result<(), Failure> {
    let of = |name: &str| properties.get(name).cloned();
    let pattern = properties.get("EventPattern").map(document);
    let rule = input([
        ("Name", Some(name.into())),
        ("EventBusName", of("EventBusName")),
        ("Description", of("Description")),
        ("EventPattern", pattern),
        ("ScheduleExpression", of("ScheduleExpression")),
        ("State", of("State")),
        ("RoleArn", of("RoleArn")),
        ("Tags", tags),
    ]);
    EVENTS.call(door, "PutRule", rule).await.map(drop)
}

async fn put_targets(door: &Door, rule: &str, properties: &Map<String, Value>) -> Result<(), Failure> {
    let targets: Vec<Value> = targets(properties).map(to_api).collect();
    if targets.is_empty() {
        return Ok(());
    }
    let targets = input([
        ("Rule", Some(rule.into())),
        ("EventBusName", properties.get("EventBusName").cloned()),
        ("Targets", Some(targets.into())),
    ]);
    refused(&EVENTS.call(door, "PutTargets", targets).await?)
}

async fn remove_targets(
    door: &Door,
    rule: &str,
    properties: &Map<String, Value>,
    ids: &[String],
) -> Result<(), Failure> {
    if ids.is_empty() {
        return Ok(());
    }
    let targets = input([
        ("Rule", Some(rule.into())),
        ("EventBusName", properties.get("EventBusName").cloned()),
        ("Ids", Some(ids.into())),
    ]);
    refused(&EVENTS.call(door, "RemoveTargets", targets).await?)
}

/// Entries may fail where the call does not.
fn refused(answer: &Value) -> Result<(), Failure> {
    match answer.get("FailedEntries").and_then(Value::as_array).and_then(|entries| entries.first()) {
        None => Ok(()),
        Some(entry) => {
            let message = format!("{} ({})", text(entry, &["ErrorMessage"]), text(entry, &["ErrorCode"]));
            Err(Failure::handler(message, HandlerErrorCode::GeneralServiceException))
        }
    }
}

fn targets(properties: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    properties.get("Targets").and_then(Value::as_array).into_iter().flatten()
}

fn target_ids(properties: &Map<String, Value>) -> Vec<String> {
    targets(properties).map(|target| text(target, &["Id"]).to_owned()).collect()
}

/// A target has the same names in templates and in the API, but for these.
fn to_api(target: &Value) -> Value {
    let mut target = target.clone();
    let Some(ecs) = target.get_mut("EcsParameters").and_then(Value::as_object_mut) else { return target };
    if let Some(network) = ecs.get_mut("NetworkConfiguration").and_then(Value::as_object_mut)
        && let Some(configuration) = network.shift_remove("AwsVpcConfiguration")
    {
        network.insert("awsvpcConfiguration".to_owned(), configuration);
    }
    if let Some(strategies) = ecs.shift_remove("PlacementStrategies") {
        ecs.insert("PlacementStrategy".to_owned(), strategies);
    }
    if let Some(tags) = ecs.shift_remove("TagList") {
        ecs.insert("Tags".to_owned(), tags);
    }
    target
}

/// `Ref`: the rule's name, with the bus in front where it is not the default one.
fn physical_id(properties: &Map<String, Value>, name: &str) -> String {
    match bus(properties) {
        Some(bus) => format!("{bus}|{name}"),
        None => name.to_owned(),
    }
}

/// A bus of one's own, by its name.
fn bus(properties: &Map<String, Value>) -> Option<&str> {
    let bus = properties.get("EventBusName").and_then(Value::as_str)?;
    let name = bus.rsplit('/').next().unwrap_or(bus);
    (name != "default").then_some(name)
}

fn rule_name(resource: &Resource) -> &str {
    let physical_id = resource.physical_id.as_deref().unwrap_or_default();
    physical_id.rsplit('|').next().unwrap_or(physical_id)
}

fn made(door: &Door, properties: &Map<String, Value>, name: &str) -> Made {
    let resource = match bus(properties) {
        Some(bus) => format!("rule/{bus}/{name}"),
        None => format!("rule/{name}"),
    };
    let arn = arn(door, resource);
    Made {
        physical_id: physical_id(properties, name),
        attributes: attributes([("Arn", &arn), ("RuleName", name)]),
    }
}
