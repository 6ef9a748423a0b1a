//! What is known for a while: rows with timers, forgotten together.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use store::Batch;
use types::Timestamp;

use crate::limits::STORE_PAUSE;
use crate::{Error, Inner};

/// Rows that are forgotten in one batch.
const AT_A_TIME: usize = 256;

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

    /// Forgets from now on what is old enough.
    pub(crate) async fn start(&'static self, inner: &Arc<Inner>) -> Result<(), Error> {
        let mut timers = inner.store.timers(self.queue).await?;
        let inner = Arc::clone(inner);
        tokio::spawn(async move {
            let clock = inner.dispatcher.clock().clone();
            let started = clock.now();
            while let Some(first) = timers.next(&clock).await {
                // One commit for many: they come as fast as events do.
                let (mut batch, mut over, mut next) = (Batch::new(), Vec::new(), Some(first));
                while let Some(timer) = next {
                    if timer.due < started {
                        timers.put_back(timer, started + self.kept);
                    } else {
                        batch
                            .delete(self.table, timer.key.as_str())
                            .clear_timer(self.queue, timer.key.as_str());
                        over.push(timer);
                    }
                    let is_full = over.len() >= AT_A_TIME;
                    next = if is_full { None } else { timers.next(&clock).now_or_never().flatten() };
                }
                if let Err(error) = inner.store.submit(batch).durable().await {
                    tracing::error!(%error, table = self.table, "what is old could not be removed");
                    over.into_iter().for_each(|timer| timers.put_back(timer, clock.now() + STORE_PAUSE));
                }
            }
        });
        Ok(())
    }
}
