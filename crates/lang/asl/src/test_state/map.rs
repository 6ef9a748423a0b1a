//! Map states: the items are found, selected and batched, and no iteration runs.

use serde_json::{Value, json};

use super::checks::invalid;
use super::{Refusal, StateTest};
use crate::context_object;
use crate::data_flow::Flow;
use crate::definition::State;
use crate::map_run::{
    ChildInputs, Item, ItemBatcher, ItemReader, ItemSource, Next, ReadTransformation, ReaderResource,
    Tolerance,
};
use crate::payload::Payload;
use crate::run::{ContextParts, Fault};
use crate::states::map::MapState;

/// What of a Map state is evaluated before it runs.
struct Evaluated {
    input: Payload,
    source: ItemSource,
    max_concurrency: u64,
    tolerance: Tolerance,
    batcher: Option<ItemBatcher>,
}

impl StateTest {
    /// Finds what the iterations would be given.
    pub(super) fn iterate(&mut self, state: &State, map: &MapState) -> Result<Result<(), Fault>, Refusal> {
        let data = self.reader_data(map)?;
        let evaluated = match self.evaluate_map(state, map) {
            Ok(evaluated) => evaluated,
            Err(fault) => return Ok(Err(fault)),
        };
        self.inspection.max_concurrency = Some(evaluated.max_concurrency);
        self.inspection.tolerated_failure_count = evaluated.tolerance.count;
        self.inspection.tolerated_failure_percentage = evaluated.tolerance.percentage;
        let items = match read(&evaluated.source, data.as_deref())? {
            Ok(items) => items,
            Err(failure) => return Ok(Err(failure)),
        };
        self.inspect_items(state, &evaluated.source, &items);
        let selected = match self.select_items(map, &evaluated.input, &items) {
            Ok(selected) => selected,
            Err(fault) => return Ok(Err(fault)),
        };
        if let Some(batcher) = &evaluated.batcher {
            let batches = ChildInputs::batches(batcher, selected).map(|batch| batch.payload.value().clone());
            self.inspection.after_item_batcher = Some(Payload::new(batches.collect()));
        }
        self.count_failures(evaluated.tolerance, items.len() as u64)
    }

    fn evaluate_map(&mut self, state: &State, map: &MapState) -> Result<Evaluated, Fault> {
        let raw = self.raw();
        let distributed = map.distributed();
        self.evaluate(&raw, ContextParts::default(), |scope| {
            let input = state.flow.effective_input(&raw, scope)?;
            let scope = &scope.with_input(input.value());
            let source = match distributed.map(|distributed| distributed.reader.as_ref()) {
                Some(Some(reader)) => reader.source(scope)?,
                Some(None) => ItemSource::Items(map.items.resolve_any(&input, scope)?),
                None => ItemSource::Items(map.items.resolve(&input, scope)?),
            };
            let batcher = distributed.and_then(|distributed| distributed.batcher.as_ref());
            Ok(Evaluated {
                source,
                max_concurrency: map.wanted_concurrency(scope)?,
                tolerance: map.tolerance(scope)?,
                batcher: batcher.map(|batcher| batcher.evaluate(scope)).transpose()?,
                input,
            })
        })
    }

    /// What an `ItemReader` is assumed to read.
    fn reader_data(&self, map: &MapState) -> Result<Option<String>, Refusal> {
        let has_reader = map.distributed().is_some_and(|distributed| distributed.reader.is_some());
        match (&self.configuration.map_item_reader_data, has_reader) {
            (Some(data), true) => Ok(Some(data.clone())),
            (None, false) => Ok(None),
            (Some(_), false) => {
                Err(invalid("mapItemReaderData is specified but the state has no ItemReader"))
            }
            (None, true) => {
                Err(invalid("mapItemReaderData must be specified when the state has an ItemReader"))
            }
        }
    }

