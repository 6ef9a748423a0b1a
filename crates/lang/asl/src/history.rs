//! The history of an execution: what happened, in the words of `GetExecutionHistory`.
//!
//! An event's `previous_event_id` is the event that caused it on its own branch, as AWS counts: the first state and an
//! abortion have 0, and some events (`MapIterationSucceeded`, `ParallelStateSucceeded`) are leaves that nothing follows.

use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use types::Timestamp;

use crate::definition::StateKind;
use crate::error_name::Failure;
use crate::integrations::{Resource, ResourceFamily};
use crate::payload::Payload;

mod chunk;
mod event_type;

pub use chunk::{CHUNK_EVENTS_MAX, ChunkError, HistoryChunk};
pub use event_type::{HistoryEventType, LogLevel};

/// One event. Serialises to exactly the JSON of `GetExecutionHistory` with `includeExecutionData`.
///
/// Source: shape `HistoryEvent`, Step Functions API 2016-11-23.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEvent {
    /// 1 for the first event, growing by 1.
    pub id: u64,
    /// The event that this one follows on its branch, or 0.
    pub previous_event_id: u64,
    /// When it happened.
    pub timestamp: Timestamp,
    /// What happened.
    pub details: EventDetails,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq)]
pub enum EventDetails {
    /// The execution began.
    ExecutionStarted {
        /// Its input, verbatim.
        input: Payload,
        /// The state machine's role.
        role_arn: Arc<str>,
        /// The version that was started, if one was.
        state_machine_version_arn: Option<String>,
        /// The alias by which it was started, if it was.
        state_machine_alias_arn: Option<String>,
    },
    /// The execution ended well.
    ExecutionSucceeded {
        /// Its output.
        output: Payload,
    },
    /// The execution failed.
    ExecutionFailed(Failure),
    /// `StopExecution` was called.
    ExecutionAborted(Failure),
    /// The state machine's `TimeoutSeconds` passed.
    ExecutionTimedOut(Failure),
    /// `RedriveExecution` was called: the execution goes on after it has ended.
    ExecutionRedriven {
        /// How often that happened, this time included.
        redrive_count: u64,
    },
    /// A state began.
    StateEntered {
        /// The state's type.
        kind: StateKind,
        /// The state's name.
        name: Arc<str>,
        /// Its raw input.
        input: Payload,
    },
    /// A state ended and another follows, or its machine ends.
    StateExited {
        /// The state's type.
        kind: StateKind,
        /// The state's name.
        name: Arc<str>,
        /// Its output.
        output: Payload,
        /// What `Assign` assigned: names with values as JSON text.
        assigned: Vec<(Arc<str>, Arc<str>)>,
    },
    /// A state was given up because a sibling failed. Only Task, Wait, Map and Parallel states can be.
    StateAborted(StateKind),
    /// The branches of a Parallel state, or a Map state with a number of items, began.
    FanOutStarted(FanOut),
    /// All branches or iterations ended well.
    FanOutSucceeded(FanOut),
    /// A branch or an iteration failed.
    FanOutFailed(FanOut),
    /// Something about one iteration of a Map state.
    MapIteration {
        /// What.
        stage: IterationStage,
        /// The Map state's name.
        name: Arc<str>,
        /// The item's number, from 0.
        index: u64,
    },
    /// Something about the Map Run of a distributed Map state.
    MapRun(MapRunStage),
    /// A JSONata expression failed.
    EvaluationFailed {
        /// How.
        failure: Failure,
        /// The field that it is in, such as `Output/result`.
        location: String,
        /// The state's name.
        state: Arc<str>,
    },
    /// Something about a task.
    Task {
        /// What it calls.
        resource: Resource,
        /// What.
        stage: Box<TaskStage>,
    },
}

/// What runs sub-machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanOut {
    /// A Parallel state.
    Parallel,
    /// A Map state over so many items.
    Map {
        /// The number of items; shown when the state begins.
        length: u64,
    },
}

/// Where an iteration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IterationStage {
    /// It began.
    Started,
    /// It ended well.
    Succeeded,
    /// It failed.
    Failed,
    /// A sibling failed.
    Aborted,
}

