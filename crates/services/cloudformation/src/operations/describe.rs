//! What there is: stacks, resources, events, exports.

use api::Context;

use super::page;
use crate::generated::types as model;
use crate::limits::PAGE_ENTRIES;
use crate::stack::{Definition, Resource, Stack, State, Status};
use crate::{Error, Inner};

/// What a value is shown as that is not to be shown.
const HIDDEN: &str = "****";

/// `DescribeStacks`.
pub(super) async fn stacks(
    inner: &Inner,
    cx: &Context,
    input: model::DescribeStacksInput,
) -> Result<model::DescribeStacksOutput, Error> {
    if let Some(name) = &input.stack_name {
        let loaded = inner.find(cx, name).await?.ok_or_else(|| Error::StackWithId(name.clone()))?;
        return Ok(model::DescribeStacksOutput {
            stacks: Some(vec![stack(&loaded.state.stack)]),
            next_token: None,
        });
    }
    let mut all = inner.all(cx).await?;
    all.retain(|stack| stack.status != Status::DeleteComplete);
    let (stacks, next_token) = page::cut(all, input.next_token.as_deref())?;
    Ok(model::DescribeStacksOutput { stacks: Some(stacks.iter().map(stack).collect()), next_token })
}

fn stack(stack: &Stack) -> model::Stack {
    let definition = &stack.definition;
    let deleted = stack.status == Status::DeleteComplete;
    let outputs = stack.outputs.iter().map(|output| model::Output {
        output_key: Some(output.key.clone()),
        output_value: Some(output.value.clone()),
        description: output.description.clone(),
        export_name: output.export_name.clone(),
    });
    model::Stack {
        stack_id: Some(stack.arn()),
        stack_name: stack.name.clone(),
        change_set_id: stack.change_set_id.clone().filter(|_| !deleted),
        description: stack.description.clone(),
        parameters: shown_parameters(definition),
        creation_time: stack.created,
        deletion_time: stack.deleted,
        last_updated_time: stack.updated,
        rollback_configuration: Some(model::RollbackConfiguration::default()),
        stack_status: stack.status.name().to_owned(),
        stack_status_reason: stack.status_reason.clone(),
        disable_rollback: Some(stack.disable_rollback),
        notification_ar_ns: Some(Vec::new()),
        timeout_in_minutes: stack.timeout_minutes,
        capabilities: (!definition.capabilities.is_empty()).then(|| definition.capabilities.clone()),
        outputs: (!stack.outputs.is_empty()).then(|| outputs.collect()),
        role_arn: stack.role_arn.clone(),
        tags: Some(shown_tags(definition)),
        enable_termination_protection: (!deleted).then_some(stack.termination_protection),
        drift_information: Some(model::StackDriftInformation {
            stack_drift_status: "NOT_CHECKED".to_owned(),
            last_check_timestamp: None,
        }),
        ..Default::default()
    }
}

/// The parameters' values; `None` where there are no parameters.
pub(super) fn shown_parameters(definition: &Definition) -> Option<Vec<model::Parameter>> {
    let shown = definition.parameters.iter().map(|(name, parameter)| {
        let shown = |text: &String| if parameter.no_echo { HIDDEN.to_owned() } else { text.clone() };
        model::Parameter {
            parameter_key: Some(name.clone()),
            parameter_value: Some(shown(&parameter.text)),
            use_previous_value: None,
            resolved_value: parameter.resolved.as_ref().map(shown),
        }
    });
    (!definition.parameters.is_empty()).then(|| shown.collect())
}

/// The stack's tags.
pub(super) fn shown_tags(definition: &Definition) -> Vec<model::Tag> {
    let tags = definition.tags.iter();
    tags.map(|tag| model::Tag { key: tag.key.clone(), value: tag.value.clone() }).collect()
}

