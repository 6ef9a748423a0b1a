//! Redrives: what is kept of them, and whether an execution that has ended can be redriven.
//!
//! How an execution goes on is `asl`'s business, what is written along with it that of `open_executions`.

use asl::limits::{REDRIVABLE_EVENTS, STANDARD_SECONDS};
use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::Error;
use crate::execution::{ExecutionRecord, ExecutionStatus};
use crate::limits::{CLIENT_TOKEN_VALIDITY, CLIENT_TOKENS, REDRIVABLE_PERIOD};

/// How often an execution was redriven, and by whom of late.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Redrives {
    /// `redriveCount`.
    pub(crate) count: u64,
    /// `redriveDate`: of the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) date: Option<Timestamp>,
    /// The last client tokens that redrove it, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tokens: Vec<ClientToken>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ClientToken {
    token: String,
    /// When it redrove the execution.
    date: Timestamp,
}

/// `redriveStatus`, with the reason where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RedriveStatus {
    Redrivable,
    /// It is a child of a Map Run, and redriven with it only.
    ByMapRun,
    NotRedrivable(Reason),
}

/// `redriveStatusReason`: why an execution cannot be redriven.
///
/// Source: shape `DescribeExecutionOutput`, Step Functions API 2016-11-23.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Reason {
    #[error("Execution is {} and cannot be redriven", .0.as_str())]
    Status(ExecutionStatus),
    #[error("State machine is in DELETING status")]
    Deleting,
    /// What it would go on from was not kept by the program that ran it.
    #[error("Execution was started before the launch of RedriveExecution")]
    BeforeLaunch,
    #[error("Execution history event limit exceeded")]
    Events,
    #[error("Execution has exceeded the max execution time")]
    Time,
    #[error("Execution redrivable period exceeded")]
    Period,
}

impl Redrives {
    /// When this token redrove the execution, as long as that is remembered.
    pub(crate) fn answered(&self, token: Option<&str>, now: Timestamp) -> Option<Timestamp> {
        let known = self.tokens.iter().find(|known| Some(known.token.as_str()) == token)?;
        (now.since(known.date) < CLIENT_TOKEN_VALIDITY).then_some(known.date)
    }

    /// What is kept after one more.
    pub(crate) fn and(&self, token: Option<&str>, now: Timestamp) -> Self {
        let fresh = |known: &&ClientToken| now.since(known.date) < CLIENT_TOKEN_VALIDITY;
        let mut tokens: Vec<ClientToken> = self.tokens.iter().filter(fresh).cloned().collect();
        tokens.extend(token.map(|token| ClientToken { token: token.to_owned(), date: now }));
        tokens.drain(..tokens.len().saturating_sub(CLIENT_TOKENS));
        Self { count: self.count.saturating_add(1), date: Some(now), tokens }
    }
}

impl RedriveStatus {
    /// Whether the execution can be redriven at `now`, as far as its record tells: its state machine may be gone.
    pub(crate) fn of(record: &ExecutionRecord, now: Timestamp) -> Self {
        let reason = match (record.status, record.stop_date, record.events) {
            (ExecutionStatus::Running | ExecutionStatus::Succeeded, ..) => Reason::Status(record.status),
            (_, _, None) | (_, None, _) => Reason::BeforeLaunch,
            (_, _, Some(events)) if events >= REDRIVABLE_EVENTS => Reason::Events,
            _ if now.since(record.start_date).as_secs() >= STANDARD_SECONDS => Reason::Time,
            (_, Some(stopped), _) if now.since(stopped) >= REDRIVABLE_PERIOD => Reason::Period,
            _ if record.child.is_some() => return Self::ByMapRun,
            _ => return Self::Redrivable,
        };
        Self::NotRedrivable(reason)
    }

    /// The same, where the state machine is being deleted, or is gone.
    pub(crate) fn without_machine(self) -> Self {
        match self {
            Self::Redrivable | Self::ByMapRun => Self::NotRedrivable(Reason::Deleting),
            Self::NotRedrivable(_) => self,
        }
    }

    /// `redriveStatus`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Redrivable => "REDRIVABLE",
            Self::ByMapRun => "REDRIVABLE_BY_MAP_RUN",
            Self::NotRedrivable(_) => "NOT_REDRIVABLE",
        }
    }

    /// `redriveStatusReason`.
    pub(crate) fn reason(self) -> Option<String> {
        match self {
            Self::Redrivable | Self::ByMapRun => None,
            Self::NotRedrivable(reason) => Some(reason.to_string()),
        }
    }

    /// Refuses what cannot be redriven.
    ///
    /// # Errors
    /// [`Error::ExecutionNotRedrivable`].
    pub(crate) fn check(self, execution: &str) -> Result<(), Error> {
        match self {
            Self::Redrivable | Self::ByMapRun => Ok(()),
            Self::NotRedrivable(reason) => Err(reason.refuses(execution)),
        }
    }
}

impl Reason {
    /// The refusal of a redrive.
    pub(crate) fn refuses(self, execution: &str) -> Error {
        Error::ExecutionNotRedrivable { execution: execution.to_owned(), reason: self.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_700_000_000);

    #[test]
    fn the_last_ten_tokens_are_known_for_a_quarter_of_an_hour() {
        let mut redrives = Redrives::default();
        for number in 0..12 {
            redrives = redrives.and(Some(&number.to_string()), START + Duration::from_secs(number));
        }
        assert_eq!((redrives.count, redrives.date), (12, Some(START + Duration::from_secs(11))));
        let known =
            |token: &str, seconds| redrives.answered(Some(token), START + Duration::from_secs(seconds));
        assert_eq!(known("1", 12), None);
        assert_eq!(known("2", 901), Some(START + Duration::from_secs(2)));
        assert_eq!(known("2", 902), None);
        assert_eq!(redrives.answered(None, START), None);
        assert_eq!(redrives.and(None, START + Duration::from_secs(911)).tokens.len(), 0);
    }

    #[test]
    fn the_first_reason_that_holds_is_told() {
        let record = |status, events, days: u64| ExecutionRecord {
            state_machine_arn: String::new(),
            state_machine_version_arn: None,
            state_machine_alias_arn: None,
            name: String::new(),
            revision: String::new(),
            status,
            start_date: START,
            stop_date: Some(START + Duration::from_secs(days * 86_400)),
            order: 0,
            trace_header: None,
            request_id: None,
            failure: asl::Failure::default(),
            events,
            redrives: Redrives::default(),
            child: None,
        };
        let told = |record: &ExecutionRecord, days: u64| {
            RedriveStatus::of(record, START + Duration::from_secs(days * 86_400)).reason().unwrap_or_default()
        };
        assert_eq!(told(&record(ExecutionStatus::Failed, Some(24_998), 1), 14), "");
        assert_eq!(
            told(&record(ExecutionStatus::Failed, Some(24_998), 1), 15),
            "Execution redrivable period exceeded"
        );
        assert_eq!(
            told(&record(ExecutionStatus::TimedOut, Some(24_999), 1), 2),
            "Execution history event limit exceeded"
        );
        assert_eq!(
            told(&record(ExecutionStatus::Aborted, Some(9), 360), 365),
            "Execution has exceeded the max execution time"
        );
        assert_eq!(
            told(&record(ExecutionStatus::Failed, None, 1), 2),
            "Execution was started before the launch of RedriveExecution"
        );
        assert_eq!(
            told(&record(ExecutionStatus::Succeeded, Some(9), 1), 2),
            "Execution is SUCCEEDED and cannot be redriven"
        );
    }
}
