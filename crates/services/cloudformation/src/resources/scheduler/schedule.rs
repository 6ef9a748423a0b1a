//! `AWS::Scheduler::Schedule`.

use serde_json::{Map, json};
use types::Timestamp;

use super::{Kind, Made, Property, SCHEDULER, Value, attributes, input, text};
use crate::door::Door;
use crate::resources::client::Client;
use crate::resources::handler::Handler;
use crate::resources::schema::value_to_api;
use crate::resources::{Deletion, Failure, HandlerErrorCode, Naming};
use crate::stack::{Request, Resource};

pub(in crate::resources) struct Schedule;

const STRATEGY: Kind = Kind::List(&Kind::Object(&[
    Property::new("Base", Kind::Integer),
    Property::new("CapacityProvider", Kind::Text).required(),
    Property::new("Weight", Kind::Integer),
]));

const PLACEMENT_CONSTRAINTS: Kind =
    Kind::List(&Kind::Object(&[Property::new("Expression", Kind::Text), Property::new("Type", Kind::Text)]));

const PLACEMENT_STRATEGY: Kind =
    Kind::List(&Kind::Object(&[Property::new("Field", Kind::Text), Property::new("Type", Kind::Text)]));

const ECS: &[Property] = &[
    Property::new("CapacityProviderStrategy", STRATEGY),
    Property::new("EnableECSManagedTags", Kind::Boolean),
    Property::new("EnableExecuteCommand", Kind::Boolean),
    Property::new("Group", Kind::Text),
    Property::new("LaunchType", Kind::Text),
    Property::new(
        "NetworkConfiguration",
        Kind::Object(&[Property::new(
            "AwsvpcConfiguration",
            Kind::Object(&[
                Property::new("AssignPublicIp", Kind::Text),
                Property::new("SecurityGroups", Kind::List(&Kind::Text)),
                Property::new("Subnets", Kind::List(&Kind::Text)).required(),
            ]),
        )]),
    ),
    Property::new("PlacementConstraints", PLACEMENT_CONSTRAINTS),
    Property::new("PlacementStrategy", PLACEMENT_STRATEGY),
    Property::new("PlatformVersion", Kind::Text),
    Property::new("PropagateTags", Kind::Text),
    Property::new("ReferenceId", Kind::Text),
    Property::new("Tags", Kind::Json),
    Property::new("TaskCount", Kind::Integer),
    Property::new("TaskDefinitionArn", Kind::Text).required(),
];

const TARGET: &[Property] = &[
    Property::new("Arn", Kind::Text).required(),
    Property::new("DeadLetterConfig", Kind::Object(&[Property::new("Arn", Kind::Text)])),
    Property::new("EcsParameters", Kind::Object(ECS)),
    Property::new(
        "EventBridgeParameters",
        Kind::Object(&[
            Property::new("DetailType", Kind::Text).required(),
            Property::new("Source", Kind::Text).required(),
        ]),
    ),
    Property::new("Input", Kind::Text),
    Property::new("KinesisParameters", Kind::Json),
    Property::new(
        "RetryPolicy",
        Kind::Object(&[
            Property::new("MaximumEventAgeInSeconds", Kind::Integer),
            Property::new("MaximumRetryAttempts", Kind::Integer),
        ]),
    ),
    Property::new("RoleArn", Kind::Text).required(),
    Property::new("SageMakerPipelineParameters", Kind::Json),
    Property::new("SqsParameters", Kind::Object(&[Property::new("MessageGroupId", Kind::Text)])),
];

