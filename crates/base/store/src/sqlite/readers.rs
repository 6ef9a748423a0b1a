//! Connections that read beside the committer, and what they ask.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, ToSql};
use types::Timestamp;

use super::format;
use crate::{Entry, Error, Order, Range, Record, Slice, Timer};

/// As many connections are kept open; more are opened while more reads run at once.
const IDLE_MAX: usize = 8;

/// A pool of read-only connections.
pub(crate) struct Readers {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

/// The keys of a table that a [`Range`] speaks of.
pub(crate) struct Keys {
    pub(crate) from: String,
    pub(crate) before: Option<String>,
    pub(crate) descending: bool,
    pub(crate) limit: usize,
}

impl Readers {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self { file, idle: Mutex::default() }
    }

    pub(crate) fn get(&self, table: &str, key: &str) -> Result<Option<Record>, Error> {
        self.with(|connection| find(connection, table, key))
    }

    pub(crate) fn list(&self, table: &str, keys: &Keys) -> Result<Vec<Record>, Error> {
        self.with(|connection| each_record(connection, table, keys, |rows| rows.take(keys.limit).collect()))
    }

    pub(crate) fn read(&self, log: &str, slice: Slice) -> Result<Vec<Entry>, Error> {
        self.with(|connection| entries(connection, log, slice))
    }

    /// Runs `query` in one read transaction, and tells it the last record of the journal that the database has.
    pub(crate) fn snapshot<T>(
        &self,
        query: impl FnOnce(&Connection, u64) -> Result<T, rusqlite::Error>,
    ) -> Result<T, Error> {
        self.with(|connection| {
            connection.prepare_cached("BEGIN")?.execute([])?;
            let answer = query(connection, applied(connection)?)?;
            connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(answer)
        })
    }

    /// Runs `query` on an idle connection, or on a new one where all are busy: nobody waits for another's read.
    fn with<T>(&self, query: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>) -> Result<T, Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => format::open_for_reading(&self.file).map_err(Error::unavailable)?,
        };
        let answer = query(&connection).map_err(Error::unavailable)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
        Ok(answer)
    }
}

pub(crate) fn find(
    connection: &Connection,
    table: &str,
    key: &str,
) -> Result<Option<Record>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT k, version, value FROM records WHERE tbl = ?1 AND k = ?2")?
        .query_row((table, key), record)
        .optional()
}

/// Gives the records of a range to `take`, which need not take all of them; the limit is left to it.
pub(crate) fn each_record<T>(
    connection: &Connection,
    table: &str,
    keys: &Keys,
    take: impl FnOnce(&mut dyn Iterator<Item = Result<Record, rusqlite::Error>>) -> Result<T, rusqlite::Error>,
) -> Result<T, rusqlite::Error> {
    let mut parameters: Vec<&dyn ToSql> = vec![&table, &keys.from, &i64::MAX];
    parameters.extend(keys.before.as_ref().map(|before| before as &dyn ToSql));
    let mut statement = connection.prepare_cached(list_sql(keys.before.is_some(), keys.descending))?;
    let mut rows = statement.query_map(parameters.as_slice(), record)?;
    take(&mut rows)
}

pub(crate) fn entries(
    connection: &Connection,
    log: &str,
    slice: Slice,
) -> Result<Vec<Entry>, rusqlite::Error> {
    let Slice { from_sequence, to_sequence, from_time, to_time, .. } = slice;
    let (Ok(from_sequence), Some(last_sequence)) = (i64::try_from(from_sequence), last_before(to_sequence))
    else {
        return Ok(Vec::new());
    };
    let last_time = if to_time == Timestamp::MAX { i64::MAX } else { to_time.as_millis().saturating_sub(1) };
    let limit = clamp(slice.limit as u64);
    let Some(id) = log_id(connection, log)? else { return Ok(Vec::new()) };
    connection
        .prepare_cached(read_sql(slice.order, slice.descending))?
        .query_map((id, from_sequence, last_sequence, from_time.as_millis(), last_time, limit), entry)?
        .collect()
}

fn log_id(connection: &Connection, log: &str) -> Result<Option<i64>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT id FROM logs WHERE name = ?1")?
        .query_row([log], |row| row.get(0))
        .optional()
}

/// The version of a record; 0 where there is none.
pub(crate) fn version(connection: &Connection, table: &str, key: &str) -> Result<u64, rusqlite::Error> {
    let version: Option<i64> = connection
        .prepare_cached("SELECT version FROM records WHERE tbl = ?1 AND k = ?2")?
        .query_row((table, key), |row| row.get(0))
        .optional()?;
    Ok(version.map_or(0, i64::unsigned_abs))
}

/// The last sequence of a log.
pub(crate) fn last_sequence(connection: &Connection, log: &str) -> Result<Option<u64>, rusqlite::Error> {
    let Some(id) = log_id(connection, log)? else { return Ok(None) };
    let last: Option<i64> = connection
        .prepare_cached("SELECT max(sequence) FROM entries WHERE log = ?1")?
        .query_row([id], |row| row.get(0))?;
    Ok(last.map(i64::unsigned_abs))
}

/// The time of an entry.
pub(crate) fn time_of(
    connection: &Connection,
    log: &str,
    sequence: u64,
) -> Result<Option<Timestamp>, rusqlite::Error> {
    let Some(id) = log_id(connection, log)? else { return Ok(None) };
    connection
        .prepare_cached("SELECT time FROM entries WHERE log = ?1 AND sequence = ?2")?
        .query_row((id, clamp(sequence)), |row| row.get(0).map(Timestamp::from_millis))
        .optional()
}

