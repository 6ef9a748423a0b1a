//! Map states. Inline: one iteration for each item of an array, in the execution itself.
//!
//! Distributed Map states ([`distributed`]) have their items and their data flow in common with these, and no more.

use serde_json::Value;

use crate::context_object::{Item, STATE_DATA};
use crate::data_flow::{PathField, evaluated, queried};
use crate::definition::{State, StateId};
use crate::error_name::{ErrorName, Failure};
use crate::expression::{Origin, Scope};
use crate::frame::{Parent, Phase};
use crate::history::{FanOut, IterationStage};
use crate::ids::FrameId;
use crate::jsonata::{Produced, QueryTemplate};
use crate::limits::INLINE_MAP_CONCURRENCY;
use crate::payload::Payload;
use crate::run::{ContextParts, Fault, Outcome, Run};
use crate::template::Template;

pub(crate) mod amount;
pub(crate) mod distributed;

pub(crate) use amount::Amount;
pub(crate) use distributed::Distributed;

/// What a Map state has of its own.
#[derive(Debug)]
pub(crate) struct MapState {
    /// `StartAt` of the item processor.
    pub(crate) start: StateId,
    pub(crate) items: Items,
    /// `ItemSelector`, or `Parameters` in older definitions.
    pub(crate) item_selector: Option<Selector>,
    pub(crate) max_concurrency: Amount,
    pub(crate) tolerated_failure_count: Amount,
    pub(crate) tolerated_failure_percentage: Amount,
    pub(crate) mode: Mode,
}

/// `Mode` of the `ProcessorConfig`.
#[derive(Debug)]
pub(crate) enum Mode {
    Inline,
    Distributed(Box<Distributed>),
}

/// Where the items come from.
#[derive(Debug)]
pub(crate) enum Items {
    /// `ItemsPath`.
    Path(PathField),
    /// `Items` in JSONata: an array, or an expression that gives one.
    Query(QueryTemplate),
}

/// `ItemSelector`.
#[derive(Debug)]
pub(crate) enum Selector {
    Template(Template),
    Query(QueryTemplate),
}

pub(crate) fn perform(
    run: &mut Run<'_>,
    frame: FrameId,
    state: &State,
    map: &MapState,
) -> Result<Outcome, Fault> {
    if let Mode::Distributed(distributed) = &map.mode {
        return distributed::perform(run, frame, state, map, distributed);
    }
    let raw = run.raw_input(frame);
    let (input, items, concurrency) = run.evaluate(frame, &raw, ContextParts::default(), |scope| {
        let input = state.flow.effective_input(&raw, scope)?;
        let items = map.items.resolve(&input, scope)?;
        let concurrency = map.concurrency(&scope.with_input(input.value()))?;
        Ok((input, items, concurrency))
    })?;
    let length = length(&items);
    let started = run.record_fan_out_started(frame, FanOut::Map { length });
    run.set_phase(frame, Phase::Mapping { input, items, concurrency });
    if length == 0 {
        return finish(run, frame, state, started);
    }
    for _ in 0..concurrency.min(length) {
        begin_next(run, frame, state, map, started)?;
    }
    Ok(Outcome::Blocked)
}

/// An iteration has ended well: the next one begins, or the state is over.
pub(crate) fn iteration_done(
    run: &mut Run<'_>,
    parent: Parent,
    state: &State,
    map: &MapState,
    last_event: u64,
) {
    let Parent { frame, index } = parent;
    let succeeded = run.record_iteration(IterationStage::Succeeded, state, index, last_event);
    let Some(length) = length_of(run, frame) else { return };
    let progress = run.execution.frames.progress(frame);
    let outcome = if progress.done as u64 == length {
        finish(run, frame, state, succeeded)
    } else if (progress.children.len() as u64) < length {
        begin_next(run, frame, state, map, last_event).map(|()| Outcome::Blocked)
    } else {
        return;
    };
    run.conclude(frame, outcome);
}

/// Whether all iterations have ended well.
pub(crate) fn is_complete(run: &Run<'_>, frame: FrameId) -> bool {
    length_of(run, frame) == Some(run.execution.frames.done(frame) as u64)
}

/// Begins the iterations that `MaxConcurrency` leaves room for, where the state did not come to it before it failed.
pub(crate) fn begin_missing(
    run: &mut Run<'_>,
    frame: FrameId,
    state: &State,
    map: &MapState,
    redriven: u64,
) -> Result<Outcome, Fault> {
    let Some(visit) = run.visit(frame) else { return Ok(Outcome::Blocked) };
    let Phase::Mapping { items, concurrency, .. } = &visit.phase else { return Ok(Outcome::Blocked) };
    let previous_event_id = visit.fan_out_event.unwrap_or(redriven);
    let (length, concurrency) = (length(items), *concurrency);
    let begun = run.execution.frames.children(frame).len() as u64;
    let open = begun.saturating_sub(run.execution.frames.done(frame) as u64);
    let missing = concurrency.saturating_sub(open).min(length.saturating_sub(begun));
    for _ in 0..missing {
        begin_next(run, frame, state, map, previous_event_id)?;
    }
    Ok(Outcome::Blocked)
}

