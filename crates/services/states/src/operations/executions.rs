//! `StartExecution`, `DescribeExecution`, `StopExecution`, `ListExecutions`.

use api::Context;
use asl::{EventDetails, MachineKind, Wake};
use store::{Collection, Range};

use super::Operations;
use crate::Error;
use crate::begin::Begin;
use crate::execution::{ExecutionRecord, ExecutionStatus, Listed};
use crate::generated::types as shapes;
use crate::json_text;
use crate::limits::PAYLOAD_BYTES;
use crate::name::{self, StateMachineArn};
use crate::open_executions::Report;
use crate::page;
use crate::tables;

pub(super) async fn start(
    operations: &Operations,
    cx: &Context,
    input: shapes::StartExecutionInput,
) -> Result<shapes::StartExecutionOutput, Error> {
    let state_machine = StateMachineArn::parse(cx, &input.state_machine_arn)?;
    if let Some(name) = &input.name {
        name::check_name(name)?;
    }
    let kind = operations.named(&state_machine)?.kind;
    let begin = Begin {
        state_machine,
        kind,
        seed: api::ids::seed(),
        name: input.name,
        input: check_input(input.input)?,
        trace_header: input.trace_header,
        request_id: cx.request_id.clone(),
    };
    let (execution_arn, start_date) = operations.open.start(begin).await?;
    Ok(shapes::StartExecutionOutput { execution_arn, start_date })
}

/// Checks an execution's input, `{}` where there is none.
///
/// # Errors
/// [`Error::InvalidExecutionInput`].
pub(super) fn check_input(input: Option<String>) -> Result<String, Error> {
    let Some(input) = input else { return Ok("{}".to_owned()) };
    if input.is_empty() {
        return Err(Error::InvalidExecutionInput("Invalid execution input.".to_owned()));
    }
    if input.len() > PAYLOAD_BYTES {
        return Err(Error::InvalidExecutionInput("The execution input exceeds 262144 bytes.".to_owned()));
    }
    json_text::check(&input).map_err(Error::InvalidExecutionInput)?;
    Ok(input)
}

pub(super) async fn describe(
    operations: &Operations,
    cx: &Context,
    input: shapes::DescribeExecutionInput,
) -> Result<shapes::DescribeExecutionOutput, Error> {
    let arn = input.execution_arn;
    let record = operations.execution(cx, &arn).await?;
    let included = input.included_data.as_deref() != Some("METADATA_ONLY");
    let data = if included { data(operations, &record).await? } else { (None, None) };
    let details = Some(shapes::CloudWatchEventsExecutionDataDetails { included: Some(included) });
    let redrive_status = operations.open.redrive_status(&record);
    Ok(shapes::DescribeExecutionOutput {
        execution_arn: arn,
        state_machine_arn: record.state_machine_arn,
        state_machine_version_arn: record.state_machine_version_arn,
        state_machine_alias_arn: record.state_machine_alias_arn,
        name: Some(record.name),
        status: record.status.as_str().to_owned(),
        start_date: record.start_date,
        stop_date: record.stop_date,
        input: data.0,
        input_details: details.clone(),
        output: data.1,
        output_details: details.filter(|_| record.status == ExecutionStatus::Succeeded),
        trace_header: record.trace_header,
        error: record.failure.error.map(String::from),
        cause: record.failure.cause,
        map_run_arn: record.child.map(|child| child.map_run),
        redrive_count: i64::try_from(record.redrives.count).ok(),
        redrive_date: record.redrives.date,
        redrive_status: Some(redrive_status.as_str().to_owned()),
        redrive_status_reason: redrive_status.reason(),
    })
}

/// Input and output: they are in the first and the last event of the history.
async fn data(
    operations: &Operations,
    record: &ExecutionRecord,
) -> Result<(Option<String>, Option<String>), Error> {
    let history = record.history();
    let input = match operations.histories.from(&history, 1, 1).await?.pop().map(|event| event.details) {
        Some(EventDetails::ExecutionStarted { input, .. }) => Some(input.text().to_string()),
        _ => None,
    };
    let last = match record.status {
        ExecutionStatus::Succeeded => operations.histories.before(&history, u64::MAX, 1).await?.pop(),
        _ => None,
    };
    let output = match last.map(|event| event.details) {
        Some(EventDetails::ExecutionSucceeded { output }) => Some(output.text().to_string()),
        _ => None,
    };
    Ok((input, output))
}

/// Stops an execution; one that has ended keeps its end.
pub(super) async fn stop(
    operations: &Operations,
    cx: &Context,
    input: shapes::StopExecutionInput,
) -> Result<shapes::StopExecutionOutput, Error> {
    let arn = input.execution_arn;
    operations.execution(cx, &arn).await?;
    let stop = Wake::Stop { error: input.error, cause: input.cause };
    operations.open.wake_durably(&arn, Report::new(stop)).await?;
    let record = operations.execution(cx, &arn).await?;
    Ok(shapes::StopExecutionOutput { stop_date: record.stop_date.unwrap_or(cx.now) })
}

