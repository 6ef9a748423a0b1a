//! Reading a chunk. Whatever the bytes are, the answer is events or an error.

use std::sync::Arc;

use types::Timestamp;

use super::{ChunkError, FORMAT, TEXTS_REMEMBERED, tag};
use crate::definition::StateKind;
use crate::error_name::{ErrorName, Failure};
use crate::history::{EventDetails, FanOut, HistoryEvent, IterationStage, MapRunStage, TaskStage};
use crate::integrations::Resource;
use crate::payload::Payload;

pub(super) fn events(bytes: &[u8]) -> Result<Vec<HistoryEvent>, ChunkError> {
    let Some((&FORMAT, rest)) = bytes.split_first() else { return Err(ChunkError) };
    let mut reader = Reader { rest, texts: Vec::new() };
    let (mut events, mut now) = (Vec::new(), 0_i64);
    while !reader.rest.is_empty() {
        let event = reader.event(now)?;
        now = event.timestamp.as_millis();
        events.push(event);
    }
    Ok(events)
}

/// Names of variables with their values as JSON text.
type Assigned = Vec<(Arc<str>, Arc<str>)>;

struct Reader<'a> {
    rest: &'a [u8],
    /// The different texts so far, as payloads, so that those of one text are one.
    texts: Vec<Payload>,
}

