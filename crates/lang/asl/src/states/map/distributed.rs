//! Distributed Map states: a Map Run runs the iterations, as executions of their own.
//!
//! The state says once what shall run, and waits. The history shows the Map Run's beginning and end, and nothing of its
//! children.

use std::sync::Arc;

use md5::{Digest as _, Md5};
use serde_json::Value;

use super::{Amount, MapState, Selector};
use crate::data_flow::Flow;
use crate::definition::{MachineKind, State};
use crate::error_name::{ErrorName, Failure};
use crate::execution::{ExecutionSpec, OpenMapRun};
use crate::expression::{QueryPath, Scope};
use crate::frame::Phase;
use crate::history::{EventDetails, FanOut, MapRunStage};
use crate::ids::{FrameId, TaskId};
use crate::jsonata::{Produced, Script};
use crate::limits::PAYLOAD_BYTES;
use crate::map_run::{
    FrozenScope, ItemBatcher, ItemSource, MapRunSpec, OutputType, Processor, ReaderConfig, ReaderResource,
    ResultWriter, Tolerance, WriteTransformation,
};
use crate::payload::Payload;
use crate::run::{ContextParts, Fault, Outcome, Run, too_large};

/// What a distributed Map state has beside an inline one.
#[derive(Debug)]
pub(crate) struct Distributed {
    /// `ExecutionType`.
    pub(crate) execution_kind: MachineKind,
    pub(crate) label: Option<String>,
    pub(crate) reader: Option<ReaderFields>,
    pub(crate) batcher: Option<BatcherFields>,
    pub(crate) writer: Option<WriterFields>,
}

/// `ItemReader`.
#[derive(Debug)]
pub(crate) struct ReaderFields {
    pub(crate) resource: ReaderResource,
    /// `Parameters` or `Arguments`.
    pub(crate) parameters: Selector,
    /// `ReaderConfig`, but for what is computed.
    pub(crate) config: ReaderConfig,
    pub(crate) max_items: Amount,
    /// `ItemsPointer`, where it is computed.
    pub(crate) items_pointer: Option<Text>,
}

/// A text that is computed.
#[derive(Debug)]
pub(crate) enum Text {
    Path(QueryPath),
    Query(Script),
}

/// `ItemBatcher`.
#[derive(Debug)]
pub(crate) struct BatcherFields {
    pub(crate) max_items: Amount,
    pub(crate) max_input_bytes: Amount,
    pub(crate) input: Option<Selector>,
}

/// `ResultWriter`.
#[derive(Debug)]
pub(crate) struct WriterFields {
    /// `Parameters` or `Arguments`.
    pub(crate) parameters: Option<Selector>,
    pub(crate) transformation: WriteTransformation,
    pub(crate) output_type: OutputType,
}

/// What of the state is evaluated before its Map Run starts.
struct Evaluated {
    input: Payload,
    source: ItemSource,
    max_concurrency: u64,
    tolerance: Tolerance,
    batcher: Option<ItemBatcher>,
    result_writer: Option<ResultWriter>,
}

pub(super) fn perform(
    run: &mut Run<'_>,
    frame: FrameId,
    state: &State,
    map: &MapState,
    distributed: &Distributed,
) -> Result<Outcome, Fault> {
    let raw = run.raw_input(frame);
    let evaluated = run.evaluate(frame, &raw, ContextParts::default(), |scope| {
        distributed.evaluate(state, map, &raw, scope)
    })?;
    let length = length(&evaluated.source);
    run.record_fan_out_started(frame, FanOut::Map { length });
    let task = TaskId(run.execution.head.new_id());
    let spec = spec(run, frame, state, map, distributed, evaluated);
    let started = MapRunStage::Started { map_run_arn: spec.arn.clone() };
    run.record_on(frame, EventDetails::MapRun(started));
    let map_run_arn = spec.arn.clone();
    wait_for(run, frame, OpenMapRun { task, map_run_arn, run: Some(Box::new(spec)), redrive_count: 0 });
    Ok(Outcome::Blocked)
}

/// The Map Run goes on, behind the event of its state's beginning.
pub(crate) fn redrive(run: &mut Run<'_>, frame: FrameId, map_run_arn: String, redriven_before: u64) {
    let Some(visit) = run.visit(frame) else { return };
    let started = visit.fan_out_event.unwrap_or(visit.entered_event);
    let redrive_count = redriven_before.saturating_add(1);
    let task = TaskId(run.execution.head.new_id());
    run.set_last_event(frame, started);
    let redriven = MapRunStage::Redriven { map_run_arn: map_run_arn.clone(), redrive_count };
    run.record_on(frame, EventDetails::MapRun(redriven));
    wait_for(run, frame, OpenMapRun { task, map_run_arn, run: None, redrive_count });
}

