//! `DescribeStateMachine`, `DescribeStateMachineForExecution`, `ListStateMachines`, `DeleteStateMachine`.

use std::collections::BTreeMap;

use api::Context;
use store::Batch;

use super::Operations;
use super::creation::encryption;
use crate::Error;
use crate::generated::types as shapes;
use crate::name::{self, MapRunArn, Qualifier, StateMachineArn};
use crate::page;
use crate::state_machine::{Edit, Revision, StateMachineRecord, StateMachineStatus, type_name};
use crate::tables;

pub(super) async fn describe(
    operations: &Operations,
    cx: &Context,
    input: shapes::DescribeStateMachineInput,
) -> Result<shapes::DescribeStateMachineOutput, Error> {
    let arn = StateMachineArn::parse(cx, &input.state_machine_arn)?;
    let record = operations.named(&arn)?;
    // A version stands for the machine as it was; an alias cannot be described here.
    let version = match &arn.qualifier {
        None => None,
        Some(Qualifier::Version(number)) => operations.machines.version(&arn.machine, *number),
        Some(Qualifier::Alias(_)) => return Err(Error::StateMachineDoesNotExist(arn.to_string())),
    };
    let key = version.as_ref().map_or(&record.revision, |version| &version.revision);
    let revision = operations.machines.revision(key).await?;
    let data = Data::of(&revision, input.included_data.as_deref());
    Ok(shapes::DescribeStateMachineOutput {
        state_machine_arn: arn.to_string(),
        name: record.name,
        status: Some(record.status.as_str().to_owned()),
        definition: data.definition,
        role_arn: revision.role_arn,
        r#type: type_name(revision.kind).to_owned(),
        creation_date: version.as_ref().map_or(record.creation_date, |version| version.creation_date),
        logging_configuration: Some(revision.logging.describe()),
        tracing_configuration: Some(shapes::TracingConfiguration { enabled: Some(false) }),
        revision_id: revision.revision_id,
        description: version.and_then(|version| version.description),
        encryption_configuration: Some(encryption()),
        variable_references: data.variable_references,
        label: None,
    })
}

pub(super) async fn describe_for_execution(
    operations: &Operations,
    cx: &Context,
    input: shapes::DescribeStateMachineForExecutionInput,
) -> Result<shapes::DescribeStateMachineForExecutionOutput, Error> {
    let record = operations.execution(cx, &input.execution_arn).await?;
    let revision = operations.machines.revision(&record.revision).await?;
    let data = Data::of(&revision, input.included_data.as_deref());
    Ok(shapes::DescribeStateMachineForExecutionOutput {
        definition: data.definition,
        variable_references: data.variable_references,
        update_date: revision.update_date,
        logging_configuration: Some(revision.logging.describe()),
        tracing_configuration: Some(shapes::TracingConfiguration { enabled: Some(false) }),
        encryption_configuration: Some(encryption()),
        state_machine_arn: record.state_machine_arn,
        label: record.child.as_ref().and_then(|child| Some(MapRunArn::parse(&child.map_run).ok()?.label)),
        map_run_arn: record.child.map(|child| child.map_run),
        name: revision.state_machine_name,
        role_arn: revision.role_arn,
        revision_id: revision.revision_id,
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

/// Deletes a state machine with its versions and aliases: at once where nothing runs; else it is marked, and what runs is
/// aborted first. Deleting what is not there succeeds.
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
    operations.machines.retire_all(&mut batch, &record, cx.now);
    let marked = StateMachineRecord { status: StateMachineStatus::Deleting, ..record };
    operations.machines.apply(&change, vec![Edit::Machine(marked)], batch).await?;
    if operations.open.of_machine(&arn).is_empty() {
        let mut batch = Batch::new();
        batch.clear_timer(tables::DELETION, arn.as_str());
        operations.machines.apply(&change, vec![Edit::DeleteMachine(arn)], batch).await?;
    }
    Ok(shapes::DeleteStateMachineOutput {})
}

/// What of a revision is left out where only metadata is wanted.
struct Data {
    definition: String,
    variable_references: Option<BTreeMap<String, Vec<String>>>,
}

impl Data {
    fn of(revision: &Revision, included_data: Option<&str>) -> Self {
        if included_data == Some("METADATA_ONLY") {
            return Self { definition: "{}".to_owned(), variable_references: None };
        }
        let references = asl::variable_references(&revision.definition);
        Self {
            definition: revision.definition.clone(),
            variable_references: Some(references).filter(|references| !references.is_empty()),
        }
    }
}
