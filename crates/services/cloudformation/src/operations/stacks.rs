//! `CreateStack`, `UpdateStack`, `UpdateTerminationProtection`.

use std::collections::BTreeSet;

use api::Context;
use store::Batch;

use super::prepare::{Prepared, Submission, on_failure, prepare, refuse, watches};
use crate::changes::changes;
use crate::engine::{self, Asked};
use crate::generated::types as model;
use crate::names::check_stack_name;
use crate::stack::{Definition, OperationKind, Stack, Status};
use crate::{Error, Inner};

/// A stack that is not there yet.
pub(super) fn new_stack(cx: &Context, name: &str) -> Stack {
    Stack {
        account: cx.account.clone(),
        region: cx.region.clone(),
        name: name.to_owned(),
        uuid: api::ids::uuid(),
        description: None,
        status: Status::ReviewInProgress,
        status_reason: None,
        created: cx.now,
        updated: None,
        deleted: None,
        change_set_id: None,
        role_arn: None,
        termination_protection: false,
        disable_rollback: false,
        timeout_minutes: None,
        definition: Definition::default(),
        outputs: Vec::new(),
        imports: BTreeSet::new(),
        operation: None,
        leftover: Vec::new(),
        event_sequence: 0,
    }
}

/// `CreateStack`.
pub(super) async fn create(
    inner: &Inner,
    cx: &Context,
    input: model::CreateStackInput,
) -> Result<model::CreateStackOutput, Error> {
    check_stack_name(&input.stack_name)?;
    refuse(&[
        ("StackPolicyBody", input.stack_policy_body.is_some()),
        ("StackPolicyURL", input.stack_policy_url.is_some()),
        ("ResourceTypes", input.resource_types.is_some()),
        ("NotificationARNs", input.notification_ar_ns.is_some_and(|topics| !topics.is_empty())),
        ("RollbackConfiguration", watches(input.rollback_configuration.as_ref())),
        ("DeploymentConfig", input.deployment_config.is_some()),
    ])?;
    let on_failure = on_failure(input.on_failure.as_deref(), input.disable_rollback)?;
    if inner.find(cx, &input.stack_name).await?.is_some() {
        return Err(Error::StackExists(input.stack_name));
    }
    let mut stack = new_stack(cx, &input.stack_name);
    let submission = Submission {
        template_body: input.template_body,
        template_url: input.template_url,
        use_previous_template: false,
        parameters: input.parameters.unwrap_or_default(),
        tags: input.tags,
        capabilities: input.capabilities.unwrap_or_default(),
        role_arn: input.role_arn.clone(),
    };
    let Prepared { text, blueprint, definition } = prepare(inner, cx, &stack, None, submission).await?;
    stack.description.clone_from(&blueprint.template.description);
    stack.role_arn = input.role_arn;
    stack.termination_protection = input.enable_termination_protection.unwrap_or(false);
    stack.disable_rollback = input.disable_rollback.unwrap_or(false);
    stack.timeout_minutes = input.timeout_in_minutes;
    stack.definition = definition.clone();
    let asked = Asked {
        kind: OperationKind::Create,
        target: definition,
        principal: cx.principal.clone(),
        token: input.client_request_token,
        on_failure,
        retain_except_on_create: input.retain_except_on_create.unwrap_or(false),
        retain: Vec::new(),
    };
    let event = engine::begin(&mut stack, asked, cx.now);
    let mut batch = Batch::new();
    inner.stacks.put_template(&mut batch, &stack.definition.template_id, &text);
    inner.stacks.create(&mut batch, &mut stack, event);
    inner.stacks.forget_deleted(&mut batch, &cx.account, &cx.region, cx.now).await?;
    match inner.stacks.commit(batch, &stack.name).await {
        Err(Error::Concurrent(name)) => Err(Error::StackExists(name)),
        other => other,
    }?;
    Ok(model::CreateStackOutput { stack_id: Some(stack.arn()), ..Default::default() })
}

