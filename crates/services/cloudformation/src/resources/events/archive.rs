//! `AWS::Events::Archive`.

use serde_json::{Map, Value, json};

use super::{EVENTS, Kind, Made, Property, arn, attributes, document, input};
use crate::door::Door;
use crate::resources::client::Client;
use crate::resources::handler::Handler;
use crate::resources::{Deletion, Failure, Naming};
use crate::stack::{Request, Resource};

pub(in crate::resources) struct Archive;

impl Handler for Archive {
    const TYPE_NAME: &'static str = "AWS::Events::Archive";
    const PROPERTIES: &'static [Property] = &[
        Property::new("ArchiveName", Kind::Text).replaces(),
        Property::new("Description", Kind::Text),
        Property::new("EventPattern", Kind::Json),
        Property::new("KmsKeyIdentifier", Kind::Text),
        Property::new("RetentionDays", Kind::Integer),
        Property::new("SourceArn", Kind::Text).required().replaces(),
    ];
    const ATTRIBUTES: &'static [&'static str] = &["Arn"];
    const NAMING: Naming =
        Naming { property: Some("ArchiveName"), length_max: 48, with_stack: true, is_unique: true };
    const CLIENT: Client = EVENTS;

    async fn look(door: &Door, request: &Request) -> Result<(), Failure> {
        match EVENTS.has(door, "DescribeArchive", json!({"ArchiveName": request.name})).await? {
            true => Err(Failure::exists(Self::TYPE_NAME, &request.name)),
            false => Ok(()),
        }
    }

    async fn make(door: &Door, request: &Request, resumed: bool) -> Result<Made, Failure> {
        let source = request.properties.get("SourceArn").cloned();
        match EVENTS.ask(door, "CreateArchive", archive(&request.name, &request.properties, source)).await {
            Ok(_) => {}
            // The name was free when it was looked at: an earlier try of ours has taken it.
            Err(error) if resumed && error.error.code.contains("AlreadyExists") => {}
            Err(error) => return Err(EVENTS.failure(&error)),
        }
        let arn = arn(door, format!("archive/{}", request.name));
        Ok(Made { physical_id: request.name.clone(), attributes: attributes([("Arn", &arn)]) })
    }

    async fn configure(
        door: &Door,
        made: &Made,
        before: Option<&Map<String, Value>>,
        request: &Request,
    ) -> Result<(), Failure> {
        match before {
            Some(before) if *before != request.properties => {
                let change = archive(&made.physical_id, &request.properties, None);
                EVENTS.call(door, "UpdateArchive", change).await.map(drop)
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn remove(door: &Door, archive: &Resource) -> Result<Deletion, Failure> {
        EVENTS.delete(door, "DeleteArchive", json!({"ArchiveName": archive.physical_id})).await
    }
}

fn archive(name: &str, properties: &Map<String, Value>, source: Option<Value>) -> Value {
    input([
        ("ArchiveName", Some(name.into())),
        ("EventSourceArn", source),
        ("Description", properties.get("Description").cloned()),
        ("EventPattern", properties.get("EventPattern").map(document)),
        ("KmsKeyIdentifier", properties.get("KmsKeyIdentifier").cloned()),
        ("RetentionDays", properties.get("RetentionDays").cloned()),
    ])
}
