//! What is kept of an execution besides its history, and the answers made of it.

use asl::{Failure, Status, TaskId};
use serde::{Deserialize, Serialize};
use store::Batch;
use types::Timestamp;

use crate::generated::types::ExecutionListItem;
use crate::redrive::Redrives;
use crate::tables;

/// How an execution stands, as the API says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ExecutionStatus {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

impl ExecutionStatus {
    pub(crate) const ALL: [Self; 5] =
        [Self::Running, Self::Succeeded, Self::Failed, Self::TimedOut, Self::Aborted];

    pub(crate) fn of(status: &Status) -> Self {
        match status {
            Status::Running => Self::Running,
            Status::Succeeded { .. } => Self::Succeeded,
            Status::Failed(_) => Self::Failed,
            Status::TimedOut => Self::TimedOut,
            Status::Aborted(_) => Self::Aborted,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
        }
    }
}

/// One execution, open or closed. Small: input and output are in the first and the last event of its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExecutionRecord {
    pub(crate) state_machine_arn: String,
    /// The version that was started, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state_machine_version_arn: Option<String>,
    /// The alias by which it was started, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state_machine_alias_arn: Option<String>,
    pub(crate) name: String,
    /// Key of the revision that it runs.
    pub(crate) revision: String,
    pub(crate) status: ExecutionStatus,
    pub(crate) start_date: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stop_date: Option<Timestamp>,
    /// Grows with every start, so that executions of one millisecond have an order.
    pub(crate) order: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace_header: Option<String>,
    /// Id of the request that started it, by which a repetition is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    /// Why it failed, or was aborted.
    #[serde(default)]
    pub(crate) failure: Failure,
    /// How many events its history has, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<u64>,
    #[serde(default)]
    pub(crate) redrives: Redrives,
    /// Its place, where a Map Run has started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) child: Option<Child>,
}

/// The place of an execution that a Map Run has started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Child {
    /// The Map Run's ARN.
    pub(crate) map_run: String,
    /// Number of the child, from 0 in the order of its items.
    pub(crate) index: u64,
    /// Number of its first item.
    pub(crate) first_item: u64,
    /// How many items it has: one, or a batch.
    pub(crate) items: u64,
    /// The Map Run's redrive that has started it; 0 before the first.
    #[serde(default)]
    pub(crate) redrive_count: u64,
}

impl ExecutionRecord {
    /// The record after the execution's status has become `status`, with the last of so many events.
    pub(crate) fn closed(&self, status: &Status, at: Timestamp, events: u64) -> Self {
        let failure = match status {
            Status::Failed(failure) | Status::Aborted(failure) => failure.clone(),
            Status::Running | Status::Succeeded { .. } | Status::TimedOut => Failure::default(),
        };
        let status = ExecutionStatus::of(status);
        Self { status, stop_date: Some(at), failure, events: Some(events), ..self.clone() }
    }

    /// The record after the execution has been redriven.
    pub(crate) fn redriven(&self, client_token: Option<&str>, at: Timestamp) -> Self {
        Self {
            status: ExecutionStatus::Running,
            stop_date: None,
            failure: Failure::default(),
            events: None,
            redrives: self.redrives.and(client_token, at),
            ..self.clone()
        }
    }

    /// Name of the log that holds its history.
    pub(crate) fn history(&self) -> String {
        tables::history(self.order, &self.name)
    }

    /// Adds to `batch` that nothing is kept of the execution any more.
    pub(crate) fn forget(&self, batch: &mut Batch, arn: &str) {
        for entry in self.index_keys(self.status) {
            batch.delete(tables::EXECUTIONS_BY_MACHINE, entry);
        }
        batch.delete(tables::EXECUTIONS, arn);
        batch.delete(tables::REDRIVABLE, arn).delete_prefix(tables::FRAMES, tables::frames(arn));
        batch.trim(self.history(), Timestamp::MAX);
    }

    /// What the list of its machine's executions says of it.
    pub(crate) fn listed(&self) -> Listed {
        Listed {
            start_date: self.start_date,
            stop_date: self.stop_date,
            state_machine_version_arn: self.state_machine_version_arn.clone(),
            state_machine_alias_arn: self.state_machine_alias_arn.clone(),
            redrive_count: self.redrives.count,
            redrive_date: self.redrives.date,
            items: self.child.as_ref().map(|child| child.items),
        }
    }

    /// ARNs under which it is listed: that of its Map Run, or those of its machine, and of its version and alias where it
    /// has them.
    fn lists(&self) -> impl Iterator<Item = &str> {
        let version = self.state_machine_version_arn.as_deref();
        let alias = self.state_machine_alias_arn.as_deref();
        match &self.child {
            Some(child) => [Some(child.map_run.as_str()), None, None],
            None => [Some(self.state_machine_arn.as_str()), version, alias],
        }
        .into_iter()
        .flatten()
    }

    /// Keys of its entries in the index, where it has that status.
    pub(crate) fn index_keys(&self, status: ExecutionStatus) -> impl Iterator<Item = String> {
        self.lists().map(move |list| tables::by_machine(list, status.as_str(), self.order, &self.name))
    }
}

/// What is kept of an execution in the index of its machine's executions; the rest is in the key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) start_date: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stop_date: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state_machine_version_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state_machine_alias_arn: Option<String>,
    /// Items of a child of a Map Run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) items: Option<u64>,
    #[serde(default)]
    pub(crate) redrive_count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) redrive_date: Option<Timestamp>,
}

impl Listed {
    /// The item of an answer: of an execution of `machine`, which `map_run` has started if it names one.
    pub(crate) fn item(
        self,
        machine: &str,
        map_run: Option<&str>,
        name: &str,
        status: ExecutionStatus,
    ) -> ExecutionListItem {
        ExecutionListItem {
            map_run_arn: map_run.map(str::to_owned),
            item_count: self.items.and_then(|items| i64::try_from(items).ok()),
            execution_arn: crate::name::execution_arn(machine, name),
            state_machine_arn: machine.to_owned(),
            name: name.to_owned(),
            status: status.as_str().to_owned(),
            start_date: self.start_date,
            stop_date: self.stop_date,
            state_machine_version_arn: self.state_machine_version_arn,
            state_machine_alias_arn: self.state_machine_alias_arn,
            redrive_count: i64::try_from(self.redrive_count).ok(),
            redrive_date: self.redrive_date,
        }
    }
}

/// Which task of which execution waits for an ECS task to stop, or for another execution to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) execution: String,
    pub(crate) task: TaskId,
}
