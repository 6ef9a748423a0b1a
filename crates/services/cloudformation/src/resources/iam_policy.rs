//! `AWS::IAM::Policy`: an inline policy of one or more roles.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::{
    Deletion, Failure, HandlerErrorCode, Kind, Made, Naming, Property, ResourceType, attributes, iam_role,
};
use crate::door::Door;
use crate::stack::{Request, Resource, Sighting};

pub(super) struct Policy;

const IAM: Client = Client::new("iam", "Iam");

const PROPERTIES: &[Property] = &[
    Property::refused("Groups"),
    Property::new("PolicyDocument", Kind::Json).required(),
    Property::new("PolicyName", Kind::Text).required(),
    Property::new("Roles", Kind::List(&Kind::Text)),
    Property::refused("Users"),
];

impl ResourceType for Policy {
    fn type_name(&self) -> &'static str {
        "AWS::IAM::Policy"
    }

    fn properties(&self) -> &'static [Property] {
        PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["Id"]
    }

    fn naming(&self) -> Naming {
        // The policy's own name does not say which policy of a stack it is: AWS makes an id, such as `Stack-Polic-1A2B3C4D5E6F`.
        Naming { property: None, length_max: 24, with_stack: true, is_unique: false }
    }

    fn takes_tags(&self) -> bool {
        false
    }

    fn look<'a>(&'a self, _: &'a Door, _: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async { Ok(Sighting::default()) })
    }

    fn create<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        _: &'a Sighting,
        _: bool,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async {
            put(door, &request.properties).await.map_err(|failure| failure.leaving(&request.name))?;
            Ok(made(&request.name))
        })
    }

    fn update<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async {
            put(door, &request.properties).await?;
            let kept: Vec<_> = places(&request.properties).collect();
            for place in places(&current.properties).filter(|place| !kept.contains(place)) {
                take_away(door, place).await?;
            }
            Ok(made(current.physical_id.as_deref().unwrap_or_default()))
        })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async {
            for place in places(&resource.properties) {
                take_away(door, place).await?;
            }
            Ok(Deletion::Done)
        })
    }
}

/// Each role that has the policy, with the policy's name.
fn places(properties: &Map<String, Value>) -> impl Iterator<Item = (&str, &str)> {
    let name = properties.get("PolicyName").and_then(Value::as_str).unwrap_or_default();
    let roles = properties.get("Roles").and_then(Value::as_array).into_iter().flatten();
    roles.filter_map(move |role| Some((role.as_str()?, name)))
}

async fn put(door: &Door, properties: &Map<String, Value>) -> Result<(), Failure> {
    if places(properties).next().is_none() {
        let text = "At least one of [Groups,Roles,Users] must be non-empty.";
        return Err(Failure::handler(text, HandlerErrorCode::InvalidRequest));
    }
    let document = properties.get("PolicyDocument").map(iam_role::document);
    for (role, name) in places(properties) {
        let policy = json!({"RoleName": role, "PolicyName": name, "PolicyDocument": document});
        IAM.call(door, "PutRolePolicy", policy).await?;
    }
    Ok(())
}

async fn take_away(door: &Door, (role, name): (&str, &str)) -> Result<(), Failure> {
    let policy = json!({"RoleName": role, "PolicyName": name});
    IAM.delete(door, "DeleteRolePolicy", policy).await.map(drop)
}

fn made(id: &str) -> Made {
    Made { physical_id: id.to_owned(), attributes: attributes([("Id", id)]) }
}
