//! What was kept of an event: the values of the fields that rules name, and the array elements they lie in.

use crate::event::Leaf;
use crate::field_tree::NONE;
use crate::reading::Frame;

/// The field has several values, or one inside an array: which of them counts depends on the other fields.
const SEVERAL: u32 = NONE - 1;

/// The kept values, in the order of the text.
#[derive(Debug, Default)]
pub(crate) struct Found<'a> {
    pub(crate) leaves: Vec<FoundLeaf<'a>>,
    /// For each field its only value, [`SEVERAL`] or [`NONE`].
    slots: Vec<u32>,
    arrays: Vec<Span>,
    elements: Vec<Element>,
    /// Field and value of all values, sorted, if a field has several.
    by_field: Vec<(u32, u32)>,
    /// Room for the reader.
    pub(crate) frames: Vec<Frame>,
}

/// The value of a field.
#[derive(Debug)]
pub(crate) struct FoundLeaf<'a> {
    pub(crate) leaf: Leaf<'a>,
    pub(crate) field: u32,
    /// The innermost array element around it.
    pub(crate) element: u32,
}

/// The values in a container: from the first to before the end.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: u32,
    end: u32,
}

impl Span {
    fn contains(self, ordinal: u32) -> bool {
        self.first <= ordinal && ordinal < self.end
    }
}

/// An object or array that is an element of an array.
#[derive(Clone, Copy, Debug)]
struct Element {
    array: u32,
    span: Span,
    /// The element around the array.
    outer: u32,
}

/// What a field has in the event.
pub(crate) enum Slot<'f, 'a> {
    Missing,
    Single(&'f Leaf<'a>),
    Several,
}

impl<'a> Found<'a> {
    /// Room for another event, with nothing in it.
    pub(crate) fn reset<'b>(self, fields: usize) -> Found<'b> {
        let mut next = Found {
            // Keeps the allocation, not the borrowed values: there are none left.
            leaves: cleared(self.leaves).into_iter().map_while(|_| None).collect(),
            slots: cleared(self.slots),
            arrays: cleared(self.arrays),
            elements: cleared(self.elements),
            by_field: cleared(self.by_field),
            frames: cleared(self.frames),
        };
        next.slots.resize(fields, NONE);
        next
    }

    #[inline]
    pub(crate) fn keep(&mut self, leaf: FoundLeaf<'a>) {
        let ordinal = self.ordinal();
        if let Some(slot) = self.slots.get_mut(leaf.field as usize) {
            *slot = if *slot == NONE && leaf.element == NONE { ordinal } else { SEVERAL };
        }
        self.leaves.push(leaf);
    }

    pub(crate) fn open_array(&mut self) -> u32 {
        let first = self.ordinal();
        self.arrays.push(Span { first, end: first });
        number(self.arrays.len() - 1)
    }

    pub(crate) fn close_array(&mut self, array: u32) {
        let end = self.ordinal();
        if let Some(span) = self.arrays.get_mut(array as usize) {
            span.end = end;
        }
    }

    pub(crate) fn open_element(&mut self, array: u32, outer: u32) -> u32 {
        let first = self.ordinal();
        self.elements.push(Element { array, span: Span { first, end: first }, outer });
        number(self.elements.len() - 1)
    }

    pub(crate) fn close_element(&mut self, element: u32) {
        let end = self.ordinal();
        if let Some(element) = self.elements.get_mut(element as usize) {
            element.span.end = end;
        }
    }

    fn ordinal(&self) -> u32 {
        number(self.leaves.len())
    }

    #[inline]
    pub(crate) fn slot(&self, field: u32) -> Slot<'_, 'a> {
        match self.slots.get(field as usize).copied().unwrap_or(NONE) {
            NONE => Slot::Missing,
            SEVERAL => Slot::Several,
            ordinal => self.leaf(ordinal).map_or(Slot::Missing, Slot::Single),
        }
    }

    pub(crate) fn leaf(&self, ordinal: u32) -> Option<&Leaf<'a>> {
        self.leaves.get(ordinal as usize).map(|found| &found.leaf)
    }

    /// Makes [`Found::values`] possible, if there may be somebody who asks.
    pub(crate) fn group(&mut self) {
        if self.slots.contains(&SEVERAL) {
            let numbered = self.leaves.iter().zip(0..);
            self.by_field.extend(numbered.map(|(leaf, ordinal)| (leaf.field, ordinal)));
            self.by_field.sort_unstable();
        }
    }

    /// The values of a field that are consistent with the elements taken; each a field and an ordinal.
    pub(crate) fn values(&self, field: u32, taken: &[u32]) -> &[(u32, u32)] {
        let mut first = self.by_field.partition_point(|one| *one < (field, 0));
        let mut end = self.by_field.partition_point(|one| *one <= (field, NONE));
        let all = (first, end);
        for element in taken.iter().filter_map(|element| self.elements.get(*element as usize)) {
            let Some(array) = self.arrays.get(element.array as usize) else { continue };
            // Only where the array holds all values of the field does the element confine them to a part.
            let holds_all = self.by_field.get(all.0).is_some_and(|one| array.contains(one.1))
                && self.by_field.get(all.1.wrapping_sub(1)).is_some_and(|one| array.contains(one.1));
            if holds_all {
                let at = |ordinal: u32| self.by_field.partition_point(|one| *one < (field, ordinal));
                first = first.max(at(element.span.first));
                end = end.min(at(element.span.end));
            }
        }
        self.by_field.get(first..end.max(first)).unwrap_or_default()
    }

    /// Whether a value does not lie in another element of an array of which an element is taken.
    pub(crate) fn is_consistent(&self, ordinal: u32, taken: &[u32]) -> bool {
        taken.iter().filter_map(|element| self.elements.get(*element as usize)).all(|element| {
            let array = self.arrays.get(element.array as usize);
            !array.is_some_and(|array| array.contains(ordinal)) || element.span.contains(ordinal)
        })
    }

    /// Whether a taken element says anything about the values of a field.
    pub(crate) fn concerns(&self, element: u32, field: u32) -> bool {
        let Some(array) =
            self.elements.get(element as usize).and_then(|element| self.arrays.get(element.array as usize))
        else {
            return false;
        };
        let at = self.by_field.partition_point(|one| *one < (field, array.first));
        self.by_field.get(at).is_some_and(|(of, ordinal)| *of == field && array.contains(*ordinal))
    }

    /// Adds the elements around a value to those taken.
    pub(crate) fn take(&self, ordinal: u32, taken: &mut Vec<u32>) {
        let mut next = self.leaves.get(ordinal as usize).map_or(NONE, |leaf| leaf.element);
        while let Some(element) = self.elements.get(next as usize) {
            if !taken.contains(&next) {
                taken.push(next);
            }
            next = element.outer;
        }
    }
}

fn cleared<T>(mut values: Vec<T>) -> Vec<T> {
    values.clear();
    values
}

fn number(index: usize) -> u32 {
    // A text of four billion values does not fit into a request.
    u32::try_from(index).unwrap_or(SEVERAL)
}
