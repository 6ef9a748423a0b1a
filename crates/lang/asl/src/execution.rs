//! One run of a state machine: what is open of it, and how it is stored.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use types::Timestamp;

use crate::definition::{MachineKind, StateMachine};
use crate::effect::Effect;
use crate::error_name::Failure;
use crate::frame::{Frames, Phase};
use crate::history::HistoryEvent;
use crate::ids::{FrameId, TaskId, TimerId};
use crate::integrations::Resource;
use crate::limits::REDRIVABLE_EVENTS;
use crate::map_run::{MapRunSpec, Processor};
use crate::payload::Payload;
use crate::random::Random;

mod redrive;
mod storage;

pub use storage::{Changes, RestoreError};

/// Everything about one run. A continuation, not a recording: what is stored grows with what is open, not with what has
/// happened.
#[derive(Debug)]
pub struct Execution {
    pub(crate) machine: Arc<StateMachine>,
    pub(crate) spec: ExecutionSpec,
    /// The spec's input, read; `None` where it is not JSON.
    pub(crate) input: Option<Payload>,
    pub(crate) head: Head,
    pub(crate) frames: Frames,
    pub(crate) history: Vec<HistoryEvent>,
    /// The context object that a test of a state gives instead of the execution's own. Never stored.
    pub(crate) given_context: Option<Map<String, Value>>,
    stored: storage::Stored,
}

/// What an execution is told when it starts. Only a redrive changes anything of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecutionSpec {
    /// The execution's ARN.
    pub arn: String,
    /// The execution's name.
    pub name: String,
    /// ARN of the state machine, without version or alias.
    pub state_machine_arn: String,
    /// ARN of the version that was started, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_machine_version_arn: Option<String>,
    /// ARN of the alias by which it was started, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_machine_alias_arn: Option<String>,
    /// Name of the state machine.
    pub state_machine_name: String,
    /// The state machine's role.
    pub role_arn: Arc<str>,
    /// Where it runs.
    pub region: Arc<str>,
    /// Whose it is.
    pub account: String,
    /// The input as it was given: JSON text, checked by the caller with [`Payload::parse`].
    pub input: Arc<str>,
    /// When `StartExecution` was called.
    pub start_time: Timestamp,
    /// What the execution's random numbers and task tokens are made of.
    pub seed: u64,
    /// Standard or Express.
    pub kind: MachineKind,
    /// How often it has been redriven.
    pub redrive_count: u64,
    /// When it was redriven last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive_time: Option<Timestamp>,
    /// The Map Run that it is a child of, and which part of the machine it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_run: Option<ChildOf>,
}

/// What makes an execution a child of a Map Run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildOf {
    /// ARN of the Map Run.
    pub map_run_arn: String,
    /// Where the child begins.
    pub processor: Processor,
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

/// What changes with every step, and is small.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) status: Status,
    /// For frames, tasks and timers alike.
    next_id: u64,
    pub(crate) next_event: u64,
    pub(crate) random: Random,
    pub(crate) root: Option<FrameId>,
    /// When it began, or was redriven last.
    pub(crate) started: Option<Timestamp>,
    /// When the whole execution times out. Set when it first waits.
    pub(crate) deadline: Option<TimerId>,
    /// Frames that are about to enter a state, in their order.
    pub(crate) ready: VecDeque<FrameId>,
    /// Wakes the execution where it gave way to others.
    pub(crate) continuation: Option<TimerId>,
}

impl Head {
    fn new(seed: u64) -> Self {
        Self {
            status: Status::Running,
            next_id: 1,
            next_event: 1,
            random: Random::new(seed),
            root: None,
            started: None,
            deadline: None,
            ready: VecDeque::new(),
            continuation: None,
        }
    }

    pub(crate) fn new_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }
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
    /// The task token, of every task but those that only ask and are answered: `$$.Task.Token`.
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

/// A Map Run that is not over: what to start again, where it is not known whether it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenMapRun {
    /// The attempt.
    pub task: TaskId,
    /// Its ARN.
    pub map_run_arn: String,
    /// What was asked for; `None` where it is redriven, which it knows itself.
    pub run: Option<Box<MapRunSpec>>,
    /// How often it has been redriven.
    #[serde(default)]
    pub redrive_count: u64,
}

