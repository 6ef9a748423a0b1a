//! `SendTaskSuccess`, `SendTaskFailure`, `SendTaskHeartbeat`: what workers report with a task's token.

use api::Context;
use asl::{ErrorName, Failure, FailurePhase, TaskFailure, TaskId, Wake};
use serde_json::Value;

use super::Operations;
use crate::Error;
use crate::generated::types as shapes;
use crate::json_text;
use crate::limits::PAYLOAD_BYTES;
use crate::name::ExecutionArn;
use crate::open_executions::Report;

pub(super) async fn success(
    operations: &Operations,
    _cx: &Context,
    input: shapes::SendTaskSuccessInput,
) -> Result<shapes::SendTaskSuccessOutput, Error> {
    // Recorded: a token that is none is told before an output that is none.
    asl::parse_token(&input.task_token).ok_or(Error::InvalidToken)?;
    let output = output(&input.output)?;
    report(operations, &input.task_token, |task| Wake::TaskSucceeded { task, output }).await?;
    Ok(shapes::SendTaskSuccessOutput {})
}

pub(super) async fn failure(
    operations: &Operations,
    _cx: &Context,
    input: shapes::SendTaskFailureInput,
) -> Result<shapes::SendTaskFailureOutput, Error> {
    let failure = Failure { error: input.error.map(ErrorName::from), cause: input.cause };
    let failure = TaskFailure { failure, phase: FailurePhase::Run };
    report(operations, &input.task_token, |task| Wake::TaskFailed { task, failure }).await?;
    Ok(shapes::SendTaskFailureOutput {})
}

pub(super) async fn heartbeat(
    operations: &Operations,
    _cx: &Context,
    input: shapes::SendTaskHeartbeatInput,
) -> Result<shapes::SendTaskHeartbeatOutput, Error> {
    report(operations, &input.task_token, |task| Wake::TaskHeartbeat { task }).await?;
    Ok(shapes::SendTaskHeartbeatOutput {})
}

async fn report(
    operations: &Operations,
    token: &str,
    wake: impl FnOnce(TaskId) -> Wake,
) -> Result<(), Error> {
    let (execution, task) = asl::parse_token(token).ok_or(Error::InvalidToken)?;
    ExecutionArn::parse(&execution).map_err(|_| Error::InvalidToken)?;
    let known = operations.open.task(&execution, task).await?;
    let Some(known) = known else { return Err(over(operations, &execution).await?) };
    if known.task.token.as_deref() != Some(token) {
        return Err(Error::InvalidToken);
    }
    operations.open.wake_durably(&execution, Report::new(wake(task))).await
}

/// Why a token that names no open task is not taken.
async fn over(operations: &Operations, execution: &str) -> Result<Error, Error> {
    let known = operations.records.get(execution).await?;
    Ok(if known.is_some() { Error::TaskTimedOut } else { Error::TaskDoesNotExist })
}

fn output(text: &str) -> Result<Value, Error> {
    if text.len() > PAYLOAD_BYTES {
        return Err(Error::InvalidOutput("The output exceeds 262144 bytes.".to_owned()));
    }
    json_text::check(text).map_err(Error::InvalidOutput)?;
    serde_json::from_str(text).map_err(|error| Error::InvalidOutput(error.to_string()))
}
