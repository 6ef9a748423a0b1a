//! `GetActivityTask`: a worker asks for a task, and waits for one up to a minute.
//!
//! Source: Step Functions API reference, "GetActivityTask".

use api::Context;
use asl::Wake;
use store::Batch;

use super::Operations;
use crate::Error;
use crate::activities::Taken;
use crate::generated::types::{GetActivityTaskInput, GetActivityTaskOutput};
use crate::limits::ACTIVITY_POLL;
use crate::open_executions::Report;

/// Gives a worker the task that has waited longest; nothing where none comes in time.
pub(super) async fn get(
    operations: &Operations,
    cx: &Context,
    input: GetActivityTaskInput,
) -> Result<GetActivityTaskOutput, Error> {
    let activity = operations.activity(cx, &input.activity_arn)?.arn;
    let queue = operations.activities.queue(&activity);
    let _poller = queue.poller()?;
    let clock = operations.open.clock();
    let due = clock.now() + ACTIVITY_POLL;
    while let Some(taken) = queue.next(clock, due).await {
        if let Some(answer) = hand_out(operations, &activity, taken, input.worker_name.as_deref()).await? {
            return Ok(answer);
        }
    }
    Ok(GetActivityTaskOutput::default())
}

/// Starts the task, and gives it to the worker once that is durable. `None` where it waits no more.
async fn hand_out(
    operations: &Operations,
    activity: &str,
    taken: Taken<'_>,
    worker_name: Option<&str>,
) -> Result<Option<GetActivityTaskOutput>, Error> {
    let Some(scheduled) = taken.scheduled() else { return Ok(None) };
    let (execution, task) = (scheduled.execution.as_str(), scheduled.task);
    let mut always = Batch::new();
    if !operations.activities.take(activity, scheduled, &mut always).await? {
        taken.settle();
        return Ok(None);
    }
    let known = operations.open.task(execution, task).await;
    let wake = Wake::TaskStarted { task, worker_name: worker_name.map(str::to_owned) };
    let report = Report { wake, always, if_open: Batch::new() };
    match operations.open.wake_durably(execution, report).await {
        // A worker who hung up meanwhile had taken it: this is a later one.
        Err(Error::Store(store::Error::Conflict { .. })) => {
            taken.settle();
            Ok(None)
        }
        Err(error) => Err(error),
        Ok(()) => {
            taken.settle();
            Ok(known.map(|known| GetActivityTaskOutput {
                task_token: known.task.token.clone(),
                input: Some(known.task.parameters.text().to_string()),
            }))
        }
    }
}
