//! What ends by itself: subscriptions that nobody confirms, and the memory of messages that were there before.

use std::sync::Arc;

use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use store::{Batch, Timer};
use types::Timestamp;

use crate::fifo::REPETITIONS_TABLE;
use crate::subscription::TABLE;
use crate::{Error, Inner};

const QUEUE: &str = "sns/upkeep";
/// What ends in one batch.
const AT_A_TIME: usize = 256;

/// What ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Upkeep {
    /// A subscription that is not confirmed until then.
    Subscription { key: String },
    /// The memory of a message.
    Repetition { key: String },
}

impl Upkeep {
    fn key(&self) -> String {
        match self {
            Self::Subscription { key } => format!("subscription/{key}"),
            Self::Repetition { key } => format!("repetition/{key}"),
        }
    }
}

/// Adds to a batch: it ends then.
pub fn plan(batch: &mut Batch, upkeep: &Upkeep, due: Timestamp) {
    // Plain data with text keys: it cannot fail to be written.
    batch.set_timer(QUEUE, upkeep.key(), due, serde_json::to_vec(upkeep).unwrap_or_default());
}

/// Adds to a batch: it does not end.
pub fn cancel(batch: &mut Batch, upkeep: &Upkeep) {
    batch.clear_timer(QUEUE, upkeep.key());
}

/// Ends from now on what is to end.
pub(crate) async fn start(inner: &Arc<Inner>) -> Result<(), Error> {
    let mut timers = inner.store.timers(QUEUE).await?;
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        let clock = inner.dispatcher.clock().clone();
        while let Some(first) = timers.next(&clock).await {
            // One commit for many: messages may come fast.
            let (mut batch, mut next) = (Batch::new(), Some(first));
            while let Some(timer) = next {
                if let Err(error) = inner.end(&mut batch, &timer).await {
                    tracing::error!(key = timer.key, %error, "what is over could not be looked at");
                }
                let is_full = batch.mutations.len() >= AT_A_TIME * 2;
                next = if is_full { None } else { timers.next(&clock).now_or_never().flatten() };
            }
            if let Err(error) = inner.store.submit(batch).durable().await {
                tracing::error!(%error, "what is over could not be removed");
            }
        }
    });
    Ok(())
}

impl Inner {
    async fn end(&self, batch: &mut Batch, timer: &Timer) -> Result<(), Error> {
        match serde_json::from_slice(&timer.payload) {
            Ok(Upkeep::Repetition { key }) => {
                batch.delete(REPETITIONS_TABLE, key);
            }
            Ok(Upkeep::Subscription { key }) => self.end_subscription(&key).await?,
            Err(error) => tracing::error!(key = timer.key, %error, "an end cannot be read"),
        }
        batch.clear_timer(QUEUE, timer.key.as_str());
        Ok(())
    }

    async fn end_subscription(&self, key: &str) -> Result<(), Error> {
        let seen = self.subscriptions.get(key).await?;
        let Some(seen) = seen.filter(|seen| !seen.value.is_confirmed()) else { return Ok(()) };
        let mut batch = Batch::new();
        batch.require_version(TABLE, key, seen.version);
        self.subscriptions.delete(&mut batch, key);
        match self.store.submit(batch).durable().await {
            // It has just been confirmed.
            Err(store::Error::Conflict { .. }) => Ok(()),
            answer => Ok(answer.map(drop)?),
        }
    }
}
