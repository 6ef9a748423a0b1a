//! `AWS::StepFunctions::StateMachine`: a state machine, its definition given as text or as an object.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use types::Arn;

use super::client::{Client, SMALL_TAG_RESOURCE};
use super::schema::{TAGS, to_api};
use super::{
    Deletion, Failure, HandlerErrorCode, Kind, Made, Naming, Property, ResourceType, Tagging, attributes,
    input, tags, text,
};
use crate::door::Door;
use crate::stack::{Request, Resource, Sighting, Tag};

pub(super) struct StateMachine;

const STATES: Client = Client::old("states", "AWSStepFunctions");

const PROPERTIES: &[Property] = &[
    Property::new("Definition", Kind::Json),
    Property::refused("DefinitionS3Location"),
    Property::new("DefinitionString", Kind::Text),
    Property::new("DefinitionSubstitutions", Kind::Json),
    Property::refused("EncryptionConfiguration"),
    Property::new(
        "LoggingConfiguration",
        Kind::Object(&[
            Property::new(
                "Destinations",
                Kind::List(&Kind::Object(&[Property::new(
                    "CloudWatchLogsLogGroup",
                    Kind::Object(&[Property::new("LogGroupArn", Kind::Text)]),
                )])),
            ),
            Property::new("IncludeExecutionData", Kind::Boolean),
            Property::new("Level", Kind::Text),
        ]),
    ),
    Property::new("RoleArn", Kind::Text).required(),
    Property::new("StateMachineName", Kind::Text).replaces(),
    Property::new("StateMachineType", Kind::Text).replaces(),
    Property::new("Tags", TAGS),
    Property::new("TracingConfiguration", Kind::Object(&[Property::new("Enabled", Kind::Boolean)])),
];

/// Greatest length of a definition, in bytes.
const DEFINITION_BYTES_MAX: usize = 1_048_576;

/// How often substitutions are repeated: values may hold further `${keys}`.
const SUBSTITUTION_ROUNDS_MAX: usize = 32;

impl ResourceType for StateMachine {
    fn type_name(&self) -> &'static str {
        "AWS::StepFunctions::StateMachine"
    }

    fn properties(&self) -> &'static [Property] {
        PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["Arn", "Name", "StateMachineRevisionId"]
    }

    fn naming(&self) -> Naming {
        Naming { property: Some("StateMachineName"), length_max: 80, with_stack: false, is_unique: true }
    }

    fn look<'a>(&'a self, door: &'a Door, request: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async {
            // Faults of the definition's own form come first, as AWS's handler has them.
            definition(&request.properties)?;
            let arn = arn(door, &request.name);
            match STATES.has(door, "DescribeStateMachine", json!({"stateMachineArn": arn})).await? {
                true => {
                    Err(Failure::handler("State machine already exists", HandlerErrorCode::AlreadyExists))
                }
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
            let api = to_api(PROPERTIES, properties);
            let machine = input([
                ("name", Some(request.name.clone().into())),
                ("definition", Some(definition(properties)?.into())),
                ("roleArn", api.get("roleArn").cloned()),
                ("type", properties.get("StateMachineType").cloned()),
                ("loggingConfiguration", api.get("loggingConfiguration").cloned()),
                ("tracingConfiguration", api.get("tracingConfiguration").cloned()),
                ("tags", tags::listed(&tags::merged(request), "key", "value")),
            ]);
            let arn = match STATES.ask(door, "CreateStateMachine", machine).await {
                Ok(answer) => text(&answer, &["stateMachineArn"]).to_owned(),
                // The name was free when it was looked at: an earlier try of ours has taken it.
                Err(error) if resumed && error.error.code.contains("AlreadyExists") => {
                    arn(door, &request.name)
                }
                Err(error) => return Err(STATES.failure(&error)),
            };
            Ok(made(arn, &request.name, "INITIAL"))
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
            let api = to_api(PROPERTIES, &request.properties);
            // A configuration that left the template stays as it is, as on AWS.
            let machine = input([
                ("stateMachineArn", Some(arn.clone().into())),
                ("definition", Some(definition(&request.properties)?.into())),
                ("roleArn", api.get("roleArn").cloned()),
                ("loggingConfiguration", api.get("loggingConfiguration").cloned()),
                ("tracingConfiguration", api.get("tracingConfiguration").cloned()),
            ]);
            let answer = STATES.call(door, "UpdateStateMachine", machine).await?;
            let before = tags::of(&current.properties, &current.tags);
            let resource = json!({"resourceArn": arn});
            STATES.retag(door, SMALL_TAG_RESOURCE, &resource, &before, &tags::merged(request)).await?;
            let name = current.attributes.get("Name").and_then(Value::as_str).unwrap_or_default();
            // A machine that nothing has changed yet has its first revision.
            let revision = answer.get("revisionId").and_then(Value::as_str).unwrap_or("INITIAL");
            Ok(made(arn.clone(), name, revision))
        })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async {
            let machine = json!({"stateMachineArn": resource.physical_id});
            STATES.delete(door, "DeleteStateMachine", machine.clone()).await?;
            // It is there until its executions have ended.
            match STATES.has(door, "DescribeStateMachine", machine).await? {
                true => Ok(Deletion::Pending),
                false => Ok(Deletion::Done),
            }
        })
    }
}

