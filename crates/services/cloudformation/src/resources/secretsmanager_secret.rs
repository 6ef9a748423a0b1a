//! `AWS::SecretsManager::Secret`: a secret, whose value the template gives or Secrets Manager makes up.
//!
//! A value that is made up is in no record of CloudFormation's.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::client::{Client, TAG_RESOURCE};
use super::schema::TAGS;
use super::{
    Deletion, Failure, HandlerErrorCode, Kind, Made, Naming, Property, ResourceType, Tagging, attributes,
    input, tags, text,
};
use crate::door::Door;
use crate::stack::{Request, Resource, Sighting, Tag};

pub(super) struct Secret;

const SECRETS: Client = Client::new("secretsmanager", "SecretsManager");

const PROPERTIES: &[Property] = &[
    Property::new("Description", Kind::Text),
    Property::new(
        "GenerateSecretString",
        Kind::Object(&[
            Property::new("ExcludeCharacters", Kind::Text),
            Property::new("ExcludeLowercase", Kind::Boolean),
            Property::new("ExcludeNumbers", Kind::Boolean),
            Property::new("ExcludePunctuation", Kind::Boolean),
            Property::new("ExcludeUppercase", Kind::Boolean),
            Property::new("GenerateStringKey", Kind::Text),
            Property::new("IncludeSpace", Kind::Boolean),
            Property::new("PasswordLength", Kind::Integer),
            Property::new("RequireEachIncludedType", Kind::Boolean),
            Property::new("SecretStringTemplate", Kind::Text),
        ]),
    ),
    Property::new("KmsKeyId", Kind::Text),
    Property::new("Name", Kind::Text).replaces(),
    Property::refused("ReplicaRegions"),
    Property::new("SecretString", Kind::Text),
    Property::new("Tags", TAGS),
    Property::refused("Type"),
];

impl ResourceType for Secret {
    fn type_name(&self) -> &'static str {
        "AWS::SecretsManager::Secret"
    }

    fn properties(&self) -> &'static [Property] {
        PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["Id"]
    }

    fn naming(&self) -> Naming {
        Naming { property: Some("Name"), length_max: 512, with_stack: false, is_unique: true }
    }

    fn look<'a>(&'a self, door: &'a Door, request: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async {
            match SECRETS.has(door, "DescribeSecret", json!({"SecretId": request.name})).await? {
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
            let secret = input([
                ("Name", Some(request.name.clone().into())),
                ("Description", request.properties.get("Description").cloned()),
                ("KmsKeyId", request.properties.get("KmsKeyId").cloned()),
                ("SecretString", value(door, &request.properties).await?),
                ("Tags", tags::listed(&tags::merged(request), "Key", "Value")),
            ]);
            let answer = match SECRETS.ask(door, "CreateSecret", secret).await {
                // The name was free when it was looked at: an earlier try of ours has taken it.
                Err(error) if resumed && error.error.code.contains("Exists") => {
                    SECRETS.call(door, "DescribeSecret", json!({"SecretId": request.name})).await?
                }
                answer => answer.map_err(|error| SECRETS.failure(&error))?,
            };
            Ok(made(text(&answer, &["ARN"])))
        })
    }

    fn tagging(&self, _: &Door, made: &Made, tags: &[Tag]) -> Option<Tagging> {
        let input = json!({"SecretId": made.physical_id, "Tags": tags::listed(tags, "Key", "Value")});
        Some(Tagging { service: "secretsmanager", operation: "TagResource", input })
    }

    fn update<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async move {
            let arn = current.physical_id.as_deref().unwrap_or_default();
            let differs = |name: &str| current.properties.get(name) != request.properties.get(name);
            // A value that was made up stays as long as the way in which it is made up does.
            let fresh = match differs("SecretString") || differs("GenerateSecretString") {
                true => value(door, &request.properties).await?,
                false => None,
            };
            let description = request.properties.get("Description").cloned().unwrap_or_else(|| "".into());
            let secret = input([
                ("SecretId", Some(arn.into())),
                ("Description", Some(description)),
                ("KmsKeyId", request.properties.get("KmsKeyId").cloned()),
                ("SecretString", fresh),
            ]);
            SECRETS.call(door, "UpdateSecret", secret).await?;
            let before = tags::of(&current.properties, &current.tags);
            let resource = json!({"SecretId": arn});
            SECRETS.retag(door, TAG_RESOURCE, &resource, &before, &tags::merged(request)).await?;
            Ok(made(arn))
        })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async {
            // Without a recovery window, so that the stack can be made again.
            let input = json!({"SecretId": resource.physical_id, "ForceDeleteWithoutRecovery": true});
            SECRETS.delete(door, "DeleteSecret", input).await
        })
    }
}

/// The value that the properties give, or one that is made up as they say.
async fn value(door: &Door, properties: &Map<String, Value>) -> Result<Option<Value>, Failure> {
    let invalid = |text: &str| Failure::handler(text, HandlerErrorCode::InvalidRequest);
    let rules = properties.get("GenerateSecretString").and_then(Value::as_object);
    let rules = match (properties.get("SecretString"), rules) {
        (Some(_), Some(_)) => {
            return Err(invalid("You can't specify both SecretString and GenerateSecretString."));
        }
        (given, None) => return Ok(given.cloned()),
        (None, Some(rules)) => rules,
    };
    let mut wanted = rules.clone();
    wanted.retain(|name, _| name != "GenerateStringKey" && name != "SecretStringTemplate");
    let answer = SECRETS.call(door, "GetRandomPassword", wanted.into()).await?;
    let password = text(&answer, &["RandomPassword"]);
    let rule = |name: &str| rules.get(name).and_then(Value::as_str);
    match (rule("SecretStringTemplate"), rule("GenerateStringKey")) {
        (None, None) => Ok(Some(password.into())),
        (Some(template), Some(key)) => match serde_json::from_str(template) {
            Ok(Value::Object(mut members)) => {
                members.insert(key.to_owned(), password.into());
                Ok(Some(Value::Object(members).to_string().into()))
            }
            _ => Err(invalid("Could not parse SecretStringTemplate JSON.")),
        },
        _ => Err(invalid("You must specify both SecretStringTemplate and GenerateStringKey, or neither.")),
    }
}

fn made(arn: &str) -> Made {
    Made { physical_id: arn.to_owned(), attributes: attributes([("Id", arn)]) }
}
