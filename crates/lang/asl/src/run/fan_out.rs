//! Branches and iterations: how they begin, and what their ends mean to the state that runs them.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use crate::definition::{Body, State, StateId, StateKind};
use crate::error_name::Failure;
use crate::frame::{Activity, Frame, Parent};
use crate::history::{EventDetails, FanOut, IterationStage, MapRunStage};
use crate::ids::FrameId;
use crate::payload::Payload;
use crate::run::Run;
use crate::states::{map, parallel};

impl Run<'_> {
    /// Begins a branch or an iteration, behind `previous_event_id`.
    pub(crate) fn begin_child(
        &mut self,
        parent: Parent,
        start: StateId,
        input: Payload,
        previous_event_id: u64,
    ) {
        let activity = Activity::Ready { state: start, input };
        let frame = Frame {
            parent: Some(parent),
            variables: Arc::default(),
            last_event: previous_event_id,
            activity,
        };
        self.add_frame(frame);
    }

    /// A branch or an iteration has ended well.
    pub(super) fn child_done(&mut self, parent: Parent, child: FrameId, output: Payload) {
        let Some(state) = self.state(parent.frame) else { return };
        let last_event = self.last_event(child);
        if let Some(frame) = self.execution.frames.change(child) {
            frame.activity = Activity::Done { output };
        }
        self.execution.frames.progress(parent.frame).done += 1;
        match &state.body {
            Body::Parallel(parallel) => parallel::branch_done(self, parent, state, parallel, last_event),
            Body::Map(map) => map::iteration_done(self, parent, state, map, last_event),
            _ => {}
        }
    }

    /// All branches or iterations have ended well: gives their outputs, in the order of their numbers.
    ///
    /// They stay until the state is left: its own fields may fail yet, and a redrive reads the outputs again.
    pub(crate) fn collect(&self, frame: FrameId) -> Payload {
        let children = self.execution.frames.children(frame).iter();
        let outputs = children.filter_map(|child| match &self.execution.frames.get(*child)?.activity {
            Activity::Done { output } => Some(output.value().clone()),
            Activity::Ready { .. } | Activity::Inside(_) => None,
        });
        Payload::new(Value::Array(outputs.collect()))
    }

    /// A branch or an iteration has failed: the others are given up.
    pub(super) fn child_failed(&mut self, parent: Parent, child: FrameId, failure: Failure) {
        let Some(state) = self.state(parent.frame) else { return };
        let last_event = self.last_event(child);
        if let Body::Map(_) = state.body {
            self.record_iteration(IterationStage::Failed, state, parent.index, last_event);
        }
        // A task that fails its branch or its iteration counts as aborted, as those of the others do.
        if self.state(child).map(State::kind) == Some(StateKind::Task) {
            self.record_aborted(StateKind::Task, last_event);
        }
        self.give_up_children(parent.frame, Some(parent.index), last_event);
        self.set_last_event(parent.frame, last_event);
        self.fail(parent.frame, failure);
    }

    /// Gives up all branches or iterations but the one that failed, which says so itself. None is removed yet: the
    /// execution can be redriven where nothing catches the failure.
    pub(super) fn give_up_children(&mut self, frame: FrameId, failed: Option<u64>, last_event: u64) {
        let Some(state) = self.state(frame) else { return };
        let children = self.execution.frames.children(frame).to_vec();
        if children.is_empty() {
            return;
        }
        for child in &children {
            let index =
                self.execution.frames.get(*child).and_then(|child| child.parent).map(|parent| parent.index);
            if index != failed {
                self.give_up_child(*child, state, last_event);
            }
        }
        let gone: HashSet<FrameId> = children.into_iter().collect();
        self.execution.head.ready.retain(|ready| !gone.contains(ready));
    }

    fn give_up_child(&mut self, child: FrameId, around: &State, last_event: u64) {
        let Some(frame) = self.execution.frames.get(child) else { return };
        if matches!(frame.activity, Activity::Done { .. }) {
            return;
        }
        if let (Body::Map(_), Some(parent)) = (&around.body, frame.parent) {
            self.record_iteration(IterationStage::Aborted, around, parent.index, last_event);
        }
        if self.visit(child).is_some_and(|visit| visit.map_run().is_some()) {
            self.record(last_event, EventDetails::MapRun(MapRunStage::Aborted));
        }
        if let Some(kind) = self.state(child).map(State::kind) {
            self.record_aborted(kind, last_event);
        }
        self.give_up_children(child, None, last_event);
        self.give_up(child);
    }

    /// Removes the branches or iterations of a frame, with all that is in them. They wait for nothing any more.
    pub(super) fn drop_children(&mut self, frame: FrameId) {
        for child in self.execution.frames.take_children(frame) {
            self.drop_children(child);
            self.execution.frames.remove(child);
        }
    }

    fn record_aborted(&mut self, kind: StateKind, last_event: u64) {
        if matches!(kind, StateKind::Task | StateKind::Wait | StateKind::Parallel | StateKind::Map) {
            self.record(last_event, EventDetails::StateAborted(kind));
        }
    }

    /// Tells that branches or iterations begin, which follow that event.
    pub(crate) fn record_fan_out_started(&mut self, frame: FrameId, fan_out: FanOut) -> u64 {
        let started = self.record_on(frame, EventDetails::FanOutStarted(fan_out));
        if let Some(visit) = self.execution.frames.change(frame).and_then(Frame::visit_mut) {
            visit.fan_out_event = Some(started);
        }
        started
    }

    /// Tells of one iteration, behind `previous_event_id`.
    pub(crate) fn record_iteration(
        &mut self,
        stage: IterationStage,
        state: &State,
        index: u64,
        previous_event_id: u64,
    ) -> u64 {
        let name = Arc::clone(&state.name);
        self.record(previous_event_id, EventDetails::MapIteration { stage, name, index })
    }

    /// Tells that all branches or iterations are over, behind `previous_event_id`, which the exit follows too.
    pub(crate) fn record_fan_out_succeeded(
        &mut self,
        frame: FrameId,
        fan_out: FanOut,
        previous_event_id: u64,
    ) {
        self.record(previous_event_id, EventDetails::FanOutSucceeded(fan_out));
        self.set_last_event(frame, previous_event_id);
    }
}
