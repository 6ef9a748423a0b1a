//! What becomes of a failed state: it is tried again, caught, or fails what it belongs to.

use crate::catch::{Catcher, catcher, error_output};
use crate::data_flow::{Given, assigned};
use crate::definition::{Body, State, Transition};
use crate::error_name::Failure;
use crate::frame::{Frame, Phase};
use crate::history::{EventDetails, FanOut};
use crate::ids::FrameId;
use crate::run::{ContextParts, Fault, Run};

impl Run<'_> {
    /// A state could not be performed.
    pub(crate) fn fault(&mut self, frame: FrameId, fault: Fault) {
        let failure = match fault {
            Fault::Passed(failure) => failure,
            Fault::Evaluation(failure) => self.located(frame, failure),
        };
        self.fail(frame, failure);
    }

    /// The failure with its state's name and first event in the cause.
    fn located(&self, frame: FrameId, failure: Failure) -> Failure {
        let (Some(state), Some(visit)) = (self.state(frame), self.visit(frame)) else { return failure };
        let cause = format!(
            "An error occurred while executing the state '{}' (entered at the event id #{}). {}",
            state.name,
            visit.entered_event,
            failure.cause.unwrap_or_default()
        );
        Failure { error: failure.error, cause: Some(cause) }
    }

    /// A state has failed.
    pub(crate) fn fail(&mut self, frame: FrameId, failure: Failure) {
        let Some(state) = self.state(frame) else { return };
        if self.retry(frame, state, &failure) {
            return;
        }
        self.record_fan_out_failed(frame, state);
        match catcher(&state.catch, &failure) {
            Some(catcher) => self.catch(frame, state, catcher, &failure),
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
        let timer = self.set_timer(frame, self.now + delay);
        self.set_phase(frame, Phase::BackingOff { timer });
        true
    }

    /// Parallel and Map states that had begun say that they failed; a retry does not.
    fn record_fan_out_failed(&mut self, frame: FrameId, state: &State) {
        let details = match (self.visit(frame).map(|visit| &visit.phase), &state.body) {
            (Some(Phase::Branching), Body::Parallel(_)) => FanOut::Parallel,
            (Some(Phase::Mapping { .. }), Body::Map(_)) => FanOut::Map { length: 0 },
            _ => return,
        };
        self.record_on(frame, EventDetails::FanOutFailed(details));
    }

    fn catch(&mut self, frame: FrameId, state: &State, catcher: &Catcher, failure: &Failure) {
        let raw = self.raw_input(frame);
        let error = error_output(failure);
        let given = catcher.result_path.place(&raw, error.clone()).and_then(|output| {
            let assigned = self.evaluate(frame, &error, ContextParts::default(), |scope| {
                assigned(catcher.assign.as_ref(), scope)
            })?;
            Ok(Given { output, assigned })
        });
        let caught = given.map_err(Fault::from).and_then(|given| {
            self.check_size(&given.output, &state.name)?;
            let assigned = self.assign(frame, given.assigned)?;
            self.exit(frame, state, given.output, assigned, Transition::Next(catcher.next));
            Ok(())
        });
        // A catcher is not caught by another.
        match caught {
            Ok(()) => {}
            Err(Fault::Passed(failure)) => self.pass_on(frame, failure),
            Err(Fault::Evaluation(failure)) => {
                let failure = self.located(frame, failure);
                self.pass_on(frame, failure);
            }
        }
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
