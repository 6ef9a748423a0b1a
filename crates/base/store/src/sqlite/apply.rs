//! What one batch does to the tables, inside a transaction that others share.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};
use types::Timestamp;

use super::readers::end_of_prefix;
use crate::{Batch, Error, Mutation, Precondition};

/// As many log names are remembered with their numbers.
const LOG_IDS_MAX: usize = 65_536;

/// Why a batch was not applied.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A precondition did not hold. Nothing was changed.
    Precondition(Error),
    /// The batch cannot be applied, and some of it may have been.
    Midway(Error),
    /// The database failed.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(cause: rusqlite::Error) -> Self {
        Self::Database(cause)
    }
}

/// The numbers of logs, as far as they were looked up. To be forgotten with every transaction that is undone.
#[derive(Debug, Default)]
pub(crate) struct LogIds(HashMap<String, i64>);

impl LogIds {
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }

    pub(crate) fn find(
        &mut self,
        connection: &Connection,
        name: &str,
    ) -> Result<Option<i64>, rusqlite::Error> {
        if let Some(id) = self.0.get(name) {
            return Ok(Some(*id));
        }
        let id = connection
            .prepare_cached("SELECT id FROM logs WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        if let Some(id) = id {
            self.remember(name, id);
        }
        Ok(id)
    }

    pub(crate) fn find_or_create(
        &mut self,
        connection: &Connection,
        name: &str,
    ) -> Result<i64, rusqlite::Error> {
        if let Some(id) = self.find(connection, name)? {
            return Ok(id);
        }
        connection.prepare_cached("INSERT INTO logs (name) VALUES (?1)")?.execute([name])?;
        let id = connection.last_insert_rowid();
        self.remember(name, id);
        Ok(id)
    }

    fn remember(&mut self, name: &str, id: i64) {
        if self.0.len() >= LOG_IDS_MAX {
            self.0.clear();
        }
        self.0.insert(name.to_owned(), id);
    }
}

/// Applies a batch: all preconditions, then all mutations in their order.
pub(crate) fn apply(connection: &Connection, logs: &mut LogIds, batch: &Batch) -> Result<(), Failure> {
    for precondition in &batch.preconditions {
        check(connection, precondition)?;
    }
    batch.mutations.iter().try_for_each(|mutation| mutate(connection, logs, mutation))
}

fn check(connection: &Connection, precondition: &Precondition) -> Result<(), Failure> {
    let (table, key, expected) = match precondition {
        Precondition::Absent { table, key } => (table, key, None),
        Precondition::Version { table, key, version } => (table, key, Some(*version)),
    };
    let found: Option<i64> = connection
        .prepare_cached("SELECT version FROM records WHERE tbl = ?1 AND k = ?2")?
        .query_row((table, key), |row| row.get(0))
        .optional()?;
    if found.map(i64::unsigned_abs) == expected {
        return Ok(());
    }
    Err(Failure::Precondition(Error::Conflict { table: table.clone(), key: key.clone() }))
}

fn mutate(connection: &Connection, logs: &mut LogIds, mutation: &Mutation) -> Result<(), Failure> {
    match mutation {
        Mutation::Put { table, key, value } => put(connection, table, key, value),
        Mutation::Delete { table, key } => delete(connection, table, key),
        Mutation::DeletePrefix { table, prefix } => delete_prefix(connection, table, prefix),
        Mutation::Append { log, sequence, time, payload } => {
            append(connection, logs, log, *sequence, *time, payload)
        }
        Mutation::Trim { log, before } => trim(connection, logs, log, *before),
        Mutation::SetTimer { queue, key, due, payload } => set_timer(connection, queue, key, *due, payload),
        Mutation::ClearTimer { queue, key } => clear_timer(connection, queue, key),
    }
}

fn put(connection: &Connection, table: &str, key: &str, value: &[u8]) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "INSERT INTO records (tbl, k, version, value) VALUES (?1, ?2, 1, ?3) \
             ON CONFLICT (tbl, k) DO UPDATE SET version = version + 1, value = excluded.value",
        )?
        .execute((table, key, value))?;
    Ok(())
}

fn delete(connection: &Connection, table: &str, key: &str) -> Result<(), Failure> {
    connection.prepare_cached("DELETE FROM records WHERE tbl = ?1 AND k = ?2")?.execute((table, key))?;
    Ok(())
}

pub(crate) fn delete_prefix(connection: &Connection, table: &str, prefix: &str) -> Result<(), Failure> {
    if prefix.is_empty() {
        // More likely a mistake than a wish: a whole table is never deleted.
        return Err(Failure::Midway(Error::unavailable("the prefix of what is to be deleted is empty")));
    }
    match end_of_prefix(prefix) {
        Some(end) => connection
            .prepare_cached("DELETE FROM records WHERE tbl = ?1 AND k >= ?2 AND k < ?3")?
            .execute((table, prefix, end))?,
        None => connection
            .prepare_cached("DELETE FROM records WHERE tbl = ?1 AND k >= ?2")?
            .execute((table, prefix))?,
    };
    Ok(())
}

fn append(
    connection: &Connection,
    logs: &mut LogIds,
    log: &str,
    sequence: u64,
    time: Timestamp,
    payload: &[u8],
) -> Result<(), Failure> {
    let Ok(number) = i64::try_from(sequence) else {
        return Err(Failure::Midway(Error::unavailable("a sequence is above 2^63 - 1")));
    };
    let id = logs.find_or_create(connection, log)?;
    let appended = connection
        .prepare_cached(
            "INSERT INTO entries (log, sequence, time, payload) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (log, sequence) DO NOTHING",
        )?
        .execute((id, number, time.as_millis(), payload))?;
    if appended == 0 {
        return Err(Failure::Midway(Error::Conflict { table: log.to_owned(), key: sequence.to_string() }));
    }
    Ok(())
}

pub(crate) fn trim(
    connection: &Connection,
    logs: &mut LogIds,
    log: &str,
    before: Timestamp,
) -> Result<(), Failure> {
    let Some(id) = logs.find(connection, log)? else { return Ok(()) };
    if before == Timestamp::MAX {
        connection.prepare_cached("DELETE FROM entries WHERE log = ?1")?.execute([id])?;
        connection.prepare_cached("DELETE FROM logs WHERE id = ?1")?.execute([id])?;
        logs.0.remove(log);
    } else {
        connection
            .prepare_cached("DELETE FROM entries WHERE log = ?1 AND time < ?2")?
            .execute((id, before.as_millis()))?;
    }
    Ok(())
}

fn set_timer(
    connection: &Connection,
    queue: &str,
    key: &str,
    due: Timestamp,
    payload: &[u8],
) -> Result<(), Failure> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO timers (queue, k, due, payload) VALUES (?1, ?2, ?3, ?4)")?
        .execute((queue, key, due.as_millis(), payload))?;
    Ok(())
}

fn clear_timer(connection: &Connection, queue: &str, key: &str) -> Result<(), Failure> {
    connection.prepare_cached("DELETE FROM timers WHERE queue = ?1 AND k = ?2")?.execute((queue, key))?;
    Ok(())
}
