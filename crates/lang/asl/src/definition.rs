//! A state machine as it was understood: states, transitions, compiled expressions.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catch::Catcher;
use crate::data_flow::Flow;
use crate::diagnostic::Diagnostic;
use crate::integrations::Resource;
use crate::retry::Retrier;
use crate::states::choice::ChoiceState;
use crate::states::fail::FailState;
use crate::states::map::MapState;
use crate::states::parallel::ParallelState;
use crate::states::pass::PassState;
use crate::states::task::TaskState;
use crate::states::wait::WaitState;

/// A definition, parsed and validated. Immutable; shared as `Arc` by all its executions.
#[derive(Debug)]
pub struct StateMachine {
    pub(crate) comment: Option<String>,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) query_language: QueryLanguage,
    pub(crate) start: StateId,
    /// Every state, those of branches and item processors included; a state's number is its place.
    pub(crate) states: Vec<State>,
}

impl StateMachine {
    /// `Comment` of the machine.
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// `TimeoutSeconds` of the machine.
    pub fn timeout_seconds(&self) -> Option<u64> {
        self.timeout_seconds
    }

    /// `QueryLanguage` of the machine.
    pub fn query_language(&self) -> QueryLanguage {
        self.query_language
    }

    /// `Resource` of every Task state, nested ones included.
    pub fn resources(&self) -> Vec<&str> {
        self.tasks().map(|(_, task)| task.resource.arn()).collect()
    }

    /// [`Self::resources`], understood.
    pub fn task_resources(&self) -> impl Iterator<Item = &Resource> {
        self.tasks().map(|(_, task)| &task.resource)
    }

    /// What a machine of this kind must not contain but this one does. Empty for `Standard`.
    pub fn validate_for_type(&self, kind: MachineKind) -> Vec<Diagnostic> {
        match kind {
            MachineKind::Standard => Vec::new(),
            MachineKind::Express => crate::validate::express(self),
        }
    }

    pub(crate) fn state(&self, id: StateId) -> Option<&State> {
        self.states.get(id.0 as usize)
    }

    pub(crate) fn tasks_mut(&mut self) -> impl Iterator<Item = &mut TaskState> {
        self.states.iter_mut().filter_map(|state| match &mut state.body {
            Body::Task(task) => Some(task.as_mut()),
            _ => None,
        })
    }

    pub(crate) fn tasks(&self) -> impl Iterator<Item = (&State, &TaskState)> {
        self.states.iter().filter_map(|state| match &state.body {
            Body::Task(task) => Some((state, task.as_ref())),
            _ => None,
        })
    }
}

/// A state's place in its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct StateId(pub(crate) u32);

/// One state.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) name: Arc<str>,
    /// JSON pointer to the state in the definition.
    pub(crate) location: String,
    pub(crate) flow: Flow,
    /// Where it leads. Choice states lead elsewhere, Succeed and Fail states end.
    pub(crate) transition: Transition,
    pub(crate) retry: Vec<Retrier>,
    pub(crate) catch: Vec<Catcher>,
    pub(crate) body: Body,
}

/// What is particular to a state's type.
#[derive(Debug)]
pub(crate) enum Body {
    Pass(PassState),
    Task(Box<TaskState>),
    Choice(ChoiceState),
    Wait(WaitState),
    Succeed,
    Fail(FailState),
    Parallel(ParallelState),
    Map(Box<MapState>),
}

/// `Next` or `End`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    Next(StateId),
    End,
}

impl State {
    pub(crate) fn kind(&self) -> StateKind {
        match &self.body {
            Body::Pass(_) => StateKind::Pass,
            Body::Task(_) => StateKind::Task,
            Body::Choice(_) => StateKind::Choice,
            Body::Wait(_) => StateKind::Wait,
            Body::Succeed => StateKind::Succeed,
            Body::Fail(_) => StateKind::Fail,
            Body::Parallel(_) => StateKind::Parallel,
            Body::Map(_) => StateKind::Map,
        }
    }
}

/// Type of a state machine.
///
/// Source: shape `StateMachineType`, Step Functions API 2016-11-23.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MachineKind {
    /// `STANDARD`: up to a year, every step recorded.
    Standard,
    /// `EXPRESS`: up to five minutes, no `.sync`, no `.waitForTaskToken`, no activities.
    Express,
}

/// Language of the expressions in a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueryLanguage {
    /// Paths, payload templates and intrinsic functions.
    #[default]
    #[serde(rename = "JSONPath")]
    JsonPath,
    /// `{% … %}`.
    #[serde(rename = "JSONata")]
    Jsonata,
}

/// `Type` of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the language's own names")]
pub enum StateKind {
    Task,
    Wait,
    Pass,
    Succeed,
    Fail,
    Choice,
    Parallel,
    Map,
}

impl StateKind {
    /// Every type, in the order in which AWS lists them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Task,
        Self::Wait,
        Self::Pass,
        Self::Succeed,
        Self::Fail,
        Self::Choice,
        Self::Parallel,
        Self::Map,
    ];

    /// The text of `Type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Task => "Task",
            Self::Wait => "Wait",
            Self::Pass => "Pass",
            Self::Succeed => "Succeed",
            Self::Fail => "Fail",
            Self::Choice => "Choice",
            Self::Parallel => "Parallel",
            Self::Map => "Map",
        }
    }

    /// Whether it can have `Retry` and `Catch`.
    pub(crate) fn is_retryable(self) -> bool {
        matches!(self, Self::Task | Self::Parallel | Self::Map)
    }
}
