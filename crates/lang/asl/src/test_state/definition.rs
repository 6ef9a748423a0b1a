//! Which state is tested: the only one of a definition, or one of a whole state machine.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Refusal;
use crate::definition::{Body, State, StateId, StateKind, StateMachine};
use crate::diagnostic::Diagnostic;
use crate::integrations::Resource;
use crate::parse;

/// What a state without a name is called.
pub(super) const STATE_NAME: &str = "StateName";

/// A state that can be tested.
#[derive(Clone, Debug)]
pub struct TestedState {
    pub(super) machine: Arc<StateMachine>,
    pub(super) id: StateId,
}

impl TestedState {
    /// Reads a state, or a state machine of which `state_name` is a state, perhaps in a branch or an item processor.
    ///
    /// # Errors
    /// [`Refusal::Definition`] and [`Refusal::StateNotFound`].
    pub fn parse(definition: &str, state_name: Option<&str>) -> Result<Self, Refusal> {
        let value = parse::json(definition).map_err(Refusal::Definition)?;
        let Some(name) = state_name else { return Self::alone(&value) };
        let machine = parse::parse_for_test(&value).map_err(Refusal::Definition)?;
        Self::of(machine, name)
    }

    /// A state without a machine; those that it leads to are supposed to be there.
    fn alone(state: &Value) -> Result<Self, Refusal> {
        let machine = parse::parse_for_test(&machine_around(state))
            .map_err(|findings| Refusal::Definition(findings.into_iter().map(in_state).collect()))?;
        Self::of(machine, STATE_NAME)
    }

    fn of(machine: StateMachine, name: &str) -> Result<Self, Refusal> {
        let place = machine.states.iter().position(|state| &*state.name == name);
        let id = place.and_then(|place| u32::try_from(place).ok()).ok_or(Refusal::StateNotFound)?;
        Ok(Self { machine: Arc::new(machine), id: StateId(id) })
    }

    /// What a Task state calls; `None` of other states.
    pub fn resource(&self) -> Option<&Resource> {
        match &self.state()?.body {
            Body::Task(task) => Some(&task.resource),
            _ => None,
        }
    }

    /// Its `Type`.
    pub fn kind(&self) -> Option<StateKind> {
        self.state().map(State::kind)
    }

    pub(super) fn state(&self) -> Option<&State> {
        self.machine.state(self.id)
    }

    /// The states in its branches or its item processor.
    pub(super) fn has_inner_state(&self, name: &str) -> bool {
        let Some(location) = self.state().map(|state| format!("{}/", state.location)) else { return false };
        self.machine.states.iter().any(|state| &*state.name == name && state.location.starts_with(&location))
    }
}

/// A machine of the state and of those that it leads to, which are of no interest.
fn machine_around(state: &Value) -> Value {
    let mut states = Map::new();
    states.insert(STATE_NAME.to_owned(), state.clone());
    for target in targets(state) {
        states.entry(target).or_insert_with(|| json!({"Type": "Succeed"}));
    }
    json!({"StartAt": STATE_NAME, "States": states})
}

fn targets(state: &Value) -> Vec<String> {
    let listed = ["Choices", "Catch"].into_iter().filter_map(|name| state.get(name)?.as_array());
    let listed = listed.flatten().filter_map(|element| element.get("Next"));
    let own = ["Next", "Default"].into_iter().filter_map(|name| state.get(name));
    own.chain(listed).filter_map(|name| Some(name.as_str()?.to_owned())).collect()
}

/// The finding, with its place in the state instead of the machine around it.
fn in_state(finding: Diagnostic) -> Diagnostic {
    let around = format!("/States/{STATE_NAME}");
    let location = match finding.location.strip_prefix(&around) {
        Some("") => "/".to_owned(),
        Some(inner) => inner.to_owned(),
        None => finding.location,
    };
    Diagnostic { location, ..finding }
}
