//! Whether fields with several values, or values inside arrays, match together.
//!
//! A value inside an array of objects that is taken for one field confines later fields to the same element of that
//! array, and `{"exists": false}` asks about that element only. `alternative` says the same about a whole event; this
//! is for the few fields that were kept of it.

use std::collections::HashSet;
use std::sync::Arc;

use crate::event::Leaf;
use crate::found::Found;
use crate::value_pattern::ValuePattern;

/// A field that must match, by its number.
#[derive(Clone, Debug)]
pub(crate) struct Requirement {
    pub(crate) field: u32,
    pub(crate) accepts: Arc<[ValuePattern]>,
}

impl Requirement {
    #[inline]
    pub(crate) fn accepts(&self, leaf: &Leaf<'_>) -> bool {
        self.accepts.iter().any(|pattern| pattern.matches(leaf))
    }

    pub(crate) fn accepts_absence(&self) -> bool {
        self.accepts.contains(&ValuePattern::Absent)
    }
}

/// Looks for values of all fields, which are in the order of their names, that lie in consistent array elements.
pub(crate) struct ArraySearch<'s, 'a> {
    requirements: &'s [Requirement],
    found: &'s Found<'a>,
    /// Elements taken for the fields before.
    taken: Vec<u32>,
    /// Fields from which on there is no match, with the elements taken before that concern them. It keeps the search from
    /// trying the product of independent arrays.
    failed: HashSet<(usize, Vec<u32>)>,
}

impl<'s, 'a> ArraySearch<'s, 'a> {
    pub(crate) fn new(requirements: &'s [Requirement], found: &'s Found<'a>) -> Self {
        Self { requirements, found, taken: Vec::new(), failed: HashSet::new() }
    }

    pub(crate) fn succeeds(&mut self) -> bool {
        self.succeeds_from(0)
    }

    fn succeeds_from(&mut self, index: usize) -> bool {
        let (requirements, found) = (self.requirements, self.found);
        let Some((requirement, later)) = requirements.get(index..).and_then(<[_]>::split_first) else {
            return true;
        };
        let state = (index, self.concerning(index));
        if self.failed.contains(&state) {
            return false;
        }
        let mut is_absent = true;
        for (_, ordinal) in found.values(requirement.field, &self.taken) {
            if !found.is_consistent(*ordinal, &self.taken) {
                continue;
            }
            is_absent = false;
            let Some(leaf) = found.leaf(*ordinal) else { continue };
            if !requirement.accepts(leaf) {
                continue;
            }
            let taken_before = self.taken.len();
            if later.is_empty() {
                return true;
            }
            found.take(*ordinal, &mut self.taken);
            if self.succeeds_from(index + 1) {
                return true;
            }
            self.taken.truncate(taken_before);
        }
        if is_absent && requirement.accepts_absence() && self.succeeds_from(index + 1) {
            return true;
        }
        if index > 0 {
            self.failed.insert(state);
        }
        false
    }

    /// The elements taken that say something about this field or a later one.
    fn concerning(&self, index: usize) -> Vec<u32> {
        let later = self.requirements.get(index..).unwrap_or_default();
        let concerns =
            |element: &u32| later.iter().any(|requirement| self.found.concerns(*element, requirement.field));
        self.taken.iter().copied().filter(concerns).collect()
    }
}
