//! What `ItemSelector` of a distributed Map state sees: as it was when the Map Run started, and nothing else.

use std::cell::Cell;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use types::Timestamp;

use super::{Item, MapRunSpec};
use crate::context_object::{self, ContextObject, StateContext};
use crate::definition::{Body, StateId, StateMachine};
use crate::error_name::Failure;
use crate::execution::ExecutionSpec;
use crate::expression::Scope;
use crate::payload::Payload;
use crate::random::{Random, mix};
use crate::run::located;
use crate::states::map::MapState;
use crate::variables::{Variables, Visible};

/// The scope of a Map state when it was performed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FrozenScope {
    /// The Map state itself.
    pub(crate) map: StateId,
    /// What the execution was told at its start, its input aside.
    pub(crate) execution: ExecutionSpec,
    pub(crate) execution_input: Payload,
    /// The state's effective input: `$`.
    pub(crate) input: Payload,
    pub(crate) variables: Arc<Variables>,
    pub(crate) entered_event: u64,
    pub(crate) entered_time: Timestamp,
    pub(crate) retry_count: u32,
    /// What random numbers are made of.
    pub(crate) seed: u64,
}

impl MapRunSpec {
    /// What a child is given for an item: through `ItemSelector`, if the state has one. Not batched yet.
    ///
    /// `machine` is the machine of the execution that started the Map Run; equal arguments give equal inputs.
    ///
    /// # Errors
    /// The failure of the Map Run where `ItemSelector` cannot be evaluated.
    pub fn select(&self, machine: &StateMachine, item: &Item, now: Timestamp) -> Result<Payload, Failure> {
        let selector = self.map(machine).and_then(|map| map.item_selector.as_ref());
        let Some(selector) = selector else { return Ok(Payload::new(item.input())) };
        self.scope.evaluate(&self.state, item, now, |scope| {
            selector.evaluate(scope).map_err(|fault| located(&self.state, self.scope.entered_event, fault))
        })
    }

    fn map<'a>(&self, machine: &'a StateMachine) -> Option<&'a MapState> {
        match &machine.state(self.scope.map)?.body {
            Body::Map(map) => Some(map),
            _ => None,
        }
    }
}

impl FrozenScope {
    fn evaluate<T>(
        &self,
        state: &str,
        item: &Item,
        now: Timestamp,
        evaluate: impl FnOnce(&Scope<'_>) -> T,
    ) -> T {
        let context = ContextObject {
            spec: &self.execution,
            given: None,
            input: &self.execution_input,
            state: StateContext {
                name: state,
                entered_time: self.entered_time,
                retry_count: Some(self.retry_count),
            },
            token: None,
            item: Some(context_object::Item {
                index: item.index,
                key: item.key.as_deref(),
                value: &item.value,
                source: Some(&item.source),
            }),
        };
        let mut variables = Visible::default();
        variables.push(&self.variables);
        // Every item has random numbers of its own, so that it does not matter which others were read before.
        let random = Cell::new(Random::new(mix(self.seed ^ mix(item.index))));
        evaluate(&Scope {
            input: self.input.value(),
            context: &context,
            variables: &variables,
            now,
            random: &random,
        })
    }
}