/// All iterations have ended well, the last one with `previous_event_id`.
fn finish(
    run: &mut Run<'_>,
    frame: FrameId,
    state: &State,
    previous_event_id: u64,
) -> Result<Outcome, Fault> {
    let result = run.collect(frame);
    run.record_fan_out_succeeded(frame, FanOut::Map { length: 0 }, previous_event_id);
    run.left(frame, state, result, state.transition)
}

/// Begins the iteration of the next item, behind `previous_event_id`.
fn begin_next(
    run: &mut Run<'_>,
    frame: FrameId,
    state: &State,
    map: &MapState,
    previous_event_id: u64,
) -> Result<(), Fault> {
    let Some(Phase::Mapping { input, items, .. }) = run.visit(frame).map(|visit| visit.phase.clone()) else {
        return Ok(());
    };
    let number = run.execution.frames.progress(frame).children.len();
    let index = number as u64;
    let Some(value) = items.value().get(number) else { return Ok(()) };
    let item_input = match &map.item_selector {
        None => Payload::new(value.clone()),
        Some(selector) => {
            let parts = ContextParts {
                token: None,
                item: Some(Item { index, key: None, value, source: Some(STATE_DATA) }),
            };
            run.evaluate(frame, &input, parts, |scope| selector.evaluate(scope))?
        }
    };
    let started = run.record_iteration(IterationStage::Started, state, index, previous_event_id);
    run.begin_child(Parent { frame, index }, map.start, item_input, started);
    Ok(())
}

fn length_of(run: &Run<'_>, frame: FrameId) -> Option<u64> {
    match &run.visit(frame)?.phase {
        Phase::Mapping { items, .. } => Some(length(items)),
        _ => None,
    }
}

fn length(items: &Payload) -> u64 {
    items.value().as_array().map_or(0, Vec::len) as u64
}

impl Items {
    /// The items of an inline state: an array.
    pub(crate) fn resolve(&self, input: &Payload, scope: &Scope<'_>) -> Result<Payload, Fault> {
        self.resolve_if(Value::is_array, input, scope)
    }

    /// The items of a distributed state: an array, or an object whose members are the items.
    pub(crate) fn resolve_any(&self, input: &Payload, scope: &Scope<'_>) -> Result<Payload, Fault> {
        self.resolve_if(|items| items.is_array() || items.is_object(), input, scope)
    }

    fn resolve_if(
        &self,
        accepted: impl Fn(&Value) -> bool,
        input: &Payload,
        scope: &Scope<'_>,
    ) -> Result<Payload, Fault> {
        match self {
            Self::Path(path) => {
                let items = path.select(input, scope)?;
                if accepted(items.value()) { Ok(items) } else { Err(not_an_array(path).into()) }
            }
            Self::Query(template) => {
                let items = queried(template, Produced::Nothing, scope)?;
                match template {
                    QueryTemplate::Script(script) if !accepted(items.value()) => {
                        Err(script.unexpected("array", items.value()))
                    }
                    _ => Ok(items),
                }
            }
        }
    }
}

fn not_an_array(field: &PathField) -> Failure {
    let path = match field {
        PathField::At(path) if matches!(path.origin(), Origin::Variable(_)) => path.text(),
        PathField::At(path) => path.path_text(),
        PathField::Root | PathField::Discard => "$",
    };
    Failure::new(ErrorName::Runtime, format!("Reference path \"{path}\" must point to array."))
}

impl Selector {
    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Result<Payload, Fault> {
        match self {
            Self::Template(template) => Ok(evaluated(template, scope)?),
            Self::Query(template) => queried(template, Produced::Nothing, scope),
        }
    }
}

impl MapState {
    /// What a distributed state has beside others.
    pub(crate) fn distributed(&self) -> Option<&Distributed> {
        match &self.mode {
            Mode::Inline => None,
            Mode::Distributed(distributed) => Some(distributed),
        }
    }

    /// Whether the results are written elsewhere.
    pub(crate) fn exports(&self) -> bool {
        self.distributed()
            .and_then(|distributed| distributed.writer.as_ref())
            .is_some_and(|writer| writer.parameters.is_some())
    }

    /// Iterations side by side; an inline state has a limit of its own.
    fn concurrency(&self, scope: &Scope<'_>) -> Result<u64, Fault> {
        let wanted = self.wanted_concurrency(scope)?;
        Ok(if wanted == 0 { INLINE_MAP_CONCURRENCY } else { wanted.min(INLINE_MAP_CONCURRENCY) })
    }

    /// `MaxConcurrency` as the definition says it, 0 where it says nothing.
    pub(crate) fn wanted_concurrency(&self, scope: &Scope<'_>) -> Result<u64, Fault> {
        Ok(self.max_concurrency.count(scope)?.unwrap_or(0))
    }
}
