//! All alternatives of all rules, each found by one of its fields, and compared with what was kept of an event.
//!
//! A rule's alternative is entered under the field by which the fewest events come to it as things stand; one that every
//! event may satisfy, because absence is accepted everywhere, is looked at for every event.

use crate::alternative::Alternative;
use crate::array_search::{ArraySearch, Requirement};
use crate::error::EventError;
use crate::field_index::{FieldIndex, Proposals};
use crate::field_tree::FieldTree;
use crate::found::{Found, Slot};
use crate::pattern::EventPattern;
use crate::reading;

/// The alternatives of rules, which are numbers here.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleIndex {
    tree: FieldTree,
    /// By the numbers of the tree's fields.
    fields: Vec<FieldIndex>,
    alternatives: Vec<Indexed>,
    free: Vec<u32>,
    /// Alternatives that no value of a field leads to.
    always: Vec<u32>,
}

/// An alternative with its rule.
#[derive(Clone, Debug, Default)]
struct Indexed {
    rule: u32,
    requirements: Box<[Requirement]>,
    /// Which requirement it is found by.
    anchor: Option<usize>,
}

/// Room that matching needs; kept from event to event it saves its allocation.
#[derive(Debug, Default)]
pub struct Scratch {
    found: Found<'static>,
    proposals: Proposals,
    pub(crate) rules: Vec<u32>,
}

impl RuleIndex {
    /// Adds the alternatives of a rule and returns their numbers.
    pub(crate) fn add(&mut self, rule: u32, pattern: &EventPattern) -> Vec<u32> {
        pattern.alternatives().iter().map(|alternative| self.add_alternative(rule, alternative)).collect()
    }

    /// Removes the alternatives of a rule.
    pub(crate) fn remove(&mut self, pattern: &EventPattern, numbers: &[u32]) {
        for (alternative, number) in pattern.alternatives().iter().zip(numbers) {
            let Some(slot) = self.alternatives.get_mut(*number as usize) else { continue };
            let indexed = std::mem::take(slot);
            match indexed.anchor.and_then(|anchor| indexed.requirements.get(anchor)) {
                None => self.always.retain(|one| one != number),
                Some(anchor) => {
                    if let Some(field) = self.fields.get_mut(anchor.field as usize) {
                        anchor.accepts.iter().for_each(|pattern| field.take(pattern, *number));
                    }
                }
            }
            for field in &alternative.fields {
                self.tree.release(&field.name);
            }
            self.free.push(*number);
        }
    }

    /// The rules that want the event, each once, in `scratch.rules`.
    pub(crate) fn matches(&self, text: &str, scratch: &mut Scratch) -> Result<(), EventError> {
        scratch.rules.clear();
        let mut found = std::mem::take(&mut scratch.found).reset(self.tree.fields());
        let read = reading::read(&self.tree, text, &mut found);
        if read.is_ok() {
            self.propose(&found, &mut scratch.proposals);
            found.group();
            for number in &scratch.proposals.alternatives {
                if let Some(alternative) = self.alternatives.get(*number as usize)
                    && alternative.matches(&found)
                {
                    scratch.rules.push(alternative.rule);
                }
            }
            // Alternatives of one rule may match together.
            if scratch.rules.len() > 1 && self.alternatives.len() > scratch.rules.len() {
                scratch.rules.sort_unstable();
                scratch.rules.dedup();
            }
        }
        scratch.found = found.reset(0);
        read
    }

    fn propose(&self, found: &Found<'_>, proposals: &mut Proposals) {
        proposals.reset(self.alternatives.len());
        proposals.add_all(&self.always);
        for value in &found.leaves {
            if let Some(field) = self.fields.get(value.field as usize) {
                field.propose(&value.leaf, proposals);
            }
        }
    }

    fn add_alternative(&mut self, rule: u32, alternative: &Alternative) -> u32 {
        let requirement = |field: &crate::alternative::Field| Requirement {
            field: self.tree.name(&field.name),
            accepts: std::sync::Arc::clone(&field.accepts),
        };
        let requirements: Box<[Requirement]> = alternative.fields.iter().map(requirement).collect();
        self.fields.resize_with(self.tree.fields(), FieldIndex::default);
        let number = self.free.pop().unwrap_or_else(|| {
            self.alternatives.push(Indexed::default());
            u32::try_from(self.alternatives.len() - 1).unwrap_or(u32::MAX)
        });
        let anchor = self.anchor(&requirements);
        match anchor.and_then(|anchor| requirements.get(anchor)) {
            None => self.always.push(number),
            Some(anchor) => {
                if let Some(field) = self.fields.get_mut(anchor.field as usize) {
                    anchor.accepts.iter().for_each(|pattern| field.add(pattern, number));
                }
            }
        }
        if let Some(slot) = self.alternatives.get_mut(number as usize) {
            *slot = Indexed { rule, requirements, anchor };
        }
        number
    }

    /// The requirement by which an alternative is found with the least work.
    fn anchor(&self, requirements: &[Requirement]) -> Option<usize> {
        let cost = |requirement: &Requirement| {
            let field = self.fields.get(requirement.field as usize)?;
            let costs = requirement.accepts.iter().map(|pattern| field.cost(pattern));
            (!requirement.accepts_absence()).then(|| costs.sum::<usize>())
        };
        let costs = requirements.iter().enumerate();
        costs.filter_map(|(index, one)| Some((cost(one)?, index))).min().map(|(_, index)| index)
    }
}

impl Indexed {
    #[inline]
    fn matches(&self, found: &Found<'_>) -> bool {
        let mut several = None;
        for requirement in &self.requirements {
            match found.slot(requirement.field) {
                Slot::Single(leaf) if requirement.accepts(leaf) => {}
                Slot::Missing if requirement.accepts_absence() => {}
                Slot::Single(_) | Slot::Missing => return false,
                Slot::Several if several.is_none() => several = Some(requirement),
                Slot::Several => return ArraySearch::new(&self.requirements, found).succeeds(),
            }
        }
        // Several values of one field have nothing to be consistent with.
        several.is_none_or(|requirement| {
            let mut values = found.values(requirement.field, &[]).iter();
            values.any(|(_, ordinal)| found.leaf(*ordinal).is_some_and(|leaf| requirement.accepts(leaf)))
        })
    }
}
