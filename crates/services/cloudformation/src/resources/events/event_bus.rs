//! `AWS::Events::EventBus`.

use serde_json::{Map, Value, json};

use super::{EVENTS, Kind, Made, Property, arn, attributes, document, input};
use crate::door::Door;
use crate::resources::client::{Client, TAG_RESOURCE, TagOperations};
use crate::resources::handler::Handler;
use crate::resources::schema::TAGS;
use crate::resources::{Deletion, Failure, Naming, tags};
use crate::stack::{Request, Resource};

pub(in crate::resources) struct EventBus;

/// What a change can change besides policy and tags.
const SETTINGS: [&str; 4] = ["DeadLetterConfig", "Description", "KmsKeyIdentifier", "LogConfig"];

impl Handler for EventBus {
    const TYPE_NAME: &'static str = "AWS::Events::EventBus";
    const PROPERTIES: &'static [Property] = &[
        Property::new("DeadLetterConfig", Kind::Object(&[Property::new("Arn", Kind::Text)])),
        Property::new("Description", Kind::Text),
        Property::refused("EventSourceName"),
        Property::new("KmsKeyIdentifier", Kind::Text),
        Property::new(
            "LogConfig",
            Kind::Object(&[Property::new("IncludeDetail", Kind::Text), Property::new("Level", Kind::Text)]),
        ),
        Property::new("Name", Kind::Text).required().replaces(),
        Property::new("Policy", Kind::Json),
        Property::new("Tags", TAGS),
    ];
    const ATTRIBUTES: &'static [&'static str] = &["Arn", "Name"];
    const NAMING: Naming =
        Naming { property: Some("Name"), length_max: 256, with_stack: true, is_unique: true };
    const CLIENT: Client = EVENTS;
    const TAGS: Option<TagOperations> = Some(TAG_RESOURCE);

    async fn look(door: &Door, request: &Request) -> Result<(), Failure> {
        match EVENTS.has(door, "DescribeEventBus", json!({"Name": request.name})).await? {
            true => Err(Failure::exists(Self::TYPE_NAME, &request.name)),
            false => Ok(()),
        }
    }

    async fn make(door: &Door, request: &Request, resumed: bool) -> Result<Made, Failure> {
        let mut bus = settings(&request.name, &request.properties);
        if let Some(tags) = tags::listed(&tags::merged(request), "Key", "Value") {
            bus.insert("Tags".to_owned(), tags);
        }
        match EVENTS.ask(door, "CreateEventBus", bus.into()).await {
            Ok(_) => {}
            // The name was free when it was looked at: an earlier try of ours has taken it.
            Err(error) if resumed && error.error.code.contains("AlreadyExists") => {}
            Err(error) => return Err(EVENTS.failure(&error)),
        }
        let arn = arn(door, format!("event-bus/{}", request.name));
        let attributes = attributes([("Arn", &arn), ("Name", &request.name)]);
        Ok(Made { physical_id: request.name.clone(), attributes })
    }

    async fn configure(
        door: &Door,
        bus: &Made,
        before: Option<&Map<String, Value>>,
        request: &Request,
    ) -> Result<(), Failure> {
        let differs = |name: &&str| before.and_then(|had| had.get(*name)) != request.properties.get(*name);
        if before.is_some() && SETTINGS.iter().any(differs) {
            let settings = settings(&bus.physical_id, &request.properties);
            EVENTS.call(door, "UpdateEventBus", settings.into()).await?;
        }
        match request.properties.get("Policy") {
            _ if !differs(&"Policy") => Ok(()),
            Some(policy) => {
                let policy = json!({"EventBusName": bus.physical_id, "Policy": document(policy)});
                EVENTS.call(door, "PutPermission", policy).await.map(drop)
            }
            None => {
                let all = json!({"EventBusName": bus.physical_id, "RemoveAllPermissions": true});
                EVENTS.delete(door, "RemovePermission", all).await.map(drop)
            }
        }
    }

    async fn remove(door: &Door, bus: &Resource) -> Result<Deletion, Failure> {
        EVENTS.delete(door, "DeleteEventBus", json!({"Name": bus.physical_id})).await
    }

    fn tagged(bus: &Made) -> Value {
        input([("ResourceARN", bus.attributes.get("Arn").cloned())])
    }
}

fn settings(name: &str, properties: &Map<String, Value>) -> Map<String, Value> {
    let setting = |name: &str| Some((name.to_owned(), properties.get(name)?.clone()));
    SETTINGS.into_iter().filter_map(setting).chain([("Name".to_owned(), name.into())]).collect()
}