/// A place in a machine's executions: where the next page begins.
struct Found {
    order: String,
    name: String,
    status: ExecutionStatus,
    listed: Listed,
}

/// Whose executions are listed.
enum Listing {
    /// A state machine's, or those of one of its versions or aliases, but for children of Map Runs.
    Machine(StateMachineArn),
    /// A Map Run's.
    MapRun { arn: String, state_machine_arn: String },
}

impl Listing {
    /// How the keys of the executions begin.
    fn prefix(&self) -> String {
        match self {
            Self::Machine(arn) => arn.to_string(),
            Self::MapRun { arn, .. } => arn.clone(),
        }
    }

    fn item(&self, found: Found) -> shapes::ExecutionListItem {
        match self {
            Self::Machine(arn) => found.listed.item(&arn.machine, None, &found.name, found.status),
            Self::MapRun { arn, state_machine_arn } => {
                found.listed.item(state_machine_arn, Some(arn), &found.name, found.status)
            }
        }
    }
}

async fn listing(
    operations: &Operations,
    cx: &Context,
    machine: Option<String>,
    map_run: Option<String>,
) -> Result<Listing, Error> {
    let (listing, kind) = match (machine, map_run) {
        (Some(_), Some(_)) => return Err(Error::TooMuchToList),
        (None, None) => return Err(Error::NothingToList),
        (Some(machine), None) => {
            let arn = StateMachineArn::parse(cx, &machine)?;
            let kind = operations.named(&arn)?.kind;
            (Listing::Machine(arn), kind)
        }
        (None, Some(arn)) => {
            let kind = super::map_runs::find(operations, cx, &arn).await?.kind;
            let state_machine_arn = name::MapRunArn::parse(&arn)?.state_machine_arn;
            (Listing::MapRun { arn, state_machine_arn }, kind)
        }
    };
    match kind {
        MachineKind::Standard => Ok(listing),
        MachineKind::Express => Err(Error::StateMachineTypeNotSupported),
    }
}

pub(super) async fn list(
    operations: &Operations,
    cx: &Context,
    input: shapes::ListExecutionsInput,
) -> Result<shapes::ListExecutionsOutput, Error> {
    let listing = listing(operations, cx, input.state_machine_arn, input.map_run_arn).await?;
    let redriven = match (&listing, input.redrive_filter.as_deref()) {
        (_, None) => None,
        (Listing::Machine(_), Some(_)) => return Err(Error::RedriveFilterOfMachine),
        (Listing::MapRun { .. }, Some(filter)) => Some(filter == "REDRIVEN"),
    };
    let filter = input.status_filter.as_deref();
    let prefix = listing.prefix();
    let scope = format!("ListExecutions {prefix} {}", filter.unwrap_or_default());
    let after = page::after(&scope, input.next_token.as_deref())?;
    let size = page::size(input.max_results);
    let statuses = ExecutionStatus::ALL
        .into_iter()
        .filter(|status| filter.is_none_or(|filter| filter == status.as_str()));
    let mut found = Vec::new();
    for status in statuses {
        found.extend(with_status(operations, (&prefix, status), redriven, after.as_deref(), size + 1).await?);
    }
    found.sort_by(|a, b| (&b.order, &b.name).cmp(&(&a.order, &a.name)));
    let has_more = found.len() > size;
    found.truncate(size);
    let next_token = found
        .last()
        .filter(|_| has_more)
        .map(|last| page::token(&scope, &format!("{}#{}", last.order, last.name)));
    let executions = found.into_iter().map(|found| listing.item(found)).collect();
    Ok(shapes::ListExecutionsOutput { executions, next_token })
}

/// The newest executions with a status, before the place `after`, which were redriven or were not.
async fn with_status(
    operations: &Operations,
    (listed_by, status): (&str, ExecutionStatus),
    redriven: Option<bool>,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Found>, Error> {
    let prefix = tables::by_status(listed_by, status.as_str());
    let mut before = after.map(|after| format!("{prefix}{after}"));
    let index: Collection<Listed> =
        Collection::new(std::sync::Arc::clone(&operations.store), tables::EXECUTIONS_BY_MACHINE);
    let mut found = Vec::new();
    loop {
        let range = Range { prefix: &prefix, after: before.as_deref(), limit, descending: true };
        let rows = index.list(range).await?;
        before = rows.last().map(|last| last.key.clone());
        let is_last = rows.len() < limit;
        found.extend(rows.into_iter().filter_map(|row| {
            let (order, name) = row.key.strip_prefix(&prefix)?.split_once('#')?;
            let is_wanted = redriven.is_none_or(|redriven| redriven == (row.value.redrive_count > 0));
            is_wanted.then(|| Found {
                order: order.to_owned(),
                name: name.to_owned(),
                status,
                listed: row.value,
            })
        }));
        if is_last || found.len() >= limit {
            found.truncate(limit);
            return Ok(found);
        }
    }
}