impl OpenMapRun {
    /// The effect that starts the Map Run, or redrives it: to be performed again where it is not known whether it was.
    pub fn start(&self) -> Effect {
        match &self.run {
            Some(run) => Effect::StartMapRun { task: self.task, run: run.clone() },
            None => Effect::RedriveMapRun { task: self.task, map_run_arn: self.map_run_arn.clone() },
        }
    }

    /// The effect that gives the Map Run up.
    pub(crate) fn stop(&self) -> Effect {
        Effect::StopMapRun { task: self.task, map_run_arn: self.map_run_arn.clone() }
    }

    /// What its state keeps of it when it has not succeeded.
    pub(crate) fn ended(&self) -> Phase {
        Phase::MapRunEnded { map_run_arn: self.map_run_arn.clone(), redrive_count: self.redrive_count }
    }
}

impl Execution {
    /// A run that has not begun: the first [`step`](crate::step()) is with [`Wake::Start`](crate::Wake::Start).
    pub fn new(machine: Arc<StateMachine>, spec: ExecutionSpec) -> Self {
        Self {
            machine,
            input: Payload::parse(Arc::clone(&spec.input)).ok(),
            head: Head::new(spec.seed),
            spec,
            frames: Frames::default(),
            history: Vec::new(),
            given_context: None,
            stored: storage::Stored::default(),
        }
    }

    /// A child of a Map Run that has not begun: it runs the item processor of `run`, a part of `machine`. `spec`
    /// is the child's own, with its ARN, name and input; its `map_run` is filled in.
    pub fn new_child(machine: Arc<StateMachine>, run: &MapRunSpec, spec: ExecutionSpec) -> Self {
        let child_of = ChildOf { map_run_arn: run.arn.clone(), processor: run.processor };
        Self::new(machine, ExecutionSpec { map_run: Some(child_of), ..spec })
    }

    /// How it stands.
    pub fn status(&self) -> &Status {
        &self.head.status
    }

    /// What it was told at its start.
    pub fn spec(&self) -> &ExecutionSpec {
        &self.spec
    }

    /// The machine that it runs.
    pub fn machine(&self) -> &Arc<StateMachine> {
        &self.machine
    }

    /// Whether it has ended in a way that it may be redriven from: then its [`Changes`] keep what it would go on from.
    ///
    /// Executions of express machines are started anew instead, and a history that is full takes no more events.
    pub fn is_redrivable(&self) -> bool {
        let unsuccessful = match self.head.status {
            Status::Failed(_) | Status::TimedOut | Status::Aborted(_) => true,
            Status::Running | Status::Succeeded { .. } => false,
        };
        unsuccessful
            && self.spec.kind == MachineKind::Standard
            && self.head.root.is_some()
            && self.head.next_event <= REDRIVABLE_EVENTS
    }

    /// The events since the last call; their ids are consecutive.
    pub fn take_history(&mut self) -> Vec<HistoryEvent> {
        std::mem::take(&mut self.history)
    }

    /// The tasks that are not over.
    pub fn open_tasks(&self) -> impl Iterator<Item = &OpenTask> {
        self.frames.iter().filter_map(|(_, frame)| Some(&frame.visit()?.calling()?.task))
    }

    /// The Map Runs that are not over.
    pub fn open_map_runs(&self) -> impl Iterator<Item = &OpenMapRun> {
        self.frames.iter().filter_map(|(_, frame)| frame.visit()?.map_run())
    }

    /// The Map Run of an attempt, where it is not over.
    pub fn open_map_run(&self, task: TaskId) -> Option<&OpenMapRun> {
        self.frames.get(self.frames.of_task(task)?)?.visit()?.map_run()
    }

    /// The task, where it is not over.
    pub fn open_task(&self, task: TaskId) -> Option<&OpenTask> {
        let frame = self.frames.get(self.frames.of_task(task)?)?;
        Some(&frame.visit()?.calling()?.task)
    }
}
