//! `UpdateStateMachine`.

use std::sync::Arc;

use api::Context;
use store::Batch;

use super::Operations;
use super::creation::{check_log_group, check_served, compile, put_managed_rules};
use super::versions::Publication;
use crate::Error;
use crate::generated::types::{UpdateStateMachineInput, UpdateStateMachineOutput};
use crate::logging::Logging;
use crate::name;
use crate::state_machine::{Compiled, Edit, Retired, Revision, StateMachineRecord, StateMachineStatus};

/// Gives a state machine a new revision, unless nothing would be new. Running executions keep theirs.
pub(super) async fn update(
    operations: &Operations,
    cx: &Context,
    input: UpdateStateMachineInput,
) -> Result<UpdateStateMachineOutput, Error> {
    name::check_state_machine_arn(cx, &input.state_machine_arn)?;
    let publication = Publication::parse(input.publish, input.version_description.clone())?;
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
    if is_unchanged(&present.revision, &revision) {
        let mut edits = Vec::new();
        let version = publication.publish(operations, record, cx.now, &mut edits)?;
        operations.machines.apply(&change, edits, Batch::new()).await?;
        return Ok(answer(cx, present.revision.revision_id.clone(), version));
    }
    let compiled = compiled(cx, &present, revision)?;
    put_managed_rules(cx, &compiled.machine, &compiled.revision.role_arn).await?;
    check_log_group(cx, &compiled.revision.logging).await?;
    let revision_id = compiled.revision.revision_id.clone();
    let updated = StateMachineRecord { revision: compiled.revision.key.clone(), ..record.clone() };
    let (mut batch, mut edits) = (Batch::new(), Vec::new());
    let version = publication.publish(operations, updated, cx.now, &mut edits)?;
    edits.push(Edit::Revision(Arc::new(compiled)));
    operations.machines.retire(&mut batch, &record.arn, &record.revision, Retired::Current, cx.now);
    operations.machines.apply(&change, edits, batch).await?;
    Ok(answer(cx, revision_id, version))
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
        revision_id: Some(api::ids::uuid()),
        update_date: cx.now,
        ..present.clone()
    })
}

/// Whether the wanted revision does not differ from the present one, which may have no id.
fn is_unchanged(present: &Revision, wanted: &Revision) -> bool {
    present.definition == wanted.definition
        && present.role_arn == wanted.role_arn
        && present.logging == wanted.logging
}

fn compiled(cx: &Context, present: &Compiled, revision: Revision) -> Result<Compiled, Error> {
    let machine = if present.revision.definition == revision.definition {
        Arc::clone(&present.machine)
    } else {
        Arc::new(compile(cx, &revision.definition, revision.kind)?)
    };
    Ok(Compiled { revision, machine })
}

fn answer(cx: &Context, revision_id: Option<String>, version: Option<String>) -> UpdateStateMachineOutput {
    UpdateStateMachineOutput { update_date: cx.now, revision_id, state_machine_version_arn: version }
}
