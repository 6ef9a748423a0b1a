//! What is kept of a Map Run and of its children.

use asl::map_run::Tolerance;
use asl::{Failure, MachineKind, Status, TaskId};
use serde::{Deserialize, Serialize};
use types::Timestamp;

use super::counts::Counts;
use crate::execution::{Child, ExecutionStatus};

/// One Map Run, open or closed. Small: what it does is in its specification, what came of it with its children.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MapRunRecord {
    /// ARN of the execution whose state has started it.
    pub(crate) execution: String,
    /// The attempt of the state that waits for it.
    pub(crate) task: TaskId,
    /// Key of the revision that its children run.
    pub(crate) revision: String,
    pub(crate) status: MapRunStatus,
    /// Type of its children.
    pub(crate) kind: MachineKind,
    pub(crate) start_date: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stop_date: Option<Timestamp>,
    pub(crate) settings: Settings,
    /// What its items come from, once they are read: the same again after a crash, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<Source>,
    /// How its children stand; of a Map Run that has ended. An open one's are counted in memory.
    #[serde(default)]
    pub(crate) counts: Counts,
    #[serde(default)]
    pub(crate) redrive_count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) redrive_date: Option<Timestamp>,
}

/// What `UpdateMapRun` changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Children that run side by side at most; 0: no limit but the service's.
    pub(crate) max_concurrency: u64,
    pub(crate) tolerance: Tolerance,
}

/// The version of the object that items are read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) etag: String,
}

/// How a Map Run stands.
///
/// Source: shape `MapRunStatus`, Step Functions API 2016-11-23.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum MapRunStatus {
    Running,
    Succeeded,
    Failed,
    Aborted,
}

impl MapRunStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Aborted => "ABORTED",
        }
    }
}

/// What is kept of a child beside its execution, and longer than an express one: written when it starts and when it ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChildRecord {
    /// ARN of its execution.
    pub(crate) execution: String,
    pub(crate) first_item: u64,
    pub(crate) items: u64,
    pub(crate) status: ExecutionStatus,
    pub(crate) start_date: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stop_date: Option<Timestamp>,
    pub(crate) input: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<String>,
    #[serde(default)]
    pub(crate) failure: Failure,
    /// The Map Run's redrive that it was last started by; 0 before the first.
    #[serde(default)]
    pub(crate) redrive_count: u64,
}

/// What is to be done for an open Map Run: an entry of the queue `tables::MAP_RUN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Bring it to its end.
    Run,
    /// Give it up.
    Stop,
    /// Go on with it, for another attempt of the state.
    Redrive {
        /// The attempt.
        task: TaskId,
    },
}

/// A child of a Map Run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) index: u64,
    pub(crate) status: ExecutionStatus,
}

impl ChildRecord {
    /// The record of the child at `place`, whose execution stands at `status`.
    pub(crate) fn new(
        execution: &str,
        place: &Child,
        input: &str,
        dates: (Timestamp, Option<Timestamp>),
        status: &Status,
    ) -> Self {
        let (output, failure) = match status {
            Status::Succeeded { output } => (Some(output.text().to_string()), Failure::default()),
            Status::Failed(failure) | Status::Aborted(failure) => (None, failure.clone()),
            Status::Running | Status::TimedOut => (None, Failure::default()),
        };
        Self {
            execution: execution.to_owned(),
            first_item: place.first_item,
            items: place.items,
            status: ExecutionStatus::of(status),
            start_date: dates.0,
            stop_date: dates.1,
            input: input.to_owned(),
            output,
            failure,
            redrive_count: place.redrive_count,
        }
    }
}