/// Where a Map Run is.
#[derive(Clone, Debug, PartialEq)]
pub enum MapRunStage {
    /// It began.
    Started {
        /// Its ARN.
        map_run_arn: String,
    },
    /// It ended well.
    Succeeded,
    /// It failed.
    Failed(Failure),
    /// It was given up.
    Aborted,
    /// It was redriven.
    Redriven {
        /// Its ARN.
        map_run_arn: String,
        /// How often it has been redriven.
        redrive_count: u64,
    },
}

/// Where a task is.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskStage {
    /// It is about to be called.
    Scheduled {
        /// With what.
        parameters: Payload,
        /// The execution's region.
        region: Arc<str>,
        /// `TimeoutSeconds`.
        timeout_seconds: Option<u64>,
        /// `HeartbeatSeconds`.
        heartbeat_seconds: Option<u64>,
        /// `Credentials.RoleArn`.
        credentials: Option<String>,
    },
    /// It was called, or a worker took it.
    Started {
        /// Of an activity's worker.
        worker_name: Option<String>,
    },
    /// The service accepted the request.
    Submitted {
        /// What it answered.
        output: Payload,
    },
    /// It ended well.
    Succeeded {
        /// Its result.
        output: Payload,
    },
    /// It ran and failed.
    Failed(Failure),
    /// It could not be scheduled.
    ScheduleFailed(Failure),
    /// It could not be started.
    StartFailed(Failure),
    /// The service refused the request.
    SubmitFailed(Failure),
    /// Time or heartbeats ran out.
    TimedOut(Failure),
}

impl HistoryEvent {
    /// The event's type, such as `TaskScheduled`.
    pub fn kind(&self) -> HistoryEventType {
        HistoryEventType::of(&self.details)
    }

    /// The event as `GetExecutionHistory` gives it, with or without execution data.
    ///
    /// Without, the fields that carry inputs, outputs, parameters and variables are missing; errors and causes are not.
    pub fn to_json(&self, include_execution_data: bool) -> Value {
        let mut event = json!({
            "id": self.id,
            "previousEventId": self.previous_event_id,
            "timestamp": self.timestamp,
            "type": self.kind().as_str(),
        });
        if let (Some(key), Some(fields)) = (self.kind().details_key(), event.as_object_mut()) {
            fields.insert(key, Value::Object(self.details.fields(include_execution_data)));
        }
        event
    }

    /// The message that execution logging writes to CloudWatch Logs.
    ///
    /// Numbers and times are texts there, and the time counts milliseconds.
    pub fn to_log_message(
        &self,
        execution_arn: &str,
        redrive_count: u64,
        include_execution_data: bool,
    ) -> Value {
        json!({
            "id": self.id.to_string(),
            "type": self.kind().as_str(),
            "details": self.details.fields(include_execution_data),
            "previous_event_id": self.previous_event_id.to_string(),
            "event_timestamp": self.timestamp.as_millis().to_string(),
            "execution_arn": execution_arn,
            "redrive_count": redrive_count.to_string(),
        })
    }
}

impl Serialize for HistoryEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = self.kind();
        let mut event = serializer.serialize_map(None)?;
        event.serialize_entry("timestamp", &self.timestamp)?;
        event.serialize_entry("type", kind.as_str())?;
        event.serialize_entry("id", &self.id)?;
        event.serialize_entry("previousEventId", &self.previous_event_id)?;
        if let Some(key) = kind.details_key() {
            event.serialize_entry(&key, &self.details.fields(true))?;
        }
        event.end()
    }
}

impl EventDetails {
    /// The fields of the event's `…EventDetails`; empty where the type has none.
    fn fields(&self, include_execution_data: bool) -> Map<String, Value> {
        let mut fields = Fields { map: Map::new(), include_execution_data };
        match self {
            Self::ExecutionStarted {
                input,
                role_arn,
                state_machine_version_arn,
                state_machine_alias_arn,
            } => {
                fields.input(input);
                fields.set("roleArn", role_arn.as_ref());
                if let Some(alias) = state_machine_alias_arn {
                    fields.set("stateMachineAliasArn", alias.as_str());
                }
                if let Some(version) = state_machine_version_arn {
                    fields.set("stateMachineVersionArn", version.as_str());
                }
            }
            Self::ExecutionSucceeded { output } => fields.output(output),
            Self::ExecutionFailed(failure)
            | Self::ExecutionAborted(failure)
            | Self::ExecutionTimedOut(failure) => fields.failure(failure),
            Self::ExecutionRedriven { redrive_count } => fields.set("redriveCount", *redrive_count),
            Self::StateEntered { name, input, .. } => {
                fields.set("name", name.as_ref());
                fields.input(input);
            }
            Self::StateExited { name, output, assigned, .. } => {
                fields.set("name", name.as_ref());
                fields.output(output);
                fields.assigned(assigned);
            }
            Self::FanOutStarted(FanOut::Map { length }) => fields.set("length", *length),
            Self::MapIteration { name, index, .. } => {
                fields.set("name", name.as_ref());
                fields.set("index", *index);
            }
            Self::EvaluationFailed { failure, location, state } => {
                fields.failure(failure);
                fields.set("location", location.as_str());
                fields.set("state", state.as_ref());
            }
            Self::MapRun(stage) => fields.map_run(stage),
            Self::Task { resource, stage } => fields.task(resource, stage),
            Self::StateAborted(_)
            | Self::FanOutStarted(FanOut::Parallel)
            | Self::FanOutSucceeded(_)
            | Self::FanOutFailed(_) => {}
        }
        fields.map
    }
}

