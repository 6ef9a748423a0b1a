//! `DescribeStateMachine`, `DescribeStateMachineForExecution`, `ListStateMachines`, `DeleteStateMachine`.

use api::Context;
use store::Batch;

use super::Operations;
use super::update_state_machine::retire;
use crate::Error;
use crate::generated::types as shapes;
use crate::name::{self, MapRunArn};
use crate::page;
use crate::state_machine::{Revision, StateMachineRecord, StateMachineStatus, type_name};
use crate::tables;

pub(super) async fn describe(
    operations: &Operations,
    cx: &Context,
    input: shapes::DescribeStateMachineInput,
) -> Result<shapes::DescribeStateMachineOutput, Error> {
    let record = operations.machine(cx, &input.state_machine_arn)?;
    let compiled = operations.machines.compiled(&record.revision).await?;
    let revision = &compiled.revision;
    Ok(shapes::DescribeStateMachineOutput {
        state_machine_arn: record.arn,
        name: record.name,
        status: Some(record.status.as_str().to_owned()),
        definition: definition(revision, input.included_data.as_deref()),
        role_arn: revision.role_arn.clone(),
        r#type: type_name(revision.kind).to_owned(),
        creation_date: record.creation_date,
        logging_configuration: Some(revision.logging.describe()),
        tracing_configuration: Some(shapes::TracingConfiguration { enabled: Some(false) }),
        revision_id: revision.revision_id.clone(),
        encryption_configuration: encryption(revision),
        ..shapes::DescribeStateMachineOutput::default()
    })
}

pub(super) async fn describe_for_execution(
    operations: &Operations,
    cx: &Context,
    input: shapes::DescribeStateMachineForExecutionInput,
) -> Result<shapes::DescribeStateMachineForExecutionOutput, Error> {
    let record = operations.execution(cx, &input.execution_arn).await?;
    let revision = operations.machines.revision(&record.revision).await?;
    Ok(shapes::DescribeStateMachineForExecutionOutput {
        definition: definition(&revision, input.included_data.as_deref()),
        update_date: revision.update_date,
        logging_configuration: Some(revision.logging.describe()),
        tracing_configuration: Some(shapes::TracingConfiguration { enabled: Some(false) }),
        encryption_configuration: encryption(&revision),
        state_machine_arn: record.state_machine_arn,
        label: record.child.as_ref().and_then(|child| Some(MapRunArn::parse(&child.map_run).ok()?.label)),
        map_run_arn: record.child.map(|child| child.map_run),
        name: revision.state_machine_name,
        role_arn: revision.role_arn,
        revision_id: revision.revision_id,
        ..shapes::DescribeStateMachineForExecutionOutput::default()
    })
}

pub(super) async fn list(
    operations: &Operations,
    cx: &Context,
    input: shapes::ListStateMachinesInput,
) -> Result<shapes::ListStateMachinesOutput, Error> {
    let prefix = name::state_machine_arn(cx, "");
    let scope = format!("ListStateMachines {prefix}");
    let after = page::after(&scope, input.next_token.as_deref())?;
    let size = page::size(input.max_results);
    let mut records = operations.machines.list(&prefix, after.as_deref(), size + 1);
    let has_more = records.len() > size;
    records.truncate(size);
    let next_token = records.last().filter(|_| has_more).map(|last| page::token(&scope, &last.arn));
    let state_machines = records
        .into_iter()
        .map(|record| shapes::StateMachineListItem {
            state_machine_arn: record.arn,
            name: record.name,
            r#type: type_name(record.kind).to_owned(),
            creation_date: record.creation_date,
        })
        .collect();
    Ok(shapes::ListStateMachinesOutput { state_machines, next_token })
}

/// Deletes a state machine at once where nothing runs; else marks it, and aborts what runs first. Deleting what is not
/// there succeeds.
pub(super) async fn delete(
    operations: &Operations,
    cx: &Context,
    input: shapes::DeleteStateMachineInput,
) -> Result<shapes::DeleteStateMachineOutput, Error> {
    let change = operations.machines.change().await;
    let record = match operations.machine(cx, &input.state_machine_arn) {
        Ok(record) if record.status == StateMachineStatus::Active => record,
        Ok(_) | Err(Error::StateMachineDoesNotExist(_)) => return Ok(shapes::DeleteStateMachineOutput {}),
        Err(error) => return Err(error),
    };
    let arn = record.arn.clone();
    let mut batch = Batch::new();
    batch.set_timer(tables::DELETION, arn.as_str(), cx.now, Vec::new());
    retire(&mut batch, &record.revision, cx);
    let marked = StateMachineRecord { status: StateMachineStatus::Deleting, ..record };
    operations.machines.put(&change, marked, None, batch).await?;
    if operations.open.of_machine(&arn).is_empty() {
        let mut batch = Batch::new();
        batch.clear_timer(tables::DELETION, arn.as_str());
        operations.machines.remove(&change, &arn, batch).await?;
    }
    Ok(shapes::DeleteStateMachineOutput {})
}

/// The definition, unless only metadata is wanted.
fn definition(revision: &Revision, included_data: Option<&str>) -> String {
    match included_data {
        Some("METADATA_ONLY") => "{}".to_owned(),
        _ => revision.definition.clone(),
    }
}

fn encryption(revision: &Revision) -> Option<shapes::EncryptionConfiguration> {
    revision.encryption_named.then(|| shapes::EncryptionConfiguration {
        r#type: "AWS_OWNED_KEY".to_owned(),
        ..shapes::EncryptionConfiguration::default()
    })
}
