//! `DeleteStack`.

use api::Context;
use store::Batch;

use super::prepare::refuse;
use crate::blueprint::importer;
use crate::engine::{self, Asked};
use crate::event::Event;
use crate::generated::types as model;
use crate::stack::{OnFailure, OperationKind, Stack, Status};
use crate::{Error, Inner};

/// Begins to delete a stack. One that is not there is deleted already.
pub(super) async fn delete(
    inner: &Inner,
    cx: &Context,
    input: model::DeleteStackInput,
) -> Result<model::DeleteStackOutput, Error> {
    refuse(&[
        ("DeletionMode", input.deletion_mode.is_some_and(|mode| mode != "STANDARD")),
        ("DeploymentConfig", input.deployment_config.is_some()),
    ])?;
    let Some(mut loaded) = inner.find(cx, &input.stack_name).await? else {
        return Ok(model::DeleteStackOutput {});
    };
    let stack = &mut loaded.state.stack;
    if !is_deletable(inner, cx, stack, input.retain_resources.is_some()).await? {
        return Ok(model::DeleteStackOutput {});
    }
    if stack.status == Status::ReviewInProgress {
        return forget(inner, cx, loaded).await;
    }
    if let Some(role_arn) = input.role_arn {
        stack.role_arn = Some(role_arn);
    }
    let asked = Asked {
        kind: OperationKind::Delete,
        target: stack.definition.clone(),
        principal: cx.principal.clone(),
        token: input.client_request_token,
        on_failure: OnFailure::DoNothing,
        retain_except_on_create: false,
        retain: input.retain_resources.unwrap_or_default(),
    };
    let event = engine::begin(stack, asked, cx.now);
    let mut batch = Batch::new();
    inner.stacks.change(&mut batch, &mut loaded, vec![event], cx.now);
    inner.stacks.commit(batch, &input.stack_name).await?;
    Ok(model::DeleteStackOutput {})
}

/// Whether there is anything to do; an error where it may not be done.
async fn is_deletable(inner: &Inner, cx: &Context, stack: &Stack, retains: bool) -> Result<bool, Error> {
    match stack.status {
        Status::DeleteComplete | Status::DeleteInProgress => return Ok(false),
        Status::UpdateInProgress
        | Status::UpdateCompleteCleanupInProgress
        | Status::UpdateRollbackInProgress
        | Status::UpdateRollbackCompleteCleanupInProgress => {
            let status = stack.status.name().to_owned();
            return Err(Error::StackState { id: stack.arn(), status, verb: "deleted" });
        }
        _ => {}
    }
    if stack.termination_protection {
        return Err(Error::TerminationProtection(stack.name.clone()));
    }
    if retains && stack.status != Status::DeleteFailed {
        return Err(Error::Validation(format!(
            "Invalid operation on stack [{}]. RetainResources can only be specified when the stack is in the DELETE_FAILED \
             state.",
            stack.arn()
        )));
    }
    let others = inner.all(cx).await?;
    for export in stack.outputs.iter().filter_map(|output| output.export_name.as_ref()) {
        if let Some(user) = importer(stack, export, &others) {
            return Err(Error::ExportInUse { export: export.clone(), stack: user.to_owned() });
        }
    }
    Ok(true)
}

/// A stack that was never more than a change set has nothing to be deleted.
async fn forget(
    inner: &Inner,
    cx: &Context,
    mut loaded: crate::stacks::Loaded,
) -> Result<model::DeleteStackOutput, Error> {
    let mut batch = Batch::new();
    let stack = &mut loaded.state.stack;
    for record in inner.stacks.change_sets_of(stack).await? {
        inner.stacks.change_sets().delete(&mut batch, &record.key);
    }
    stack.status = Status::DeleteComplete;
    stack.status_reason = None;
    stack.deleted = Some(cx.now);
    let event = Event::of_stack(stack, cx.now);
    let name = stack.name.clone();
    inner.stacks.change(&mut batch, &mut loaded, vec![event], cx.now);
    inner.stacks.commit(batch, &name).await?;
    Ok(model::DeleteStackOutput {})
}
