//! `AWS::StepFunctions::Activity`: an activity.

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use types::Arn;

use super::client::{Client, SMALL_TAG_RESOURCE};
use super::schema::TAGS;
use super::{
    Deletion, Failure, Kind, Made, Naming, Property, ResourceType, Tagging, attributes, input, tags, text,
};
use crate::door::Door;
use crate::stack::{Request, Resource, Sighting, Tag};

pub(super) struct Activity;

const STATES: Client = Client::old("states", "AWSStepFunctions");

const PROPERTIES: &[Property] = &[
    Property::refused("EncryptionConfiguration"),
    Property::new("Name", Kind::Text).required().replaces(),
    Property::new("Tags", TAGS),
];

impl ResourceType for Activity {
    fn type_name(&self) -> &'static str {
        "AWS::StepFunctions::Activity"
    }

    fn properties(&self) -> &'static [Property] {
        PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["Arn", "Name"]
    }

    fn naming(&self) -> Naming {
        Naming { property: Some("Name"), length_max: 80, with_stack: true, is_unique: true }
    }

    fn look<'a>(&'a self, door: &'a Door, request: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async {
            // CreateActivity answers an existing activity as if it had made it.
            let arn = arn(door, &request.name);
            match STATES.has(door, "DescribeActivity", json!({"activityArn": arn})).await? {
                true => Err(Failure::exists(self.type_name(), &arn)),
                false => Ok(Sighting::default()),
            }
        })
    }

    fn create<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        _: &'a Sighting,
        _: bool,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async {
            let activity = input([
                ("name", Some(request.name.clone().into())),
                ("tags", tags::listed(&tags::merged(request), "key", "value")),
            ]);
            let answer = STATES.call(door, "CreateActivity", activity).await?;
            Ok(made(text(&answer, &["activityArn"]), &request.name))
        })
    }

    fn tagging(&self, _: &Door, made: &Made, tags: &[Tag]) -> Option<Tagging> {
        let input = json!({"resourceArn": made.physical_id, "tags": tags::listed(tags, "key", "value")});
        Some(Tagging { service: "states", operation: "TagResource", input })
    }

    fn update<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async move {
            let arn = current.physical_id.clone().unwrap_or_default();
            let before = tags::of(&current.properties, &current.tags);
            let resource = json!({"resourceArn": arn});
            STATES.retag(door, SMALL_TAG_RESOURCE, &resource, &before, &tags::merged(request)).await?;
            let name = current.attributes.get("Name").and_then(Value::as_str).unwrap_or_default();
            Ok(made(&arn, name))
        })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async {
            STATES.call(door, "DeleteActivity", json!({"activityArn": resource.physical_id})).await?;
            Ok(Deletion::Done)
        })
    }
}

fn arn(door: &Door, name: &str) -> String {
    Arn::new("states", &door.region, &door.account, format!("activity:{name}")).to_string()
}

fn made(arn: &str, name: &str) -> Made {
    Made { physical_id: arn.to_owned(), attributes: attributes([("Arn", arn), ("Name", name)]) }
}
