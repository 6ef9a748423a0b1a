//! The one store: atomic batches in, tickets out.
//!
//! A writer submits a [`Batch`] and gets a [`Ticket`] at once. What must not leave the process before it is on disk (an
//! answer, an effect) waits for the ticket to be durable; everything else runs ahead. Batches of all writers share
//! transactions and syncs.
//!
//! Three kinds of things are kept:
//!
//! * *records*: values under a key in a table, with a version ([`Store::get`], [`Store::list`]);
//! * *logs*: entries appended under a growing sequence, with a time ([`Store::read`]);
//! * *timers*: payloads that are due at a time ([`Store::timers`]). Whatever is to be done later, or done after the
//!   transaction that decided it, is a timer: a wait, a retry, a schedule, a delivery, a container to start. A queue's
//!   consumer is given a timer once it is durable and due, again after each restart, until a batch removes it.

mod batch;
mod collection;
mod error;
mod journal;
mod local;
mod sqlite;
mod ticket;
mod timer_queue;

use std::path::Path;

use futures_util::future::BoxFuture;

pub use batch::{Batch, Mutation, Precondition};
pub use collection::{Collection, Versioned};
pub use error::Error;
pub use local::{LocalStore, Options};
pub use sqlite::{SqliteStore, examine};
pub use ticket::{Lsn, Ticket};
pub use timer_queue::{Timer, TimerChange, TimerQueue};
use types::Timestamp;

/// What a store can do. Implementations: on one machine a journal with SQLite behind it, and SQLite alone; PostgreSQL for
/// many comes later.
pub trait Store: Send + Sync {
    /// Accepts a batch and returns at once. Batches become visible and durable in the order of their submission, each
    /// wholly or not at all.
    fn submit(&self, batch: Batch) -> Ticket;

    /// The record under `key`, as the last committed batch left it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store cannot be read.
    fn get<'a>(&'a self, table: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, Error>>;

    /// Records of a table in the order of their keys.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store cannot be read.
    fn list<'a>(&'a self, table: &'a str, range: Range<'a>) -> BoxFuture<'a, Result<Vec<Record>, Error>>;

    /// Entries of a log.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store cannot be read.
    fn read<'a>(&'a self, log: &'a str, slice: Slice) -> BoxFuture<'a, Result<Vec<Entry>, Error>>;

    /// The one consumer of a queue's timers: those that are kept, and those that batches set from now on. Timers that are due
    /// at one time come in the order in which they were last set.
    ///
    /// No change is lost or given twice. Where the queue has a consumer already, that one is told that the store has
    /// closed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store cannot be read.
    fn timers(&self, queue: &'static str) -> BoxFuture<'_, Result<TimerQueue, Error>>;

    /// Commits what was submitted, closes the files for writing, and returns then. What is submitted later is refused.
    ///
    /// For the end of a process, in which many may still hold the store. It blocks.
    fn close(&self) {}

    /// Copies into `dir`, a directory that is created or empty, everything that was durable when this was called: a store
    /// that can be opened. Writers go on meanwhile. What is left in `dir` after an error is no store.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store cannot be read or is damaged, where the copy cannot be written, and where
    /// nothing of this store is on disk: a store that a test keeps in memory.
    fn backup<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let refusal = format!("this store is not on disk: it cannot be copied to {}", dir.display());
            Err(Error::unavailable(refusal))
        })
    }
}

/// A value under its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The key, unique in its table.
    pub key: String,
    /// 1 for a new record, one more at each change; a record deleted and put again starts at 1.
    pub version: u64,
    /// The value.
    pub value: Vec<u8>,
}

/// Which records of a table to list.
#[derive(Clone, Copy, Debug)]
pub struct Range<'a> {
    /// Only keys that begin so. Empty: all.
    pub prefix: &'a str,
    /// Only keys after this one (before it, where `descending`).
    pub after: Option<&'a str>,
    /// At most so many.
    pub limit: usize,
    /// From the last key to the first.
    pub descending: bool,
}

impl<'a> Range<'a> {
    /// All records whose keys begin with `prefix`, ascending.
    pub fn prefix(prefix: &'a str) -> Self {
        Self { prefix, after: None, limit: usize::MAX, descending: false }
    }
}

/// One entry of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the log, chosen by the writer, unique in the log; below 2^63.
    pub sequence: u64,
    /// The time it speaks of.
    pub time: Timestamp,
    /// What it says.
    pub payload: Vec<u8>,
}

/// Which entries of a log to read.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// Only sequences from this one on.
    pub from_sequence: u64,
    /// Only sequences before this one; [`u64::MAX`]: no bound.
    pub to_sequence: u64,
    /// Only times from this one on.
    pub from_time: Timestamp,
    /// Only times before this one; [`Timestamp::MAX`]: no bound.
    pub to_time: Timestamp,
    /// In which order entries come.
    pub order: Order,
    /// The last ones first.
    pub descending: bool,
    /// At most so many.
    pub limit: usize,
}

impl Default for Slice {
    /// The whole log by sequence.
    fn default() -> Self {
        Self {
            from_sequence: 0,
            to_sequence: u64::MAX,
            from_time: Timestamp::MIN,
            to_time: Timestamp::MAX,
            order: Order::Sequence,
            descending: false,
            limit: usize::MAX,
        }
    }
}

/// The order in which a log is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By sequence.
    Sequence,
    /// By time, and by sequence where times are equal.
    Time,
}
