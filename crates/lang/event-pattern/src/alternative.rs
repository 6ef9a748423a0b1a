//! One way to satisfy a pattern: fields that must all match, with array consistency.
//!
//! A pattern without `$or` has one alternative; each `$or` multiplies them. Fields are looked at in the order of their
//! names. When a value inside an array of objects was taken for one field, later fields of the same array must match
//! in the same element, and `{"exists": false}` asks about that element only.

use std::collections::HashSet;

use crate::event::{Children, Event, Leaf, Value};
use crate::value_pattern::ValuePattern;

/// A field that must match: the dotted name of its path, and what it accepts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) accepts: std::sync::Arc<[ValuePattern]>,
}

impl Field {
    pub(crate) fn accepts(&self, leaf: &Leaf<'_>) -> bool {
        self.accepts.iter().any(|pattern| pattern.matches(leaf))
    }

    fn accepts_absence(&self) -> bool {
        self.accepts.contains(&ValuePattern::Absent)
    }
}

/// Fields in the order of their names, all of which must match.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alternative {
    pub(crate) fields: Vec<Field>,
}

impl Alternative {
    pub(crate) fn matches(&self, event: &Event<'_>) -> bool {
        for field in &self.fields {
            match single_value(event, &field.name) {
                Single::Leaf(leaf) if field.accepts(leaf) => {}
                Single::Missing if field.accepts_absence() => {}
                Single::Leaf(_) | Single::Missing => return false,
                Single::Several => return Search::new(self, event).matches_from(0, None),
            }
        }
        true
    }
}

/// What a path leads to where no choice is involved.
enum Single<'e, 'a> {
    Leaf(&'e Leaf<'a>),
    Missing,
    /// An array or several members with fitting keys: a search has to choose.
    Several,
}

fn single_value<'e, 'a>(event: &'e Event<'a>, name: &str) -> Single<'e, 'a> {
    let mut children = event.root();
    let mut rest = name;
    loop {
        let mut found = None;
        for member in event.members(children) {
            if let Some(after) = rest_after_key(rest, &member.key) {
                if found.is_some() {
                    return Single::Several;
                }
                found = Some((&member.value, after));
            }
        }
        match found {
            None => return Single::Missing,
            Some((Value::Array(_), _)) => return Single::Several,
            Some((Value::Leaf(leaf), None)) => return Single::Leaf(leaf),
            Some((Value::Leaf(_), Some(_)) | (Value::Object(_), None)) => return Single::Missing,
            Some((Value::Object(next), Some(after))) => {
                children = *next;
                rest = after;
            }
        }
    }
}

/// What remains of a dotted name below `key`: `Some(None)` at its end, `None` where the key is another one.
///
/// A key with dots in it is the same as objects in each other.
fn rest_after_key<'n>(name: &'n str, key: &str) -> Option<Option<&'n str>> {
    let rest = name.strip_prefix(key)?;
    if rest.is_empty() {
        return Some(None);
    }
    rest.strip_prefix('.').map(Some)
}

/// An element of an array that was taken, and the elements taken before.
#[derive(Clone, Copy)]
struct Taken {
    before: Option<usize>,
    array: Children,
    element: usize,
    /// The field for which it was taken.
    field: usize,
    /// Length of the dotted name at which the array is.
    name_length: usize,
}

/// A value that a field's path leads to, and the array elements it lies in.
struct Candidate<'e, 'a> {
    leaf: &'e Leaf<'a>,
    taken: Option<usize>,
}