fn arn(door: &Door, name: &str) -> String {
    Arn::new("states", &door.region, &door.account, format!("stateMachine:{name}")).to_string()
}

fn made(arn: String, name: &str, revision: &str) -> Made {
    let attributes = attributes([("Arn", &arn), ("Name", name), ("StateMachineRevisionId", revision)]);
    Made { physical_id: arn, attributes }
}

/// The definition's text, substitutions made.
///
/// Source: the public handler of the resource type.
fn definition(properties: &Map<String, Value>) -> Result<String, Failure> {
    let invalid = |text: &str| Failure::handler(text, HandlerErrorCode::InvalidRequest);
    let written = match (properties.get("DefinitionString"), properties.get("Definition")) {
        (Some(text), None) => text.as_str().unwrap_or_default().to_owned(),
        (None, Some(object)) if object.is_object() => {
            // Pretty, its keys sorted.
            serde_json::to_string_pretty(&sorted(object))
                .map_err(|_| invalid("Invalid StateMachine definition."))?
        }
        (None, Some(_)) => return Err(invalid("Invalid StateMachine definition.")),
        (None, None) => {
            return Err(invalid(
                "Property validation failed. Required key [DefinitionS3Location], [DefinitionString] or [Definition] not found.",
            ));
        }
        (Some(_), Some(_)) => {
            return Err(invalid(
                "Property validation failed. Please use one of [DefinitionS3Location], [DefinitionString] or [Definition].",
            ));
        }
    };
    let text = match properties.get("DefinitionSubstitutions") {
        Some(substitutions) => substituted(written, substitutions)?,
        None => written,
    };
    if text.len() > DEFINITION_BYTES_MAX {
        return Err(invalid("State Machine definition file cannot exceed 1MB."));
    }
    Ok(text)
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            members
                .into_iter()
                .map(|(name, value)| (name.clone(), sorted(value)))
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(elements) => elements.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// `${key}` becomes the key's value, again and again as long as values bring further keys; unknown keys stay.
fn substituted(mut text: String, substitutions: &Value) -> Result<String, Failure> {
    let wrong = || {
        let text = "Invalid definition substitution type. Input should be either String, Integer, or Boolean";
        Failure::handler(text, HandlerErrorCode::InvalidRequest)
    };
    let substitutions = substitutions.as_object().ok_or_else(wrong)?;
    let mut pairs = Vec::new();
    for (key, value) in substitutions {
        let value = match value {
            Value::String(value) => value.clone(),
            Value::Bool(value) => value.to_string(),
            Value::Number(value) if !value.is_f64() => value.to_string(),
            Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => return Err(wrong()),
        };
        pairs.push((format!("${{{key}}}"), value));
    }
    for _ in 0..SUBSTITUTION_ROUNDS_MAX {
        let before = text.clone();
        for (key, value) in &pairs {
            text = text.replace(key, value);
            if text.len() > DEFINITION_BYTES_MAX {
                return Ok(text);
            }
        }
        if text == before {
            return Ok(text);
        }
    }
    Err(Failure::handler(
        "Endless loop detected in substitution of string definition.",
        HandlerErrorCode::InvalidRequest,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(properties: Value) -> Result<String, String> {
        definition(properties.as_object().unwrap()).map_err(|failure| failure.reason("t"))
    }

    #[test]
    fn definitions() {
        let text = of(json!({"Definition": {"b": 1, "a": {"d": [], "c": "${x}"}},
            "DefinitionSubstitutions": {"x": "${y}", "y": 7}}));
        let expected = "{\n  \"a\": {\n    \"c\": \"7\",\n    \"d\": []\n  },\n  \"b\": 1\n}";
        assert_eq!(text.unwrap(), expected);
        assert_eq!(
            of(json!({"DefinitionString": "${a} ${b}", "DefinitionSubstitutions": {"a": true}})).unwrap(),
            "true ${b}"
        );
        for (properties, reason) in [
            (json!({}), "Required key [DefinitionS3Location]"),
            (json!({"Definition": {}, "DefinitionString": ""}), "Please use one of"),
            (json!({"Definition": "x"}), "Invalid StateMachine definition."),
            (json!({"DefinitionString": "", "DefinitionSubstitutions": {"a": []}}), "substitution type"),
            (json!({"DefinitionString": "${a}", "DefinitionSubstitutions": {"a": "${a}${a}"}}), "1MB"),
        ] {
            let got = of(properties).unwrap_err();
            assert!(got.contains(reason), "{got}");
        }
    }
}
