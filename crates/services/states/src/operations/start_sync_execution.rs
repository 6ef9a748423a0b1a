//! `StartSyncExecution`.
//!
//! Source: Step Functions API reference, "StartSyncExecution"; Developer Guide, "Synchronous Express Workflows".

use api::Context;
use asl::{MachineKind, Status};
use types::Timestamp;

use super::Operations;
use super::executions::check_input;
use crate::Error;
use crate::begin::Begin;
use crate::generated::types::{
    BillingDetails, CloudWatchEventsExecutionDataDetails, StartSyncExecutionInput, StartSyncExecutionOutput,
};
use crate::name::{self, StateMachineArn};
use crate::synchronous::Ended;

/// Milliseconds that are billed as one.
const BILLED_MILLISECONDS: u64 = 100;

/// Megabytes that are billed of the smallest executions. Memory is not measured here.
const BILLED_MEGABYTES: i64 = 64;

/// Runs an execution of an express machine to its end. One that fails is answered like one that succeeds.
pub(super) async fn start(
    operations: &Operations,
    cx: &Context,
    input: StartSyncExecutionInput,
) -> Result<StartSyncExecutionOutput, Error> {
    let state_machine = StateMachineArn::parse(cx, &input.state_machine_arn)?;
    if let Some(name) = &input.name {
        name::check_name(name)?;
    }
    let kind = operations.named(&state_machine)?.kind;
    if kind != MachineKind::Express {
        return Err(Error::StateMachineTypeNotSupported);
    }
    let begin = Begin {
        state_machine,
        kind,
        seed: api::ids::seed(),
        name: input.name,
        input: check_input(input.input)?,
        trace_header: input.trace_header.clone(),
        request_id: cx.request_id.clone(),
    };
    let included = input.included_data.as_deref() != Some("METADATA_ONLY");
    let ended = operations.synchronous.run(begin).await?;
    Ok(answer(ended, included, input.trace_header))
}

fn answer(ended: Ended, included: bool, trace_header: Option<String>) -> StartSyncExecutionOutput {
    let Ended { spec, status, stop_date } = ended;
    let details = Some(CloudWatchEventsExecutionDataDetails { included: Some(included) });
    let status_name = status.as_str().to_owned();
    let (output, failure) = match status {
        Status::Succeeded { output } => (Some(output.text().to_string()), asl::Failure::default()),
        Status::Failed(failure) | Status::Aborted(failure) => (None, failure),
        Status::Running | Status::TimedOut => (None, asl::Failure::default()),
    };
    StartSyncExecutionOutput {
        billing_details: Some(billing(spec.start_time, stop_date)),
        execution_arn: spec.arn,
        state_machine_arn: Some(spec.state_machine_arn),
        name: Some(spec.name),
        start_date: spec.start_time,
        stop_date,
        status: status_name,
        error: failure.error.map(String::from),
        cause: failure.cause,
        input: included.then(|| spec.input.to_string()),
        input_details: details.clone(),
        output: output.filter(|_| included),
        // Recorded: also where the execution failed and there is none.
        output_details: details,
        trace_header,
    }
}

/// Every begun piece of time counts, the first even where none has passed.
fn billing(start: Timestamp, stop: Timestamp) -> BillingDetails {
    let passed = u64::try_from(stop.as_millis().saturating_sub(start.as_millis())).unwrap_or(0);
    let billed = passed.max(1).next_multiple_of(BILLED_MILLISECONDS);
    BillingDetails {
        billed_memory_used_in_mb: Some(BILLED_MEGABYTES),
        billed_duration_in_milliseconds: i64::try_from(billed).ok(),
    }
}
