//! Variables: assigned with `Assign`, read as `$name`.
//!
//! The machine, every branch of a Parallel state and every iteration of a Map state has a scope. Inner scopes read outer
//! ones, assign only their own, and end with what they ran.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::payload::Payload;

/// The variables of one scope.
pub(crate) type Variables = BTreeMap<Arc<str>, Payload>;

/// What `Assign` gives: names with new values.
pub(crate) type Assigned = Vec<(Arc<str>, Value)>;

/// What was assigned, as the history shows it: names with values as JSON text.
pub(crate) type Shown = Vec<(Arc<str>, Arc<str>)>;

/// The variables that a state sees: its own scope first, then those around it.
#[derive(Debug, Default)]
pub(crate) struct Visible(Vec<Arc<Variables>>);

impl Visible {
    /// Adds the next outer scope.
    pub(crate) fn push(&mut self, scope: &Arc<Variables>) {
        if !scope.is_empty() || self.0.is_empty() {
            self.0.push(Arc::clone(scope));
        }
    }

    /// The variable's value, from the innermost scope that has it.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find_map(|scope| scope.get(name).map(Payload::value))
    }

    /// Every variable; no two scopes have the same name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().flat_map(|scope| scope.iter()).map(|(name, value)| (name.as_ref(), value.value()))
    }

    /// The same variables as one scope.
    pub(crate) fn flattened(&self) -> Variables {
        self.0
            .iter()
            .flat_map(|scope| scope.iter())
            .map(|(name, value)| (Arc::clone(name), value.clone()))
            .collect()
    }

    /// Whether a scope around the innermost has the variable.
    pub(crate) fn is_outer(&self, name: &str) -> bool {
        self.0.iter().skip(1).any(|scope| scope.contains_key(name))
    }

    /// Bytes of all values as JSON, roughly what AWS counts against the limit of an execution, after the innermost scope
    /// has got the values of `assigned`.
    pub(crate) fn bytes_with(&self, assigned: &[(Arc<str>, Payload)]) -> usize {
        let bytes = |name: &str, value: &Payload| name.len() + value.text().len();
        let is_replaced = |name: &str| assigned.iter().any(|(assigned, _)| &**assigned == name);
        let (own, outer) = self.0.split_first().map_or((None, &[][..]), |(own, outer)| (Some(own), outer));
        let kept = own.into_iter().flat_map(|scope| scope.iter()).filter(|(name, _)| !is_replaced(name));
        let others = outer.iter().flat_map(|scope| scope.iter());
        kept.chain(others).map(|(name, value)| bytes(name, value)).sum::<usize>()
            + assigned.iter().map(|(name, value)| bytes(name, value)).sum::<usize>()
    }
}
