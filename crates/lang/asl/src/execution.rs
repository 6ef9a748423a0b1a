//! One run of a state machine: what is open of it, and how it is stored.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use types::Timestamp;

use crate::definition::{MachineKind, StateMachine};
use crate::effect::Effect;
use crate::error_name::Failure;
use crate::history::HistoryEvent;
use crate::ids::{FrameId, TaskId};
use crate::integrations::Resource;
use crate::payload::Payload;

/// Everything about one run. A continuation, not a recording: what is stored grows with what is open, not with what has
/// happened.
#[derive(Debug)]
pub struct Execution {
    machine: Arc<StateMachine>,
    spec: ExecutionSpec,
    status: Status,
    history: Vec<HistoryEvent>,
}

/// What an execution is told when it starts. Never changes afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecutionSpec {
    /// The execution's ARN.
    pub arn: String,
    /// The execution's name.
    pub name: String,
    /// ARN of the state machine, without version or alias.
    pub state_machine_arn: String,
    /// Name of the state machine.
    pub state_machine_name: String,
    /// The state machine's role.
    pub role_arn: Arc<str>,
    /// Where it runs.
    pub region: Arc<str>,
    /// Whose it is.
    pub account: String,
    /// The input as it was given: JSON text, checked by the caller.
    pub input: Arc<str>,
    /// When `StartExecution` was called.
    pub start_time: Timestamp,
    /// What the execution's random numbers and task tokens are made of.
    pub seed: u64,
    /// Standard or Express.
    pub kind: MachineKind,
    /// How often it has been redriven.
    pub redrive_count: u64,
}

/// How an execution stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Status {
    /// `RUNNING`.
    Running,
    /// `SUCCEEDED`.
    Succeeded {
        /// Its output.
        output: Payload,
    },
    /// `FAILED`, with error and cause where there are any.
    Failed(Failure),
    /// `TIMED_OUT`: the state machine's `TimeoutSeconds` passed.
    TimedOut,
    /// `ABORTED`, with what `StopExecution` said.
    Aborted(Failure),
}

impl Status {
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded { .. } => "SUCCEEDED",
            Self::Failed(_) => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted(_) => "ABORTED",
        }
    }
}

/// A task that is not over: what to call again, or to look after, when the process starts anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenTask {
    /// The attempt.
    pub task: TaskId,
    /// Name of the Task state.
    pub state: Arc<str>,
    /// What was called.
    pub resource: Resource,
    /// With what.
    pub parameters: Payload,
    /// What the service answered to the request of a `.sync` or `.waitForTaskToken` task.
    pub submitted: Option<Payload>,
    /// The task token, for `.waitForTaskToken` tasks and activities.
    pub token: Option<String>,
    /// ARN of the role in `Credentials`.
    pub credentials: Option<String>,
    /// Seconds until it times out.
    pub timeout_seconds: Option<u64>,
    /// Seconds between heartbeats.
    pub heartbeat_seconds: Option<u64>,
}

impl OpenTask {
    /// The effect that calls the task: to be performed again where it is not known whether it was.
    pub fn invocation(&self) -> Effect {
        Effect::Invoke {
            task: self.task,
            state: Arc::clone(&self.state),
            resource: self.resource.clone(),
            parameters: self.parameters.clone(),
            token: self.token.clone(),
            credentials: self.credentials.clone(),
            timeout_seconds: self.timeout_seconds,
            heartbeat_seconds: self.heartbeat_seconds,
        }
    }

    /// The effect that gives the task up.
    pub(crate) fn cancellation(&self) -> Effect {
        Effect::CancelTask {
            task: self.task,
            resource: self.resource.clone(),
            parameters: self.parameters.clone(),
            submitted: self.submitted.clone(),
        }
    }
}

/// What must be stored since the last time: the dirty rows only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The head, where it changed: small.
    pub head: Option<Vec<u8>>,
    /// Rows to insert or replace.
    pub frames_put: Vec<(u64, Vec<u8>)>,
    /// Rows to delete. All of them, once the execution has ended.
    pub frames_deleted: Vec<u64>,
}

/// What was stored is not an execution that runs.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The execution has ended: nothing of it is stored but its head.
    #[error("the execution has ended")]
    Ended,
    /// Bytes that are not what [`Execution::take_changes`] gave.
    #[error("row {row} cannot be read")]
    Unreadable {
        /// Number of the row; `head` or a frame's number.
        row: String,
        /// What the reader said.
        source: serde_json::Error,
    },
    /// A row is missing, or names what the definition does not have.
    #[error("frame {0} does not fit the others or the definition")]
    Inconsistent(FrameId),
}

impl Execution {
    /// A run that has not begun: the first [`step`](crate::step()) is with [`Wake::Start`](crate::Wake::Start).
    pub fn new(machine: Arc<StateMachine>, spec: ExecutionSpec) -> Self {
        Self { machine, spec, status: Status::Running, history: Vec::new() }
    }

    /// Continues from what [`Self::take_changes`] had stored.
    ///
    /// # Errors
    /// [`RestoreError`] where that is not a running execution of `machine`.
    pub fn restore(
        machine: Arc<StateMachine>,
        head: &[u8],
        frames: impl IntoIterator<Item = (u64, Vec<u8>)>,
    ) -> Result<Self, RestoreError> {
        let _ = (machine, frames.into_iter().count());
        let unreadable = |source| RestoreError::Unreadable { row: "head".to_owned(), source };
        let _: Value = serde_json::from_slice(head).map_err(unreadable)?;
        Err(RestoreError::Ended)
    }

    /// How it stands.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// What it was told at its start.
    pub fn spec(&self) -> &ExecutionSpec {
        &self.spec
    }

    /// The machine that it runs.
    pub fn machine(&self) -> &Arc<StateMachine> {
        &self.machine
    }

    /// The events since the last call; their ids are consecutive.
    pub fn take_history(&mut self) -> Vec<HistoryEvent> {
        std::mem::take(&mut self.history)
    }

    /// What must be stored since the last call.
    pub fn take_changes(&mut self) -> Changes {
        Changes::default()
    }

    /// The tasks that are not over.
    pub fn open_tasks(&self) -> impl Iterator<Item = &OpenTask> {
        std::iter::empty()
    }
}
