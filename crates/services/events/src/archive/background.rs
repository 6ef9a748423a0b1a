//! Removes what archives have kept for long enough, and all that deleted archives held.

use std::sync::Arc;
use std::time::Duration;

use store::{Batch, Timer};
use types::Timestamp;

use super::Archive;
use crate::limits::STORE_PAUSE;
use crate::{Error, Inner};

/// One timer for each archive, under its id; what it says is the archive's key.
const QUEUE: &str = "events/archive-upkeep";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Lets somebody look at an archive, which has been changed or deleted.
pub fn look(batch: &mut Batch, key: &str, archive: &Archive, now: Timestamp) {
    batch.set_timer(QUEUE, archive.id.as_str(), now, key.as_bytes().to_vec());
}

/// Looks after archives from now on.
pub(crate) async fn start(inner: &Arc<Inner>) -> Result<(), Error> {
    let mut timers = inner.store.timers(QUEUE).await?;
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        let clock = inner.dispatcher.clock().clone();
        while let Some(timer) = timers.next(&clock).await {
            while let Err(error) = inner.look_after(&timer).await {
                // It was changed or deleted meanwhile: it is looked at again.
                if matches!(error, Error::Concurrent(_)) {
                    continue;
                }
                tracing::error!(archive = timer.key, %error, "an archive's old events could not be removed");
                if !error.may_pass() {
                    break;
                }
                clock.sleep_until(clock.now() + STORE_PAUSE).await;
            }
        }
    });
    Ok(())
}

impl Inner {
    async fn look_after(&self, timer: &Timer) -> Result<(), Error> {
        let (id, now) = (timer.key.as_str(), self.dispatcher.clock().now());
        let seen = self.archives.get(&String::from_utf8_lossy(&timer.payload)).await?;
        let seen = seen.filter(|seen| seen.value.id == id);
        self.drop_archived(id, seen.as_ref().map_or(u64::MAX, |seen| seen.value.oldest(now))).await?;
        let mut batch = Batch::new();
        if let Some(seen) = &seen {
            // Whoever changes or deletes it sets the timer, which must not be set back here.
            batch.require_version("events/archive", seen.key.as_str(), seen.version);
        }
        match seen.filter(|seen| seen.value.retention_days > 0) {
            Some(_) => batch.set_timer(QUEUE, id, next_day(now), timer.payload.clone()),
            None => batch.clear_timer(QUEUE, id),
        };
        self.store.submit(batch).durable().await?;
        Ok(())
    }
}

/// When the next day begins: only whole days are removed.
fn next_day(now: Timestamp) -> Timestamp {
    let day = i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis((now.as_millis().div_euclid(day) + 1) * day)
}
