//! `secrets`: variables whose values are in Parameter Store or in Secrets Manager.
//!
//! Values are read when a task is prepared, which shows that they can be, and again right before a container is started.
//! They are in no record of this crate and in no log. What the container engine is told, it keeps for its owner alone.
//!
//! Source: Amazon ECS Developer Guide, "Pass sensitive data to an Amazon ECS container"; the words of failures as tasks on
//! Fargate and the container agent on EC2 have them.

use std::collections::BTreeMap;

use api::Dispatcher;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use types::Arn;

use crate::error::Error;
use crate::execution_role::ExecutionRole;
use crate::generated::types::{ContainerDefinition, RegisterTaskDefinitionInput};
use crate::task::{Container, LaunchType, Task};

/// Parameters that are asked for at once.
const PARAMETERS_MAX: usize = 10;

/// A variable, and where its value is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretVariable {
    /// The variable.
    pub name: String,
    /// `valueFrom`.
    pub value_from: String,
}

/// Where a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    /// A parameter, by its name, in a region; none: the task's.
    Parameter { region: Option<String>, name: String },
    /// A secret, or a member of it where that is JSON.
    Secret { region: String, id: String, json_key: String, stage: String, version: String },
}

/// Checks the secrets of a container that is to be registered.
///
/// # Errors
/// [`Error::Client`].
pub fn check(container: &ContainerDefinition, task: &RegisterTaskDefinitionInput) -> Result<(), Error> {
    let secrets = container.secrets.as_deref().unwrap_or_default();
    for (at, secret) in secrets.iter().enumerate() {
        if secret.name.is_empty() {
            return Err(Error::client("Secret name should not be null or empty."));
        }
        if secret.value_from.is_empty() {
            return Err(Error::client("Secret valueFrom should not be null or empty."));
        }
        let mut variables = container.environment.iter().flatten();
        let twice = secrets.iter().take(at).any(|other| other.name == secret.name);
        if twice || variables.any(|variable| variable.name.as_ref() == Some(&secret.name)) {
            return Err(Error::client(format!(
                "The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '{}'.",
                secret.name
            )));
        }
        if Source::parse(&secret.value_from).is_none() {
            return Err(Error::client("Invalid ARN syntax."));
        }
    }
    if !secrets.is_empty() && task.execution_role_arn.as_deref().is_none_or(str::is_empty) {
        return Err(Error::client(
            "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
        ));
    }
    Ok(())
}

/// The secrets of a container.
pub fn read(container: &ContainerDefinition) -> Vec<SecretVariable> {
    let secrets = container.secrets.iter().flatten();
    secrets
        .map(|secret| SecretVariable { name: secret.name.clone(), value_from: secret.value_from.clone() })
        .collect()
}

/// The variables of a container's secrets, with their values.
///
/// # Errors
/// The reason for which the task does not start.
pub async fn resolve(
    dispatcher: &Dispatcher,
    task: &Task,
    container: &Container,
) -> Result<Vec<(String, String)>, String> {
    let role = ExecutionRole::of(task, dispatcher);
    let mut sources = Vec::with_capacity(container.secrets.len());
    for variable in &container.secrets {
        let source =
            Source::parse(&variable.value_from).ok_or_else(|| reason(task, Service::Secrets, ARN_FORMAT))?;
        sources.push((variable.name.clone(), source));
    }
    let parameters = parameters(&role, task, &sources).await?;
    let mut variables = Vec::with_capacity(sources.len());
    for (name, source) in sources {
        let value = match &source {
            Source::Parameter { region, name } => {
                let place = (region.clone().unwrap_or_else(|| task.region.clone()), name.clone());
                // All of them are there: what was not has failed already.
                parameters.get(&place).cloned().unwrap_or_default()
            }
            Source::Secret { .. } => secret(&role, task, &source).await?,
        };
        variables.push((name, value));
    }
    Ok(variables)
}

const ARN_FORMAT: &str = "unexpected ARN format with parameters when trying to retrieve ASM secret";

/// Who keeps a value.
#[derive(Clone, Copy)]
enum Service<'a> {
    Parameters { region: &'a str },
    Secrets,
}

/// The words for what went wrong.
fn reason(task: &Task, service: Service<'_>, cause: &str) -> String {
    match (task.launch_type, service) {
        (LaunchType::Fargate, service) => {
            let what = match service {
                Service::Parameters { .. } => "secrets from ssm",
                Service::Secrets => "secret from asm",
            };
            format!(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve {what}: {cause}"
            )
        }
        (LaunchType::Ec2, Service::Parameters { region }) => {
            format!("Fetching secret data from SSM Parameter Store in {region}: {cause}")
        }
        (LaunchType::Ec2, Service::Secrets) => {
            format!("Fetching secret data from AWS Secrets Manager in region {}: {cause}", task.region)
        }
    }
}

