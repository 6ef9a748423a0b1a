//! Forgets what is old enough.

use std::sync::Arc;

use futures_util::FutureExt;
use store::Batch;

use super::Memory;
use crate::limits::STORE_PAUSE;
use crate::{Error, Inner};

/// Rows that are forgotten in one batch.
const AT_A_TIME: usize = 256;

impl Memory {
    /// Begins to forget.
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
