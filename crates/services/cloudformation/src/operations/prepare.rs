//! What a caller submits, checked: template, values, capabilities. Before anything is recorded.

use api::Context;
use indexmap::IndexMap;
use serde_json::{Value, json};
use template::{DeletionPolicy, Parameters, Reference, Template, TemplateError};

use crate::blueprint::{self, Blueprint};
use crate::door::Door;
use crate::generated::types as model;
use crate::limits::TEMPLATE_BODY_BYTES_MAX;
use crate::stack::{Definition, OnFailure, Stack, Tag};
use crate::{Error, Inner, references, resources};

/// What a caller submits.
pub(super) struct Submission {
    pub template_body: Option<String>,
    pub template_url: Option<String>,
    pub use_previous_template: bool,
    pub parameters: Vec<model::Parameter>,
    pub tags: Option<Vec<model::Tag>>,
    pub capabilities: Vec<String>,
    pub role_arn: Option<String>,
}

/// A submission that can be carried out.
pub(super) struct Prepared {
    pub text: String,
    pub blueprint: Blueprint,
    pub definition: Definition,
}

/// Checks a submission for `stack`, which may be one that is only about to be. `previous`: what the stack is so far.
pub(super) async fn prepare(
    inner: &Inner,
    cx: &Context,
    stack: &Stack,
    previous: Option<&Definition>,
    submission: Submission,
) -> Result<Prepared, Error> {
    let text = match (&submission.template_body, submission.use_previous_template, previous) {
        (None, true, Some(previous)) => {
            inner.stacks.template(&previous.template_id).await?.unwrap_or_default()
        }
        _ => body(submission.template_body, submission.template_url.as_deref())?,
    };
    let template = Template::parse(&text)?;
    check_served(&template)?;
    template.graph().levels()?;
    let given = given(&template, &submission.parameters, previous)?;
    let mut parameters = template.resolve_parameters(&given)?;
    look_up(cx, &mut parameters).await?;
    let required = template.required_capabilities();
    if let Some(capability) = required.capability
        && !required.are_met_by(submission.capabilities.iter().map(String::as_str))
    {
        return Err(Error::InsufficientCapabilities(capability));
    }
    if let Some(role_arn) = &submission.role_arn {
        check_role(cx, role_arn).await?;
    }
    let tags = match (submission.tags, previous) {
        (Some(tags), _) => tags.into_iter().map(|tag| Tag { key: tag.key, value: tag.value }).collect(),
        (None, Some(previous)) => previous.tags.clone(),
        (None, None) => Vec::new(),
    };
    let kept = blueprint::kept(&parameters);
    let blueprint = Blueprint::new(template, parameters, blueprint::pseudo(stack));
    // Conditions and rules must hold before anything is begun.
    let evaluation = blueprint.evaluation()?;
    blueprint::order(&evaluation)?;
    let exports = inner.stacks.exports(&cx.account, &cx.region).await?;
    let references = references::look_up(cx, &evaluation, &exports).await?;
    let definition = Definition {
        template_id: format!("{}/{}", stack.key(), api::ids::uuid()),
        parameters: kept,
        references: references.clone(),
        tags,
        capabilities: submission.capabilities,
    };
    let blueprint = blueprint.with_references(references.into_iter().collect());
    Ok(Prepared { text, blueprint, definition })
}

/// The text of a template in a request.
pub(super) fn body(body: Option<String>, url: Option<&str>) -> Result<String, Error> {
    match (body, url) {
        (Some(body), None) if body.len() > TEMPLATE_BODY_BYTES_MAX => Err(Error::Validation(format!(
            "1 validation error detected: Value '{body}' at 'templateBody' failed to satisfy constraint: Member must have \
             length less than or equal to {TEMPLATE_BODY_BYTES_MAX}"
        ))),
        (Some(body), None) => Ok(body),
        (None, Some(_)) => Err(Error::NotServed("TemplateURL".to_owned())),
        (None, None) => {
            Err(Error::Validation("Either Template URL or Template Body must be specified.".to_owned()))
        }
        (Some(_), Some(_)) => {
            Err(Error::Validation("Only one of Template URL and Template Body may be specified.".to_owned()))
        }
    }
}

/// Refuses what nobody here could make, before anything is.
fn check_served(template: &Template) -> Result<(), Error> {
    if let Some(transform) = template.transforms.first() {
        return Err(Error::Validation(format!("No transform named {transform} found.")));
    }
    let unknown = unrecognized_types(template);
    if !unknown.is_empty() {
        return Err(Error::UnrecognizedTypes(unknown));
    }
    for resource in template.resources.values() {
        if resource.creation_policy.is_some() {
            return Err(Error::NotServed("CreationPolicy".to_owned()));
        }
        if resource.update_policy.is_some() {
            return Err(Error::NotServed("UpdatePolicy".to_owned()));
        }
        let policies = [resource.deletion_policy, resource.update_replace_policy];
        if policies.contains(&Some(DeletionPolicy::Snapshot)) {
            return Err(Error::Validation(format!(
                "Template error: resource type {} does not support deletion policy Snapshot",
                resource.type_name
            )));
        }
    }
    check_attributes(template)
}

/// Types that are not served, each once, sorted.
pub(super) fn unrecognized_types(template: &Template) -> Vec<String> {
    let types = template.resources.values().map(|resource| resource.type_name.clone());
    let mut unknown: Vec<String> = types.filter(|type_name| resources::of(type_name).is_none()).collect();
    unknown.sort();
    unknown.dedup();
    unknown
}

