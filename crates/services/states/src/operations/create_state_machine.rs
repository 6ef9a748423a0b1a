//! `CreateStateMachine`.

use std::sync::Arc;

use api::Context;
use store::Batch;

use super::Operations;
use super::creation::{check_log_group, check_served, compile, kind, put_managed_rules};
use super::tags::{self, Tags};
use super::versions::Publication;
use crate::Error;
use crate::generated::types::{CreateStateMachineInput, CreateStateMachineOutput};
use crate::limits::STATE_MACHINES;
use crate::logging::Logging;
use crate::name;
use crate::state_machine::{Compiled, Edit, Revision, StateMachineRecord, StateMachineStatus};

/// Creates a state machine, or finds that the same one is there already.
pub(super) async fn create(
    operations: &Operations,
    cx: &Context,
    input: CreateStateMachineInput,
) -> Result<CreateStateMachineOutput, Error> {
    name::check_name(&input.name)?;
    name::check_role_arn(&input.role_arn)?;
    let publication = Publication::parse(input.publish, input.version_description)?;
    let kind = kind(input.r#type.as_deref());
    let machine = compile(cx, &input.definition, kind)?;
    check_served(input.tracing_configuration.as_ref(), input.encryption_configuration.as_ref())?;
    let arn = name::state_machine_arn(cx, &input.name);
    let revision = Revision {
        key: api::ids::uuid(),
        state_machine_arn: arn.clone(),
        state_machine_name: input.name.clone(),
        kind,
        definition: input.definition,
        role_arn: input.role_arn,
        logging: Logging::parse(input.logging_configuration)?,
        revision_id: None,
        update_date: cx.now,
    };
    let mut tags = Tags::new();
    tags::merge(&cx.principal, &arn, &mut tags, input.tags.unwrap_or_default())?;

    let machines = &operations.machines;
    let change = machines.change().await;
    if let Some(record) = machines.get(&arn) {
        check_same(operations, &record, &revision).await?;
        let creation_date = record.creation_date;
        let mut edits = Vec::new();
        let version = publication.publish(operations, record, cx.now, &mut edits)?;
        machines.apply(&change, edits, Batch::new()).await?;
        return Ok(CreateStateMachineOutput {
            state_machine_arn: arn,
            creation_date,
            state_machine_version_arn: version,
        });
    }
    if machines.count() >= STATE_MACHINES {
        return Err(Error::StateMachineLimitExceeded);
    }
    put_managed_rules(cx, &machine, &revision.role_arn).await?;
    check_log_group(cx, &revision.logging).await?;
    let record = StateMachineRecord {
        arn: arn.clone(),
        name: input.name,
        kind,
        status: StateMachineStatus::Active,
        creation_date: cx.now,
        tags,
        revision: revision.key.clone(),
        last_version: 0,
    };
    let mut edits = Vec::new();
    let version = publication.publish(operations, record, cx.now, &mut edits)?;
    edits.push(Edit::Revision(Arc::new(Compiled { revision, machine: Arc::new(machine) })));
    machines.apply(&change, edits, Batch::new()).await?;
    Ok(CreateStateMachineOutput {
        state_machine_arn: arn,
        creation_date: cx.now,
        state_machine_version_arn: version,
    })
}

/// Creating the same machine again changes nothing. Role and tags do not count.
async fn check_same(
    operations: &Operations,
    record: &StateMachineRecord,
    wanted: &Revision,
) -> Result<(), Error> {
    if record.status == StateMachineStatus::Deleting {
        return Err(Error::StateMachineDeleting(record.arn.clone()));
    }
    let present = operations.machines.compiled(&record.revision).await?;
    let present = &present.revision;
    let same = present.definition == wanted.definition
        && present.kind == wanted.kind
        && present.logging == wanted.logging;
    if same { Ok(()) } else { Err(Error::StateMachineAlreadyExists(record.arn.clone())) }
}
