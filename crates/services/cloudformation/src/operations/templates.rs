//! `GetTemplate`, `GetTemplateSummary`, `ValidateTemplate`.

use api::Context;
use template::Template;

use super::prepare::{body, unrecognized_types};
use crate::generated::types as model;
use crate::stack::{Definition, Status};
use crate::{Error, Inner};

/// `GetTemplate`. Without transforms the processed template is the original one.
pub(super) async fn get(
    inner: &Inner,
    cx: &Context,
    input: model::GetTemplateInput,
) -> Result<model::GetTemplateOutput, Error> {
    let definition = definition(inner, cx, &input).await?;
    let text = inner.stacks.template(&definition.template_id).await?.unwrap_or_default();
    Ok(model::GetTemplateOutput {
        template_body: Some(text),
        stages_available: Some(["Original", "Processed"].map(str::to_owned).to_vec()),
    })
}

async fn definition(
    inner: &Inner,
    cx: &Context,
    input: &model::GetTemplateInput,
) -> Result<Definition, Error> {
    if let Some(name) = &input.change_set_name {
        let not_found = || Error::ChangeSetNotFound(name.clone());
        let stack = match &input.stack_name {
            Some(stack) => Some(inner.stack(cx, stack).await?.state.stack),
            None if name.starts_with("arn:") => None,
            None => {
                let text = "StackName must be specified if ChangeSetName is not specified as an ARN.";
                return Err(Error::Validation(text.to_owned()));
            }
        };
        let uuid = name.rsplit('/').next().unwrap_or_default();
        let key = format!("{}/{}/{uuid}", cx.account, cx.region);
        let found = match &stack {
            Some(stack) => {
                let records = inner.stacks.change_sets_of(stack).await?;
                records.into_iter().find(|record| record.value.name == *name || record.value.arn() == *name)
            }
            None => inner.stacks.change_sets().get(&key).await?.filter(|record| record.value.arn() == *name),
        };
        return Ok(found.ok_or_else(not_found)?.value.definition);
    }
    let Some(name) = &input.stack_name else {
        return Err(Error::Validation("StackName is required if ChangeSetName is not specified.".to_owned()));
    };
    let stack = inner.find(cx, name).await?.ok_or_else(|| Error::StackWithId(name.clone()))?.state.stack;
    if stack.status == Status::ReviewInProgress {
        let text = format!("GetTemplate cannot be called on REVIEW_IN_PROGRESS stacks: {name}");
        return Err(Error::Validation(text));
    }
    // While an update runs, the template is the one that it makes.
    Ok(match stack.operation {
        Some(operation) => operation.target,
        None => stack.definition,
    })
}

/// `GetTemplateSummary`.
pub(super) async fn summary(
    inner: &Inner,
    cx: &Context,
    input: model::GetTemplateSummaryInput,
) -> Result<model::GetTemplateSummaryOutput, Error> {
    if input.stack_set_name.is_some() || input.call_as.is_some() {
        return Err(Error::NotServed("StackSetName".to_owned()));
    }
    let text = match &input.stack_name {
        Some(name) => {
            let stack =
                inner.find(cx, name).await?.ok_or_else(|| Error::StackWithId(name.clone()))?.state.stack;
            if stack.status == Status::ReviewInProgress {
                let text = "GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.";
                return Err(Error::Validation(text.to_owned()));
            }
            inner.stacks.template(&stack.definition.template_id).await?.unwrap_or_default()
        }
        None => body(input.template_body, input.template_url.as_deref())?,
    };
    let template = Template::parse(&text)?;
    let unknown = unrecognized_types(&template);
    let lenient = input
        .template_summary_config
        .is_some_and(|config| config.treat_unrecognized_resource_types_as_warnings == Some(true));
    if !unknown.is_empty() && !lenient {
        return Err(Error::UnrecognizedTypes(unknown));
    }
    let required = template.required_capabilities();
    let mut types: Vec<String> =
        template.resources.values().map(|resource| resource.type_name.clone()).collect();
    types.sort();
    types.dedup();
    Ok(model::GetTemplateSummaryOutput {
        parameters: Some(declarations(&template)),
        description: template.description.clone(),
        capabilities: required.capability.map(|capability| vec![capability.to_owned()]),
        capabilities_reason: required.reason(),
        resource_types: Some(types),
        version: template.format_version.clone(),
        metadata: template.metadata.as_ref().map(ToString::to_string),
        declared_transforms: (!template.transforms.is_empty()).then(|| template.transforms.clone()),
        resource_identifier_summaries: None,
        warnings: (!unknown.is_empty())
            .then_some(model::Warnings { unrecognized_resource_types: Some(unknown) }),
    })
}

fn declarations(template: &Template) -> Vec<model::ParameterDeclaration> {
    let declared = template.parameters.iter().map(|(name, parameter)| model::ParameterDeclaration {
        parameter_key: Some(name.clone()),
        default_value: parameter.default.clone(),
        parameter_type: Some(parameter.type_name.clone()),
        no_echo: Some(parameter.no_echo),
        description: parameter.description.clone(),
        parameter_constraints: Some(model::ParameterConstraints {
            allowed_values: (!parameter.allowed_values.is_empty()).then(|| parameter.allowed_values.clone()),
        }),
    });
    declared.collect()
}

/// `ValidateTemplate`.
pub(super) fn validate(
    _: &Context,
    input: model::ValidateTemplateInput,
) -> Result<model::ValidateTemplateOutput, Error> {
    let template = Template::parse(&body(input.template_body, input.template_url.as_deref())?)?;
    template.graph().levels()?;
    let required = template.required_capabilities();
    let parameters = template.parameters.iter().map(|(name, parameter)| model::TemplateParameter {
        parameter_key: Some(name.clone()),
        default_value: parameter.default.clone(),
        no_echo: Some(parameter.no_echo),
        description: parameter.description.clone(),
    });
    Ok(model::ValidateTemplateOutput {
        parameters: Some(parameters.collect()),
        description: template.description.clone(),
        capabilities: required.capability.map(|capability| vec![capability.to_owned()]),
        capabilities_reason: required.reason(),
        declared_transforms: (!template.transforms.is_empty()).then(|| template.transforms.clone()),
    })
}