impl Handler for Schedule {
    const TYPE_NAME: &'static str = "AWS::Scheduler::Schedule";
    const PROPERTIES: &'static [Property] = &[
        Property::new("Description", Kind::Text),
        Property::new("EndDate", Kind::Text),
        Property::new(
            "FlexibleTimeWindow",
            Kind::Object(&[
                Property::new("MaximumWindowInMinutes", Kind::Integer),
                Property::new("Mode", Kind::Text).required(),
            ]),
        )
        .required(),
        Property::new("GroupName", Kind::Text).replaces(),
        Property::new("KmsKeyArn", Kind::Text),
        Property::new("Name", Kind::Text).replaces(),
        Property::new("ScheduleExpression", Kind::Text).required(),
        Property::new("ScheduleExpressionTimezone", Kind::Text),
        Property::new("StartDate", Kind::Text),
        Property::new("State", Kind::Text),
        Property::new("Target", Kind::Object(TARGET)).required(),
    ];
    const ATTRIBUTES: &'static [&'static str] = &["Arn"];
    const NAMING: Naming =
        Naming { property: Some("Name"), length_max: 64, with_stack: true, is_unique: true };
    const CLIENT: Client = SCHEDULER;

    async fn look(door: &Door, request: &Request) -> Result<(), Failure> {
        let named = named(&request.name, &request.properties);
        match SCHEDULER.has(door, "GetSchedule", named.into()).await? {
            true => Err(Failure::exists(Self::TYPE_NAME, &request.name)),
            false => Ok(()),
        }
    }

    async fn make(door: &Door, request: &Request, _: bool) -> Result<Made, Failure> {
        let mut schedule = schedule(&request.name, &request.properties)?;
        schedule.insert("ClientToken".to_owned(), request.token.clone().into());
        let answer = SCHEDULER.call(door, "CreateSchedule", schedule.into()).await?;
        let attributes = attributes([("Arn", text(&answer, &["ScheduleArn"]))]);
        Ok(Made { physical_id: request.name.clone(), attributes })
    }

    async fn configure(
        door: &Door,
        made: &Made,
        before: Option<&Map<String, Value>>,
        request: &Request,
    ) -> Result<(), Failure> {
        match before {
            Some(before) if *before != request.properties => {
                let schedule = schedule(&made.physical_id, &request.properties)?;
                SCHEDULER.call(door, "UpdateSchedule", schedule.into()).await.map(drop)
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn remove(door: &Door, schedule: &Resource) -> Result<Deletion, Failure> {
        let name = schedule.physical_id.as_deref().unwrap_or_default();
        SCHEDULER.delete(door, "DeleteSchedule", named(name, &schedule.properties).into()).await
    }
}

fn named(name: &str, properties: &Map<String, Value>) -> Map<String, Value> {
    let named = input([("Name", Some(name.into())), ("GroupName", properties.get("GroupName").cloned())]);
    named.as_object().cloned().unwrap_or_default()
}

/// A schedule has the same names in templates and in the API, but for those that ECS has.
fn schedule(name: &str, properties: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    let mut schedule = properties.clone();
    schedule.extend(named(name, properties));
    for date in ["StartDate", "EndDate"] {
        if let Some(value) = schedule.get_mut(date) {
            *value = moment(value)?;
        }
    }
    let ecs = schedule.get_mut("Target").and_then(|target| target.get_mut("EcsParameters"));
    if let Some(ecs) = ecs.and_then(Value::as_object_mut) {
        for (member, kind) in [
            ("CapacityProviderStrategy", &STRATEGY),
            ("PlacementConstraints", &PLACEMENT_CONSTRAINTS),
            ("PlacementStrategy", &PLACEMENT_STRATEGY),
        ] {
            if let Some(value) = ecs.get_mut(member) {
                *value = value_to_api(kind, value);
            }
        }
        let network = ecs.get_mut("NetworkConfiguration").and_then(Value::as_object_mut);
        if let Some(network) = network
            && let Some(configuration) = network.shift_remove("AwsvpcConfiguration")
        {
            network.insert("awsvpcConfiguration".to_owned(), configuration);
        }
    }
    Ok(schedule)
}

/// A date as calls through the door have it.
fn moment(value: &Value) -> Result<Value, Failure> {
    let text = value.as_str().unwrap_or_default();
    let invalid = |_| {
        let text = format!("Invalid timestamp: {text}");
        Failure::handler(text, HandlerErrorCode::InvalidRequest)
    };
    Timestamp::parse_rfc3339(text).map(|moment| json!(moment)).map_err(invalid)
}
