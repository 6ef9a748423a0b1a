//! Ranges of numbers, found by a number that lies in them.
//!
//! Most of them are sorted by their beginnings, each subtree of the sorted array with the largest end in it, so that a
//! lookup visits what it finds and a few more. New ones wait in a short list until sorting again is worth it.

/// New ranges that are never worth sorting for.
const RECENT_FEW: usize = 32;

/// A range of an alternative, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Interval {
    first: u128,
    last: u128,
    alternative: u32,
}

/// A set of ranges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Intervals {
    /// By their beginnings.
    sorted: Vec<Interval>,
    /// For each place of `sorted`, the largest end in the subtree of which it is the middle.
    largest: Vec<u128>,
    recent: Vec<Interval>,
}

impl Intervals {
    pub(crate) fn len(&self) -> usize {
        self.sorted.len() + self.recent.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn add(&mut self, (first, last): (u128, u128), alternative: u32) {
        self.recent.push(Interval { first, last, alternative });
        let recent = self.recent.len();
        if recent > RECENT_FEW && recent * recent > self.sorted.len() {
            self.sorted.append(&mut self.recent);
            self.sort();
        }
    }

    pub(crate) fn take(&mut self, (first, last): (u128, u128), alternative: u32) {
        let unwanted = Interval { first, last, alternative };
        self.recent.retain(|one| *one != unwanted);
        if let Ok(at) = self.sorted.binary_search(&unwanted) {
            // All copies of one range in one pattern go together.
            let count = self.sorted.iter().skip(at).take_while(|one| **one == unwanted).count();
            let before = self.sorted.iter().take(at).rev().take_while(|one| **one == unwanted).count();
            self.sorted.drain(at - before..at + count);
            self.sort();
        }
    }

    /// Alternatives with a range around `value`.
    #[inline]
    pub(crate) fn around(&self, value: u128, found: &mut impl FnMut(u32)) {
        for one in self.recent.iter().filter(|one| one.first <= value && value <= one.last) {
            found(one.alternative);
        }
        self.around_in(0, self.sorted.len(), value, found);
    }

    fn around_in(&self, mut from: usize, to: usize, value: u128, found: &mut impl FnMut(u32)) {
        while from < to {
            let middle = from + (to - from) / 2;
            let (Some(one), Some(largest)) = (self.sorted.get(middle), self.largest.get(middle)) else {
                return;
            };
            if *largest < value {
                return;
            }
            self.around_in(from, middle, value, found);
            if one.first > value {
                return;
            }
            if value <= one.last {
                found(one.alternative);
            }
            from = middle + 1;
        }
    }

    fn sort(&mut self) {
        self.sorted.sort();
        self.largest = vec![0; self.sorted.len()];
        self.set_largest(0, self.sorted.len());
    }

    fn set_largest(&mut self, from: usize, to: usize) -> u128 {
        if from >= to {
            return 0;
        }
        let middle = from + (to - from) / 2;
        let own = self.sorted.get(middle).map_or(0, |one| one.last);
        let largest = own.max(self.set_largest(from, middle)).max(self.set_largest(middle + 1, to));
        if let Some(place) = self.largest.get_mut(middle) {
            *place = largest;
        }
        largest
    }
}
