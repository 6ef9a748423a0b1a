//! Why the store could not do what it was asked.

use std::sync::Arc;

/// What went wrong. Cheap to clone: all batches of a failed transaction get the same.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A precondition of the batch did not hold, or its sequence was taken: nothing of it was applied.
    #[error("the record {key} of {table} has been changed by somebody else")]
    Conflict {
        /// The table, or the log.
        table: String,
        /// The key, or the sequence.
        key: String,
    },
    /// The store could not be read or written: a full disk, a damaged file, a store that is closed.
    #[error("the store is unavailable: {0}")]
    Unavailable(Arc<dyn std::error::Error + Send + Sync>),
    /// A record is not what its reader takes it for.
    #[error("the record {key} of {table} cannot be read: {cause}")]
    Malformed {
        /// The table.
        table: String,
        /// The key.
        key: String,
        /// What the reader says.
        cause: String,
    },
}

impl Error {
    /// An [`Error::Unavailable`] with its cause.
    pub fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(Arc::from(cause.into()))
    }

    /// What everybody is told who still waits when the store closes.
    pub(crate) fn closed() -> Self {
        Self::unavailable("the store is closed")
    }
}
