//! Dynamic references: the values that parameters of Parameter Store and secrets have.
//!
//! Plain parameters are looked up when a template is submitted, and keep their values until the next one is. What is
//! secret is looked up each time that a resource is made or changed, and is in no record.

use std::collections::BTreeMap;

use api::Context;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use template::limits::DYNAMIC_REFERENCES_MAX;
use template::{DynamicReference, EvaluatedText, Evaluation, Resolver, SecretValue, TemplateError};

use crate::Error;
use crate::blueprint;
use crate::door::{CallError, Door};
use crate::resources::{Failure, ResourceType, conform};
use crate::stacks::Export;

/// Stands where the value of a resource will be.
const UNKNOWN: &str = "\u{fffd}";

/// A stack before any of its resources is there.
struct Nothing<'e> {
    exports: &'e BTreeMap<String, Export>,
}

impl Resolver for Nothing<'_> {
    fn reference(&self, _: &str) -> Result<Value, TemplateError> {
        Ok(UNKNOWN.into())
    }

    fn attribute(&self, _: &str, _: &str) -> Result<Value, TemplateError> {
        Ok(UNKNOWN.into())
    }

    fn export(&self, name: &str) -> Result<String, TemplateError> {
        let export = self.exports.get(name).ok_or_else(|| TemplateError::NoExport(name.to_owned()))?;
        Ok(export.value.clone())
    }

    fn availability_zones(&self, region: &str) -> Result<Vec<String>, TemplateError> {
        Ok(blueprint::availability_zones(region))
    }
}

/// Looks up the plain parameters that a template refers to, by what stands between the braces.
///
/// # Errors
/// In AWS's words, where a reference is none, leads to nothing, or leads to a secret that may not stand there.
pub async fn look_up(
    cx: &Context,
    evaluation: &Evaluation<'_>,
    exports: &BTreeMap<String, Export>,
) -> Result<IndexMap<String, String>, Error> {
    let mut plain = Vec::new();
    let mut refused = Vec::new();
    let mut count = 0;
    for EvaluatedText { path, text } in evaluation.texts(&Nothing { exports }) {
        // What a resource of the stack makes up is a reference once the resource is there.
        if text.contains(UNKNOWN) {
            continue;
        }
        for reference in DynamicReference::all(&text)? {
            count += 1;
            match reference {
                DynamicReference::Ssm(_) if !plain.contains(&reference) => plain.push(reference),
                DynamicReference::SsmSecure(_) => refused.push(path.clone()),
                DynamicReference::Ssm(_) | DynamicReference::Secret(_) => {}
            }
        }
    }
    if count > DYNAMIC_REFERENCES_MAX {
        return Err(Error::Validation(format!(
            "Template format error: Number of dynamic references, {count}, is greater than maximum allowed, {DYNAMIC_REFERENCES_MAX}"
        )));
    }
    if !refused.is_empty() {
        return Err(Error::Validation(not_secure(&refused.join(","))));
    }
    values(cx, plain).await
}

async fn values(cx: &Context, plain: Vec<DynamicReference>) -> Result<IndexMap<String, String>, Error> {
    let (mut values, mut missing) = (IndexMap::new(), Vec::new());
    for reference in plain {
        let DynamicReference::Ssm(parameter) = &reference else { continue };
        let input = json!({"Name": parameter.to_string()});
        match cx.call(cx.principal.clone(), "ssm", "GetParameter", input).await {
            Ok(answer) => match plain_value(&answer) {
                Some(value) => drop(values.insert(reference.to_string(), value)),
                None => return Err(Error::Validation(not_plain(&parameter.name))),
            },
            Err(_) => missing.push(reference.to_string()),
        }
    }
    match missing.is_empty() {
        true => Ok(values),
        false => Err(Error::Validation(format!("Parameters: [{}] cannot be found.", missing.join(", ")))),
    }
}

