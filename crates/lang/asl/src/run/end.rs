//! How an execution ends.

use crate::effect::Effect;
use crate::error_name::{ErrorName, Failure};
use crate::execution::{OpenMapRun, Status};
use crate::frame::{Activity, Visit};
use crate::history::EventDetails;
use crate::ids::FrameId;
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
        let previous = self.execution.head.root.map_or(0, |root| self.last_event(root));
        self.record(previous, EventDetails::ExecutionTimedOut(Failure::default()));
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

    /// Gives up everything that is open.
    fn end(&mut self, status: Status) {
        for frame in self.execution.frames.drain() {
            if let Activity::Inside(visit) = frame.activity {
                self.give_up(&visit);
            }
        }
        let head = &mut self.execution.head;
        let timers = [head.deadline.take(), head.continuation.take()];
        self.effects.extend(timers.into_iter().flatten().map(|timer| Effect::ClearTimer { timer }));
        head.root = None;
        head.ready.clear();
        head.status = status;
    }

    /// Cancels the task of a visit, and clears its timers.
    pub(super) fn give_up(&mut self, visit: &Visit) {
        self.effects.extend(visit.timers().map(|timer| Effect::ClearTimer { timer }));
        if let Some(calling) = visit.calling() {
            self.effects.push(calling.task.cancellation());
        }
        self.effects.extend(visit.map_run().map(OpenMapRun::stop));
    }
}
