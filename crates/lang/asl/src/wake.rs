//! What can happen to an execution: the arguments of [`step`](crate::step()).

use serde_json::Value;

use crate::error_name::Failure;
use crate::ids::{TaskId, TimerId};

/// Something that happened outside and lets an execution go on.
///
/// A wake for a task or a timer that is closed, or was never open, changes nothing: after a crash the same thing may be
/// reported twice.
#[derive(Clone, Debug, PartialEq)]
pub enum Wake {
    /// The execution shall begin.
    Start,
    /// A timer set by [`Effect::SetTimer`](crate::Effect::SetTimer) is due.
    TimerFired {
        /// Which one.
        timer: TimerId,
    },
    /// A worker has taken the task. Needed for activities; for other tasks the history shows the start anyway, at the
    /// latest with the task's first answer.
    TaskStarted {
        /// Which one.
        task: TaskId,
        /// `workerName` of `GetActivityTask`.
        worker_name: Option<String>,
    },
    /// The service accepted the request of a `.sync` or `.waitForTaskToken` task, which goes on.
    TaskSubmitted {
        /// Which one.
        task: TaskId,
        /// What the service answered.
        output: Value,
    },
    /// The task ended well: its service answered, its job ended, or `SendTaskSuccess` was called with its token. Or a Map
    /// Run succeeded, and `output` is its result.
    TaskSucceeded {
        /// Which one.
        task: TaskId,
        /// The task's result.
        output: Value,
    },
    /// The task failed, or a Map Run did.
    TaskFailed {
        /// Which one.
        task: TaskId,
        /// Why, and how far it had come.
        failure: TaskFailure,
    },
    /// `SendTaskHeartbeat` was called with the task's token.
    TaskHeartbeat {
        /// Which one.
        task: TaskId,
    },
    /// `StopExecution` was called.
    Stop {
        /// Its `error`.
        error: Option<String>,
        /// Its `cause`.
        cause: Option<String>,
    },
}

/// Why a task failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskFailure {
    /// Error and cause; a callback may give neither.
    pub failure: Failure,
    /// How far the task had come, which decides the type of the history event.
    pub phase: FailurePhase,
}

/// How far a task had come when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailurePhase {
    /// It could not be scheduled: `LambdaFunctionScheduleFailed`, `ActivityScheduleFailed`.
    Schedule,
    /// It could not be started: `TaskStartFailed`, `LambdaFunctionStartFailed`.
    Start,
    /// The service refused the request of a `.sync` or `.waitForTaskToken` task: `TaskSubmitFailed`.
    Submit,
    /// It ran and failed: `TaskFailed`, `LambdaFunctionFailed`, `ActivityFailed`.
    Run,
}