fn wait_for(run: &mut Run<'_>, frame: FrameId, open: OpenMapRun) {
    run.effects.push(open.start());
    run.execution.frames.watch_task(open.task, frame);
    run.set_phase(frame, Phase::MapRunning(Some(Box::new(open))));
}

/// The Map Run has succeeded.
pub(crate) fn run_succeeded(run: &mut Run<'_>, frame: FrameId, output: Value) {
    let Some(state) = run.state(frame) else { return };
    let output = Payload::new(output);
    if output.exceeds_limit() {
        // A redrive runs all of it again.
        close(run, frame, Phase::MapRunning(None));
        return end_failed(run, frame, too_large(&state.name));
    }
    close(run, frame, Phase::MapRunning(None));
    let started = run.last_event(frame);
    let succeeded = run.record_on(frame, EventDetails::MapRun(MapRunStage::Succeeded));
    run.record_fan_out_succeeded(frame, FanOut::Map { length: 0 }, succeeded);
    if let Flow::Jsonata(_) = state.flow {
        // Recorded: in JSONata the exit follows the beginning of the Map Run.
        run.set_last_event(frame, started);
    }
    let outcome = run.left(frame, state, output, state.transition);
    run.conclude(frame, outcome);
}

/// The Map Run has failed.
pub(crate) fn run_failed(run: &mut Run<'_>, frame: FrameId, failure: Failure) {
    if let Some(ended) = run.visit(frame).and_then(|visit| visit.map_run()).map(OpenMapRun::ended) {
        close(run, frame, ended);
    }
    end_failed(run, frame, failure);
}

fn end_failed(run: &mut Run<'_>, frame: FrameId, failure: Failure) {
    run.record_on(frame, EventDetails::MapRun(MapRunStage::Failed(failure.clone().shown())));
    run.fail(frame, failure);
}

/// The Map Run is over: nothing waits for it any more.
fn close(run: &mut Run<'_>, frame: FrameId, phase: Phase) {
    if let Some(task) = run.visit(frame).and_then(|visit| visit.task()) {
        run.execution.frames.take_task(task);
    }
    run.set_phase(frame, phase);
}

fn spec(
    run: &mut Run<'_>,
    frame: FrameId,
    state: &State,
    map: &MapState,
    distributed: &Distributed,
    evaluated: Evaluated,
) -> MapRunSpec {
    let uuid = run.execution.head.random.uuid();
    let execution = &run.execution.spec;
    let label = distributed.label.clone().unwrap_or_else(|| made_up_label(execution, &state.name));
    let arn = map_run_arn(execution, &label, &uuid);
    let Evaluated { input, source, max_concurrency, tolerance, batcher, result_writer } = evaluated;
    MapRunSpec {
        arn,
        state: Arc::clone(&state.name),
        label,
        execution_kind: distributed.execution_kind,
        max_concurrency,
        tolerance,
        source,
        batcher,
        result_writer,
        processor: Processor(map.start),
        scope: frozen(run, frame, input),
    }
}

fn frozen(run: &mut Run<'_>, frame: FrameId, input: Payload) -> FrozenScope {
    let seed = run.execution.head.random.next_u64();
    let variables = Arc::new(run.visible(frame).flattened());
    let execution_input = run.execution.input.clone().unwrap_or_else(|| input.clone());
    let execution = ExecutionSpec { input: "{}".into(), ..run.execution.spec.clone() };
    let visit = run.visit(frame);
    FrozenScope {
        map: visit.map_or(run.machine.start, |visit| visit.state),
        execution,
        execution_input,
        input,
        variables,
        entered_event: visit.map_or(0, |visit| visit.entered_event),
        entered_time: visit.map_or(run.now, |visit| visit.entered_time),
        retry_count: visit.map_or(0, |visit| visit.attempts.retries),
        seed,
    }
}

/// `arn:aws:states:REGION:ACCOUNT:mapRun:MACHINE/LABEL:UUID`. The machine of a child has the label of its own Map state
/// behind its name, which is left out: labels are unique in the whole machine.
fn map_run_arn(execution: &ExecutionSpec, label: &str, uuid: &str) -> String {
    let machine = execution.state_machine_arn.split('/').next().unwrap_or_default();
    format!("{}/{label}:{uuid}", machine.replacen(":stateMachine:", ":mapRun:", 1))
}

/// The label of a state that has none: a UUID made of names, the same in every execution of the machine.
fn made_up_label(execution: &ExecutionSpec, state: &str) -> String {
    let machine = execution.state_machine_arn.split('/').next().unwrap_or_default();
    let digest = Md5::digest(format!("{machine}/{state}"));
    let number = digest.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let version_3 = number & !(0xf << 76) | 3 << 76;
    let variant_1 = version_3 & !(3 << 62) | 2 << 62;
    let text = format!("{variant_1:032x}");
    let (a, b, c, d, e) = (&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]);
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// What `MapStateStarted` shows: items of a reader are not counted yet.
fn length(source: &ItemSource) -> u64 {
    match source {
        ItemSource::Items(items) => match items.value() {
            Value::Object(members) => members.len() as u64,
            other => other.as_array().map_or(0, Vec::len) as u64,
        },
        ItemSource::Reader { .. } => 0,
    }
}

