//! The types of history events, and the log level of each.

use super::{EventDetails, FanOut, IterationStage, MapRunStage, TaskStage};
use crate::definition::StateKind;
use crate::integrations::ResourceFamily;

macro_rules! event_types {
    ($($name:ident)*) => {
        /// Type of a history event.
        ///
        /// Source: shape `HistoryEventType`, Step Functions API 2016-11-23.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "AWS's names say what there is to say")]
        pub enum HistoryEventType { $($name,)* }

        impl HistoryEventType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The type's name, as AWS writes it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

event_types! {
    ActivityFailed ActivityScheduled ActivityScheduleFailed ActivityStarted ActivitySucceeded ActivityTimedOut
    ChoiceStateEntered ChoiceStateExited
    ExecutionAborted ExecutionFailed ExecutionStarted ExecutionSucceeded ExecutionTimedOut
    FailStateEntered
    LambdaFunctionFailed LambdaFunctionScheduled LambdaFunctionScheduleFailed LambdaFunctionStarted
    LambdaFunctionStartFailed LambdaFunctionSucceeded LambdaFunctionTimedOut
    MapIterationAborted MapIterationFailed MapIterationStarted MapIterationSucceeded
    MapStateAborted MapStateEntered MapStateExited MapStateFailed MapStateStarted MapStateSucceeded
    ParallelStateAborted ParallelStateEntered ParallelStateExited ParallelStateFailed ParallelStateStarted
    ParallelStateSucceeded
    PassStateEntered PassStateExited SucceedStateEntered SucceedStateExited
    TaskFailed TaskScheduled TaskStarted TaskStartFailed TaskStateAborted TaskStateEntered TaskStateExited
    TaskSubmitFailed TaskSubmitted TaskSucceeded TaskTimedOut
    WaitStateAborted WaitStateEntered WaitStateExited
    MapRunAborted MapRunFailed MapRunStarted MapRunSucceeded MapRunRedriven
    ExecutionRedriven EvaluationFailed
}

/// `level` of a state machine's logging configuration: how much of the history goes to CloudWatch Logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// The end of executions that did not succeed.
    Fatal,
    /// Also every failure and abortion on the way.
    Error,
    /// Everything.
    All,
}

impl HistoryEventType {
    /// The lowest level at which events of this type are logged.
    ///
    /// Source: Step Functions Developer Guide, "Log levels for Step Functions execution events".
    pub fn log_level(self) -> LogLevel {
        match self {
            Self::ExecutionAborted | Self::ExecutionFailed | Self::ExecutionTimedOut => LogLevel::Fatal,
            Self::FailStateEntered
            | Self::ActivityFailed
            | Self::ActivityScheduleFailed
            | Self::ActivityTimedOut
            | Self::LambdaFunctionFailed
            | Self::LambdaFunctionScheduleFailed
            | Self::LambdaFunctionStartFailed
            | Self::LambdaFunctionTimedOut
            | Self::MapIterationAborted
            | Self::MapIterationFailed
            | Self::MapRunAborted
            | Self::MapRunFailed
            | Self::MapStateAborted
            | Self::MapStateFailed
            | Self::ParallelStateAborted
            | Self::ParallelStateFailed
            | Self::TaskFailed
            | Self::TaskStartFailed
            | Self::TaskStateAborted
            | Self::TaskSubmitFailed
            | Self::TaskTimedOut
            | Self::WaitStateAborted
            | Self::EvaluationFailed => LogLevel::Error,
            _ => LogLevel::All,
        }
    }

    /// Whether the event ends the execution.
    pub fn ends_execution(self) -> bool {
        matches!(
            self,
            Self::ExecutionSucceeded
                | Self::ExecutionFailed
                | Self::ExecutionAborted
                | Self::ExecutionTimedOut
        )
    }

    /// The type of an event that says `details`.
    pub(crate) fn of(details: &EventDetails) -> Self {
        match details {
            EventDetails::ExecutionStarted { .. } => Self::ExecutionStarted,
            EventDetails::ExecutionSucceeded { .. } => Self::ExecutionSucceeded,
            EventDetails::ExecutionFailed(_) => Self::ExecutionFailed,
            EventDetails::ExecutionAborted(_) => Self::ExecutionAborted,
            EventDetails::ExecutionTimedOut(_) => Self::ExecutionTimedOut,
            EventDetails::ExecutionRedriven { .. } => Self::ExecutionRedriven,
            EventDetails::StateEntered { kind, .. } => entered(*kind),
            EventDetails::StateExited { kind, .. } => exited(*kind),
            EventDetails::StateAborted(kind) => aborted(*kind),
            EventDetails::FanOutStarted(FanOut::Parallel) => Self::ParallelStateStarted,
            EventDetails::FanOutStarted(FanOut::Map { .. }) => Self::MapStateStarted,
            EventDetails::FanOutSucceeded(FanOut::Parallel) => Self::ParallelStateSucceeded,
            EventDetails::FanOutSucceeded(FanOut::Map { .. }) => Self::MapStateSucceeded,
            EventDetails::FanOutFailed(FanOut::Parallel) => Self::ParallelStateFailed,
            EventDetails::FanOutFailed(FanOut::Map { .. }) => Self::MapStateFailed,
            EventDetails::MapIteration { stage, .. } => iteration(*stage),
            EventDetails::MapRun(stage) => map_run(stage),
            EventDetails::EvaluationFailed { .. } => Self::EvaluationFailed,
            EventDetails::Task { resource, stage } => match resource.family() {
                ResourceFamily::Integration => task(stage),
                ResourceFamily::Lambda => lambda(stage),
                ResourceFamily::Activity => activity(stage),
            },
        }
    }

    /// The name of the member that holds the details, or `None` for types that have none.
    pub(crate) fn details_key(self) -> Option<String> {
        let name = self.as_str();
        match self {
            Self::LambdaFunctionStarted
            | Self::MapRunSucceeded
            | Self::MapRunAborted
            | Self::MapStateAborted
            | Self::MapStateFailed
            | Self::MapStateSucceeded
            | Self::ParallelStateAborted
            | Self::ParallelStateFailed
            | Self::ParallelStateStarted
            | Self::ParallelStateSucceeded
            | Self::TaskStateAborted
            | Self::WaitStateAborted => None,
            _ if name.ends_with("StateEntered") => Some("stateEnteredEventDetails".to_owned()),
            _ if name.ends_with("StateExited") => Some("stateExitedEventDetails".to_owned()),
            _ => Some(format!("{}{}EventDetails", name[..1].to_ascii_lowercase(), &name[1..])),
        }
    }
}

fn entered(kind: StateKind) -> HistoryEventType {
    match kind {
        StateKind::Pass => HistoryEventType::PassStateEntered,
        StateKind::Task => HistoryEventType::TaskStateEntered,
        StateKind::Choice => HistoryEventType::ChoiceStateEntered,
        StateKind::Wait => HistoryEventType::WaitStateEntered,
        StateKind::Succeed => HistoryEventType::SucceedStateEntered,
        StateKind::Fail => HistoryEventType::FailStateEntered,
        StateKind::Parallel => HistoryEventType::ParallelStateEntered,
        StateKind::Map => HistoryEventType::MapStateEntered,
    }
}

/// A Fail state is never left; were it, there would be no other name for it than the one of entering.
fn exited(kind: StateKind) -> HistoryEventType {
    match kind {
        StateKind::Pass => HistoryEventType::PassStateExited,
        StateKind::Task => HistoryEventType::TaskStateExited,
        StateKind::Choice => HistoryEventType::ChoiceStateExited,
        StateKind::Wait => HistoryEventType::WaitStateExited,
        StateKind::Succeed => HistoryEventType::SucceedStateExited,
        StateKind::Fail => HistoryEventType::FailStateEntered,
        StateKind::Parallel => HistoryEventType::ParallelStateExited,
        StateKind::Map => HistoryEventType::MapStateExited,
    }
}

/// States that take no time cannot be aborted; only four types have the event.
fn aborted(kind: StateKind) -> HistoryEventType {
    match kind {
        StateKind::Wait => HistoryEventType::WaitStateAborted,
        StateKind::Parallel => HistoryEventType::ParallelStateAborted,
        StateKind::Map => HistoryEventType::MapStateAborted,
        StateKind::Task | StateKind::Pass | StateKind::Choice | StateKind::Succeed | StateKind::Fail => {
            HistoryEventType::TaskStateAborted
        }
    }
}

fn iteration(stage: IterationStage) -> HistoryEventType {
    match stage {
        IterationStage::Started => HistoryEventType::MapIterationStarted,
        IterationStage::Succeeded => HistoryEventType::MapIterationSucceeded,
        IterationStage::Failed => HistoryEventType::MapIterationFailed,
        IterationStage::Aborted => HistoryEventType::MapIterationAborted,
    }
}

fn map_run(stage: &MapRunStage) -> HistoryEventType {
    match stage {
        MapRunStage::Started { .. } => HistoryEventType::MapRunStarted,
        MapRunStage::Succeeded => HistoryEventType::MapRunSucceeded,
        MapRunStage::Failed(_) => HistoryEventType::MapRunFailed,
        MapRunStage::Aborted => HistoryEventType::MapRunAborted,
        MapRunStage::Redriven { .. } => HistoryEventType::MapRunRedriven,
    }
}

/// A service integration has no `TaskScheduleFailed`: what cannot be scheduled could not be started.
fn task(stage: &TaskStage) -> HistoryEventType {
    match stage {
        TaskStage::Scheduled { .. } => HistoryEventType::TaskScheduled,
        TaskStage::Started { .. } => HistoryEventType::TaskStarted,
        TaskStage::Submitted { .. } => HistoryEventType::TaskSubmitted,
        TaskStage::Succeeded { .. } => HistoryEventType::TaskSucceeded,
        TaskStage::Failed(_) => HistoryEventType::TaskFailed,
        TaskStage::ScheduleFailed(_) | TaskStage::StartFailed(_) => HistoryEventType::TaskStartFailed,
        TaskStage::SubmitFailed(_) => HistoryEventType::TaskSubmitFailed,
        TaskStage::TimedOut(_) => HistoryEventType::TaskTimedOut,
    }
}

/// A Lambda function is never submitted: it answers.
fn lambda(stage: &TaskStage) -> HistoryEventType {
    match stage {
        TaskStage::Scheduled { .. } => HistoryEventType::LambdaFunctionScheduled,
        TaskStage::Started { .. } => HistoryEventType::LambdaFunctionStarted,
        TaskStage::Submitted { .. } | TaskStage::Succeeded { .. } => {
            HistoryEventType::LambdaFunctionSucceeded
        }
        TaskStage::Failed(_) | TaskStage::SubmitFailed(_) => HistoryEventType::LambdaFunctionFailed,
        TaskStage::ScheduleFailed(_) => HistoryEventType::LambdaFunctionScheduleFailed,
        TaskStage::StartFailed(_) => HistoryEventType::LambdaFunctionStartFailed,
        TaskStage::TimedOut(_) => HistoryEventType::LambdaFunctionTimedOut,
    }
}

fn activity(stage: &TaskStage) -> HistoryEventType {
    match stage {
        TaskStage::Scheduled { .. } => HistoryEventType::ActivityScheduled,
        TaskStage::Started { .. } => HistoryEventType::ActivityStarted,
        TaskStage::Submitted { .. } | TaskStage::Succeeded { .. } => HistoryEventType::ActivitySucceeded,
        TaskStage::Failed(_) | TaskStage::SubmitFailed(_) => HistoryEventType::ActivityFailed,
        TaskStage::ScheduleFailed(_) | TaskStage::StartFailed(_) => HistoryEventType::ActivityScheduleFailed,
        TaskStage::TimedOut(_) => HistoryEventType::ActivityTimedOut,
    }
}
