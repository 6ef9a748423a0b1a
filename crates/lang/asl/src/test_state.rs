//! Tests of single states: one state is performed by the code that performs it in executions, and every stage of its
//! data flow is told.
//!
//! [`TestedState::parse`] finds the state, [`StateTest::begin`] performs it. A Task state without a mock then waits for
//! its service, and [`StateTest::conclude`] tells what became of it. Nothing here calls services, waits for the time of a
//! Wait state, or knows the shapes of services' answers.
//!
//! Source: Step Functions API 2016-11-23, `TestState`; recorded calls.

use std::sync::Arc;

use serde_json::{Map, Value};
use types::Timestamp;

use crate::error_name::Failure;
use crate::execution::{Execution, OpenTask};
use crate::ids::FrameId;
use crate::payload::Payload;
use crate::random::Random;

mod checks;
mod definition;
mod inspection;
mod map;
mod perform;

pub use checks::Refusal;
pub use definition::TestedState;
pub use inspection::{ErrorDetails, Inspection};

/// What a test is told, the state aside.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where the state runs, and as what.
    pub place: Place,
    /// The raw input.
    pub input: Payload,
    /// The context object, in place of one that is made up.
    pub context: Option<Map<String, Value>>,
    /// The variables that the state sees.
    pub variables: Map<String, Value>,
    /// What is assumed to have happened.
    pub configuration: Configuration,
    /// What the state's service, branches or iterations come to.
    pub mock: Option<Mock>,
}

/// The surroundings that a context object without one given is made of.
#[derive(Clone, Debug)]
pub struct Place {
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// The region.
    pub region: String,
    /// The account.
    pub account: String,
    /// The role, if there is one.
    pub role_arn: Option<String>,
    /// Name of the state machine and of the execution.
    pub names: [String; 2],
    /// What random numbers are made of.
    pub seed: u64,
}

/// What is assumed to have happened before.
///
/// Source: shape `TestStateConfiguration`.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// Retries by the retrier that the error matches.
    pub retrier_retry_count: Option<u32>,
    /// The state in a branch or an iteration that fails.
    pub error_caused_by_state: Option<String>,
    /// Failed iterations of a Map state.
    pub map_iteration_failure_count: Option<u64>,
    /// What the `ItemReader` of a Map state reads.
    pub map_item_reader_data: Option<String>,
}

/// What is assumed instead of calling.
#[derive(Clone, Debug)]
pub enum Mock {
    /// It gave a result.
    Result(Payload),
    /// It failed.
    Error(Failure),
}

/// What a test came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// How it ended.
    pub status: TestStatus,
    /// The state's output, unless it failed.
    pub output: Option<Payload>,
    /// Why it failed, even where that is retried or caught.
    pub failure: Option<Failure>,
    /// Name of the state that follows.
    pub next_state: Option<Arc<str>>,
    /// The stages of the data flow.
    pub inspection: Inspection,
}

/// How a test ended.
///
/// Source: shape `TestExecutionStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own names")]
pub enum TestStatus {
    Succeeded,
    Failed,
    Retriable,
    CaughtError,
}

impl TestStatus {
    /// `SUCCEEDED`, `FAILED`, `RETRIABLE` or `CAUGHT_ERROR`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Retriable => "RETRIABLE",
            Self::CaughtError => "CAUGHT_ERROR",
        }
    }
}

/// How far a test has come.
#[derive(Debug)]
pub enum Progress {
    /// To its end.
    Over(Box<Report>),
    /// To the service of a Task state, which shall be called for [`StateTest::conclude`].
    Calls(Box<StateTest>),
}

/// A state under test.
#[derive(Debug)]
pub struct StateTest {
    tested: TestedState,
    execution: Execution,
    frame: FrameId,
    now: Timestamp,
    configuration: Configuration,
    inspection: Inspection,
    /// As it was before the state was performed: the stages are evaluated with the same random numbers as the state.
    random: Random,
}

impl StateTest {
    /// What the Task state calls, if it has come to that.
    pub fn task(&self) -> Option<&OpenTask> {
        self.execution.open_tasks().next()
    }

    /// The ARN of the execution that the state seems to be in.
    pub fn execution_arn(&self) -> &str {
        &self.execution.spec.arn
    }

    /// What its random numbers are made of.
    pub fn seed(&self) -> u64 {
        self.execution.spec.seed
    }
}
