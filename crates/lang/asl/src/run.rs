//! One step while it runs: the execution, the time, and the effects gathered so far.
//!
//! States ask it to record events, set timers, evaluate expressions; it enters and leaves states for them.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use types::Timestamp;

use crate::context_object::{ContextObject, Item, STATE_DATA, StateContext};
use crate::data_flow::{Flow, Given};
use crate::definition::{Body, MachineKind, State, StateId, StateMachine, Transition};
use crate::effect::Effect;
use crate::error_name::{ErrorName, Failure};
use crate::execution::{Execution, Status};
use crate::expression::Scope;
use crate::frame::{Activity, Frame, Phase, Visit};
use crate::history::{EventDetails, HistoryEvent, HistoryEventType};
use crate::ids::{FrameId, TimerId};
use crate::limits::{EXPRESS_SECONDS, HISTORY_EVENTS, STANDARD_SECONDS, VARIABLES_BYTES};
use crate::payload::Payload;
use crate::retry::Attempts;
use crate::states::{choice, fail, map, parallel, pass, succeed, task, wait};
use crate::variables::{Assigned, Shown, Variables, Visible};

mod end;
mod failure;
mod fan_out;
mod redrive;

pub(crate) use failure::located;

/// One step of one execution.
pub(crate) struct Run<'a> {
    pub(crate) machine: &'a StateMachine,
    pub(crate) execution: &'a mut Execution,
    pub(crate) now: Timestamp,
    pub(crate) effects: &'a mut Vec<Effect>,
    /// Set when the history is full: how many effects there were then. Later ones are for events that were not recorded.
    full: Option<usize>,
}

/// What performing a state came to.
pub(crate) enum Outcome {
    /// It waits.
    Blocked,
    /// It is over.
    Left { given: Given, transition: Transition },
}

/// Why a state could not be performed.
pub(crate) enum Fault {
    /// Something in the state's own fields could not be evaluated: its cause tells which state, and since which event.
    Evaluation(Failure),
    /// A JSONata expression is at fault: the history tells which field it is in. Or, where `of_value`, the value that it
    /// gave is none for the field.
    Query { failure: Failure, location: String, of_value: bool },
    /// What the state ran failed: its cause is passed on as it is.
    Passed(Failure),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Evaluation(failure)
    }
}

