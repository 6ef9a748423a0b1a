//! A redrive: every frame of an execution that ended without success goes on from where it stood.
//!
//! | state | what a redrive does |
//! |---|---|
//! | Task | schedules a new attempt, behind the event of entering |
//! | Wait, Choice, Pass, Succeed, Fail | performs the state again, without entering it again |
//! | Parallel, Map | goes on with the branches and iterations that did not succeed |
//! | distributed Map | redrives its Map Run |
//!
//! A Parallel or Map state that failed by itself, when all its branches or iterations had succeeded, is left anew with
//! their results; where these are too large, all of them run again.
//!
//! Source: Step Functions Developer Guide, "Redrive behavior of individual states", and histories recorded on AWS.

use crate::definition::{Body, State};
use crate::execution::Status;
use crate::frame::{Activity, Frame, Phase};
use crate::history::EventDetails;
use crate::ids::FrameId;
use crate::retry::Attempts;
use crate::run::{Fault, Outcome, Run};
use crate::states::map::{self, distributed};

impl Run<'_> {
    /// Tells that the execution goes on, and lets every frame do so, those around others first.
    pub(crate) fn redrive(&mut self) {
        let redrive_count = self.execution.spec.redrive_count;
        let head = &mut self.execution.head;
        head.status = Status::Running;
        head.started = Some(self.now);
        let ended = head.next_event.saturating_sub(1);
        let redriven = self.record(ended, EventDetails::ExecutionRedriven { redrive_count });
        for frame in self.execution.frames.ids() {
            if self.is_over() {
                return;
            }
            self.go_on(frame, redriven);
        }
    }

    fn go_on(&mut self, frame: FrameId, redriven: u64) {
        match self.execution.frames.get(frame).map(|frame| &frame.activity) {
            Some(Activity::Ready { .. }) => self.execution.head.ready.push_back(frame),
            Some(Activity::Inside(_)) => self.go_on_inside(frame, redriven),
            // Its output is kept; or an earlier frame, in going on, has left what this one belonged to.
            Some(Activity::Done { .. }) | None => {}
        }
    }

    fn go_on_inside(&mut self, frame: FrameId, redriven: u64) {
        let Some(state) = self.state(frame) else { return };
        if let Some(visit) = self.execution.frames.change(frame).and_then(Frame::visit_mut) {
            visit.attempts = Attempts::default();
        }
        let has_children = !self.execution.frames.children(frame).is_empty();
        match self.visit(frame).map(|visit| visit.phase.clone()) {
            Some(Phase::MapRunEnded { map_run_arn, redrive_count }) => {
                distributed::redrive(self, frame, map_run_arn, redrive_count);
            }
            Some(Phase::Branching | Phase::Mapping { .. }) if has_children => {
                self.go_on_with_children(frame, state, redriven);
            }
            _ => self.perform_again(frame, state, redriven),
        }
    }

    /// Performs a state again. What it records follows its entering; an execution that fails at once follows the redrive.
    fn perform_again(&mut self, frame: FrameId, state: &State, redriven: u64) {
        let Some(entered) = self.visit(frame).map(|visit| visit.entered_event) else { return };
        self.set_last_event(frame, entered);
        self.set_phase(frame, Phase::Running);
        match self.outcome(frame, state) {
            Err(fault) => {
                if self.last_event(frame) == entered {
                    self.set_last_event(frame, redriven);
                }
                self.fault(frame, fault);
            }
            outcome => self.conclude(frame, outcome),
        }
    }

    /// The branches or iterations go on themselves. What is left for their state: to begin iterations in the places of
    /// those that ended, or to be left, where all have succeeded.
    fn go_on_with_children(&mut self, frame: FrameId, state: &State, redriven: u64) {
        self.set_last_event(frame, redriven);
        let outcome = match &state.body {
            Body::Parallel(parallel) if self.execution.frames.done(frame) == parallel.branches.len() => {
                self.leave_again(frame, state)
            }
            Body::Map(_) if map::is_complete(self, frame) => self.leave_again(frame, state),
            Body::Map(map) => map::begin_missing(self, frame, state, map, redriven),
            _ => return,
        };
        match outcome {
            Ok(Outcome::Left { ref given, .. }) if given.output.exceeds_limit() => {
                self.drop_children(frame);
                self.perform_again(frame, state, redriven);
            }
            outcome => self.conclude(frame, outcome),
        }
    }
    /// Leaves a state with the outputs of its branches or iterations, which have all succeeded before.
    fn leave_again(&mut self, frame: FrameId, state: &State) -> Result<Outcome, Fault> {
        let result = self.collect(frame);
        self.left(frame, state, result, state.transition)
    }
}
