//! What is in the journal and not yet in the database, folded together: of many changes of one thing only the last one
//! is left.

use std::collections::HashMap;

use types::Timestamp;

use super::logs::{self, Bound, Log};
use super::records::{self, State, Table};
use crate::Entry;
use crate::journal::changes::Change;

/// Changes since the layer began, which lie over the layer before it, or over the database.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) tables: HashMap<String, Table>,
    pub(super) logs: HashMap<String, Log>,
    pub(super) queues: HashMap<String, Queue>,
    /// About how much memory it takes.
    pub(super) bytes: usize,
    /// About how many bytes of the journal it holds.
    pub(super) journal_bytes: usize,
    /// The number of its last record.
    pub(super) last: u64,
}

/// What became of the timers of a queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    timers: HashMap<String, Latest>,
    changes: u64,
}

/// What a timer was set to, or none where it was cleared.
pub(super) type Setting<'a> = Option<(Timestamp, &'a [u8])>;

/// The last change of a timer: how many changes of the queue came before it, and what it was set to, or none where it was
/// cleared.
#[derive(Debug)]
struct Latest {
    order: u64,
    set: Option<(Timestamp, Vec<u8>)>,
}

impl Latest {
    fn set(&self) -> Setting<'_> {
        self.set.as_ref().map(|(due, payload)| (*due, payload.as_slice()))
    }
}

impl Queue {
    /// The last change of each timer, in their order: timers that are due at one time are given in the order in which they
    /// were set.
    pub(super) fn in_order(&self) -> Vec<(&str, Setting<'_>)> {
        let mut latest: Vec<_> = self.timers.iter().collect();
        latest.sort_unstable_by_key(|(_, timer)| timer.order);
        latest.into_iter().map(|(key, timer)| (key.as_str(), timer.set())).collect()
    }

    fn lay(&mut self, key: String, set: Option<(Timestamp, Vec<u8>)>, bytes: &mut usize) {
        let size = |set: &Option<(Timestamp, Vec<u8>)>| set.as_ref().map_or(0, |(_, payload)| payload.len());
        let key_size = key.len() + records::OVERHEAD;
        *bytes += size(&set);
        let latest = Latest { order: self.changes, set };
        self.changes += 1;
        match self.timers.insert(key, latest) {
            Some(before) => *bytes = bytes.saturating_sub(size(&before.set)),
            None => *bytes += key_size,
        }
    }

    fn absorb(&mut self, upper: Self, bytes: &mut usize) {
        let mut timers: Vec<_> = upper.timers.into_iter().collect();
        timers.sort_unstable_by_key(|(_, timer)| timer.order);
        for (key, timer) in timers {
            self.lay(key, timer.set, bytes);
        }
    }
}

impl Layer {
    /// Whether it holds no change.
    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.logs.is_empty() && self.queues.is_empty()
    }

    /// Applies a change that was accepted before.
    pub(super) fn replay(&mut self, change: Change<'_>) {
        match change {
            Change::Put { table, key, value } => self.put(table, key.to_owned(), value.to_owned(), None),
            Change::Delete { table, key } => self.delete(table, key.to_owned()),
            Change::DeletePrefix { table, prefix } => self.delete_prefix(table, prefix.to_owned()),
            Change::Append { log, sequence, time, payload } => {
                let entry = Entry { sequence, time, payload: payload.to_owned() };
                self.log(log).append(entry);
            }
            Change::Trim { log, before } => self.trim(log, before),
            Change::SetTimer { queue, key, due, payload } => {
                self.time(queue, key.to_owned(), Some((due, payload.to_owned())));
            }
            Change::ClearTimer { queue, key } => self.time(queue, key.to_owned(), None),
        }
    }

    /// Creates or replaces a record whose version before is `known` to somebody; 0 where there was none.
    pub(super) fn put(&mut self, table: &str, key: String, value: Vec<u8>, known: Option<u64>) {
        let bytes = &mut self.bytes;
        of(&mut self.tables, table, bytes).put(key, value, known, bytes);
    }

    /// Deletes a record, if there is one.
    pub(super) fn delete(&mut self, table: &str, key: String) {
        of(&mut self.tables, table, &mut self.bytes).delete(key, &mut self.bytes);
    }

    /// Deletes the records whose keys begin with `prefix`.
    pub(super) fn delete_prefix(&mut self, table: &str, prefix: String) {
        of(&mut self.tables, table, &mut self.bytes).delete_prefix(prefix, &mut self.bytes);
    }

    /// A log, to be appended to.
    pub(super) fn log(&mut self, log: &str) -> Appender<'_> {
        Appender { log: of(&mut self.logs, log, &mut self.bytes), bytes: &mut self.bytes }
    }

    /// Deletes entries of a log.
    pub(super) fn trim(&mut self, log: &str, before: Timestamp) {
        of(&mut self.logs, log, &mut self.bytes).trim(before, &mut self.bytes);
    }

    /// Sets or clears a timer.
    pub(super) fn time(&mut self, queue: &str, key: String, timer: Option<(Timestamp, Vec<u8>)>) {
        let bytes = &mut self.bytes;
        of(&mut self.queues, queue, bytes).lay(key, timer, bytes);
    }

    /// What is known of a record.
    pub(super) fn record(&self, table: &str, key: &str) -> Option<State<&[u8]>> {
        self.tables.get(table)?.find(key)
    }

    /// Lays `upper` over this layer.
    pub(super) fn absorb(&mut self, upper: Self) {
        let bytes = &mut self.bytes;
        for (name, table) in upper.tables {
            of(&mut self.tables, &name, bytes).absorb(table, bytes);
        }
        for (name, log) in upper.logs {
            match self.logs.get_mut(&name) {
                Some(lower) => lower.absorb(log, bytes),
                None => {
                    let payloads = log.entries.iter().map(|entry| entry.payload.len() + logs::OVERHEAD);
                    *bytes += name.len() + records::OVERHEAD + payloads.sum::<usize>();
                    self.logs.insert(name, log);
                }
            }
        }
        for (name, queue) in upper.queues {
            of(&mut self.queues, &name, bytes).absorb(queue, bytes);
        }
        self.journal_bytes += upper.journal_bytes;
        self.last = upper.last;
    }
}

/// A log that is being appended to.
pub(super) struct Appender<'a> {
    log: &'a mut Log,
    bytes: &'a mut usize,
}

impl Appender<'_> {
    /// What is known of the last sequence.
    pub(super) fn bound(&self) -> Bound {
        self.log.bound
    }

    /// Remembers a bound of what lies below.
    pub(super) fn learn(&mut self, below: Bound) {
        self.log.bound = match (below, self.log.entries.last()) {
            (Bound::Unknown, _) => Bound::Unknown,
            (below, None) => below,
            (Bound::Empty, Some(last)) => Bound::Last(last),
            (Bound::Last(below), Some(last)) => Bound::Last(last.max(below)),
        };
    }

    /// Adds an entry; `false` where the sequence is taken in this layer.
    pub(super) fn append(&mut self, entry: Entry) -> bool {
        self.log.append(entry, self.bytes)
    }
}

/// What the map has under `name`, which is added where it is new.
fn of<'a, T: Default>(map: &'a mut HashMap<String, T>, name: &str, bytes: &mut usize) -> &'a mut T {
    if !map.contains_key(name) {
        *bytes += name.len() + records::OVERHEAD;
        map.insert(name.to_owned(), T::default());
    }
    let Some(found) = map.get_mut(name) else { unreachable!("it was added where it was missing") };
    found
}
