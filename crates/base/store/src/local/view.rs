//! What readers see: the layers in memory over what the database has.
//!
//! A layer is in the database some time before it leaves memory, and a reader holds what it took from memory some time
//! before it looks at the database. The database says itself which record of the journal it has; in the same transaction
//! a reader learns which of its layers still lie over what it reads.

use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rusqlite::Connection;
use types::Timestamp;

use super::layer::Layer;
use super::logs::{Log, rank};
use super::records::{State, Table};
use crate::sqlite::readers::{self, Keys, Readers};
use crate::{Entry, Error, Record, Slice};

/// The layers, and connections that read what lies below them.
pub(super) struct View {
    layers: RwLock<Layers>,
    readers: Readers,
}

/// What is in memory.
#[derive(Debug)]
pub(super) struct Layers {
    /// Takes what has become durable.
    pub(super) active: Layer,
    /// Is on its way into the database.
    pub(super) frozen: Option<Arc<Layer>>,
    /// The last record below the active layer.
    pub(super) base: u64,
    /// The last record below all layers, which the database has.
    pub(super) floor: u64,
}

impl Layers {
    /// Layers over a database that has everything up to the record `applied`.
    pub(super) fn over(applied: u64) -> Self {
        Self {
            active: Layer { last: applied, ..Layer::default() },
            frozen: None,
            base: applied,
            floor: applied,
        }
    }

    /// Makes the active layer the frozen one, unless there is one or nothing to freeze, and answers the frozen one.
    pub(super) fn freeze(&mut self) -> Option<Arc<Layer>> {
        if self.frozen.is_none() && !self.active.is_empty() {
            let next = Layer { last: self.active.last, ..Layer::default() };
            self.base = self.active.last;
            self.frozen = Some(Arc::new(std::mem::replace(&mut self.active, next)));
        }
        self.frozen.clone()
    }

    /// Lets go of the frozen layer, which the database has now.
    pub(super) fn thaw(&mut self) -> Option<Arc<Layer>> {
        self.floor = self.base;
        self.frozen.take()
    }

    /// The layers that lie over a database that has everything up to the record `applied`, from the top.
    pub(super) fn over_database(&self, applied: u64) -> impl Iterator<Item = &Layer> {
        let active = (applied <= self.base).then_some(&self.active);
        active.into_iter().chain(self.frozen.as_deref().filter(|_| applied < self.base))
    }
}

impl View {
    pub(super) fn new(layers: Layers, readers: Readers) -> Self {
        Self { layers: RwLock::new(layers), readers }
    }

    pub(super) fn layers(&self) -> RwLockReadGuard<'_, Layers> {
        self.layers.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn layers_mut(&self) -> RwLockWriteGuard<'_, Layers> {
        self.layers.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The record under `key`.
    pub(super) fn get(&self, table: &str, key: &str) -> Result<Option<Record>, Error> {
        let (upper, middle, base) = {
            let layers = self.layers();
            let upper = layers.active.record(table, key).map(State::into_owned);
            let middle = layers.frozen.as_ref().and_then(|frozen| frozen.record(table, key));
            (upper, middle.map(State::into_owned), layers.base)
        };
        let settled = match (&upper, &middle) {
            (None, None) => return self.readers.get(table, key),
            (Some(upper), middle) => upper.clone().over(middle.as_ref()),
            (None, Some(middle)) => middle.clone(),
        };
        if settled.is_settled() {
            return Ok(read(key, settled, 0));
        }
        self.readers.snapshot(|connection, applied| {
            let record = readers::find(connection, table, key)?;
            let below = record.as_ref().map_or(0, |record| record.version);
            Ok(match upper {
                _ if applied > base => record,
                _ if applied < base => read(key, settled, below),
                Some(upper) => read(key, upper, below),
                None => record,
            })
        })
    }

    /// The records of a range.
    pub(super) fn list(&self, table: &str, keys: &Keys) -> Result<Vec<Record>, Error> {
        let (upper, frozen, base) = {
            let layers = self.layers();
            let upper =
                layers.active.tables.get(table).map(|table| {
                    table.excerpt(&keys.from, keys.before.as_deref(), keys.descending, keys.limit)
                });
            let frozen = layers.frozen.clone().filter(|frozen| frozen.tables.contains_key(table));
            (upper, frozen, layers.base)
        };
        if upper.is_none() && frozen.is_none() {
            return self.readers.list(table, keys);
        }
        self.readers.snapshot(|connection, applied| {
            let upper = upper.as_ref().filter(|_| applied <= base);
            let middle =
                frozen.as_ref().filter(|_| applied < base).and_then(|frozen| frozen.tables.get(table));
            let tables: Vec<&Table> = upper.into_iter().chain(middle).collect();
            readers::each_record(connection, table, keys, |rows| merge(&tables, keys, rows))
        })
    }

