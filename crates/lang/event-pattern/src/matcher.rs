//! All patterns of an event bus, compiled so that matching an event hardly costs more where there are more rules.
//!
//! The event is read once: its text is checked whole, and only the fields that some rule names are kept. Each kept value
//! leads to the rules that may want it, whatever the field and the operator (`field_index`); those are compared.

use std::collections::HashMap;
use std::hash::Hash;

use crate::admission::Admission;
use crate::error::EventError;
use crate::pattern::EventPattern;
use crate::rule_index::{RuleIndex, Scratch};

/// The compiled rules of one bus; `K` names a rule.
#[derive(Clone, Debug)]
pub struct Matcher<K> {
    rules: Vec<Option<Rule<K>>>,
    slots: HashMap<K, u32>,
    free: Vec<u32>,
    index: RuleIndex,
    admission: Admission,
}

#[derive(Clone, Debug)]
struct Rule<K> {
    key: K,
    pattern: EventPattern,
    /// The numbers of its alternatives in the index.
    alternatives: Vec<u32>,
}

impl<K> Default for Matcher<K> {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            slots: HashMap::new(),
            free: Vec::new(),
            index: RuleIndex::default(),
            admission: Admission::default(),
        }
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
        let slot = self.free.pop().unwrap_or_else(|| {
            self.rules.push(None);
            u32::try_from(self.rules.len() - 1).unwrap_or(u32::MAX)
        });
        self.admission.add(&pattern);
        let alternatives = self.index.add(slot, &pattern);
        self.slots.insert(key.clone(), slot);
        if let Some(place) = self.rules.get_mut(slot as usize) {
            *place = Some(Rule { key, pattern, alternatives });
        }
    }

    /// Removes a rule and says whether there was one.
    pub fn remove(&mut self, key: &K) -> bool {
        let Some(slot) = self.slots.remove(key) else { return false };
        let Some(rule) = self.rules.get_mut(slot as usize).and_then(Option::take) else { return false };
        self.index.remove(&rule.pattern, &rule.alternatives);
        self.admission.take(&rule.pattern);
        self.free.push(slot);
        true
    }
}

impl<K> Matcher<K> {
    /// The keys of the rules that want an event, given as JSON text; in no particular order, each once.
    ///
    /// # Errors
    /// [`EventError`] for a text that [`Event::parse`](crate::Event::parse) refuses too.
    pub fn matches(&self, event: &str) -> Result<Vec<&K>, EventError> {
        self.matches_with(event, &mut Scratch::default())
    }

    /// The same, with room that was used for other events before.
    ///
    /// # Errors
    /// As [`Matcher::matches`].
    pub fn matches_with(&self, event: &str, scratch: &mut Scratch) -> Result<Vec<&K>, EventError> {
        self.index.matches(event, scratch)?;
        let rules = scratch.rules.iter();
        Ok(rules.filter_map(|slot| Some(&self.rules.get(*slot as usize)?.as_ref()?.key)).collect())
    }

    /// Whether some rule may want events with that source and detail type. Only a "no" is certain.
    pub fn may_match(&self, source: &str, detail_type: &str) -> bool {
        self.admission.admits(source, detail_type)
    }
}