/// `ListStacks`: deleted ones too.
pub(super) async fn stack_summaries(
    inner: &Inner,
    cx: &Context,
    input: model::ListStacksInput,
) -> Result<model::ListStacksOutput, Error> {
    let mut all = inner.all(cx).await?;
    if let Some(filter) = input.stack_status_filter.filter(|filter| !filter.is_empty()) {
        all.retain(|stack| filter.iter().any(|status| status == stack.status.name()));
    }
    let (stacks, next_token) = page::cut(all, input.next_token.as_deref())?;
    let summaries = stacks.into_iter().map(|stack| model::StackSummary {
        stack_id: Some(stack.arn()),
        template_description: stack.description,
        creation_time: stack.created,
        last_updated_time: stack.updated,
        deletion_time: stack.deleted,
        stack_status: stack.status.name().to_owned(),
        stack_status_reason: stack.status_reason,
        stack_name: stack.name,
        drift_information: Some(model::StackDriftInformationSummary {
            stack_drift_status: "NOT_CHECKED".to_owned(),
            last_check_timestamp: None,
        }),
        ..Default::default()
    });
    Ok(model::ListStacksOutput { stack_summaries: Some(summaries.collect()), next_token })
}

/// `DescribeStackEvents`: the newest first. A token is the sequence before which the page begins.
pub(super) async fn events(
    inner: &Inner,
    cx: &Context,
    input: model::DescribeStackEventsInput,
) -> Result<model::DescribeStackEventsOutput, Error> {
    let loaded = inner.stack(cx, &input.stack_name).await?;
    let stack = &loaded.state.stack;
    let before = match input.next_token.as_deref().map(str::parse) {
        None => u64::MAX,
        Some(Ok(before)) => before,
        Some(Err(_)) => return Err(Error::Validation("The next token is invalid.".to_owned())),
    };
    let page = inner.stacks.events(stack, before, PAGE_ENTRIES).await?;
    let next_token =
        page.last().filter(|(sequence, _)| *sequence > 0).map(|(sequence, _)| sequence.to_string());
    let events = page.into_iter().map(|(_, event)| model::StackEvent {
        stack_id: stack.arn(),
        event_id: event.id,
        stack_name: stack.name.clone(),
        logical_resource_id: Some(event.logical_id),
        physical_resource_id: Some(event.physical_id),
        resource_type: Some(event.type_name),
        timestamp: event.time,
        resource_status: Some(event.status),
        resource_status_reason: event.reason,
        resource_properties: event.properties,
        client_request_token: event.token,
        ..Default::default()
    });
    Ok(model::DescribeStackEventsOutput { stack_events: Some(events.collect()), next_token })
}

/// `DescribeStackResource`.
pub(super) async fn resource(
    inner: &Inner,
    cx: &Context,
    input: model::DescribeStackResourceInput,
) -> Result<model::DescribeStackResourceOutput, Error> {
    let name = &input.stack_name;
    let state = inner.stack(cx, name).await?.state;
    let resource = resource_of(&state, &input.logical_resource_id, name)?;
    let detail = model::StackResourceDetail {
        stack_name: Some(state.stack.name.clone()),
        stack_id: Some(state.stack.arn()),
        logical_resource_id: resource.logical_id.clone(),
        physical_resource_id: resource.physical_id.clone(),
        resource_type: resource.type_name.clone(),
        last_updated_timestamp: resource.changed,
        resource_status: resource.status.name().to_owned(),
        resource_status_reason: resource.status_reason.clone(),
        metadata: Some(resource.metadata.as_ref().map_or_else(|| "{}".to_owned(), ToString::to_string)),
        drift_information: Some(not_checked()),
        ..Default::default()
    };
    Ok(model::DescribeStackResourceOutput { stack_resource_detail: Some(detail) })
}

fn resource_of<'s>(state: &'s State, logical_id: &str, stack_name: &str) -> Result<&'s Resource, Error> {
    state.resources.get(logical_id).ok_or_else(|| {
        Error::Validation(format!("Resource {logical_id} does not exist for stack {stack_name}"))
    })
}

fn not_checked() -> model::StackResourceDriftInformation {
    model::StackResourceDriftInformation {
        stack_resource_drift_status: "NOT_CHECKED".to_owned(),
        last_check_timestamp: None,
    }
}

