//! What a writer asks of the store in one atomic step.

use types::Timestamp;

/// Changes that happen together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// What must hold for the batch to be applied, checked in the same transaction.
    pub preconditions: Vec<Precondition>,
    /// The changes, applied in order.
    pub mutations: Vec<Mutation>,
}

/// What must hold for a batch to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// There is no record under the key.
    Absent {
        /// The record's table.
        table: String,
        /// The record's key.
        key: String,
    },
    /// The record under the key has this version.
    Version {
        /// The record's table.
        table: String,
        /// The record's key.
        key: String,
        /// The version that the writer has seen.
        version: u64,
    },
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Creates or replaces a record.
    Put {
        /// The record's table.
        table: String,
        /// The record's key.
        key: String,
        /// The new value.
        value: Vec<u8>,
    },
    /// Deletes a record, if there is one.
    Delete {
        /// The record's table.
        table: String,
        /// The record's key.
        key: String,
    },
    /// Deletes all records of a table whose keys begin so.
    DeletePrefix {
        /// The table.
        table: String,
        /// How the keys begin; not empty.
        prefix: String,
    },
    /// Appends an entry to a log. The same sequence twice is [`crate::Error::Conflict`].
    Append {
        /// The log's name.
        log: String,
        /// The entry's place.
        sequence: u64,
        /// The time it speaks of.
        time: Timestamp,
        /// What it says.
        payload: Vec<u8>,
    },
    /// Deletes the entries of a log whose time is before this one; [`Timestamp::MAX`] deletes the log.
    Trim {
        /// The log's name.
        log: String,
        /// The first time that stays.
        before: Timestamp,
    },
    /// Sets a timer, or sets it anew where the queue has one under the key.
    SetTimer {
        /// The queue whose consumer is to be told.
        queue: &'static str,
        /// The timer's key, unique in the queue.
        key: String,
        /// When.
        due: Timestamp,
        /// What the consumer is given.
        payload: Vec<u8>,
    },
    /// Removes a timer, if there is one.
    ClearTimer {
        /// The timer's queue.
        queue: &'static str,
        /// The timer's key.
        key: String,
    },
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.mutations.is_empty() && self.preconditions.is_empty()
    }

    /// Requires that there is no record under the key.
    pub fn require_absent(&mut self, table: &str, key: impl Into<String>) -> &mut Self {
        self.preconditions.push(Precondition::Absent { table: table.to_owned(), key: key.into() });
        self
    }

    /// Requires that the record under the key has this version.
    pub fn require_version(&mut self, table: &str, key: impl Into<String>, version: u64) -> &mut Self {
        self.preconditions.push(Precondition::Version { table: table.to_owned(), key: key.into(), version });
        self
    }

    /// Creates or replaces a record.
    pub fn put(&mut self, table: &str, key: impl Into<String>, value: Vec<u8>) -> &mut Self {
        self.mutations.push(Mutation::Put { table: table.to_owned(), key: key.into(), value });
        self
    }

    /// Deletes a record.
    pub fn delete(&mut self, table: &str, key: impl Into<String>) -> &mut Self {
        self.mutations.push(Mutation::Delete { table: table.to_owned(), key: key.into() });
        self
    }

    /// Deletes all records whose keys begin with `prefix`.
    pub fn delete_prefix(&mut self, table: &str, prefix: impl Into<String>) -> &mut Self {
        self.mutations.push(Mutation::DeletePrefix { table: table.to_owned(), prefix: prefix.into() });
        self
    }

    /// Appends an entry to a log.
    pub fn append(
        &mut self,
        log: impl Into<String>,
        sequence: u64,
        time: Timestamp,
        payload: Vec<u8>,
    ) -> &mut Self {
        self.mutations.push(Mutation::Append { log: log.into(), sequence, time, payload });
        self
    }

    /// Deletes the entries of a log whose time is before `before`.
    pub fn trim(&mut self, log: impl Into<String>, before: Timestamp) -> &mut Self {
        self.mutations.push(Mutation::Trim { log: log.into(), before });
        self
    }

    /// Sets a timer.
    pub fn set_timer(
        &mut self,
        queue: &'static str,
        key: impl Into<String>,
        due: Timestamp,
        payload: Vec<u8>,
    ) -> &mut Self {
        self.mutations.push(Mutation::SetTimer { queue, key: key.into(), due, payload });
        self
    }

    /// Removes a timer.
    pub fn clear_timer(&mut self, queue: &'static str, key: impl Into<String>) -> &mut Self {
        self.mutations.push(Mutation::ClearTimer { queue, key: key.into() });
        self
    }
}