/// A value on the way, what remains of the name below it, and the elements taken before.
type OpenValue<'e, 'a> = (&'e Value<'a>, Option<&'e str>, Option<usize>);

/// Looks for values of all fields that lie in consistent array elements.
struct Search<'e, 'a> {
    fields: &'e [Field],
    event: &'e Event<'a>,
    /// Every element taken so far, as lists that share their beginnings.
    taken: Vec<Taken>,
    /// Fields from which on there is no match, with the elements taken before them. It keeps the search from trying
    /// the product of independent arrays.
    failed: HashSet<(usize, Vec<(usize, usize)>)>,
}

impl<'e, 'a> Search<'e, 'a> {
    fn new(alternative: &'e Alternative, event: &'e Event<'a>) -> Self {
        Self { fields: &alternative.fields, event, taken: Vec::new(), failed: HashSet::new() }
    }

    fn matches_from(&mut self, index: usize, taken: Option<usize>) -> bool {
        let fields = self.fields;
        let Some(field) = fields.get(index) else { return true };
        let state = (index, self.listed(index, taken));
        if self.failed.contains(&state) {
            return false;
        }
        let candidates = self.candidates(index, &field.name, taken);
        if candidates.is_empty() && field.accepts_absence() && self.matches_from(index + 1, taken) {
            return true;
        }
        for candidate in candidates {
            if field.accepts(candidate.leaf) && self.matches_from(index + 1, candidate.taken) {
                return true;
            }
        }
        self.failed.insert(state);
        false
    }

    /// Whether a field from `index` on may lead through the array of an element taken.
    fn is_relevant(&self, taken: &Taken, index: usize) -> bool {
        let of = self.fields.get(taken.field).map(|field| field.name.as_bytes()).unwrap_or_default();
        let array = of.get(..taken.name_length).unwrap_or_default();
        let later = self.fields.get(index..).unwrap_or_default();
        later.iter().any(|field| {
            let rest = field.name.as_bytes().strip_prefix(array);
            rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'.')))
        })
    }

    fn listed(&self, index: usize, mut taken: Option<usize>) -> Vec<(usize, usize)> {
        let mut list = Vec::new();
        while let Some(one) = taken.and_then(|index| self.taken.get(index)) {
            if self.is_relevant(one, index) {
                list.push((one.array.start, one.element));
            }
            taken = one.before;
        }
        list
    }

    fn element_taken(&self, mut taken: Option<usize>, array: Children) -> Option<usize> {
        while let Some(one) = taken.and_then(|index| self.taken.get(index)) {
            if one.array == array {
                return Some(one.element);
            }
            taken = one.before;
        }
        None
    }

    /// The values of a field that are consistent with the elements taken.
    fn candidates(&mut self, index: usize, name: &'e str, taken: Option<usize>) -> Vec<Candidate<'e, 'a>> {
        let event = self.event;
        let mut found = Vec::new();
        let mut open = Vec::new();
        self.open_members(event.root(), name, taken, &mut open);
        while let Some((value, rest, taken)) = open.pop() {
            match (value, rest) {
                (Value::Leaf(leaf), None) => found.push(Candidate { leaf, taken }),
                (Value::Object(children), Some(rest)) => self.open_members(*children, rest, taken, &mut open),
                (Value::Leaf(_), Some(_)) | (Value::Object(_), None) => {}
                (Value::Array(children), rest) => {
                    let name_length = name.len() - rest.map_or(0, |rest| rest.len() + 1);
                    let only = self.element_taken(taken, *children);
                    let members = event.members(*children);
                    let range = only.map_or(0..members.len(), |element| element..element + 1);
                    for (element, member) in range.clone().zip(members.get(range).unwrap_or_default()) {
                        if let Value::Leaf(leaf) = &member.value {
                            if rest.is_none() {
                                found.push(Candidate { leaf, taken });
                            }
                            continue;
                        }
                        let mut inside = taken;
                        if only.is_none() {
                            self.taken.push(Taken {
                                before: taken,
                                array: *children,
                                element,
                                field: index,
                                name_length,
                            });
                            inside = Some(self.taken.len() - 1);
                        }
                        open.push((&member.value, rest, inside));
                    }
                }
            }
        }
        found
    }

    fn open_members(
        &self,
        children: Children,
        name: &'e str,
        taken: Option<usize>,
        open: &mut Vec<OpenValue<'e, 'a>>,
    ) {
        for member in self.event.members(children) {
            if let Some(rest) = rest_after_key(name, &member.key) {
                open.push((&member.value, rest, taken));
            }
        }
    }
}
