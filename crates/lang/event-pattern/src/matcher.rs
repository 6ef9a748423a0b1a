//! All patterns of an event bus, compiled so that an event is only compared with rules that may want it.
//!
//! A rule that names its `source` and its `detail-type` exactly is found by them, one that names only one by that; the
//! rest is tried one by one. An index over another field is another [`Anchor`].

use std::collections::HashMap;
use std::hash::Hash;

use crate::event::{Event, Leaf, Value};
use crate::pattern::EventPattern;

/// The exact values by which a rule is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Anchor {
    SourceAndDetailType(String, String),
    Source(String),
    DetailType(String),
    Anything,
}

/// The compiled rules of one bus; `K` names a rule.
#[derive(Clone, Debug)]
pub struct Matcher<K> {
    rules: Vec<Option<(K, EventPattern)>>,
    slots: HashMap<K, usize>,
    free: Vec<usize>,
    anchored: HashMap<Anchor, Vec<usize>>,
}

impl<K> Default for Matcher<K> {
    fn default() -> Self {
        Self { rules: Vec::new(), slots: HashMap::new(), free: Vec::new(), anchored: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash> Matcher<K> {
    /// A matcher without rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule, in place of the one with the same key.
    pub fn insert(&mut self, key: K, pattern: EventPattern) {
        self.remove(&key);
        let slot = self.free.pop().unwrap_or(self.rules.len());
        for anchor in anchors(&pattern) {
            self.anchored.entry(anchor).or_default().push(slot);
        }
        self.slots.insert(key.clone(), slot);
        match self.rules.get_mut(slot) {
            Some(place) => *place = Some((key, pattern)),
            None => self.rules.push(Some((key, pattern))),
        }
    }

    /// Removes a rule and says whether there was one.
    pub fn remove(&mut self, key: &K) -> bool {
        let Some(slot) = self.slots.remove(key) else { return false };
        let Some((_, pattern)) = self.rules.get_mut(slot).and_then(Option::take) else { return false };
        for anchor in anchors(&pattern) {
            if let Some(slots) = self.anchored.get_mut(&anchor) {
                slots.retain(|one| *one != slot);
                if slots.is_empty() {
                    self.anchored.remove(&anchor);
                }
            }
        }
        self.free.push(slot);
        true
    }

    /// The keys of the rules that want the event, in no particular order, each once.
    pub fn matches(&self, event: &Event<'_>) -> Vec<&K> {
        let mut slots = self.candidates(&strings(event, "source"), &strings(event, "detail-type"));
        slots.sort_unstable();
        slots.dedup();
        let rules = slots.into_iter().filter_map(|slot| self.rules.get(slot)?.as_ref());
        rules.filter(|(_, pattern)| pattern.matches(event)).map(|(key, _)| key).collect()
    }
}

impl<K> Matcher<K> {
    /// Whether some rule may want events with that source and detail type. Only a "no" is certain.
    pub fn may_match(&self, source: &str, detail_type: &str) -> bool {
        !self.anchored.is_empty() && !self.candidates(&[source], &[detail_type]).is_empty()
    }

    /// The rules that do not ask for other sources or detail types; some of them more than once.
    fn candidates(&self, sources: &[&str], detail_types: &[&str]) -> Vec<usize> {
        let mut slots: Vec<usize> = Vec::new();
        let mut add = |anchor: &Anchor| slots.extend(self.anchored.get(anchor).into_iter().flatten());
        add(&Anchor::Anything);
        for detail_type in detail_types {
            add(&Anchor::DetailType((*detail_type).to_owned()));
        }
        for source in sources {
            add(&Anchor::Source((*source).to_owned()));
            for detail_type in detail_types {
                add(&Anchor::SourceAndDetailType((*source).to_owned(), (*detail_type).to_owned()));
            }
        }
        slots
    }
}

fn anchors(pattern: &EventPattern) -> Vec<Anchor> {
    let mut anchors = match (pattern.exact_strings("source"), pattern.exact_strings("detail-type")) {
        (None, None) => vec![Anchor::Anything],
        (Some(sources), None) => {
            sources.into_iter().map(|source| Anchor::Source(source.to_owned())).collect()
        }
        (None, Some(types)) => types.into_iter().map(|one| Anchor::DetailType(one.to_owned())).collect(),
        (Some(sources), Some(types)) => {
            let pair =
                |source: &str, one: &str| Anchor::SourceAndDetailType(source.to_owned(), one.to_owned());
            sources.iter().flat_map(|source| types.iter().map(move |one| pair(source, one))).collect()
        }
    };
    let mut seen = std::collections::HashSet::new();
    anchors.retain(|anchor| seen.insert(anchor.clone()));
    anchors
}

/// The strings of a top-level field, also those in arrays.
fn strings<'e>(event: &'e Event<'_>, name: &str) -> Vec<&'e str> {
    let mut open: Vec<&Value<'_>> = event
        .members(event.root())
        .iter()
        .filter(|member| member.key == name)
        .map(|member| &member.value)
        .collect();
    let mut strings = vec![];
    while let Some(value) = open.pop() {
        match value {
            Value::Leaf(Leaf::String(text)) => strings.push(text.as_ref()),
            Value::Array(children) => {
                open.extend(event.members(*children).iter().map(|member| &member.value))
            }
            Value::Leaf(_) | Value::Object(_) => {}
        }
    }
    strings.sort_unstable();
    strings.dedup();
    strings
}
