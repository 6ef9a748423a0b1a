//! Writing a chunk.

use types::Timestamp;

use super::{FORMAT, TEXTS_REMEMBERED, tag};
use crate::definition::StateKind;
use crate::error_name::Failure;
use crate::history::{EventDetails, FanOut, HistoryEvent, IterationStage, MapRunStage, TaskStage};
use crate::integrations::Resource;
use crate::payload::Payload;

/// A chunk while it is written.
pub(super) struct Writer<'a> {
    bytes: Vec<u8>,
    /// The different texts so far.
    texts: Vec<&'a str>,
    last: Option<&'a HistoryEvent>,
}

impl<'a> Writer<'a> {
    pub(super) fn new() -> Self {
        let mut bytes = Vec::with_capacity(512);
        bytes.push(FORMAT);
        Self { bytes, texts: Vec::new(), last: None }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn event(&mut self, event: &'a HistoryEvent) {
        self.bytes.push(tag(&event.details));
        self.number(event.id);
        self.number(event.previous_event_id);
        let before = self.last.map_or(Timestamp::default(), |last| last.timestamp);
        self.signed(event.timestamp.as_millis().wrapping_sub(before.as_millis()));
        self.last = Some(event);
        self.details(&event.details);
    }

    fn details(&mut self, details: &'a EventDetails) {
        match details {
            EventDetails::ExecutionStarted {
                input,
                role_arn,
                state_machine_version_arn,
                state_machine_alias_arn,
            } => {
                self.payload(input);
                self.text(role_arn);
                self.text_if(state_machine_version_arn.as_deref());
                self.text_if(state_machine_alias_arn.as_deref());
            }
            EventDetails::ExecutionSucceeded { output } => self.payload(output),
            EventDetails::ExecutionFailed(failure)
            | EventDetails::ExecutionAborted(failure)
            | EventDetails::ExecutionTimedOut(failure) => self.failure(failure),
            EventDetails::ExecutionRedriven { redrive_count } => self.number(*redrive_count),
            EventDetails::StateEntered { kind, name, input } => {
                self.kind(*kind);
                self.text(name);
                self.payload(input);
            }
            EventDetails::StateExited { kind, name, output, assigned } => {
                self.kind(*kind);
                self.text(name);
                self.payload(output);
                self.number(assigned.len() as u64);
                for (name, value) in assigned {
                    self.text(name);
                    self.text(value);
                }
            }
            EventDetails::StateAborted(kind) => self.kind(*kind),
            EventDetails::FanOutStarted(fan_out)
            | EventDetails::FanOutSucceeded(fan_out)
            | EventDetails::FanOutFailed(fan_out) => self.fan_out(*fan_out),
            EventDetails::MapIteration { stage, name, index } => {
                self.bytes.push(stage_byte(*stage));
                self.text(name);
                self.number(*index);
            }
            EventDetails::MapRun(stage) => self.map_run(stage),
            EventDetails::EvaluationFailed { failure, location, state } => {
                self.failure(failure);
                self.text(location);
                self.text(state);
            }
            EventDetails::Task { resource, stage } => self.task(resource, stage),
        }
    }

    fn map_run(&mut self, stage: &'a MapRunStage) {
        match stage {
            MapRunStage::Started { map_run_arn } => self.text(map_run_arn),
            MapRunStage::Failed(failure) => self.failure(failure),
            MapRunStage::Redriven { map_run_arn, redrive_count } => {
                self.text(map_run_arn);
                self.number(*redrive_count);
            }
            MapRunStage::Succeeded | MapRunStage::Aborted => {}
        }
    }

    fn task(&mut self, resource: &'a Resource, stage: &'a TaskStage) {
        self.text(resource.arn());
        match stage {
            TaskStage::Scheduled { parameters, region, timeout_seconds, heartbeat_seconds, credentials } => {
                self.payload(parameters);
                self.text(region);
                self.number_if(*timeout_seconds);
                self.number_if(*heartbeat_seconds);
                self.text_if(credentials.as_deref());
            }
            TaskStage::Started { worker_name } => self.text_if(worker_name.as_deref()),
            TaskStage::Submitted { output } | TaskStage::Succeeded { output } => self.payload(output),
            TaskStage::Failed(failure)
            | TaskStage::ScheduleFailed(failure)
            | TaskStage::StartFailed(failure)
            | TaskStage::SubmitFailed(failure)
            | TaskStage::TimedOut(failure) => self.failure(failure),
        }
    }

    fn fan_out(&mut self, fan_out: FanOut) {
        self.number_if(match fan_out {
            FanOut::Parallel => None,
            FanOut::Map { length } => Some(length),
        });
    }

    fn failure(&mut self, failure: &'a Failure) {
        self.text_if(failure.error.as_ref().map(|error| error.as_str()));
        self.text_if(failure.cause.as_deref());
    }

    fn payload(&mut self, payload: &'a Payload) {
        self.text(payload.text());
    }

    fn kind(&mut self, kind: StateKind) {
        self.bytes.push(kind as u8);
    }

    /// A text, or how many different texts ago it was written.
    fn text(&mut self, text: &'a str) {
        let same = |earlier: &&str| std::ptr::eq(*earlier, text) || *earlier == text;
        match self.texts.iter().rev().take(TEXTS_REMEMBERED).position(same) {
            Some(ago) => self.number(ago as u64 + 1),
            None => {
                self.number(0);
                self.number(text.len() as u64);
                self.bytes.extend_from_slice(text.as_bytes());
                self.texts.push(text);
            }
        }
    }

    fn text_if(&mut self, text: Option<&'a str>) {
        self.bytes.push(u8::from(text.is_some()));
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn number_if(&mut self, number: Option<u64>) {
        self.bytes.push(u8::from(number.is_some()));
        if let Some(number) = number {
            self.number(number);
        }
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }
}

fn stage_byte(stage: IterationStage) -> u8 {
    match stage {
        IterationStage::Started => 0,
        IterationStage::Succeeded => 1,
        IterationStage::Failed => 2,
        IterationStage::Aborted => 3,
    }
}

fn tag(details: &EventDetails) -> u8 {
    match details {
        EventDetails::ExecutionStarted { .. } => tag::EXECUTION_STARTED,
        EventDetails::ExecutionSucceeded { .. } => tag::EXECUTION_SUCCEEDED,
        EventDetails::ExecutionFailed(_) => tag::EXECUTION_FAILED,
        EventDetails::ExecutionAborted(_) => tag::EXECUTION_ABORTED,
        EventDetails::ExecutionTimedOut(_) => tag::EXECUTION_TIMED_OUT,
        EventDetails::ExecutionRedriven { .. } => tag::EXECUTION_REDRIVEN,
        EventDetails::StateEntered { .. } => tag::STATE_ENTERED,
        EventDetails::StateExited { .. } => tag::STATE_EXITED,
        EventDetails::StateAborted(_) => tag::STATE_ABORTED,
        EventDetails::FanOutStarted(_) => tag::FAN_OUT_STARTED,
        EventDetails::FanOutSucceeded(_) => tag::FAN_OUT_SUCCEEDED,
        EventDetails::FanOutFailed(_) => tag::FAN_OUT_FAILED,
        EventDetails::MapIteration { .. } => tag::MAP_ITERATION,
        EventDetails::MapRun(stage) => match stage {
            MapRunStage::Started { .. } => tag::MAP_RUN_STARTED,
            MapRunStage::Succeeded => tag::MAP_RUN_SUCCEEDED,
            MapRunStage::Failed(_) => tag::MAP_RUN_FAILED,
            MapRunStage::Aborted => tag::MAP_RUN_ABORTED,
            MapRunStage::Redriven { .. } => tag::MAP_RUN_REDRIVEN,
        },
        EventDetails::EvaluationFailed { .. } => tag::EVALUATION_FAILED,
        EventDetails::Task { stage, .. } => match **stage {
            TaskStage::Scheduled { .. } => tag::TASK_SCHEDULED,
            TaskStage::Started { .. } => tag::TASK_STARTED,
            TaskStage::Submitted { .. } => tag::TASK_SUBMITTED,
            TaskStage::Succeeded { .. } => tag::TASK_SUCCEEDED,
            TaskStage::Failed(_) => tag::TASK_FAILED,
            TaskStage::ScheduleFailed(_) => tag::TASK_SCHEDULE_FAILED,
            TaskStage::StartFailed(_) => tag::TASK_START_FAILED,
            TaskStage::SubmitFailed(_) => tag::TASK_SUBMIT_FAILED,
            TaskStage::TimedOut(_) => tag::TASK_TIMED_OUT,
        },
    }
}
