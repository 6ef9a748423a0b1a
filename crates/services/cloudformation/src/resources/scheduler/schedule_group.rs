//! `AWS::Scheduler::ScheduleGroup`: it is gone once its schedules are.

use serde_json::json;

use super::{Kind, Made, Property, SCHEDULER, Value, attributes, input, text};
use crate::door::Door;
use crate::resources::client::{Client, TAG_RESOURCE, TagOperations};
use crate::resources::handler::Handler;
use crate::resources::schema::TAGS;
use crate::resources::{Deletion, Failure, Naming, tags};
use crate::stack::{Request, Resource};

pub(in crate::resources) struct ScheduleGroup;

impl Handler for ScheduleGroup {
    const TYPE_NAME: &'static str = "AWS::Scheduler::ScheduleGroup";
    const PROPERTIES: &'static [Property] =
        &[Property::new("Name", Kind::Text).replaces(), Property::new("Tags", TAGS)];
    const ATTRIBUTES: &'static [&'static str] = &["Arn", "State"];
    const NAMING: Naming =
        Naming { property: Some("Name"), length_max: 64, with_stack: true, is_unique: true };
    const CLIENT: Client = SCHEDULER;
    const TAGS: Option<TagOperations> = Some(TAG_RESOURCE);

    async fn look(door: &Door, request: &Request) -> Result<(), Failure> {
        match SCHEDULER.has(door, "GetScheduleGroup", json!({"Name": request.name})).await? {
            true => Err(Failure::exists(Self::TYPE_NAME, &request.name)),
            false => Ok(()),
        }
    }

    async fn make(door: &Door, request: &Request, _: bool) -> Result<Made, Failure> {
        let group = input([
            ("Name", Some(request.name.clone().into())),
            ("ClientToken", Some(request.token.clone().into())),
            ("Tags", tags::listed(&tags::merged(request), "Key", "Value")),
        ]);
        let answer = SCHEDULER.call(door, "CreateScheduleGroup", group).await?;
        let arn = text(&answer, &["ScheduleGroupArn"]);
        let attributes = attributes([("Arn", arn), ("State", "ACTIVE")]);
        Ok(Made { physical_id: request.name.clone(), attributes })
    }

    async fn remove(door: &Door, group: &Resource) -> Result<Deletion, Failure> {
        let named = json!({"Name": group.physical_id});
        match SCHEDULER.ask(door, "GetScheduleGroup", named.clone()).await {
            Ok(found) if text(&found, &["State"]) == "DELETING" => return Ok(Deletion::Pending),
            Ok(_) => {}
            Err(error) if error.is_not_found() => return Ok(Deletion::Done),
            Err(error) => return Err(SCHEDULER.failure(&error)),
        }
        SCHEDULER.delete(door, "DeleteScheduleGroup", named.clone()).await?;
        match SCHEDULER.has(door, "GetScheduleGroup", named).await? {
            true => Ok(Deletion::Pending),
            false => Ok(Deletion::Done),
        }
    }

    fn tagged(group: &Made) -> Value {
        input([("ResourceArn", group.attributes.get("Arn").cloned())])
    }
}