/// The details of one event while they are gathered.
struct Fields {
    map: Map<String, Value>,
    include_execution_data: bool,
}

impl Fields {
    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.map.insert(name.to_owned(), value.into());
    }

    fn set_if<T: Into<Value>>(&mut self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    fn input(&mut self, input: &Payload) {
        if self.include_execution_data {
            self.set("input", input.text().as_ref());
            self.set("inputDetails", json!({"truncated": false}));
        }
    }

    fn output(&mut self, output: &Payload) {
        if self.include_execution_data {
            self.set("output", output.text().as_ref());
            self.set("outputDetails", json!({"truncated": false}));
        }
    }

    fn assigned(&mut self, assigned: &[(Arc<str>, Arc<str>)]) {
        if self.include_execution_data && !assigned.is_empty() {
            let variables: Map<String, Value> =
                assigned.iter().map(|(name, text)| (name.to_string(), Value::from(text.as_ref()))).collect();
            self.set("assignedVariables", variables);
            self.set("assignedVariablesDetails", json!({"truncated": false}));
        }
    }

    fn failure(&mut self, failure: &Failure) {
        self.set_if("error", failure.error.as_ref().map(|error| error.as_str()));
        self.set_if("cause", failure.cause.as_deref());
    }

    fn map_run(&mut self, stage: &MapRunStage) {
        match stage {
            MapRunStage::Started { map_run_arn } => self.set("mapRunArn", map_run_arn.as_str()),
            MapRunStage::Failed(failure) => self.failure(failure),
            MapRunStage::Redriven { map_run_arn, redrive_count } => {
                self.set("mapRunArn", map_run_arn.as_str());
                self.set("redriveCount", *redrive_count);
            }
            MapRunStage::Succeeded | MapRunStage::Aborted => {}
        }
    }

    fn task(&mut self, resource: &Resource, stage: &TaskStage) {
        let family = resource.family();
        if family == ResourceFamily::Integration {
            self.set("resourceType", resource.history_resource_type());
            self.set("resource", resource.history_resource());
        }
        match stage {
            TaskStage::Scheduled { .. } => self.scheduled(family, resource, stage),
            TaskStage::Started { worker_name } => self.set_if("workerName", worker_name.as_deref()),
            TaskStage::Submitted { output } | TaskStage::Succeeded { output } => self.output(output),
            TaskStage::Failed(failure)
            | TaskStage::ScheduleFailed(failure)
            | TaskStage::StartFailed(failure)
            | TaskStage::SubmitFailed(failure)
            | TaskStage::TimedOut(failure) => self.failure(failure),
        }
    }

    fn scheduled(&mut self, family: ResourceFamily, resource: &Resource, stage: &TaskStage) {
        let TaskStage::Scheduled { parameters, region, timeout_seconds, heartbeat_seconds, credentials } =
            stage
        else {
            return;
        };
        if family == ResourceFamily::Integration {
            self.set("region", region.as_ref());
            if self.include_execution_data {
                self.set("parameters", parameters.text().as_ref());
            }
        } else {
            self.set("resource", resource.arn());
            self.input(parameters);
        }
        self.set_if("timeoutInSeconds", *timeout_seconds);
        if family != ResourceFamily::Lambda {
            self.set_if("heartbeatInSeconds", *heartbeat_seconds);
        }
        self.set_if("taskCredentials", credentials.as_deref().map(|role| json!({"roleArn": role})));
    }
}
