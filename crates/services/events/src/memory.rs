//! What is known for a while: rows with timers, forgotten together.

mod background;

use std::time::Duration;

use store::Batch;
use types::Timestamp;

/// A table whose rows are forgotten some time after they were kept.
pub(crate) struct Memory {
    /// The table of the rows.
    pub(crate) table: &'static str,
    /// The queue of their timers, by the rows' keys.
    pub(crate) queue: &'static str,
    /// How long a row is kept. Time in which no service runs does not count: nobody could ask for it.
    pub(crate) kept: Duration,
}

impl Memory {
    /// Adds to a batch: a row, for a while.
    pub(crate) fn keep(&self, batch: &mut Batch, key: &str, row: Vec<u8>, now: Timestamp) {
        batch.put(self.table, key, row).set_timer(self.queue, key, now + self.kept, Vec::new());
    }
}