    /// The entries of a slice of a log.
    pub(super) fn read(&self, log: &str, slice: Slice) -> Result<Vec<Entry>, Error> {
        let (upper, frozen, base) = {
            let layers = self.layers();
            let upper = layers.active.logs.get(log);
            let upper = upper.map(|log| (log.trimmed, log.entries.select(&slice, |_| true)));
            let frozen = layers.frozen.clone().filter(|frozen| frozen.logs.contains_key(log));
            (upper, frozen, layers.base)
        };
        if upper.is_none() && frozen.is_none() {
            return self.readers.read(log, slice);
        }
        self.readers.snapshot(|connection, applied| {
            let (trimmed, mut above) = upper.filter(|_| applied <= base).unwrap_or_default();
            let mut trims = Log { trimmed, ..Log::default() };
            let middle = frozen.as_ref().filter(|_| applied < base).and_then(|frozen| frozen.logs.get(log));
            if let Some(middle) = middle {
                above.extend(middle.entries.select(&slice, |entry| !trims.trims(entry.time)));
                trims.trimmed = trims.trimmed.max(middle.trimmed);
            }
            interleave(connection, log, slice, trims.trimmed, above)
        })
    }
}

impl State<&[u8]> {
    /// The same with a value of its own.
    fn into_owned(self) -> State {
        match self {
            Self::Put { version, value } => State::Put { version, value: value.to_vec() },
            Self::Deleted => State::Deleted,
        }
    }
}

/// The record that is seen where `state` lies over a version `below`.
fn read(key: &str, state: State, below: u64) -> Option<Record> {
    match state {
        State::Put { version, value } => {
            Some(Record { key: key.to_owned(), version: version.resolve(below), value })
        }
        State::Deleted => None,
    }
}

/// Lays `tables`, the uppermost first, over the rows of the database.
fn merge(
    tables: &[&Table],
    keys: &Keys,
    rows: &mut dyn Iterator<Item = Result<Record, rusqlite::Error>>,
) -> Result<Vec<Record>, rusqlite::Error> {
    let Keys { from, before, descending, limit } = keys;
    let ranges = tables.iter().map(|table| table.range(from, before.as_deref(), *descending).peekable());
    let mut ranges: Vec<_> = ranges.collect();
    let mut row = rows.next().transpose()?;
    let mut records = Vec::new();
    while records.len() < *limit {
        let heads = ranges.iter_mut().filter_map(|range| range.peek().map(|(key, _)| key.as_str()));
        let heads = heads.chain(row.as_ref().map(|row| row.key.as_str()));
        let Some(key) = (if *descending { heads.max() } else { heads.min() }) else { break };
        let key = key.to_owned();
        let mut seen: Option<State<&[u8]>> = None;
        for (table, range) in tables.iter().zip(&mut ranges) {
            let state = range.next_if(|(head, _)| **head == key).map(|(_, state)| state.borrowed());
            let state = state.or_else(|| table.clears(&key).then_some(State::Deleted));
            seen = match seen {
                None => state,
                Some(upper) => Some(upper.over(state.as_ref())),
            };
        }
        let below = row.take_if(|row| row.key == key);
        if below.is_some() {
            row = rows.next().transpose()?;
        }
        let version = below.as_ref().map_or(0, |record| record.version);
        records.extend(match seen {
            None => below,
            Some(state) => read(&key, state.into_owned(), version),
        });
    }
    Ok(records)
}

/// Adds the entries of the database that are not trimmed to those `above`.
fn interleave(
    connection: &Connection,
    log: &str,
    mut slice: Slice,
    trimmed: Option<Timestamp>,
    mut above: Vec<Entry>,
) -> Result<Vec<Entry>, rusqlite::Error> {
    above.sort_by_key(|entry| rank(slice.order, entry));
    if slice.descending {
        above.reverse();
    }
    let wanted = slice;
    if let Some(before) = trimmed {
        slice.from_time = slice.from_time.max(before);
    }
    let below = match trimmed {
        Some(Timestamp::MAX) => Vec::new(),
        _ => readers::entries(connection, log, slice)?,
    };
    let (mut above, mut below) = (above.into_iter().peekable(), below.into_iter().peekable());
    let mut entries = Vec::new();
    while entries.len() < wanted.limit {
        let is_above = match (above.peek(), below.peek()) {
            (None, None) => break,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(above), Some(below)) => {
                (rank(slice.order, above) < rank(slice.order, below)) != slice.descending
            }
        };
        entries.extend(if is_above { above.next() } else { below.next() });
    }
    Ok(entries)
}
