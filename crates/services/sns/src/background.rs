//! What ends by itself: subscriptions that nobody confirms, and the memory of messages that were there before.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use store::{Batch, Timer};
use types::Timestamp;

use crate::fifo::REPETITIONS_TABLE;
use crate::limits::DEDUPLICATION_TIME;
use crate::subscription::TABLE;
use crate::{Error, Inner};

const QUEUE: &str = "sns/upkeep";
/// What ends in one batch.
const AT_A_TIME: usize = 256;

/// How long what could not end rests before it is tried again.
const PAUSE: Duration = Duration::from_secs(5);

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
        let started = clock.now();
        while let Some(first) = timers.next(&clock).await {
            // One commit for many: messages may come fast.
            let (mut batch, mut ended, mut next) = (Batch::new(), Vec::new(), Some(first));
            while let Some(timer) = next {
                match until(&timer, started) {
                    Some(due) => timers.put_back(timer, due),
                    None => match inner.end(&mut batch, &timer).await {
                        Ok(()) => ended.push(timer),
                        Err(error) => {
                            tracing::error!(key = timer.key, %error, "what is over could not be looked at");
                            timers.put_back(timer, clock.now() + PAUSE);
                        }
                    },
                }
                let is_full = batch.mutations.len() >= AT_A_TIME * 2;
                next = if is_full { None } else { timers.next(&clock).now_or_never().flatten() };
            }
            if let Err(error) = inner.store.submit(batch).durable().await {
                tracing::error!(%error, "what is over could not be removed");
                ended.into_iter().for_each(|timer| timers.put_back(timer, clock.now() + PAUSE));
            }
        }
    });
    Ok(())
}

/// How much longer the memory of a call that may be made again is kept, if it was over before the service started: the
/// time without a service does not count, nobody could make the call meanwhile.
fn until(timer: &Timer, started: Timestamp) -> Option<Timestamp> {
    let is_call = timer.key.starts_with("repetition/") && timer.key.contains("!call!");
    (is_call && timer.due < started).then(|| started + DEDUPLICATION_TIME)
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