/// A parameter's value, unless it is encrypted.
pub fn plain_value(answer: &Value) -> Option<String> {
    let parameter = answer.get("Parameter")?;
    let is_plain = parameter.get("Type").and_then(Value::as_str) != Some("SecureString");
    parameter.get("Value").and_then(Value::as_str).filter(|_| is_plain).map(str::to_owned)
}

fn not_secure(places: &str) -> String {
    // Only types that nobody serves here take them: of databases, directories, caches.
    format!("SSM Secure reference is not supported in: [{places}]")
}

fn not_plain(name: &str) -> String {
    format!("Non-secure ssm prefix was used for secure parameter: [{name}]")
}

/// Properties as a handler is given them: with the values of the references that are left in them.
///
/// # Errors
/// Where one leads to nothing, in AWS's words.
pub async fn reveal(
    door: &Door,
    resource_type: &dyn ResourceType,
    logical_id: &str,
    properties: &Map<String, Value>,
) -> Result<Map<String, Value>, Failure> {
    let mut references = Vec::new();
    for value in properties.values() {
        collect(value, &mut references)?;
    }
    if references.is_empty() {
        return Ok(properties.clone());
    }
    let mut values = BTreeMap::new();
    for reference in references {
        if let std::collections::btree_map::Entry::Vacant(entry) = values.entry(reference) {
            let value = value(door, resource_type, entry.key()).await?;
            entry.insert(value);
        }
    }
    let resolve = |reference: &DynamicReference| values.get(reference).cloned();
    let revealed: Map<String, Value> = properties
        .iter()
        .map(|(name, value)| (name.clone(), DynamicReference::replace(value, &resolve)))
        .collect();
    conform(resource_type, logical_id, &revealed)
}

fn collect(value: &Value, references: &mut Vec<DynamicReference>) -> Result<(), Failure> {
    match value {
        Value::String(text) if DynamicReference::is_in(text) => {
            let found = DynamicReference::all(text).map_err(|error| Failure::plain(error.to_string()))?;
            references.extend(found);
            Ok(())
        }
        Value::Array(elements) => elements.iter().try_for_each(|element| collect(element, references)),
        Value::Object(members) => members.values().try_for_each(|member| collect(member, references)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

async fn value(
    door: &Door,
    resource_type: &dyn ResourceType,
    reference: &DynamicReference,
) -> Result<String, Failure> {
    match reference {
        DynamicReference::Ssm(parameter) => {
            let answer = door.call("ssm", "GetParameter", json!({"Name": parameter.to_string()})).await;
            let missing = |_| Failure::plain(format!("Parameters: [{reference}] cannot be found."));
            plain_value(&answer.map_err(missing)?).ok_or_else(|| Failure::plain(not_plain(&parameter.name)))
        }
        DynamicReference::SsmSecure(_) => {
            Err(Failure::plain(not_secure(&format!("{}/Properties", resource_type.type_name()))))
        }
        DynamicReference::Secret(secret) => {
            let answer = door.call("secretsmanager", "GetSecretValue", wanted(secret)).await;
            let failure = |error: CallError| Failure::of_reference("AWSSecretsManager", &error);
            let answer = answer.map_err(failure)?;
            let text = answer.get("SecretString").and_then(Value::as_str).unwrap_or_default();
            match &secret.json_key {
                Some(key) => member(text, key),
                None => Ok(text.to_owned()),
            }
        }
    }
}

fn wanted(secret: &SecretValue) -> Value {
    let members = [
        ("SecretId", Some(&secret.id)),
        ("VersionStage", secret.version_stage.as_ref()),
        ("VersionId", secret.version_id.as_ref()),
    ];
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
    given.collect::<Map<_, _>>().into()
}

/// A member of a secret that is an object.
fn member(text: &str, key: &str) -> Result<String, Failure> {
    let Ok(Value::Object(members)) = serde_json::from_str(text) else {
        return Err(Failure::plain("Could not parse SecretString JSON"));
    };
    match members.get(key) {
        Some(Value::String(value)) => Ok(value.clone()),
        Some(value) => Ok(value.to_string()),
        None => Err(Failure::plain("Could not find a value associated with JSONKey in SecretString")),
    }
}