impl Reader<'_> {
    fn event(&mut self, before: i64) -> Result<HistoryEvent, ChunkError> {
        let tag = self.byte()?;
        let (id, previous_event_id) = (self.number()?, self.number()?);
        let timestamp = Timestamp::from_millis(before.wrapping_add(self.signed()?));
        Ok(HistoryEvent { id, previous_event_id, timestamp, details: self.details(tag)? })
    }

    fn details(&mut self, tag: u8) -> Result<EventDetails, ChunkError> {
        Ok(match tag {
            tag::EXECUTION_STARTED => EventDetails::ExecutionStarted {
                input: self.payload()?,
                role_arn: self.text()?,
                state_machine_version_arn: self.string_if()?,
                state_machine_alias_arn: self.string_if()?,
            },
            tag::EXECUTION_SUCCEEDED => EventDetails::ExecutionSucceeded { output: self.payload()? },
            tag::EXECUTION_FAILED => EventDetails::ExecutionFailed(self.failure()?),
            tag::EXECUTION_ABORTED => EventDetails::ExecutionAborted(self.failure()?),
            tag::EXECUTION_TIMED_OUT => EventDetails::ExecutionTimedOut(self.failure()?),
            tag::EXECUTION_REDRIVEN => EventDetails::ExecutionRedriven { redrive_count: self.number()? },
            tag::STATE_ENTERED => {
                EventDetails::StateEntered { kind: self.kind()?, name: self.text()?, input: self.payload()? }
            }
            tag::STATE_EXITED => EventDetails::StateExited {
                kind: self.kind()?,
                name: self.text()?,
                output: self.payload()?,
                assigned: self.assigned()?,
            },
            tag::STATE_ABORTED => EventDetails::StateAborted(self.kind()?),
            tag::FAN_OUT_STARTED => EventDetails::FanOutStarted(self.fan_out()?),
            tag::FAN_OUT_SUCCEEDED => EventDetails::FanOutSucceeded(self.fan_out()?),
            tag::FAN_OUT_FAILED => EventDetails::FanOutFailed(self.fan_out()?),
            tag::MAP_ITERATION => EventDetails::MapIteration {
                stage: self.iteration_stage()?,
                name: self.text()?,
                index: self.number()?,
            },
            tag::MAP_RUN_STARTED..=tag::MAP_RUN_REDRIVEN => EventDetails::MapRun(self.map_run(tag)?),
            tag::EVALUATION_FAILED => EventDetails::EvaluationFailed {
                failure: self.failure()?,
                location: self.string()?,
                state: self.text()?,
            },
            tag::TASK_SCHEDULED..=tag::TASK_TIMED_OUT => {
                let resource = Resource::parse(&self.text()?);
                EventDetails::Task { resource, stage: Box::new(self.task(tag)?) }
            }
            _ => return Err(ChunkError),
        })
    }

    fn map_run(&mut self, tag: u8) -> Result<MapRunStage, ChunkError> {
        Ok(match tag {
            tag::MAP_RUN_STARTED => MapRunStage::Started { map_run_arn: self.string()? },
            tag::MAP_RUN_SUCCEEDED => MapRunStage::Succeeded,
            tag::MAP_RUN_FAILED => MapRunStage::Failed(self.failure()?),
            tag::MAP_RUN_ABORTED => MapRunStage::Aborted,
            tag::MAP_RUN_REDRIVEN => {
                MapRunStage::Redriven { map_run_arn: self.string()?, redrive_count: self.number()? }
            }
            _ => return Err(ChunkError),
        })
    }

    fn task(&mut self, tag: u8) -> Result<TaskStage, ChunkError> {
        Ok(match tag {
            tag::TASK_SCHEDULED => TaskStage::Scheduled {
                parameters: self.payload()?,
                region: self.text()?,
                timeout_seconds: self.number_if()?,
                heartbeat_seconds: self.number_if()?,
                credentials: self.string_if()?,
            },
            tag::TASK_STARTED => TaskStage::Started { worker_name: self.string_if()? },
            tag::TASK_SUBMITTED => TaskStage::Submitted { output: self.payload()? },
            tag::TASK_SUCCEEDED => TaskStage::Succeeded { output: self.payload()? },
            tag::TASK_FAILED => TaskStage::Failed(self.failure()?),
            tag::TASK_SCHEDULE_FAILED => TaskStage::ScheduleFailed(self.failure()?),
            tag::TASK_START_FAILED => TaskStage::StartFailed(self.failure()?),
            tag::TASK_SUBMIT_FAILED => TaskStage::SubmitFailed(self.failure()?),
            tag::TASK_TIMED_OUT => TaskStage::TimedOut(self.failure()?),
            _ => return Err(ChunkError),
        })
    }

    fn assigned(&mut self) -> Result<Assigned, ChunkError> {
        let count = self.number()?;
        (0..count).map(|_| Ok((self.text()?, self.text()?))).collect()
    }

    fn fan_out(&mut self) -> Result<FanOut, ChunkError> {
        Ok(self.number_if()?.map_or(FanOut::Parallel, |length| FanOut::Map { length }))
    }

    fn iteration_stage(&mut self) -> Result<IterationStage, ChunkError> {
        match self.byte()? {
            0 => Ok(IterationStage::Started),
            1 => Ok(IterationStage::Succeeded),
            2 => Ok(IterationStage::Failed),
            3 => Ok(IterationStage::Aborted),
            _ => Err(ChunkError),
        }
    }

    fn kind(&mut self) -> Result<StateKind, ChunkError> {
        let byte = self.byte()?;
        StateKind::ALL.into_iter().find(|kind| *kind as u8 == byte).ok_or(ChunkError)
    }

    fn failure(&mut self) -> Result<Failure, ChunkError> {
        let error = if self.flag()? { Some(ErrorName::from(&*self.text()?)) } else { None };
        Ok(Failure { error, cause: self.string_if()? })
    }

    fn payload(&mut self) -> Result<Payload, ChunkError> {
        let back = self.number()?;
        if back == 0 {
            let payload = Payload::of_text(self.new_text()?.into());
            self.texts.push(payload.clone());
            return Ok(payload);
        }
        let back = usize::try_from(back).map_err(|_| ChunkError)?;
        if back > TEXTS_REMEMBERED {
            return Err(ChunkError);
        }
        let at = self.texts.len().checked_sub(back).ok_or(ChunkError)?;
        self.texts.get(at).cloned().ok_or(ChunkError)
    }

    fn new_text(&mut self) -> Result<&str, ChunkError> {
        let length = usize::try_from(self.number()?).map_err(|_| ChunkError)?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(ChunkError)?;
        self.rest = rest;
        std::str::from_utf8(text).map_err(|_| ChunkError)
    }

    fn text(&mut self) -> Result<Arc<str>, ChunkError> {
        Ok(Arc::clone(self.payload()?.text()))
    }

    fn string(&mut self) -> Result<String, ChunkError> {
        Ok(self.text()?.to_string())
    }

    fn string_if(&mut self) -> Result<Option<String>, ChunkError> {
        if self.flag()? { self.string().map(Some) } else { Ok(None) }
    }

    fn number_if(&mut self) -> Result<Option<u64>, ChunkError> {
        if self.flag()? { self.number().map(Some) } else { Ok(None) }
    }

    fn flag(&mut self) -> Result<bool, ChunkError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(ChunkError),
        }
    }

    fn number(&mut self) -> Result<u64, ChunkError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(ChunkError)
    }

    fn signed(&mut self) -> Result<i64, ChunkError> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    fn byte(&mut self) -> Result<u8, ChunkError> {
        let (byte, rest) = self.rest.split_first().ok_or(ChunkError)?;
        self.rest = rest;
        Ok(*byte)
    }
}
