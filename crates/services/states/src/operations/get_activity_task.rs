//! `GetActivityTask`: a worker asks for a task, and waits for one up to a minute.
//!
//! Source: Step Functions API reference, "GetActivityTask".

use api::Context;
use asl::Wake;
use store::Batch;

use super::Operations;
use crate::Error;
use crate::activities::{Queue, Taken};
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
    // The worker waits in the machine's time.
    let clock = operations.open.clock().machine();
    let due = clock.now() + ACTIVITY_POLL;
    while let Some(taken) = queue.next(&clock, due).await {
        let answer = hand_out(operations, &activity, &queue, taken, input.worker_name.as_deref()).await?;
        if let Some(answer) = answer {
            return Ok(answer);
        }
    }
    Ok(GetActivityTaskOutput::default())
}

/// Starts the task, and gives it to the worker once that is durable. `None` where it waits no more.
async fn hand_out(
    operations: &Operations,
    activity: &str,
    queue: &Queue,
    taken: Taken<'_>,
    worker_name: Option<&str>,
) -> Result<Option<GetActivityTaskOutput>, Error> {
    let Some(scheduled) = taken.scheduled() else { return Ok(None) };
    let mut always = Batch::new();
    operations.activities.take(activity, scheduled, &mut always);
    let known = operations.open.task(&scheduled.execution, scheduled.task).await?;
    let wake = Wake::TaskStarted { task: scheduled.task, worker_name: worker_name.map(str::to_owned) };
    let report = Report { wake, always, if_open: Batch::new() };
    let commit = operations.open.wake(&scheduled.execution, report).await;
    // From here on it is on its way to the disk that the task is taken: a worker who hangs up has had it.
    let scheduled = taken.settled();
    if let Err(error) = operations.open.settle(commit).await {
        scheduled.into_iter().for_each(|scheduled| queue.push(scheduled));
        return Err(error);
    }
    Ok(known.map(|known| GetActivityTaskOutput {
        task_token: known.task.token.clone(),
        input: Some(known.task.parameters.text().to_string()),
    }))
}