/// The values of all parameters among the sources, by their regions and names.
async fn parameters(
    role: &ExecutionRole<'_>,
    task: &Task,
    sources: &[(String, Source)],
) -> Result<BTreeMap<(String, String), String>, String> {
    let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, source) in sources {
        if let Source::Parameter { region, name } = source {
            let names = wanted.entry(region.clone().unwrap_or_else(|| task.region.clone())).or_default();
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    let mut found = BTreeMap::new();
    for (region, names) in &wanted {
        for names in names.chunks(PARAMETERS_MAX) {
            let service = Service::Parameters { region };
            let input = json!({ "Names": names, "WithDecryption": true });
            let answer = role.call(region, "ssm", "GetParameters", input).await.map_err(|refusal| {
                let cause = match task.launch_type {
                    LaunchType::Fargate => refusal.after_retries(""),
                    LaunchType::Ec2 => refusal.answer(),
                };
                reason(task, service, &cause)
            })?;
            let answer = answer.output;
            let missing = texts(&answer["InvalidParameters"]);
            if !missing.is_empty() {
                return Err(reason(task, service, &missing_parameters(task, &missing)));
            }
            let parameters = answer["Parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
            for (name, parameter) in names.iter().zip(parameters) {
                let value = parameter["Value"].as_str().unwrap_or_default().to_owned();
                found.insert((region.clone(), name.clone()), value);
            }
        }
    }
    Ok(found)
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn missing_parameters(task: &Task, names: &[&str]) -> String {
    match task.launch_type {
        LaunchType::Fargate => {
            format!("service call has been retried 1 time(s): invalid ssm parameters: {}", names.join(", "))
        }
        LaunchType::Ec2 => format!("invalid parameters: {}", names.join(",")),
    }
}

async fn secret(role: &ExecutionRole<'_>, task: &Task, source: &Source) -> Result<String, String> {
    let Source::Secret { region, id, json_key, stage, version } = source else { return Ok(String::new()) };
    let mut input = json!({ "SecretId": id });
    for (member, value) in [("VersionStage", stage), ("VersionId", version)] {
        if !value.is_empty() {
            input[member] = json!(value);
        }
    }
    let answer = role.call(region, "secretsmanager", "GetSecretValue", input).await.map_err(|refusal| {
        let cause = match task.launch_type {
            LaunchType::Fargate => {
                refusal.after_retries(&format!("failed to fetch secret {id} from secrets manager: "))
            }
            LaunchType::Ec2 => format!("secret {id}: {}", refusal.answer()),
        };
        reason(task, Service::Secrets, &cause)
    })?;
    let text = answer.output["SecretString"].as_str();
    let value = match (text, json_key.as_str()) {
        (None, _) => Err(format!("secret {id} has no SecretString")),
        (Some(text), "") => Ok(text.to_owned()),
        (Some(text), key) => member(text, key),
    };
    value.map_err(|cause| {
        let cause = match task.launch_type {
            LaunchType::Fargate => format!("service call has been retried 1 time(s): {cause}"),
            LaunchType::Ec2 => cause,
        };
        reason(task, Service::Secrets, &cause)
    })
}

/// A member of a secret that is a JSON object. What the secret holds is in no error.
fn member(text: &str, key: &str) -> Result<String, String> {
    let Ok(Value::Object(members)) = serde_json::from_str(text) else {
        return Err("retrieved secret from Secrets Manager is not a JSON object".to_owned());
    };
    match members.get(key) {
        Some(Value::String(value)) => Ok(value.clone()),
        Some(other) => Ok(other.to_string()),
        None => Err(format!("retrieved secret from Secrets Manager did not contain json key {key}")),
    }
}

impl Source {
    /// Reads `valueFrom`: a parameter's name or ARN, or a secret's ARN with `:json-key:version-stage:version-id`, any of
    /// which may be empty. `None` where it is none of them.
    fn parse(value_from: &str) -> Option<Self> {
        if !value_from.starts_with("arn:") {
            return Some(Self::Parameter { region: None, name: value_from.to_owned() });
        }
        let arn: Arn = value_from.parse().ok()?;
        match arn.service.as_str() {
            "ssm" if arn.resource.starts_with("parameter/") => {
                Some(Self::Parameter { region: Some(arn.region), name: value_from.to_owned() })
            }
            "secretsmanager" => {
                let Arn { partition, region, account, resource, .. } = arn;
                let parts: Vec<&str> = resource.split(':').collect();
                let (name, rest) = match parts.as_slice() {
                    ["secret", name] => (*name, ["", "", ""]),
                    ["secret", name, json_key, stage, version] => (*name, [*json_key, *stage, *version]),
                    _ => return None,
                };
                let [json_key, stage, version] = rest.map(str::to_owned);
                let id = format!("arn:{partition}:secretsmanager:{region}:{account}:secret:{name}");
                let named = !name.is_empty() && !region.is_empty();
                named.then_some(Self::Secret { region, id, json_key, stage, version })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_value_from() {
        let parameter = |region: Option<&str>, name: &str| Source::Parameter {
            region: region.map(str::to_owned),
            name: name.to_owned(),
        };
        assert_eq!(Source::parse("/a/b"), Some(parameter(None, "/a/b")));
        let arn = "arn:aws:ssm:eu-west-1:000000000000:parameter/a/b";
        assert_eq!(Source::parse(arn), Some(parameter(Some("eu-west-1"), arn)));
        let secret = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:db-AbCdEf";
        let whole = Source::parse(secret).unwrap();
        assert_eq!(Source::parse(&format!("{secret}:::")), Some(whole));
        let Some(Source::Secret { id, json_key, stage, version, .. }) =
            Source::parse(&format!("{secret}:password:AWSPREVIOUS:"))
        else {
            panic!("no secret");
        };
        assert_eq!((id.as_str(), json_key.as_str()), (secret, "password"));
        assert_eq!((stage.as_str(), version.as_str()), ("AWSPREVIOUS", ""));
        for other in ["arn:aws:s3:::b/k", "arn:aws:ssm:r:a:document/x", "arn:", &format!("{secret}:password")]
        {
            assert_eq!(Source::parse(other), None, "{other}");
        }
    }

    #[test]
    fn takes_members_of_json() {
        let secret = r#"{"user": "me", "port": 5432}"#;
        assert_eq!(member(secret, "user"), Ok("me".to_owned()));
        assert_eq!(member(secret, "port"), Ok("5432".to_owned()));
        assert!(member(secret, "other").unwrap_err().contains("did not contain json key other"));
        assert!(member("hunter2", "user").is_err_and(|error| !error.contains("hunter2")));
    }
}
