//! A log's entries in memory: those that were appended since the layer began, over whatever lies below.

use std::collections::BTreeMap;

use types::Timestamp;

use crate::{Entry, Order, Slice};

/// Memory that an entry takes beside its payload, about.
pub(super) const OVERHEAD: usize = 56;

/// What is known of the last sequence of a log, all layers and the database together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Bound {
    /// Nothing.
    #[default]
    Unknown,
    /// The log is empty.
    Empty,
    /// It is this one or one before it.
    Last(u64),
}

/// One log.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Entries below of times before this one are deleted; all of them where it is [`Timestamp::MAX`].
    pub(super) trimmed: Option<Timestamp>,
    pub(super) bound: Bound,
    pub(super) entries: Entries,
}

/// Entries by their sequences.
#[derive(Debug)]
pub(super) enum Entries {
    /// Both sequences and times grow: what almost every log looks like.
    Ordered(Vec<Entry>),
    /// All others.
    Any(BTreeMap<u64, Entry>),
}

impl Default for Entries {
    fn default() -> Self {
        Self::Ordered(Vec::new())
    }
}

impl Log {
    /// Adds an entry; `false` where the sequence is taken.
    pub(super) fn append(&mut self, entry: Entry, bytes: &mut usize) -> bool {
        let size = entry.payload.len() + OVERHEAD;
        let sequence = entry.sequence;
        if !self.entries.insert(entry) {
            return false;
        }
        *bytes += size;
        match self.bound {
            Bound::Unknown => {}
            Bound::Empty => self.bound = Bound::Last(sequence),
            Bound::Last(last) => self.bound = Bound::Last(last.max(sequence)),
        }
        true
    }

    /// Deletes the entries of times before `before`, here and below.
    pub(super) fn trim(&mut self, before: Timestamp, bytes: &mut usize) {
        let removed = self.entries.trim(before);
        *bytes = bytes.saturating_sub(removed);
        self.trimmed = self.trimmed.max(Some(before));
        if before == Timestamp::MAX {
            self.bound = Bound::Empty;
        }
    }

    /// Whether an entry below of this time is deleted.
    pub(super) fn trims(&self, time: Timestamp) -> bool {
        self.trimmed.is_some_and(|before| is_before(time, before))
    }

    /// Lays `upper` over this log.
    pub(super) fn absorb(&mut self, upper: Self, bytes: &mut usize) {
        if let Some(before) = upper.trimmed {
            self.trim(before, bytes);
        }
        for entry in upper.entries.into_sorted() {
            self.append(entry, bytes);
        }
        if upper.bound != Bound::Unknown {
            self.bound = upper.bound;
        }
    }
}

fn is_before(time: Timestamp, before: Timestamp) -> bool {
    before == Timestamp::MAX || time < before
}

impl Entries {
    fn insert(&mut self, entry: Entry) -> bool {
        let ordered = match self {
            Self::Any(entries) => {
                let is_new = !entries.contains_key(&entry.sequence);
                if is_new {
                    entries.insert(entry.sequence, entry);
                }
                return is_new;
            }
            Self::Ordered(entries) => entries,
        };
        if ordered.last().is_none_or(|last| last.sequence < entry.sequence && last.time <= entry.time) {
            ordered.push(entry);
            return true;
        }
        if ordered.binary_search_by_key(&entry.sequence, |entry| entry.sequence).is_ok() {
            return false;
        }
        let mut entries: BTreeMap<_, _> =
            std::mem::take(ordered).into_iter().map(|entry| (entry.sequence, entry)).collect();
        entries.insert(entry.sequence, entry);
        *self = Self::Any(entries);
        true
    }

    /// Removes entries, and answers about how much memory they took.
    fn trim(&mut self, before: Timestamp) -> usize {
        let mut removed = 0;
        let stays = |entry: &Entry| {
            let stays = !is_before(entry.time, before);
            removed += if stays { 0 } else { entry.payload.len() + OVERHEAD };
            stays
        };
        match self {
            Self::Ordered(entries) => entries.retain(stays),
            Self::Any(entries) => {
                let mut stays = stays;
                entries.retain(|_, entry| stays(entry));
            }
        }
        removed
    }

    pub(super) fn get(&self, sequence: u64) -> Option<&Entry> {
        match self {
            Self::Ordered(entries) => {
                let at = entries.binary_search_by_key(&sequence, |entry| entry.sequence).ok()?;
                entries.get(at)
            }
            Self::Any(entries) => entries.get(&sequence),
        }
    }

    pub(super) fn last(&self) -> Option<u64> {
        match self {
            Self::Ordered(entries) => entries.last().map(|entry| entry.sequence),
            Self::Any(entries) => entries.keys().next_back().copied(),
        }
    }

    /// All of them in the order of their sequences.
    pub(super) fn iter(&self) -> Box<dyn Iterator<Item = &Entry> + '_> {
        match self {
            Self::Ordered(entries) => Box::new(entries.iter()),
            Self::Any(entries) => Box::new(entries.values()),
        }
    }

    fn into_sorted(self) -> Box<dyn Iterator<Item = Entry>> {
        match self {
            Self::Ordered(entries) => Box::new(entries.into_iter()),
            Self::Any(entries) => Box::new(entries.into_values()),
        }
    }

    /// The first entries of `slice`, in its order, of those that `is_seen`.
    pub(super) fn select(&self, slice: &Slice, is_seen: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let is_wanted = |entry: &&Entry| {
            (slice.from_sequence..slice.to_sequence).contains(&entry.sequence)
                && entry.time >= slice.from_time
                && (slice.to_time == Timestamp::MAX || entry.time < slice.to_time)
                && is_seen(entry)
        };
        match self {
            Self::Ordered(entries) => {
                let first = entries.partition_point(|entry| {
                    entry.sequence < slice.from_sequence || entry.time < slice.from_time
                });
                let end = entries.partition_point(|entry| {
                    entry.sequence < slice.to_sequence
                        && (slice.to_time == Timestamp::MAX || entry.time < slice.to_time)
                });
                let entries = entries.get(first..end).unwrap_or_default().iter().filter(is_wanted);
                if slice.descending {
                    entries.rev().take(slice.limit).cloned().collect()
                } else {
                    entries.take(slice.limit).cloned().collect()
                }
            }
            Self::Any(entries) => {
                let mut wanted: Vec<&Entry> = entries.values().filter(is_wanted).collect();
                wanted.sort_by_key(|entry| rank(slice.order, entry));
                if slice.descending {
                    wanted.reverse();
                }
                wanted.into_iter().take(slice.limit).cloned().collect()
            }
        }
    }
}

/// Where an entry comes in that order.
pub(super) fn rank(order: Order, entry: &Entry) -> (Timestamp, u64) {
    match order {
        Order::Sequence => (Timestamp::MIN, entry.sequence),
        Order::Time => (entry.time, entry.sequence),
    }
}
