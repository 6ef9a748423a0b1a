//! What the committer has to know before it accepts a batch: what its preconditions speak of, which sequences are taken.

use std::collections::HashMap;

use rusqlite::Connection;
use types::Timestamp;

use super::layer::{Layer, Queue};
use super::logs::Bound;
use super::records::State;
use super::view::Layers;
use crate::Timer;
use crate::sqlite::readers;

/// The committer's own view of the database: one read transaction for each group of batches that needs one.
pub(super) struct Lookup {
    connection: Connection,
    applied: Option<u64>,
}

impl Lookup {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, applied: None }
    }

    /// Begins a transaction that sees at least what lies below the layers, and answers the last record that it sees.
    fn begin(&mut self, floor: u64) -> Result<u64, rusqlite::Error> {
        if let Some(applied) = self.applied.filter(|applied| *applied >= floor) {
            return Ok(applied);
        }
        self.end();
        self.connection.prepare_cached("BEGIN")?.execute([])?;
        let applied = readers::applied(&self.connection);
        if applied.is_err() {
            self.roll_back();
        }
        self.applied = Some(applied?);
        Ok(self.applied.unwrap_or_default())
    }

    /// Ends the transaction, if there is one.
    pub(super) fn end(&mut self) {
        if self.applied.take().is_some() {
            self.roll_back();
        }
    }

    fn roll_back(&self) {
        let ended =
            self.connection.prepare_cached("ROLLBACK").and_then(|mut statement| statement.execute([]));
        if let Err(cause) = ended {
            tracing::warn!(%cause, "a look into the store was not ended");
        }
    }

    /// The version of a record; 0 where there is none.
    pub(super) fn version(
        &mut self,
        pending: &Layer,
        layers: &Layers,
        table: &str,
        key: &str,
    ) -> Result<u64, rusqlite::Error> {
        let mut seen: Option<State<&[u8]>> = None;
        let in_memory = [Some(pending), Some(&layers.active), layers.frozen.as_deref()];
        for layer in in_memory.into_iter().flatten() {
            lay_below(&mut seen, layer.record(table, key));
            if let Some(state) = seen.as_ref().filter(|state| state.is_settled()) {
                return Ok(number(Some(state), 0));
            }
        }
        // The database may have the frozen layer already, and then has its versions too.
        let applied = self.begin(layers.floor)?;
        let mut seen = None;
        for layer in std::iter::once(pending).chain(layers.over_database(applied)) {
            lay_below(&mut seen, layer.record(table, key));
        }
        let below = readers::version(&self.connection, table, key)?;
        Ok(number(seen.as_ref(), below))
    }

    /// A bound of the sequences of a log, as it is below what is pending.
    pub(super) fn bound(&mut self, layers: &Layers, log: &str) -> Result<Bound, rusqlite::Error> {
        let mut last = None;
        for layer in std::iter::once(&layers.active).chain(layers.frozen.as_deref()) {
            let Some(found) = layer.logs.get(log) else { continue };
            match found.bound {
                Bound::Unknown => last = last.max(found.entries.last()),
                Bound::Empty => return Ok(last.map_or(Bound::Empty, Bound::Last)),
                Bound::Last(bound) => return Ok(Bound::Last(last.map_or(bound, |last| bound.max(last)))),
            }
        }
        self.begin(layers.floor)?;
        let kept = readers::last_sequence(&self.connection, log)?;
        Ok(last.max(kept).map_or(Bound::Empty, Bound::Last))
    }

    /// Whether a log has an entry of that sequence below what is pending.
    pub(super) fn is_taken(
        &mut self,
        pending: &Layer,
        layers: &Layers,
        log: &str,
        sequence: u64,
    ) -> Result<bool, rusqlite::Error> {
        let applied = self.begin(layers.floor)?;
        let mut above = Vec::new();
        for layer in std::iter::once(pending).chain(layers.over_database(applied)) {
            let Some(found) = layer.logs.get(log) else { continue };
            if let Some(entry) = found.entries.get(sequence) {
                return Ok(!is_trimmed(&above, entry.time));
            }
            above.push(found);
        }
        let time = readers::time_of(&self.connection, log, sequence)?;
        Ok(time.is_some_and(|time| !is_trimmed(&above, time)))
    }

    /// The timers of a queue, in the order in which they were set.
    pub(super) fn timers(&mut self, layers: &Layers, queue: &str) -> Result<Vec<Timer>, rusqlite::Error> {
        let applied = self.begin(layers.floor)?;
        let kept = readers::timers(&self.connection, queue)?;
        let above: Vec<_> =
            layers.over_database(applied).filter_map(|layer| layer.queues.get(queue)).collect();
        if above.is_empty() {
            return Ok(kept);
        }
        let kept = kept.into_iter().map(|timer| (timer.key, Some((timer.due, timer.payload))));
        let set = |(due, payload): (Timestamp, &[u8])| (due, payload.to_vec());
        let changes = above.into_iter().rev().flat_map(Queue::in_order);
        let changes = changes.map(|(key, timer)| (key.to_owned(), timer.map(set)));
        let mut latest = HashMap::new();
        for (order, (key, timer)) in kept.chain(changes).enumerate() {
            latest.insert(key, (order, timer));
        }
        let mut latest: Vec<_> = latest.into_iter().collect();
        latest.sort_unstable_by_key(|(_, (order, _))| *order);
        let timer = |(key, (_, timer)): (_, (_, Option<_>))| {
            let (due, payload) = timer?;
            Some(Timer { key, due, payload })
        };
        Ok(latest.into_iter().filter_map(timer).collect())
    }
}

fn lay_below<'a>(seen: &mut Option<State<&'a [u8]>>, state: Option<State<&'a [u8]>>) {
    *seen = match seen.take() {
        None => state,
        Some(upper) => Some(upper.over(state.as_ref())),
    };
}

fn number(seen: Option<&State<&[u8]>>, below: u64) -> u64 {
    match seen {
        None => below,
        Some(State::Deleted) => 0,
        Some(State::Put { version, .. }) => version.resolve(below),
    }
}

fn is_trimmed(above: &[&super::logs::Log], time: Timestamp) -> bool {
    above.iter().any(|log| log.trims(time))
}