    fn inspect_items(&mut self, state: &State, source: &ItemSource, items: &[Item]) {
        let values = || Payload::new(items.iter().map(|item| item.value.clone()).collect());
        match source {
            ItemSource::Items(found) => {
                if matches!(state.flow, Flow::JsonPath(_)) {
                    self.inspection.after_items_path = Some(found.clone());
                }
            }
            ItemSource::Reader { config, .. } => {
                if config.items_pointer.is_some() {
                    self.inspection.after_items_pointer = Some(values());
                }
            }
        }
    }

    fn select_items(
        &mut self,
        map: &MapState,
        input: &Payload,
        items: &[Item],
    ) -> Result<Vec<Payload>, Fault> {
        let Some(selector) = &map.item_selector else {
            return Ok(items.iter().map(|item| Payload::new(item.input())).collect());
        };
        let select = |item: &Item| {
            let item = context_object::Item {
                index: item.index,
                key: item.key.as_deref(),
                value: &item.value,
                source: Some(&item.source),
            };
            let parts = ContextParts { token: None, item: Some(item) };
            self.evaluate(input, parts, |scope| selector.evaluate(scope))
        };
        let selected: Vec<Payload> = items.iter().map(select).collect::<Result<_, _>>()?;
        let shown = selected.iter().map(|item| item.value().clone()).collect();
        self.inspection.after_item_selector = Some(Payload::new(shown));
        Ok(selected)
    }

    /// More failed iterations than are tolerated fail the state.
    fn count_failures(&self, tolerance: Tolerance, total: u64) -> Result<Result<(), Fault>, Refusal> {
        let failed = self.configuration.map_iteration_failure_count.unwrap_or(0);
        if failed > total {
            return Err(invalid(
                "Map iteration failure count must be less than or equal to the number of Map iterations",
            ));
        }
        if self.configuration.error_caused_by_state.is_none() && tolerance.is_exceeded(failed, Some(total)) {
            return Ok(Err(Fault::Passed(Tolerance::exceeded())));
        }
        Ok(Ok(()))
    }
}

/// The items of a source; what is in S3 is `data`.
fn read(source: &ItemSource, data: Option<&str>) -> Result<Result<Vec<Item>, Fault>, Refusal> {
    let mut reader = match ItemReader::new(source) {
        Ok(reader) => reader,
        Err(failure) => return Ok(Err(Fault::Passed(failure))),
    };
    let (mut items, mut data) = (Vec::new(), data);
    loop {
        match reader.advance() {
            Ok(Next::Item(item)) => items.push(item),
            Ok(Next::End) => return Ok(Ok(items)),
            Ok(Next::Bytes) => match data.take() {
                Some(data) => reader.chunk(data.as_bytes()),
                None => reader.object_end(),
            },
            Ok(Next::Call(call)) if call.operation == ReaderResource::ListObjectsV2 => {
                reader.listed(&listing(source, data.unwrap_or_default())?);
            }
            Ok(Next::Call(_)) if data.is_some() => {}
            // A manifest or a listing names other objects, which are not there.
            Ok(Next::Call(_)) => {
                return Err(invalid(
                    "mapItemReaderData must contain the items, and not name the objects they are in",
                ));
            }
            Err(failure) => return Ok(Err(Fault::Passed(failure))),
        }
    }
}

/// What `ListObjectsV2` would answer: `data`, or the objects in it. Where objects are opened, `data` is what is in one.
fn listing(source: &ItemSource, data: &str) -> Result<Value, Refusal> {
    if let ItemSource::Reader { config, .. } = source
        && config.transformation == ReadTransformation::LoadAndFlatten
    {
        return Ok(json!({"Contents": [{"Key": "object"}]}));
    }
    match serde_json::from_str(data) {
        Ok(objects @ Value::Array(_)) => Ok(json!({"Contents": objects})),
        Ok(answer @ Value::Object(_)) => Ok(answer),
        _ => Err(invalid("mapItemReaderData must be the JSON of a list of objects")),
    }
}
