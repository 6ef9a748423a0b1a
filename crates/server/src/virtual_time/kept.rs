//! The virtual time of a data directory, kept in its store: it never goes back.

use anyhow::bail;
use clock::Clock;
use serde::{Deserialize, Serialize};
use store::{Batch, Store};
use types::Timestamp;

const TABLE: &str = "clock/virtual";
const KEY: &str = "now";

/// What is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    now: Timestamp,
}

/// Adds to a batch: the clock shows `now` from here on.
pub fn keep(batch: &mut Batch, now: Timestamp) {
    // A number under a text key: it cannot fail to be written.
    batch.put(TABLE, KEY, serde_json::to_vec(&Kept { now }).unwrap_or_default());
}

async fn kept(store: &dyn Store) -> anyhow::Result<Option<Timestamp>> {
    let Some(record) = store.get(TABLE, KEY).await? else { return Ok(None) };
    Ok(Some(serde_json::from_slice::<Kept>(&record.value)?.now))
}

/// The time at which a virtual clock of the store begins: where it stood, else `start`, else the machine's time. It is
/// kept from then on.
///
/// # Errors
/// Where `start` lies before what the machine's clock has shown on this store, and where the store cannot be used.
pub async fn take_up(store: &dyn Store, start: Option<Timestamp>, is_new: bool) -> anyhow::Result<Timestamp> {
    let machine = Clock::Wall.now();
    let now = match (kept(store).await?, start) {
        (Some(kept), _) => kept,
        (None, Some(start)) if start < machine && !is_new => bail!(
            "the machine's clock has been used with this data directory, and time does not go back: begin with \
             --clock virtual, which is the machine's time, with a later one, or with a new directory"
        ),
        (None, start) => start.unwrap_or(machine),
    };
    let mut batch = Batch::new();
    keep(&mut batch, now);
    store.submit(batch).durable().await?;
    Ok(now)
}

/// Ends the virtual time of a store that is to go by the machine's clock.
///
/// # Errors
/// Where the virtual clock is ahead of the machine's, and where the store cannot be used.
pub async fn forget(store: &dyn Store) -> anyhow::Result<()> {
    let Some(kept) = kept(store).await? else { return Ok(()) };
    if kept > Clock::Wall.now() {
        bail!(
            "the clock of this data directory is virtual and stands at {kept}, later than the machine's, and time does \
             not go back: start with --clock virtual"
        );
    }
    let mut batch = Batch::new();
    batch.delete(TABLE, KEY);
    store.submit(batch).durable().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use store::LocalStore;

    use super::*;

    #[tokio::test]
    async fn time_never_goes_back() {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(LocalStore::open(dir.path()).unwrap());
        let (early, later) = (Timestamp::from_seconds(1_000), Timestamp::from_seconds(2_000));
        assert!(take_up(&*store, Some(early), false).await.is_err());
        assert_eq!(take_up(&*store, Some(early), true).await.unwrap(), early);
        // The time at which it began is of no account later.
        assert_eq!(take_up(&*store, Some(later), false).await.unwrap(), early);
        assert_eq!(take_up(&*store, None, false).await.unwrap(), early);
        forget(&*store).await.unwrap();
        assert!(take_up(&*store, Some(early), false).await.is_err());

        let mut batch = Batch::new();
        keep(&mut batch, Clock::Wall.now() + Duration::from_secs(3600));
        store.submit(batch).durable().await.unwrap();
        assert!(forget(&*store).await.unwrap_err().to_string().contains("--clock virtual"));
    }
}
