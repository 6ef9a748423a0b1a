//! Brings a layer into the database: one transaction, each table in the order of its keys, timers in the order of their
//! setting.

use rusqlite::Connection;

use super::layer::{Layer, Queue};
use super::logs::Log;
use super::records::{State, Table, Version};
use crate::sqlite::apply::{self, Failure, LogIds};

/// Applies a layer in a transaction of its own, which says up to which record of the journal the database is.
pub(super) fn apply(
    connection: &Connection,
    logs: &mut LogIds,
    layer: &Layer,
) -> Result<(), rusqlite::Error> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let done = apply_all(connection, logs, layer)
        .and_then(|()| connection.prepare_cached("COMMIT")?.execute([]).map(drop));
    if done.is_err() {
        logs.forget();
        if !connection.is_autocommit() {
            connection.prepare_cached("ROLLBACK")?.execute([])?;
        }
    }
    done
}

fn apply_all(connection: &Connection, logs: &mut LogIds, layer: &Layer) -> Result<(), rusqlite::Error> {
    for (name, table) in sorted(&layer.tables) {
        records(connection, name, table)?;
    }
    entries(connection, logs, layer)?;
    for (name, queue) in sorted(&layer.queues) {
        timers(connection, name, queue)?;
    }
    connection.prepare_cached("UPDATE journal SET applied = ?1")?.execute([layer.last.cast_signed()])?;
    Ok(())
}

fn sorted<T>(map: &std::collections::HashMap<String, T>) -> Vec<(&str, &T)> {
    let mut sorted: Vec<_> = map.iter().map(|(name, of)| (name.as_str(), of)).collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    sorted
}

fn records(connection: &Connection, name: &str, table: &Table) -> Result<(), rusqlite::Error> {
    for prefix in &table.cleared {
        apply::delete_prefix(connection, name, prefix).map_err(database)?;
    }
    let mut put = connection.prepare_cached(
        "INSERT INTO records (tbl, k, version, value) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (tbl, k) DO UPDATE SET version = excluded.version, value = excluded.value",
    )?;
    let mut raise = connection.prepare_cached(
        "INSERT INTO records (tbl, k, version, value) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (tbl, k) DO UPDATE SET version = version + excluded.version, value = excluded.value",
    )?;
    let mut delete = connection.prepare_cached("DELETE FROM records WHERE tbl = ?1 AND k = ?2")?;
    for (key, state) in &table.keys {
        match state {
            State::Put { version: Version::Created(version) | Version::Exactly(version), value } => {
                put.execute((name, key, version.cast_signed(), value))?;
            }
            State::Put { version: Version::Above(more), value } => {
                raise.execute((name, key, more.cast_signed(), value))?;
            }
            State::Deleted => {
                delete.execute((name, key))?;
            }
        }
    }
    Ok(())
}

fn entries(connection: &Connection, logs: &mut LogIds, layer: &Layer) -> Result<(), rusqlite::Error> {
    let mut append = connection
        .prepare_cached("INSERT INTO entries (log, sequence, time, payload) VALUES (?1, ?2, ?3, ?4)")?;
    for (name, Log { trimmed, entries, .. }) in sorted(&layer.logs) {
        if let Some(before) = trimmed {
            apply::trim(connection, logs, name, *before).map_err(database)?;
        }
        let mut id = None;
        for entry in entries.iter() {
            let id = match id {
                Some(id) => id,
                None => *id.insert(logs.find_or_create(connection, name)?),
            };
            append.execute((id, entry.sequence.cast_signed(), entry.time.as_millis(), &entry.payload))?;
        }
    }
    Ok(())
}

fn timers(connection: &Connection, name: &str, queue: &Queue) -> Result<(), rusqlite::Error> {
    let mut set = connection
        .prepare_cached("INSERT OR REPLACE INTO timers (queue, k, due, payload) VALUES (?1, ?2, ?3, ?4)")?;
    let mut clear = connection.prepare_cached("DELETE FROM timers WHERE queue = ?1 AND k = ?2")?;
    for (key, timer) in queue.in_order() {
        match timer {
            Some((due, payload)) => set.execute((name, key, due.as_millis(), payload))?,
            None => clear.execute((name, key))?,
        };
    }
    Ok(())
}

/// What was accepted can only fail for the database's reasons.
fn database(failure: Failure) -> rusqlite::Error {
    match failure {
        Failure::Database(cause) => cause,
        Failure::Precondition(error) | Failure::Midway(error) => {
            rusqlite::Error::ToSqlConversionFailure(Box::new(error))
        }
    }
}
