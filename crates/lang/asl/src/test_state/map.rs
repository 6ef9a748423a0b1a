//! Map states: the items are found and selected, and no iteration runs.

use serde_json::Value;

use super::checks::invalid;
use super::{Refusal, StateTest};
use crate::context_object::{Item, STATE_DATA};
use crate::data_flow::Flow;
use crate::definition::State;
use crate::map_run::Tolerance;
use crate::payload::Payload;
use crate::run::{ContextParts, Fault};
use crate::states::map::MapState;

impl StateTest {
    /// Finds what the iterations would be given.
    pub(super) fn iterate(&mut self, state: &State, map: &MapState) -> Result<Result<(), Fault>, Refusal> {
        let read = self.read_items(map)?;
        let raw = self.raw();
        let found = self.evaluate(&raw, ContextParts::default(), |scope| {
            let input = state.flow.effective_input(&raw, scope)?;
            let items = match read {
                Some(items) => items,
                None if map.distributed().is_some() => map.items.resolve_any(&input, scope)?,
                None => map.items.resolve(&input, scope)?,
            };
            let concurrency = map.wanted_concurrency(&scope.with_input(input.value()))?;
            Ok((input, items, concurrency))
        });
        let (input, items, concurrency) = match found {
            Ok(found) => found,
            Err(fault) => return Ok(Err(fault)),
        };
        if matches!(state.flow, Flow::JsonPath(_)) {
            self.inspection.after_items_path = Some(items.clone());
        }
        self.inspection.max_concurrency = Some(concurrency);
        let count = map.tolerated_failure_count.literal();
        self.inspection.tolerated_failure_count = count.and_then(serde_json::Number::as_u64);
        let percentage = map.tolerated_failure_percentage.literal();
        self.inspection.tolerated_failure_percentage = percentage.and_then(serde_json::Number::as_f64);
        if let Err(fault) = self.select_items(map, &input, &items) {
            return Ok(Err(fault));
        }
        self.count_failures(&items)
    }

    /// What an `ItemReader` is assumed to have read.
    fn read_items(&self, map: &MapState) -> Result<Option<Payload>, Refusal> {
        let has_reader = map.distributed().is_some_and(|distributed| distributed.reader.is_some());
        let data = match (&self.configuration.map_item_reader_data, has_reader) {
            (Some(data), true) => data,
            (None, false) => return Ok(None),
            (Some(_), false) => {
                return Err(invalid("mapItemReaderData is specified but the state has no ItemReader"));
            }
            (None, true) => {
                return Err(invalid("mapItemReaderData must be specified when the state has an ItemReader"));
            }
        };
        match Payload::parse(data.as_str().into()) {
            Ok(items) if items.value().is_array() => Ok(Some(items)),
            _ => Err(invalid("Runwright reads mapItemReaderData as a JSON array only")),
        }
    }

    fn select_items(&mut self, map: &MapState, input: &Payload, items: &Payload) -> Result<(), Fault> {
        let Some(selector) = &map.item_selector else { return Ok(()) };
        let mut selected = Vec::new();
        for (index, value) in (0..).zip(items.value().as_array().into_iter().flatten()) {
            let parts = ContextParts {
                token: None,
                item: Some(Item { index, key: None, value, source: Some(STATE_DATA) }),
            };
            selected.push(self.evaluate(input, parts, |scope| selector.evaluate(scope))?.value().clone());
        }
        self.inspection.after_item_selector = Some(Payload::new(Value::Array(selected)));
        Ok(())
    }

    /// More failed iterations than are tolerated fail the state.
    fn count_failures(&self, items: &Payload) -> Result<Result<(), Fault>, Refusal> {
        let total = items.value().as_array().map_or(0, Vec::len) as u64;
        let failed = self.configuration.map_iteration_failure_count.unwrap_or(0);
        if failed > total {
            return Err(invalid(
                "Map iteration failure count must be less than or equal to the number of Map iterations",
            ));
        }
        let tolerance = Tolerance {
            count: self.inspection.tolerated_failure_count,
            percentage: self.inspection.tolerated_failure_percentage,
        };
        if self.configuration.error_caused_by_state.is_none() && tolerance.is_exceeded(failed, Some(total)) {
            return Ok(Err(Fault::Passed(Tolerance::exceeded())));
        }
        Ok(Ok(()))
    }
}