/// Parts of the context object that not every state has.
#[derive(Clone, Copy, Default)]
pub(crate) struct ContextParts<'a> {
    pub(crate) token: Option<&'a str>,
    /// Instead of the item of the iteration that runs.
    pub(crate) item: Option<Item<'a>>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        machine: &'a StateMachine,
        execution: &'a mut Execution,
        now: Timestamp,
        effects: &'a mut Vec<Effect>,
    ) -> Self {
        Self { machine, execution, now, effects, full: None }
    }

    /// Begins the execution, if it has not begun.
    pub(crate) fn start(&mut self) {
        if self.execution.head.started.is_some() {
            return;
        }
        self.execution.head.started = Some(self.now);
        let Some(input) = self.execution.input.clone() else {
            let cause = "Invalid State Machine Execution Input";
            return self.fail_execution(0, Failure::new(ErrorName::Runtime, cause));
        };
        let spec = &self.execution.spec;
        let started = EventDetails::ExecutionStarted {
            input: input.clone(),
            role_arn: Arc::clone(&spec.role_arn),
            state_machine_version_arn: spec.state_machine_version_arn.clone(),
            state_machine_alias_arn: spec.state_machine_alias_arn.clone(),
        };
        self.record(0, started);
        let frame = Frame {
            parent: None,
            variables: Arc::default(),
            // The first state follows nothing, not even the start.
            last_event: 0,
            activity: Activity::Ready { state: self.first_state(), input },
        };
        self.execution.head.root = Some(self.add_frame(frame));
    }

    /// The machine's first state, or that of the item processor which a child of a Map Run runs.
    fn first_state(&self) -> StateId {
        self.execution.spec.map_run.as_ref().map_or(self.machine.start, |child| child.processor.0)
    }

    /// Whether the execution has ended, or must, its history being full.
    pub(crate) fn is_over(&mut self) -> bool {
        if self.full.is_some() {
            self.end_with_full_history();
        }
        self.execution.head.status != Status::Running
    }

    /// Puts a frame into the queue of those that are ready.
    pub(crate) fn add_frame(&mut self, frame: Frame) -> FrameId {
        let id = FrameId(self.execution.head.new_id());
        self.execution.frames.insert(id, frame);
        self.execution.head.ready.push_back(id);
        id
    }

    /// The state that a frame is in.
    pub(crate) fn visit(&self, frame: FrameId) -> Option<&Visit> {
        self.execution.frames.get(frame)?.visit()
    }

    /// The definition of the state that a frame is in.
    pub(crate) fn state(&self, frame: FrameId) -> Option<&'a State> {
        self.machine.state(self.visit(frame)?.state)
    }

    pub(crate) fn set_phase(&mut self, frame: FrameId, phase: Phase) {
        if let Some(visit) = self.execution.frames.change(frame).and_then(Frame::visit_mut) {
            visit.phase = phase;
        }
    }

    /// The event that a frame's next one follows.
    pub(crate) fn last_event(&self, frame: FrameId) -> u64 {
        self.execution.frames.get(frame).map_or(0, |frame| frame.last_event)
    }

    pub(crate) fn set_last_event(&mut self, frame: FrameId, event: u64) {
        if let Some(frame) = self.execution.frames.change(frame) {
            frame.last_event = event;
        }
    }

    /// Adds an event to the history and gives its number.
    pub(crate) fn record(&mut self, previous_event_id: u64, details: EventDetails) -> u64 {
        let id = self.execution.head.next_event;
        let ends = HistoryEventType::of(&details).ends_execution();
        let limited = self.execution.spec.kind == MachineKind::Standard;
        // The last place is for the event that ends the execution.
        if limited && !ends && id >= HISTORY_EVENTS {
            self.full.get_or_insert(self.effects.len());
            return id;
        }
        self.execution.head.next_event = id + 1;
        self.execution.history.push(HistoryEvent { id, previous_event_id, timestamp: self.now, details });
        id
    }

    /// Adds an event that follows a frame's last one, and is followed by its next.
    pub(crate) fn record_on(&mut self, frame: FrameId, details: EventDetails) -> u64 {
        let id = self.record(self.last_event(frame), details);
        self.set_last_event(frame, id);
        id
    }

    /// Sets a timer that wakes a frame.
    pub(crate) fn set_timer(&mut self, frame: FrameId, due: Timestamp) -> TimerId {
        let timer = self.new_timer(due);
        self.execution.frames.watch_timer(timer, frame);
        timer
    }

    fn new_timer(&mut self, due: Timestamp) -> TimerId {
        let timer = TimerId(self.execution.head.new_id());
        self.effects.push(Effect::SetTimer { timer, due });
        timer
    }

    /// Clears a timer that a frame waits for; one that has fired is cleared already.
    pub(crate) fn clear_timer(&mut self, timer: TimerId) {
        if self.execution.frames.take_timer(timer).is_some() {
            self.effects.push(Effect::ClearTimer { timer });
        }
    }

    /// Nothing is ready. An execution that waits can time out.
    pub(crate) fn wait(&mut self) {
        let Some(started) = self.execution.head.started else { return };
        if self.execution.head.deadline.is_none() {
            let due = self.deadline(started);
            self.execution.head.deadline = Some(self.new_timer(due));
        }
    }

    /// When the execution times out. `TimeoutSeconds` counts anew with every redrive, AWS's own limit does not.
    fn deadline(&self, started: Timestamp) -> Timestamp {
        let spec = &self.execution.spec;
        let longest = Duration::from_secs(match spec.kind {
            MachineKind::Standard => STANDARD_SECONDS,
            MachineKind::Express => EXPRESS_SECONDS,
        });
        let last = if spec.redrive_count == 0 { started + longest } else { spec.start_time + longest };
        // `TimeoutSeconds` is that of the execution which runs the whole machine.
        let own = self.machine.timeout_seconds.filter(|_| spec.map_run.is_none());
        let timeout = own.map(|seconds| started + Duration::from_secs(seconds));
        timeout.map_or(last, |timeout| timeout.min(last))
    }

    /// The step has been long: the execution goes on in the next one, which follows at once.
    pub(crate) fn give_way(&mut self) {
        if self.is_over() {
            return;
        }
        self.wait();
        if !self.execution.head.ready.is_empty() && self.execution.head.continuation.is_none() {
            self.execution.head.continuation = Some(self.new_timer(self.now));
        }
    }

    /// Enters the state that a frame is ready for, and performs it.
    pub(crate) fn enter(&mut self, frame: FrameId) {
        let Some(Activity::Ready { state, input }) =
            self.execution.frames.get(frame).map(|frame| frame.activity.clone())
        else {
            return;
        };
        let Some(definition) = self.machine.state(state) else { return };
        let (kind, name) = (definition.kind(), Arc::clone(&definition.name));
        let before = self.last_event(frame);
        let entered = self.record_on(frame, EventDetails::StateEntered { kind, name, input: input.clone() });
        self.begin_visit(frame, state, input, [before, entered]);
        self.perform(frame);
    }

    pub(crate) fn begin_visit(&mut self, frame: FrameId, state: StateId, input: Payload, events: [u64; 2]) {
        let [previous_event, entered_event] = events;
        let visit = Visit {
            state,
            input,
            previous_event,
            entered_event,
            entered_time: self.now,
            attempts: Attempts::default(),
            phase: Phase::Running,
            fan_out_event: None,
        };
        if let Some(frame) = self.execution.frames.change(frame) {
            frame.activity = Activity::Inside(Box::new(visit));
        }
    }

    /// Performs the state that a frame is in: for the first time, or again after an error.
    pub(crate) fn perform(&mut self, frame: FrameId) {
        self.set_phase(frame, Phase::Running);
        let Some(state) = self.state(frame) else { return };
        let outcome = self.outcome(frame, state);
        self.conclude(frame, outcome);
    }

    /// What performing a state comes to.
    pub(crate) fn outcome(&mut self, frame: FrameId, state: &State) -> Result<Outcome, Fault> {
        match &state.body {
            Body::Pass(pass) => pass::perform(self, frame, state, pass),
            Body::Task(task) => task::perform(self, frame, state, task),
            Body::Choice(choice) => choice::perform(self, frame, state, choice),
            Body::Wait(wait) => wait::perform(self, frame, state, wait),
            Body::Succeed => succeed::perform(self, frame, state),
            Body::Fail(fail) => fail::perform(self, frame, state, fail),
            Body::Parallel(parallel) => parallel::perform(self, frame, state, parallel),
            Body::Map(map) => map::perform(self, frame, state, map),
        }
    }

    /// Acts on what performing a state came to.
    pub(crate) fn conclude(&mut self, frame: FrameId, outcome: Result<Outcome, Fault>) {
        let left = match outcome {
            Ok(Outcome::Blocked) => return,
            Ok(Outcome::Left { given, transition }) => self.leave(frame, given, transition),
            Err(fault) => Err(fault),
        };
        if let Err(fault) = left {
            self.fault(frame, fault);
        }
    }

    /// The state's result becomes its output, and the state is left.
    pub(crate) fn left(
        &mut self,
        frame: FrameId,
        state: &State,
        result: Payload,
        transition: Transition,
    ) -> Result<Outcome, Fault> {
        self.left_by(frame, &state.flow, result, transition)
    }

    /// [`Self::left`], by a flow that is not the state's own.
    pub(crate) fn left_by(
        &mut self,
        frame: FrameId,
        flow: &Flow,
        result: Payload,
        transition: Transition,
    ) -> Result<Outcome, Fault> {
        let raw = self.raw_input(frame);
        let given =
            self.evaluate(frame, &raw, ContextParts::default(), |scope| flow.give(&raw, result, scope))?;
        Ok(Outcome::Left { given, transition })
    }

    fn leave(&mut self, frame: FrameId, given: Given, transition: Transition) -> Result<(), Fault> {
        let Some(state) = self.state(frame) else { return Ok(()) };
        let (output, assigned) = self.settle(frame, state, given)?;
        self.exit(frame, state, output, assigned, transition);
        Ok(())
    }

    /// Takes what a state gives: checks its output and assigns its variables.
    pub(crate) fn settle(
        &mut self,
        frame: FrameId,
        state: &State,
        given: Given,
    ) -> Result<(Payload, Shown), Fault> {
        self.check_size(&given.output, &state.name)?;
        let assigned = self.assign(frame, given.assigned)?;
        Ok((given.output, assigned))
    }

    /// Leaves a state for the next one, or ends what the frame runs.
    pub(crate) fn exit(
        &mut self,
        frame: FrameId,
        state: &State,
        output: Payload,
        assigned: Shown,
        transition: Transition,
    ) {
        self.drop_children(frame);
        let (kind, name) = (state.kind(), Arc::clone(&state.name));
        self.record_on(frame, EventDetails::StateExited { kind, name, output: output.clone(), assigned });
        match transition {
            Transition::End => self.finish(frame, output),
            Transition::Next(next) => {
                if let Some(frame) = self.execution.frames.change(frame) {
                    frame.activity = Activity::Ready { state: next, input: output };
                }
                self.execution.head.ready.push_back(frame);
            }
        }
    }

    /// Refuses a payload that is longer than AWS allows, naming what gave it.
    pub(crate) fn check_size(&self, payload: &Payload, origin: &str) -> Result<(), Fault> {
        if !payload.exceeds_limit() {
            return Ok(());
        }
        Err(Fault::Passed(too_large(origin)))
    }

    /// Assigns variables, and gives them as the history shows them.
    pub(crate) fn assign(&mut self, frame: FrameId, assigned: Assigned) -> Result<Shown, Failure> {
        if assigned.is_empty() {
            return Ok(Vec::new());
        }
        let visible = self.visible(frame);
        if let Some((name, _)) = assigned.iter().find(|(name, _)| visible.is_outer(name)) {
            let cause =
                format!("The variable '{name}' is assigned in an outer scope and cannot be assigned here.");
            return Err(Failure::new(ErrorName::Runtime, cause));
        }
        let assigned: Vec<(Arc<str>, Payload)> =
            assigned.into_iter().map(|(name, value)| (name, Payload::new(value))).collect();
        let shown =
            assigned.iter().map(|(name, value)| (Arc::clone(name), Arc::clone(value.text()))).collect();
        // A state that fails assigns nothing: a redrive performs it on the variables that it had.
        if visible.bytes_with(&assigned) > VARIABLES_BYTES {
            let cause = format!("The variables exceed the limit of {VARIABLES_BYTES} bytes.");
            return Err(Failure::new(ErrorName::Runtime, cause));
        }
        drop(visible);
        if let Some(frame) = self.execution.frames.change(frame) {
            let variables: &mut Variables = Arc::make_mut(&mut frame.variables);
            variables.extend(assigned);
        }
        Ok(shown)
    }

    /// The raw input of the state that a frame is in.
    pub(crate) fn raw_input(&self, frame: FrameId) -> Payload {
        match self.visit(frame) {
            Some(visit) => visit.input.clone(),
            None => Payload::new(Value::Object(Map::new())),
        }
    }

    /// Evaluates expressions of the state that a frame is in, with `input` as their `$`.
    pub(crate) fn evaluate<T>(
        &mut self,
        frame: FrameId,
        input: &Payload,
        parts: ContextParts<'_>,
        evaluate: impl FnOnce(&Scope<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let variables = self.visible(frame);
        let random = Cell::new(self.execution.head.random);
        let result = {
            let context = self.context(frame, parts, input);
            let (input, now) = (input.value(), self.now);
            evaluate(&Scope { input, context: &context, variables: &variables, now, random: &random })
        };
        self.execution.head.random = random.get();
        result
    }

    /// The variables that a frame sees.
    pub(crate) fn visible(&self, frame: FrameId) -> Visible {
        let mut visible = Visible::default();
        let mut next = Some(frame);
        while let Some(frame) = next.and_then(|id| self.execution.frames.get(id)) {
            visible.push(&frame.variables);
            next = frame.parent.map(|parent| parent.frame);
        }
        visible
    }

    fn context<'b>(
        &'b self,
        frame: FrameId,
        parts: ContextParts<'b>,
        input: &'b Payload,
    ) -> ContextObject<'b> {
        let visit = self.visit(frame);
        let state = visit.and_then(|visit| self.machine.state(visit.state));
        let retries = visit.map(|visit| visit.attempts.retries);
        ContextObject {
            spec: &self.execution.spec,
            given: self.execution.given_context.as_ref(),
            input: self.execution.input.as_ref().unwrap_or(input),
            state: StateContext {
                name: state.map_or("", |state| &state.name),
                entered_time: visit.map_or(self.now, |visit| visit.entered_time),
                retry_count: retries.filter(|_| state.is_some_and(|state| state.kind().is_retryable())),
            },
            token: parts.token,
            item: parts.item.or_else(|| self.item(frame)),
        }
    }

    /// The item of the innermost iteration that a frame belongs to.
    fn item(&self, frame: FrameId) -> Option<Item<'_>> {
        let mut parent = self.execution.frames.get(frame)?.parent;
        while let Some(around) = parent {
            let frame = self.execution.frames.get(around.frame)?;
            if let Some(Phase::Mapping { items, .. }) = frame.visit().map(|visit| &visit.phase) {
                let value = items.value().get(usize::try_from(around.index).ok()?)?;
                return Some(Item { index: around.index, key: None, value, source: Some(STATE_DATA) });
            }
            parent = frame.parent;
        }
        None
    }
}

/// The failure of a payload over the limit; `origin` is the state, the integration or the function that gave it.
pub(crate) fn too_large(origin: &str) -> Failure {
    let cause = format!(
        "The state/task '{origin}' returned a result with a size exceeding the maximum number of bytes service limit."
    );
    Failure::new(ErrorName::DataLimitExceeded, cause)
}