/// `UpdateStack`.
pub(super) async fn update(
    inner: &Inner,
    cx: &Context,
    input: model::UpdateStackInput,
) -> Result<model::UpdateStackOutput, Error> {
    refuse(&[
        ("StackPolicyBody", input.stack_policy_body.is_some()),
        ("StackPolicyURL", input.stack_policy_url.is_some()),
        ("StackPolicyDuringUpdateBody", input.stack_policy_during_update_body.is_some()),
        ("StackPolicyDuringUpdateURL", input.stack_policy_during_update_url.is_some()),
        ("ResourceTypes", input.resource_types.is_some()),
        ("NotificationARNs", input.notification_ar_ns.is_some_and(|topics| !topics.is_empty())),
        ("RollbackConfiguration", watches(input.rollback_configuration.as_ref())),
        ("DeploymentConfig", input.deployment_config.is_some()),
    ])?;
    let mut loaded = inner.stack(cx, &input.stack_name).await?;
    check_updatable(&loaded.state.stack)?;
    let previous = loaded.state.stack.definition.clone();
    let submission = Submission {
        template_body: input.template_body,
        template_url: input.template_url,
        use_previous_template: input.use_previous_template.unwrap_or(false),
        parameters: input.parameters.unwrap_or_default(),
        tags: input.tags,
        capabilities: input.capabilities.unwrap_or_default(),
        role_arn: input.role_arn.clone(),
    };
    let prepared = prepare(inner, cx, &loaded.state.stack, Some(&previous), submission).await?;
    check_types(&loaded.state, &prepared)?;
    let exports = inner.stacks.exports(&cx.account, &cx.region).await?;
    let evaluation = prepared.blueprint.evaluation()?;
    let changes = changes(&loaded.state, &prepared.blueprint, &evaluation, &prepared.definition, &exports)?;
    if !changes.any {
        return Err(Error::NoUpdates);
    }
    let stack = &mut loaded.state.stack;
    stack.description.clone_from(&prepared.blueprint.template.description);
    stack.role_arn = input.role_arn.or(stack.role_arn.take());
    stack.updated = Some(cx.now);
    stack.change_set_id = None;
    stack.disable_rollback = input.disable_rollback.unwrap_or(false);
    let asked = Asked {
        kind: OperationKind::Update,
        target: prepared.definition.clone(),
        principal: cx.principal.clone(),
        token: input.client_request_token,
        on_failure: on_failure(None, input.disable_rollback)?,
        retain_except_on_create: input.retain_except_on_create.unwrap_or(false),
        retain: Vec::new(),
    };
    let event = engine::begin(stack, asked, cx.now);
    let mut batch = Batch::new();
    inner.stacks.put_template(&mut batch, &prepared.definition.template_id, &prepared.text);
    inner.stacks.change(&mut batch, &mut loaded, vec![event], cx.now);
    inner.stacks.commit(batch, &loaded.state.stack.name).await?;
    Ok(model::UpdateStackOutput { stack_id: Some(loaded.state.stack.arn()), ..Default::default() })
}

/// `UpdateTerminationProtection`.
pub(super) async fn update_termination_protection(
    inner: &Inner,
    cx: &Context,
    input: model::UpdateTerminationProtectionInput,
) -> Result<model::UpdateTerminationProtectionOutput, Error> {
    let mut loaded = inner.stack(cx, &input.stack_name).await?;
    let stack = &mut loaded.state.stack;
    if stack.status == Status::DeleteComplete || stack.status == Status::DeleteInProgress {
        return Err(Error::StackState {
            id: stack.arn(),
            status: stack.status.name().to_owned(),
            verb: "updated",
        });
    }
    stack.termination_protection = input.enable_termination_protection;
    let stack_id = stack.arn();
    let mut batch = Batch::new();
    inner.stacks.change(&mut batch, &mut loaded, Vec::new(), cx.now);
    inner.stacks.commit(batch, &input.stack_name).await?;
    Ok(model::UpdateTerminationProtectionOutput { stack_id: Some(stack_id) })
}

/// Only a stack at rest, and in order, takes a template.
pub(super) fn check_updatable(stack: &Stack) -> Result<(), Error> {
    if stack.status.is_updatable() {
        return Ok(());
    }
    let status = stack.status.name().to_owned();
    Err(Error::StackState { id: stack.arn(), status, verb: "updated" })
}

/// A resource keeps its type.
pub(super) fn check_types(state: &crate::stack::State, prepared: &Prepared) -> Result<(), Error> {
    let retyped: Vec<&str> = prepared
        .blueprint
        .template
        .resources
        .iter()
        .filter(|(id, declared)| {
            let existing = state.resources.get(*id).filter(|resource| !resource.status.is_gone());
            existing.is_some_and(|existing| existing.type_name != declared.type_name)
        })
        .map(|(id, _)| id.as_str())
        .collect();
    if retyped.is_empty() {
        return Ok(());
    }
    Err(Error::Validation(format!(
        "Update of resource type is not permitted. The new template modifies resource type of the following resources: [{}]",
        retyped.join(", ")
    )))
}
