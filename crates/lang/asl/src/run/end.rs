//! How an execution ends.

use crate::effect::Effect;
use crate::error_name::{ErrorName, Failure};
use crate::execution::{OpenMapRun, Status};
use crate::frame::{Activity, Phase};
use crate::history::EventDetails;
use crate::ids::{FrameId, TimerId};
use crate::limits::HISTORY_EVENTS;
use crate::payload::Payload;
use crate::run::Run;

impl Run<'_> {
    /// What a frame ran has ended well: the execution, a branch or an iteration.
    pub(super) fn finish(&mut self, frame: FrameId, output: Payload) {
        let Some((parent, last_event)) =
            self.execution.frames.get(frame).map(|frame| (frame.parent, frame.last_event))
        else {
            return;
        };
        match parent {
            Some(parent) => self.child_done(parent, frame, output),
            None => {
                self.record(last_event, EventDetails::ExecutionSucceeded { output: output.clone() });
                self.end(Status::Succeeded { output });
            }
        }
    }

    /// The execution fails, by an error that nothing caught.
    pub(super) fn fail_execution(&mut self, previous_event_id: u64, failure: Failure) {
        let failure = failure.shown();
        self.record(previous_event_id, EventDetails::ExecutionFailed(failure.clone()));
        self.end(Status::Failed(failure));
    }

    /// `StopExecution` was called.
    pub(crate) fn abort(&mut self, failure: Failure) {
        self.record(0, EventDetails::ExecutionAborted(failure.clone()));
        self.end(Status::Aborted(failure));
    }

    /// The machine's `TimeoutSeconds` passed.
    pub(crate) fn time_out(&mut self) {
        self.execution.head.deadline = None;
        let failure = Failure { error: Some(ErrorName::Timeout), cause: None };
        self.record(0, EventDetails::ExecutionTimedOut(failure));
        self.end(Status::TimedOut);
    }

    /// The history is full: its last place tells so. What was wanted after it was full is not done.
    pub(super) fn end_with_full_history(&mut self) {
        let Some(effects) = self.full.take() else { return };
        if self.execution.head.status != Status::Running {
            return;
        }
        self.effects.truncate(effects);
        let cause = format!("The execution reached the maximum number of history events ({HISTORY_EVENTS}).");
        self.fail_execution(HISTORY_EVENTS - 1, Failure::new(ErrorName::Runtime, cause));
    }

    /// Gives up everything that is open. Where the execution may be redriven, it stays as it stood.
    fn end(&mut self, status: Status) {
        self.execution.head.status = status;
        if self.execution.is_redrivable() {
            self.execution.frames.ids().into_iter().for_each(|frame| self.give_up(frame));
        } else {
            self.discard();
        }
        let head = &mut self.execution.head;
        let timers = [head.deadline.take(), head.continuation.take()];
        self.effects.extend(timers.into_iter().flatten().map(|timer| Effect::ClearTimer { timer }));
        head.ready.clear();
    }

    /// Removes all frames, and gives up what they wait for.
    fn discard(&mut self) {
        for frame in self.execution.frames.drain() {
            let Activity::Inside(visit) = frame.activity else { continue };
            self.effects.extend(visit.timers().map(|timer| Effect::ClearTimer { timer }));
            self.effects.extend(visit.calling().map(|calling| calling.task.cancellation()));
            self.effects.extend(visit.map_run().map(OpenMapRun::stop));
        }
        self.execution.head.root = None;
    }

    /// Gives up what a frame waits for: clears its timers and cancels its task. Its state would be performed anew.
    pub(super) fn give_up(&mut self, frame: FrameId) {
        let Some(visit) = self.visit(frame) else { return };
        let timers: Vec<TimerId> = visit.timers().collect();
        let task = visit.task();
        let (phase, stop) = match &visit.phase {
            Phase::Waiting { .. } | Phase::BackingOff { .. } => (Phase::Running, None),
            Phase::Calling(calling) => (Phase::Running, Some(calling.task.cancellation())),
            Phase::MapRunning(Some(open)) => (open.ended(), Some(open.stop())),
            Phase::Running
            | Phase::Branching
            | Phase::Mapping { .. }
            | Phase::MapRunning(None)
            | Phase::MapRunEnded { .. } => return,
        };
        timers.into_iter().for_each(|timer| self.clear_timer(timer));
        task.and_then(|task| self.execution.frames.take_task(task));
        self.effects.extend(stop);
        self.set_phase(frame, phase);
    }
}
