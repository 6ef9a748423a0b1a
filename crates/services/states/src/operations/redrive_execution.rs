//! `RedriveExecution`.

use api::Context;

use super::Operations;
use crate::Error;
use crate::generated::types::{RedriveExecutionInput, RedriveExecutionOutput};
use crate::name;

pub(super) async fn redrive(
    operations: &Operations,
    cx: &Context,
    input: RedriveExecutionInput,
) -> Result<RedriveExecutionOutput, Error> {
    let arn = input.execution_arn;
    name::check_execution_arn(cx, &arn)?;
    name::check_unlabelled(&arn)?;
    let redrive_date = operations.open.redrive(&arn, input.client_token.as_deref()).await?;
    Ok(RedriveExecutionOutput { redrive_date })
}
