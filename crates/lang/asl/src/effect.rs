//! What an execution wants done: the results of [`step`](crate::step()).

use std::sync::Arc;

use types::Timestamp;

use crate::ids::{TaskId, TimerId};
use crate::integrations::Resource;
use crate::map_run::MapRunSpec;
use crate::payload::Payload;

/// Something to do once the step that wants it is committed. Doing it twice must do no harm: (execution ARN, `task`) is
/// the idempotency key of a task, a timer has its own number.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Call the service of a Task state, and report with [`Wake`](crate::Wake) what comes of it.
    Invoke {
        /// The attempt.
        task: TaskId,
        /// Name of the Task state.
        state: Arc<str>,
        /// What to call.
        resource: Resource,
        /// `Parameters`, evaluated; the state's effective input where the field is absent.
        parameters: Payload,
        /// The task token, of every task but those that only ask and are answered: `$$.Task.Token`.
        token: Option<String>,
        /// ARN of the role in `Credentials`, which is assumed instead of the state machine's own.
        credentials: Option<String>,
        /// Seconds until the task times out, if it ever does. The timer is the execution's own.
        timeout_seconds: Option<u64>,
        /// Seconds between heartbeats, if they are wanted. The timer is the execution's own.
        heartbeat_seconds: Option<u64>,
    },
    /// The task is given up: it timed out, a sibling failed, or the execution was stopped.
    CancelTask {
        /// The attempt.
        task: TaskId,
        /// What was called.
        resource: Resource,
        /// With what.
        parameters: Payload,
        /// What the service answered to the request, if it did yet: names what to stop.
        submitted: Option<Payload>,
    },
    /// Start a Map Run, and report with [`Wake::TaskSucceeded`](crate::Wake::TaskSucceeded) or
    /// [`Wake::TaskFailed`](crate::Wake::TaskFailed) what came of it.
    StartMapRun {
        /// The attempt.
        task: TaskId,
        /// All that the Map Run has to know.
        run: Box<MapRunSpec>,
    },
    /// Redrive a Map Run that has not succeeded, and report as with [`Effect::StartMapRun`].
    RedriveMapRun {
        /// The attempt.
        task: TaskId,
        /// ARN of the Map Run.
        map_run_arn: String,
    },
    /// The Map Run is given up: a sibling failed, or the execution was stopped or timed out.
    StopMapRun {
        /// The attempt.
        task: TaskId,
        /// ARN of the Map Run.
        map_run_arn: String,
    },
    /// Wake the execution with [`Wake::TimerFired`](crate::Wake::TimerFired) at `due`.
    SetTimer {
        /// The timer.
        timer: TimerId,
        /// When. May be now or past.
        due: Timestamp,
    },
    /// The timer is not needed any more.
    ClearTimer {
        /// The timer.
        timer: TimerId,
    },
}
