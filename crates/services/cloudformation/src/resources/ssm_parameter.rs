//! `AWS::SSM::Parameter`: a parameter of Parameter Store, `String` or `StringList`.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::client::{Client, TAG_RESOURCE, TagOperations};
use super::{
    Deletion, Failure, HandlerErrorCode, Kind, Made, Naming, Property, ResourceType, Tagging, attributes,
    tags,
};
use crate::door::Door;
use crate::stack::{Request, Resource, Sighting, Tag};

pub(super) struct Parameter;

const SSM: Client = Client::new("ssm", "Ssm");

const TAG_PARAMETER: TagOperations =
    TagOperations { set: "AddTagsToResource", remove: "RemoveTagsFromResource", ..TAG_RESOURCE };

const PROPERTIES: &[Property] = &[
    Property::new("AllowedPattern", Kind::Text),
    Property::new("DataType", Kind::Text),
    Property::new("Description", Kind::Text),
    Property::new("Name", Kind::Text).replaces(),
    Property::refused("Policies"),
    Property::new("Tags", Kind::Texts),
    Property::new("Tier", Kind::Text),
    Property::new("Type", Kind::Text).required(),
    Property::new("Value", Kind::Text).required(),
];

impl ResourceType for Parameter {
    fn type_name(&self) -> &'static str {
        "AWS::SSM::Parameter"
    }

    fn properties(&self) -> &'static [Property] {
        PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["Type", "Value"]
    }

    fn naming(&self) -> Naming {
        Naming { property: Some("Name"), length_max: 512, with_stack: true, is_unique: true }
    }

    fn look<'a>(&'a self, door: &'a Door, request: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async {
            match SSM.has(door, "GetParameter", json!({"Name": request.name})).await? {
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
            let mut parameter = parameter(&request.name, &request.properties)?;
            let tags = tags::of_map(&request.properties, &request.tags);
            if let Some(tags) = tags::listed(&tags, "Key", "Value") {
                parameter.insert("Tags".to_owned(), tags);
            }
            match SSM.ask(door, "PutParameter", parameter.into()).await {
                Ok(_) => {}
                // The name was free when it was looked at: an earlier try of ours has taken it.
                Err(error) if resumed && error.error.code.contains("AlreadyExists") => {}
                Err(error) => return Err(SSM.failure(&error)),
            }
            Ok(made(&request.name, &request.properties))
        })
    }

    fn tagging(&self, _: &Door, made: &Made, tags: &[Tag]) -> Option<Tagging> {
        let tags = tags::listed(tags, "Key", "Value");
        let input = json!({"ResourceType": "Parameter", "ResourceId": made.physical_id, "Tags": tags});
        Some(Tagging { service: "ssm", operation: "AddTagsToResource", input })
    }

    fn update<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async move {
            let name = current.physical_id.as_deref().unwrap_or_default();
            let mut parameter = parameter(name, &request.properties)?;
            if parameter != self::parameter(name, &current.properties)? {
                parameter.insert("Overwrite".to_owned(), true.into());
                SSM.call(door, "PutParameter", parameter.into()).await?;
            }
            let before = tags::of_map(&current.properties, &current.tags);
            let after = tags::of_map(&request.properties, &request.tags);
            let resource = json!({"ResourceType": "Parameter", "ResourceId": name});
            SSM.retag(door, TAG_PARAMETER, &resource, &before, &after).await?;
            Ok(made(name, &request.properties))
        })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async { SSM.delete(door, "DeleteParameter", json!({"Name": resource.physical_id})).await })
    }
}

/// The input of PutParameter, without tags.
fn parameter(name: &str, properties: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    if properties.get("Type").and_then(Value::as_str) == Some("SecureString") {
        // A template is no place for what is to be encrypted.
        let text = "SSM Parameters of type SecureString cannot be created using CloudFormation";
        return Err(Failure::handler(text, HandlerErrorCode::InvalidRequest));
    }
    let mut parameter = properties.clone();
    parameter.retain(|property, _| property != "Tags");
    parameter.insert("Name".to_owned(), name.into());
    Ok(parameter)
}

fn made(name: &str, properties: &Map<String, Value>) -> Made {
    let text = |name: &str| properties.get(name).and_then(Value::as_str).unwrap_or_default();
    Made {
        physical_id: name.to_owned(),
        attributes: attributes([("Type", text("Type")), ("Value", text("Value"))]),
    }
}
