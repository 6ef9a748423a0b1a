//! `UpdateStateMachine`.

use std::sync::Arc;

use api::Context;
use store::Batch;

use super::Operations;
use super::create_state_machine::check_versions;
use super::creation::{check_log_group, check_served, compile, put_managed_rules};
use crate::Error;
use crate::generated::types::{UpdateStateMachineInput, UpdateStateMachineOutput};
use crate::limits::REVISION_RETENTION;
use crate::logging::Logging;
use crate::name;
use crate::plan::{self, Forget};
use crate::state_machine::{Compiled, Revision, StateMachineRecord, StateMachineStatus};
use crate::tables;

/// Gives a state machine a new revision, unless nothing would be new. Running executions keep theirs.
pub(super) async fn update(
    operations: &Operations,
    cx: &Context,
    input: UpdateStateMachineInput,
) -> Result<UpdateStateMachineOutput, Error> {
    name::check_state_machine_arn(cx, &input.state_machine_arn)?;
    check_versions(input.publish, input.version_description.as_deref())?;
    let nothing = input.definition.is_none()
        && input.role_arn.is_none()
        && input.logging_configuration.is_none()
        && input.tracing_configuration.is_none()
        && input.encryption_configuration.is_none();
    if nothing {
        return Err(Error::NothingToUpdate);
    }
    if let Some(role_arn) = &input.role_arn {
        name::check_role_arn(role_arn)?;
    }
    check_served(input.tracing_configuration.as_ref(), input.encryption_configuration.as_ref())?;

    let change = operations.machines.change().await;
    let record = operations.machine(cx, &input.state_machine_arn)?;
    if record.status == StateMachineStatus::Deleting {
        return Err(Error::StateMachineDeleting(record.arn));
    }
    let present = operations.machines.compiled(&record.revision).await?;
    let revision = updated(&present.revision, input, cx)?;
    if let Some(revision_id) = unchanged(&present.revision, &revision) {
        return Ok(answer(cx, revision_id));
    }
    let compiled = compiled(cx, &present, revision)?;
    put_managed_rules(cx, &compiled.machine, &compiled.revision.role_arn).await?;
    check_log_group(cx, &compiled.revision.logging).await?;
    let revision_id = compiled.revision.revision_id.clone().unwrap_or_default();
    let updated = StateMachineRecord { revision: compiled.revision.key.clone(), ..record.clone() };
    let mut batch = Batch::new();
    retire(&mut batch, &record.revision, cx);
    operations.machines.put(&change, updated, Some(Arc::new(compiled)), batch).await?;
    Ok(answer(cx, revision_id))
}

/// The revision as the request wants it.
fn updated(present: &Revision, input: UpdateStateMachineInput, cx: &Context) -> Result<Revision, Error> {
    Ok(Revision {
        key: api::ids::uuid(),
        definition: input.definition.unwrap_or_else(|| present.definition.clone()),
        role_arn: input.role_arn.unwrap_or_else(|| present.role_arn.clone()),
        logging: match input.logging_configuration {
            Some(configuration) => Logging::parse(Some(configuration))?,
            None => present.logging.clone(),
        },
        encryption_named: present.encryption_named || input.encryption_configuration.is_some(),
        revision_id: Some(api::ids::uuid()),
        update_date: cx.now,
        ..present.clone()
    })
}

/// The present revision's id, where the wanted one does not differ from it.
fn unchanged(present: &Revision, wanted: &Revision) -> Option<String> {
    let same = present.definition == wanted.definition
        && present.role_arn == wanted.role_arn
        && present.logging == wanted.logging
        && present.encryption_named == wanted.encryption_named;
    present.revision_id.clone().filter(|_| same)
}

fn compiled(cx: &Context, present: &Compiled, revision: Revision) -> Result<Compiled, Error> {
    let machine = if present.revision.definition == revision.definition {
        Arc::clone(&present.machine)
    } else {
        Arc::new(compile(cx, &revision.definition, revision.kind)?)
    };
    Ok(Compiled { revision, machine })
}

/// Lets a superseded revision go once no execution can need it any more.
pub(super) fn retire(batch: &mut Batch, revision: &str, cx: &Context) {
    let forget = Forget::Revision(revision.to_owned());
    batch.set_timer(tables::RETENTION, revision, cx.now + REVISION_RETENTION, plan::json(&forget));
}

fn answer(cx: &Context, revision_id: String) -> UpdateStateMachineOutput {
    UpdateStateMachineOutput {
        update_date: cx.now,
        revision_id: Some(revision_id),
        state_machine_version_arn: None,
    }
}
