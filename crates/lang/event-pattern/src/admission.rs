//! Which sources and detail types some rule may want: asked before an event is even made.

use std::collections::{HashMap, HashSet};

use crate::pattern::EventPattern;

/// The exact values without which no event is a rule's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Condition {
    SourceAndDetailType(String, String),
    Source(String),
    DetailType(String),
    Nothing,
}

/// The conditions of all rules, and how many rules have each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Admission {
    conditions: HashMap<Condition, usize>,
}

impl Admission {
    pub(crate) fn add(&mut self, pattern: &EventPattern) {
        for condition in conditions(pattern) {
            *self.conditions.entry(condition).or_default() += 1;
        }
    }

    pub(crate) fn take(&mut self, pattern: &EventPattern) {
        for condition in conditions(pattern) {
            if let Some(count) = self.conditions.get_mut(&condition) {
                *count -= 1;
                if *count == 0 {
                    self.conditions.remove(&condition);
                }
            }
        }
    }

    /// Whether some rule may want events with that source and detail type. Only a "no" is certain.
    pub(crate) fn admits(&self, source: &str, detail_type: &str) -> bool {
        let has = |condition: Condition| self.conditions.contains_key(&condition);
        !self.conditions.is_empty()
            && (has(Condition::Nothing)
                || has(Condition::Source(source.to_owned()))
                || has(Condition::DetailType(detail_type.to_owned()))
                || has(Condition::SourceAndDetailType(source.to_owned(), detail_type.to_owned())))
    }
}

fn conditions(pattern: &EventPattern) -> HashSet<Condition> {
    match (pattern.exact_strings("source"), pattern.exact_strings("detail-type")) {
        (None, None) => [Condition::Nothing].into(),
        (Some(sources), None) => {
            sources.into_iter().map(|source| Condition::Source(source.to_owned())).collect()
        }
        (None, Some(types)) => types.into_iter().map(|one| Condition::DetailType(one.to_owned())).collect(),
        (Some(sources), Some(types)) => {
            let pair =
                |source: &str, one: &str| Condition::SourceAndDetailType(source.to_owned(), one.to_owned());
            sources.iter().flat_map(|source| types.iter().map(move |one| pair(source, one))).collect()
        }
    }
}