/// `DescribeStackResources`: of one stack, or of that which has a physical id.
pub(super) async fn resources(
    inner: &Inner,
    cx: &Context,
    input: model::DescribeStackResourcesInput,
) -> Result<model::DescribeStackResourcesOutput, Error> {
    let (state, stack_name) = match (&input.stack_name, &input.physical_resource_id) {
        (Some(_), Some(_)) => {
            let text = "You can specify either StackName or PhysicalResourceId, but not both.";
            return Err(Error::Validation(text.to_owned()));
        }
        (None, None) => {
            let text = "Either StackName or PhysicalResourceId must be specified.";
            return Err(Error::Validation(text.to_owned()));
        }
        (Some(name), None) => {
            let loaded = inner.find(cx, name).await?.ok_or_else(|| Error::StackWithId(name.clone()))?;
            (loaded.state, name.clone())
        }
        (None, Some(physical_id)) => (owner(inner, cx, physical_id).await?, physical_id.clone()),
    };
    let selected: Vec<&Resource> = match &input.logical_resource_id {
        Some(logical_id) => vec![resource_of(&state, logical_id, &stack_name)?],
        None => state.resources.values().collect(),
    };
    let resources = selected.into_iter().map(|resource| model::StackResource {
        stack_name: Some(state.stack.name.clone()),
        stack_id: Some(state.stack.arn()),
        logical_resource_id: resource.logical_id.clone(),
        physical_resource_id: resource.physical_id.clone(),
        resource_type: resource.type_name.clone(),
        timestamp: resource.changed,
        resource_status: resource.status.name().to_owned(),
        resource_status_reason: resource.status_reason.clone(),
        drift_information: Some(not_checked()),
        ..Default::default()
    });
    Ok(model::DescribeStackResourcesOutput { stack_resources: Some(resources.collect()) })
}

/// The stack that has a physical id.
async fn owner(inner: &Inner, cx: &Context, physical_id: &str) -> Result<State, Error> {
    for stack in inner.all(cx).await? {
        if stack.status == Status::DeleteComplete {
            continue;
        }
        let Some(loaded) = inner.stacks.load(&stack.key()).await? else { continue };
        let owns = |resource: &Resource| resource.physical_id.as_deref() == Some(physical_id);
        if loaded.state.resources.values().any(owns) {
            return Ok(loaded.state);
        }
    }
    Err(Error::Validation(format!("Stack for {physical_id} does not exist")))
}

/// `ListStackResources`.
pub(super) async fn resource_summaries(
    inner: &Inner,
    cx: &Context,
    input: model::ListStackResourcesInput,
) -> Result<model::ListStackResourcesOutput, Error> {
    let name = &input.stack_name;
    let state = inner.find(cx, name).await?.ok_or_else(|| Error::StackWithId(name.clone()))?.state;
    let summaries = state.resources.into_values().map(|resource| model::StackResourceSummary {
        logical_resource_id: resource.logical_id,
        physical_resource_id: resource.physical_id,
        resource_type: resource.type_name,
        last_updated_timestamp: resource.changed,
        resource_status: resource.status.name().to_owned(),
        resource_status_reason: resource.status_reason,
        drift_information: Some(model::StackResourceDriftInformationSummary {
            stack_resource_drift_status: "NOT_CHECKED".to_owned(),
            last_check_timestamp: None,
        }),
        ..Default::default()
    });
    let (summaries, next_token) = page::cut(summaries.collect(), input.next_token.as_deref())?;
    Ok(model::ListStackResourcesOutput { stack_resource_summaries: Some(summaries), next_token })
}

/// `ListExports`.
pub(super) async fn exports(
    inner: &Inner,
    cx: &Context,
    input: model::ListExportsInput,
) -> Result<model::ListExportsOutput, Error> {
    let exports = inner.stacks.exports(&cx.account, &cx.region).await?;
    let exports = exports.into_values().map(|export| model::Export {
        exporting_stack_id: Some(export.stack_id),
        name: Some(export.name),
        value: Some(export.value),
    });
    let (exports, next_token) = page::cut(exports.collect(), input.next_token.as_deref())?;
    Ok(model::ListExportsOutput { exports: Some(exports), next_token })
}