/// All timers of a queue, in the order in which they were set.
pub(crate) fn timers(connection: &Connection, queue: &str) -> Result<Vec<Timer>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT k, due, payload FROM timers WHERE queue = ?1 ORDER BY id")?
        .query_map([queue], |row| {
            let due = Timestamp::from_millis(row.get(1)?);
            Ok(Timer { key: row.get(0)?, due, payload: row.get(2)? })
        })?
        .collect()
}

/// The last record of the journal that the database has.
pub(crate) fn applied(connection: &Connection) -> Result<u64, rusqlite::Error> {
    let applied: i64 =
        connection.prepare_cached("SELECT applied FROM journal")?.query_row([], |row| row.get(0))?;
    Ok(applied.cast_unsigned())
}

fn list_sql(is_bounded: bool, descending: bool) -> &'static str {
    match (is_bounded, descending) {
        (false, false) => {
            "SELECT k, version, value FROM records WHERE tbl = ?1 AND k >= ?2 ORDER BY k LIMIT ?3"
        }
        (false, true) => {
            "SELECT k, version, value FROM records WHERE tbl = ?1 AND k >= ?2 ORDER BY k DESC LIMIT ?3"
        }
        (true, false) => {
            "SELECT k, version, value FROM records WHERE tbl = ?1 AND k >= ?2 AND k < ?4 ORDER BY k LIMIT ?3"
        }
        (true, true) => {
            "SELECT k, version, value FROM records WHERE tbl = ?1 AND k >= ?2 AND k < ?4 \
             ORDER BY k DESC LIMIT ?3"
        }
    }
}

/// A plus sign keeps a column out of the choice of index: each order has its own.
fn read_sql(order: Order, descending: bool) -> &'static str {
    match (order, descending) {
        (Order::Sequence, false) => {
            "SELECT sequence, time, payload FROM entries WHERE log = ?1 AND sequence BETWEEN ?2 AND ?3 \
             AND +time BETWEEN ?4 AND ?5 ORDER BY sequence LIMIT ?6"
        }
        (Order::Sequence, true) => {
            "SELECT sequence, time, payload FROM entries WHERE log = ?1 AND sequence BETWEEN ?2 AND ?3 \
             AND +time BETWEEN ?4 AND ?5 ORDER BY sequence DESC LIMIT ?6"
        }
        (Order::Time, false) => {
            "SELECT sequence, time, payload FROM entries WHERE log = ?1 AND +sequence BETWEEN ?2 AND ?3 \
             AND time BETWEEN ?4 AND ?5 ORDER BY time, sequence LIMIT ?6"
        }
        (Order::Time, true) => {
            "SELECT sequence, time, payload FROM entries WHERE log = ?1 AND +sequence BETWEEN ?2 AND ?3 \
             AND time BETWEEN ?4 AND ?5 ORDER BY time DESC, sequence DESC LIMIT ?6"
        }
    }
}

impl Keys {
    pub(crate) fn of(range: Range<'_>) -> Self {
        let Range { prefix, after, limit, descending } = range;
        let (mut from, mut before) = (prefix.to_owned(), end_of_prefix(prefix));
        match after {
            // The first text after another is that text with a NUL behind it.
            Some(after) if !descending && after >= prefix => from = format!("{after}\0"),
            Some(after) if descending && before.as_deref().is_none_or(|end| after < end) => {
                before = Some(after.to_owned());
            }
            _ => {}
        }
        Self { from, before, descending, limit }
    }
}

/// The first text after all that begin with `prefix`; none where they go on to the last text there is.
pub(crate) fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // The code points between D7FF and E000 are no characters.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

fn record(row: &rusqlite::Row<'_>) -> Result<Record, rusqlite::Error> {
    let version: i64 = row.get(1)?;
    Ok(Record { key: row.get(0)?, version: version.unsigned_abs(), value: row.get(2)? })
}

fn entry(row: &rusqlite::Row<'_>) -> Result<Entry, rusqlite::Error> {
    let sequence: i64 = row.get(0)?;
    let time = Timestamp::from_millis(row.get(1)?);
    Ok(Entry { sequence: sequence.unsigned_abs(), time, payload: row.get(2)? })
}

fn clamp(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The last sequence before `to`; none where there is none.
fn last_before(to: u64) -> Option<i64> {
    to.checked_sub(1).map(clamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(connection: &Connection, sql: &str, parameters: usize) -> String {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let nothing = vec![rusqlite::types::Null; parameters];
        let rows =
            statement.query_map(rusqlite::params_from_iter(nothing), |row| row.get::<_, String>(3)).unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn every_order_is_read_from_an_index_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let connection = format::open_for_writing(dir.path(), format::Usage::Alone).unwrap();
        for (order, index) in [(Order::Sequence, "entries_by_sequence"), (Order::Time, "entries_by_time")] {
            for descending in [false, true] {
                let plan = plan(&connection, read_sql(order, descending), 6);
                assert!(plan.starts_with("SEARCH") && plan.contains(index), "{order:?}: {plan}");
                assert!(!plan.contains("TEMP B-TREE"), "{order:?} is sorted: {plan}");
            }
        }
        for (is_bounded, parameters) in [(false, 3), (true, 4)] {
            for descending in [false, true] {
                let plan = plan(&connection, list_sql(is_bounded, descending), parameters);
                assert!(plan.starts_with("SEARCH") && plan.contains("records_by_key"), "{plan}");
                assert!(!plan.contains("TEMP B-TREE"), "{plan}");
            }
        }
    }

    #[test]
    fn a_prefix_ends_where_no_text_begins_with_it() {
        for (prefix, end) in [
            ("", None),
            ("a", Some("b")),
            ("a/", Some("a0")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
        ] {
            assert_eq!(end_of_prefix(prefix).as_deref(), end, "{prefix:?}");
        }
    }
}
