//! What becomes of a failed state: it is tried again, caught, or fails what it belongs to.

use std::sync::Arc;

use crate::catch::{Catcher, catcher, error_output};
use crate::definition::{Body, State, Transition};
use crate::error_name::{ErrorName, Failure};
use crate::frame::{Frame, Phase};
use crate::history::{EventDetails, FanOut};
use crate::ids::FrameId;
use crate::payload::Payload;
use crate::run::{ContextParts, Fault, Run};
use crate::variables::Shown;

impl Run<'_> {
    /// A state could not be performed, or not to its end: its branches or iterations are given up.
    pub(crate) fn fault(&mut self, frame: FrameId, fault: Fault) {
        let failure = self.failure_of(frame, fault);
        let last_event = self.last_event(frame);
        self.give_up_children(frame, None, last_event);
        self.fail(frame, failure);
    }

    /// The failure as the history tells it; one of an expression has an event of its own.
    fn failure_of(&mut self, frame: FrameId, fault: Fault) -> Failure {
        match fault {
            Fault::Passed(failure) => failure,
            Fault::Evaluation(failure) => self.located(frame, failure),
            Fault::Query { failure, location, of_value } => {
                let failure = self.located(frame, failure);
                self.record_evaluation_failed(frame, &failure, location, of_value);
                failure
            }
        }
    }

    fn record_evaluation_failed(
        &mut self,
        frame: FrameId,
        failure: &Failure,
        location: String,
        of_value: bool,
    ) {
        let (Some(state), Some(visit)) = (self.state(frame), self.visit(frame)) else { return };
        // An expression that fails on entering follows the event before the entering.
        let on_entering = self.last_event(frame) == visit.entered_event && !of_value;
        let previous = if on_entering { visit.previous_event } else { self.last_event(frame) };
        let details = EventDetails::EvaluationFailed {
            failure: failure.clone(),
            location,
            state: Arc::clone(&state.name),
        };
        let event = self.record(previous, details);
        self.set_last_event(frame, event);
    }

    /// The failure with its state's name and first event in the cause.
    fn located(&self, frame: FrameId, failure: Failure) -> Failure {
        let (Some(state), Some(visit)) = (self.state(frame), self.visit(frame)) else { return failure };
        in_state(&state.name, visit.entered_event, failure)
    }

    /// A state has failed.
    pub(crate) fn fail(&mut self, frame: FrameId, failure: Failure) {
        let Some(state) = self.state(frame) else { return };
        if self.retry(frame, state, &failure) {
            return;
        }
        self.record_fan_out_failed(frame, state, &failure);
        match catcher(&state.catch, &failure) {
            Some((_, catcher)) => self.catch(frame, state, catcher, &failure),
            None => self.pass_on(frame, failure),
        }
    }

    /// Whether the state is tried again, after a delay that begins now.
    fn retry(&mut self, frame: FrameId, state: &State, failure: &Failure) -> bool {
        let mut random = self.execution.head.random;
        let Some(visit) = self.execution.frames.change(frame).and_then(Frame::visit_mut) else {
            return false;
        };
        let Some(delay) = visit.attempts.next(&state.retry, failure, &mut random) else { return false };
        self.execution.head.random = random;
        self.drop_children(frame);
        let timer = self.set_timer(frame, self.now + delay);
        self.set_phase(frame, Phase::BackingOff { timer });
        true
    }

    /// Parallel and Map states that had begun say that they failed; a retry does not.
    fn record_fan_out_failed(&mut self, frame: FrameId, state: &State, failure: &Failure) {
        let details = match (self.visit(frame).map(|visit| &visit.phase), &state.body) {
            (Some(Phase::Branching), Body::Parallel(_)) => FanOut::Parallel,
            (
                Some(Phase::Mapping { .. } | Phase::MapRunning(_) | Phase::MapRunEnded { .. }),
                Body::Map(_),
            ) => FanOut::Map { length: 0 },
            // In JSONata, a state that fails before it begins says so too.
            (Some(Phase::Running), Body::Map(_)) if is_query(failure) => FanOut::Map { length: 0 },
            (Some(Phase::Running), Body::Parallel(_)) if is_query(failure) => FanOut::Parallel,
            _ => return,
        };
        self.record_on(frame, EventDetails::FanOutFailed(details));
    }

    fn catch(&mut self, frame: FrameId, state: &State, catcher: &Catcher, failure: &Failure) {
        match self.caught(frame, state, catcher, failure) {
            Ok((output, assigned)) => {
                self.exit(frame, state, output, assigned, Transition::Next(catcher.next));
            }
            // A catcher is not caught by another.
            Err(fault) => {
                let failure = self.failure_of(frame, fault);
                self.pass_on(frame, failure);
            }
        }
    }

    /// What a catcher makes of a failure: the state's output, and the variables that are assigned.
    pub(crate) fn caught(
        &mut self,
        frame: FrameId,
        state: &State,
        catcher: &Catcher,
        failure: &Failure,
    ) -> Result<(Payload, Shown), Fault> {
        let raw = self.raw_input(frame);
        let error = error_output(failure);
        let given = self.evaluate(frame, &raw, ContextParts::default(), |scope| {
            catcher.flow.give_error(&raw, error, scope)
        })?;
        self.settle(frame, state, given)
    }

    /// The failure becomes that of the branch, the iteration or the execution.
    fn pass_on(&mut self, frame: FrameId, failure: Failure) {
        let Some((parent, last_event)) =
            self.execution.frames.get(frame).map(|frame| (frame.parent, frame.last_event))
        else {
            return;
        };
        match parent {
            Some(parent) => self.child_failed(parent, frame, failure),
            None => self.fail_execution(last_event, failure),
        }
    }
}

/// A fault of a Map Run, in whose history no expression has an event of its own.
pub(crate) fn located(state: &str, entered_event: u64, fault: Fault) -> Failure {
    match fault {
        Fault::Passed(failure) => failure,
        Fault::Evaluation(failure) | Fault::Query { failure, .. } => in_state(state, entered_event, failure),
    }
}

fn in_state(state: &str, entered_event: u64, failure: Failure) -> Failure {
    let cause = format!(
        "An error occurred while executing the state '{state}' (entered at the event id #{entered_event}). {}",
        failure.cause.unwrap_or_default()
    );
    Failure { error: failure.error, cause: Some(cause) }
}

fn is_query(failure: &Failure) -> bool {
    failure.error == Some(ErrorName::QueryEvaluationError)
}
