//! The shape of a machine: which states it has and where they lead. For drawings; nothing here runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::catch::Catcher;
use crate::definition::{Body, State, StateId, StateKind, StateMachine, Transition};

/// A machine, a branch of a Parallel state, or the processor of a Map state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Name of the first state.
    pub start: Arc<str>,
    /// Its states, in the order in which they stand in the definition.
    pub states: Vec<OutlineState>,
}

/// One state of an [`Outline`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineState {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub kind: StateKind,
    /// `Resource` of a Task state.
    pub resource: Option<String>,
    /// Where it leads, in the order in which that is decided.
    pub transitions: Vec<OutlineTransition>,
    /// Whether the machine can end with it.
    pub ends: bool,
    /// Branches of a Parallel state; the one processor of a Map state.
    pub inner: Vec<Outline>,
}

/// One way from a state to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineTransition {
    /// Name of the other.
    pub to: Arc<str>,
    /// When it is taken.
    pub reason: TransitionReason,
}

/// When a transition is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransitionReason {
    /// `Next`: always.
    Next,
    /// A rule of a Choice state, in a line.
    Rule(String),
    /// `Default` of a Choice state.
    Default,
    /// `Catch`, with the errors that are caught.
    Catch(Vec<String>),
}

impl StateMachine {
    /// The machine's shape.
    pub fn outline(&self) -> Outline {
        self.outline_from(self.start)
    }

    /// A machine is what can be reached from its first state.
    fn outline_from(&self, start: StateId) -> Outline {
        let mut reached = BTreeSet::new();
        let mut open = vec![start];
        while let Some(id) = open.pop() {
            if reached.insert(id.0) {
                open.extend(self.state(id).into_iter().flat_map(ways).map(|(to, _)| to));
            }
        }
        let states = reached.into_iter().filter_map(|id| self.state(StateId(id)));
        Outline { start: self.name(start), states: states.map(|state| self.outline_state(state)).collect() }
    }

    fn outline_state(&self, state: &State) -> OutlineState {
        let transitions = ways(state).into_iter();
        OutlineState {
            name: Arc::clone(&state.name),
            kind: state.kind(),
            resource: match &state.body {
                Body::Task(task) => Some(task.resource.arn().to_owned()),
                _ => None,
            },
            transitions: transitions
                .map(|(to, reason)| OutlineTransition { to: self.name(to), reason })
                .collect(),
            ends: state.kind() != StateKind::Choice && state.transition == Transition::End,
            inner: self.inner(&state.body),
        }
    }

    fn inner(&self, body: &Body) -> Vec<Outline> {
        match body {
            Body::Parallel(parallel) => {
                parallel.branches.iter().map(|branch| self.outline_from(*branch)).collect()
            }
            Body::Map(map) => vec![self.outline_from(map.start)],
            Body::Pass(_)
            | Body::Task(_)
            | Body::Choice(_)
            | Body::Wait(_)
            | Body::Succeed
            | Body::Fail(_) => Vec::new(),
        }
    }

    fn name(&self, id: StateId) -> Arc<str> {
        self.state(id).map(|state| Arc::clone(&state.name)).unwrap_or_default()
    }
}

/// Where a state leads.
fn ways(state: &State) -> Vec<(StateId, TransitionReason)> {
    let mut ways = Vec::new();
    if let Body::Choice(choice) = &state.body {
        ways.extend(
            choice.rules.iter().map(|rule| (rule.next, TransitionReason::Rule(rule.condition.to_string()))),
        );
        ways.extend(choice.default.map(|default| (default, TransitionReason::Default)));
    } else if let Transition::Next(next) = state.transition {
        ways.push((next, TransitionReason::Next));
    }
    ways.extend(state.catch.iter().map(caught));
    ways
}

fn caught(catcher: &Catcher) -> (StateId, TransitionReason) {
    let errors = catcher.errors.names().iter().map(|name| name.as_str().to_owned());
    (catcher.next, TransitionReason::Catch(errors.collect()))
}
