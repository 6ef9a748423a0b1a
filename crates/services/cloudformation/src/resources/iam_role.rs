//! `AWS::IAM::Role`: a role with its inline policies.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::client::{Client, TAG_RESOURCE, TagOperations};
use super::schema::TAGS;
use super::{Deletion, Failure, Kind, Made, Naming, Property, ResourceType, attributes, input, tags, text};
use crate::door::Door;
use crate::stack::{Request, Resource, Sighting};

pub(super) struct Role;

const IAM: Client = Client::new("iam", "Iam");

const TAG_ROLE: TagOperations = TagOperations { set: "TagRole", remove: "UntagRole", ..TAG_RESOURCE };

const PROPERTIES: &[Property] = &[
    Property::new("AssumeRolePolicyDocument", Kind::Json).required(),
    Property::new("Description", Kind::Text),
    Property::refused("ManagedPolicyArns"),
    Property::new("MaxSessionDuration", Kind::Integer),
    Property::new("Path", Kind::Text).replaces(),
    Property::refused("PermissionsBoundary"),
    Property::new(
        "Policies",
        Kind::List(&Kind::Object(&[
            Property::new("PolicyDocument", Kind::Json).required(),
            Property::new("PolicyName", Kind::Text).required(),
        ])),
    ),
    Property::new("RoleName", Kind::Text).replaces(),
    Property::new("Tags", TAGS),
];

impl ResourceType for Role {
    fn type_name(&self) -> &'static str {
        "AWS::IAM::Role"
    }

    fn properties(&self) -> &'static [Property] {
        PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["Arn", "RoleId"]
    }

    fn naming(&self) -> Naming {
        Naming { property: Some("RoleName"), length_max: 64, with_stack: true, is_unique: true }
    }

    fn look<'a>(&'a self, door: &'a Door, request: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async {
            match IAM.has(door, "GetRole", json!({"RoleName": request.name})).await? {
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
            let properties = &request.properties;
            let role = input([
                ("RoleName", Some(request.name.clone().into())),
                ("Path", properties.get("Path").cloned()),
                ("AssumeRolePolicyDocument", properties.get("AssumeRolePolicyDocument").map(document)),
                ("Description", properties.get("Description").cloned()),
                ("MaxSessionDuration", properties.get("MaxSessionDuration").cloned()),
                ("Tags", tags::listed(&tags::merged(request), "Key", "Value")),
            ]);
            match IAM.ask(door, "CreateRole", role).await {
                Ok(_) => {}
                // The name was free when it was looked at: an earlier try of ours has taken it.
                Err(error) if resumed && error.error.code.contains("AlreadyExists") => {}
                Err(error) => return Err(IAM.failure(&error)),
            }
            let made = async {
                put_policies(door, request).await?;
                made(door, &request.name).await
            };
            made.await.map_err(|failure| failure.leaving(&request.name))
        })
    }

    fn update<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async move {
            let name = current.physical_id.as_deref().unwrap_or_default();
            let properties = &request.properties;
            let trust = json!({
                "RoleName": name,
                "PolicyDocument": properties.get("AssumeRolePolicyDocument").map(document),
            });
            IAM.call(door, "UpdateAssumeRolePolicy", trust).await?;
            let role = input([
                ("RoleName", Some(name.into())),
                ("Description", Some(properties.get("Description").cloned().unwrap_or_else(|| "".into()))),
                (
                    "MaxSessionDuration",
                    Some(properties.get("MaxSessionDuration").cloned().unwrap_or_else(|| 3600.into())),
                ),
            ]);
            IAM.call(door, "UpdateRole", role).await?;
            let request = Request { name: name.to_owned(), ..request.clone() };
            put_policies(door, &request).await?;
            let kept = policy_names(properties);
            for policy in
                policy_names(&current.properties).into_iter().filter(|policy| !kept.contains(policy))
            {
                delete_policy(door, name, &policy).await?;
            }
            let before = tags::of(&current.properties, &current.tags);
            let role = json!({"RoleName": name});
            IAM.retag(door, TAG_ROLE, &role, &before, &tags::merged(&request)).await?;
            made(door, name).await
        })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async {
            let name = resource.physical_id.as_deref().unwrap_or_default();
            for policy in policy_names(&resource.properties) {
                delete_policy(door, name, &policy).await?;
            }
            IAM.delete(door, "DeleteRole", json!({"RoleName": name})).await
        })
    }
}

async fn made(door: &Door, name: &str) -> Result<Made, Failure> {
    let answer = IAM.call(door, "GetRole", json!({"RoleName": name})).await?;
    let role = |member: &str| text(&answer, &["Role", member]);
    Ok(Made {
        physical_id: name.to_owned(),
        attributes: attributes([("Arn", role("Arn")), ("RoleId", role("RoleId"))]),
    })
}

/// A policy as IAM takes it: text stays text.
pub(super) fn document(value: &Value) -> Value {
    match value {
        Value::String(_) => value.clone(),
        other => other.to_string().into(),
    }
}

fn policies(properties: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let policies = properties.get("Policies").and_then(Value::as_array).into_iter().flatten();
    policies.filter_map(|policy| Some((policy.get("PolicyName")?.as_str()?, policy.get("PolicyDocument")?)))
}

fn policy_names(properties: &Map<String, Value>) -> Vec<String> {
    policies(properties).map(|(name, _)| name.to_owned()).collect()
}

async fn put_policies(door: &Door, request: &Request) -> Result<(), Failure> {
    for (policy, written) in policies(&request.properties) {
        let input =
            json!({"RoleName": request.name, "PolicyName": policy, "PolicyDocument": document(written)});
        IAM.call(door, "PutRolePolicy", input).await?;
    }
    Ok(())
}

async fn delete_policy(door: &Door, role: &str, policy: &str) -> Result<(), Failure> {
    let policy = json!({"RoleName": role, "PolicyName": policy});
    IAM.delete(door, "DeleteRolePolicy", policy).await.map(drop)
}