impl Distributed {
    fn evaluate(
        &self,
        state: &State,
        map: &MapState,
        raw: &Payload,
        scope: &Scope<'_>,
    ) -> Result<Evaluated, Fault> {
        let input = state.flow.effective_input(raw, scope)?;
        let scope = &scope.with_input(input.value());
        let source = match &self.reader {
            Some(reader) => reader.source(scope)?,
            None => ItemSource::Items(map.items.resolve_any(&input, scope)?),
        };
        Ok(Evaluated {
            source,
            max_concurrency: map.wanted_concurrency(scope)?,
            tolerance: map.tolerance(scope)?,
            batcher: self.batcher.as_ref().map(|batcher| batcher.evaluate(scope)).transpose()?,
            result_writer: self.writer.as_ref().map(|writer| writer.evaluate(scope)).transpose()?,
            input,
        })
    }
}

impl MapState {
    /// `ToleratedFailureCount` and `ToleratedFailurePercentage`.
    pub(crate) fn tolerance(&self, scope: &Scope<'_>) -> Result<Tolerance, Fault> {
        let count = self.tolerated_failure_count.integer(scope)?;
        let count = count
            .map(u64::try_from)
            .transpose()
            .map_err(|_| Failure::new(ErrorName::Runtime, "ToleratedFailureCount cannot be negative."))?;
        let percentage = self.tolerated_failure_percentage.number(scope)?;
        if percentage.is_some_and(|percentage| !(0.0..=100.0).contains(&percentage)) {
            let cause = "ToleratedFailurePercentage must be between 0 and 100.";
            return Err(Failure::new(ErrorName::Runtime, cause).into());
        }
        Ok(Tolerance { count, percentage })
    }
}

impl ReaderFields {
    pub(crate) fn source(&self, scope: &Scope<'_>) -> Result<ItemSource, Fault> {
        let parameters = self.parameters.evaluate(scope)?;
        let mut config = self.config.clone();
        config.max_items = self.max_items.integer(scope)?.unwrap_or(0);
        if let Some(pointer) = &self.items_pointer {
            config.items_pointer = Some(pointer.resolve(scope)?);
        }
        Ok(ItemSource::Reader { resource: self.resource, parameters, config })
    }
}

impl Text {
    fn resolve(&self, scope: &Scope<'_>) -> Result<String, Fault> {
        match self {
            Self::Query(script) => match script.evaluate(Produced::Nothing, scope)? {
                Value::String(text) => Ok(text),
                other => Err(script.unexpected("string", &other)),
            },
            Self::Path(path) => {
                let value = path.resolve(scope)?;
                value.as_str().map(str::to_owned).ok_or_else(|| {
                    let cause = format!(
                        "The ItemsPointerPath field refers to value \"{value}\" which is not a valid string: {}",
                        path.text()
                    );
                    Failure::new(ErrorName::Runtime, cause).into()
                })
            }
        }
    }
}

impl BatcherFields {
    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Result<ItemBatcher, Fault> {
        let max_items = positive(&self.max_items, scope)?;
        let max_input_bytes = positive(&self.max_input_bytes, scope)?;
        if max_input_bytes.is_some_and(|bytes| bytes > PAYLOAD_BYTES as u64) {
            let cause = format!("MaxInputBytesPerBatch must be between 1 and {PAYLOAD_BYTES}.");
            return Err(Failure::new(ErrorName::Runtime, cause).into());
        }
        let input = self.input.as_ref().map(|input| input.evaluate(scope)).transpose()?;
        Ok(ItemBatcher { max_items, max_input_bytes, input })
    }
}

fn positive(amount: &Amount, scope: &Scope<'_>) -> Result<Option<u64>, Fault> {
    match amount.integer(scope)?.map(u64::try_from) {
        None => Ok(None),
        Some(Ok(number)) if number > 0 => Ok(Some(number)),
        Some(_) => {
            let cause = format!("{} must be a positive integer.", amount.name);
            Err(Failure::new(ErrorName::Runtime, cause).into())
        }
    }
}

impl WriterFields {
    fn evaluate(&self, scope: &Scope<'_>) -> Result<ResultWriter, Fault> {
        let destination =
            self.parameters.as_ref().map(|parameters| parameters.evaluate(scope)).transpose()?;
        Ok(ResultWriter { destination, transformation: self.transformation, output_type: self.output_type })
    }
}