fn check_attributes(template: &Template) -> Result<(), Error> {
    let of_resources = template.resources.values().flat_map(|resource| resource.properties.values());
    let of_outputs =
        template.outputs.values().flat_map(|output| std::iter::once(&output.value).chain(&output.export));
    for reference in of_resources.chain(of_outputs).flat_map(template::Expression::references) {
        let Reference::Attribute { resource, attribute: Some(attribute) } = reference else { continue };
        let type_name = template.resources.get(resource).map(|resource| resource.type_name.as_str());
        let Some(resource_type) = type_name.and_then(resources::of) else { continue };
        if !resource_type.attributes().contains(&attribute) {
            return Err(TemplateError::NoAttribute {
                type_name: resource_type.type_name().to_owned(),
                attribute: attribute.to_owned(),
            }
            .into());
        }
    }
    Ok(())
}

/// The values given, previous ones filled in where they are asked for.
fn given(
    template: &Template,
    parameters: &[model::Parameter],
    previous: Option<&Definition>,
) -> Result<IndexMap<String, String>, Error> {
    let mut given = IndexMap::new();
    for parameter in parameters {
        let key = parameter.parameter_key.clone().unwrap_or_default();
        if parameter.use_previous_value == Some(true) {
            let value = previous.and_then(|previous| previous.parameters.get(&key));
            match value {
                Some(value) => given.insert(key, value.text.clone()),
                None if template.parameters.contains_key(&key) => {
                    return Err(Error::Validation(format!(
                        "Invalid input for parameter key {key}. Cannot specify usePreviousValue as true for a parameter key \
                         not in the previous template"
                    )));
                }
                None => given.insert(key, String::new()),
            };
        } else {
            given.insert(key, parameter.parameter_value.clone().unwrap_or_default());
        }
    }
    Ok(given)
}

/// Looks up the values of `AWS::SSM::Parameter::Value<..>`.
async fn look_up(cx: &Context, parameters: &mut Parameters) -> Result<(), Error> {
    let open: Vec<(String, String)> =
        parameters.unresolved().map(|(name, ssm)| (name.to_owned(), ssm.to_owned())).collect();
    let (mut missing, mut encrypted) = (Vec::new(), Vec::new());
    for (name, ssm) in open {
        match cx.call(cx.principal.clone(), "ssm", "GetParameter", json!({"Name": ssm})).await {
            Err(_) => missing.push(ssm),
            Ok(answer) => match references::plain_value(&answer) {
                Some(value) => parameters.resolve(&name, value),
                None => encrypted.push(ssm),
            },
        }
    }
    if !missing.is_empty() {
        let text = format!(
            "Unable to fetch parameters [{}] from parameter store for this account.",
            missing.join(",")
        );
        return Err(Error::Validation(text));
    }
    match encrypted.is_empty() {
        true => Ok(()),
        false => Err(Error::Validation(format!(
            "Parameters [{}] referenced by template have types not supported by CloudFormation.",
            encrypted.join(",")
        ))),
    }
}

/// A stack's role must be there. Whether it may do what the stack needs shows when it does.
async fn check_role(cx: &Context, role_arn: &str) -> Result<(), Error> {
    let invalid = || Error::Role(role_arn.to_owned());
    let (_, path) = role_arn.split_once(":role/").ok_or_else(invalid)?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let door = Door {
        dispatcher: cx.dispatcher.clone(),
        principal: cx.principal.clone(),
        account: cx.account.clone(),
        region: cx.region.clone(),
    };
    let answer = door
        .as_cloudformation()
        .call("iam", "GetRole", json!({"RoleName": name}))
        .await
        .map_err(|_| invalid())?;
    let found = answer.get("Role").and_then(|role| role.get("Arn")).and_then(Value::as_str);
    if found == Some(role_arn) { Ok(()) } else { Err(invalid()) }
}

/// Refuses parts of requests that nothing here could honour.
pub(super) fn refuse(parts: &[(&str, bool)]) -> Result<(), Error> {
    match parts.iter().find(|(_, is_there)| *is_there) {
        Some((name, _)) => Err(Error::NotServed((*name).to_owned())),
        None => Ok(()),
    }
}

/// Whether a rollback configuration asks for anything.
pub(super) fn watches(configuration: Option<&model::RollbackConfiguration>) -> bool {
    configuration.is_some_and(|configuration| {
        configuration.rollback_triggers.as_ref().is_some_and(|triggers| !triggers.is_empty())
            || configuration.monitoring_time_in_minutes.is_some_and(|minutes| minutes > 0)
    })
}

/// `OnFailure`, `OnStackFailure`, `DisableRollback`.
pub(super) fn on_failure(name: Option<&str>, disable_rollback: Option<bool>) -> Result<OnFailure, Error> {
    match (name, disable_rollback) {
        (Some(_), Some(_)) => Err(Error::Validation(
            "You can specify either DisableRollback or OnFailure, but not both.".to_owned(),
        )),
        (Some("DO_NOTHING"), None) | (None, Some(true)) => Ok(OnFailure::DoNothing),
        (Some("DELETE"), None) => Ok(OnFailure::Delete),
        (_, _) => Ok(OnFailure::Rollback),
    }
}
