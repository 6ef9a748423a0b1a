//! What programs before the index have left: a timer for each thing that was over.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, VirtualClock};
use futures_util::FutureExt as _;
use serde::Deserialize;
use store::{Batch, Collection, Store};
use types::Timestamp;

use super::Retained;
use crate::Error;
use crate::execution::ExecutionRecord;
use crate::limits::{FORGOTTEN_AT_A_TIME, HISTORY_RETENTION, LONGEST_RUN};
use crate::map_runs::MapRunRecord;
use crate::tables;

/// A timer's payload. Those for the children of Map Runs are still set, and not read here.
#[derive(Deserialize)]
enum Forget {
    Execution(String),
    MapRun(String),
    Continuation(String),
    Revision(String),
}

/// Moves such timers into the index. To be called before their queue has another consumer.
///
/// # Errors
/// [`Error::Store`].
pub(crate) async fn migrate(store: &Arc<dyn Store>) -> Result<(), Error> {
    let end_of_time = Clock::Virtual(VirtualClock::new(Timestamp::MAX));
    let mut queue = store.timers(tables::RETENTION).await?;
    let (mut batch, mut moved) = (Batch::new(), 0_usize);
    while let Some(Some(timer)) = queue.next(&end_of_time).now_or_never() {
        let Ok(forget) = serde_json::from_slice::<Forget>(&timer.payload) else { continue };
        index(store, &mut batch, forget, timer.due).await?;
        batch.clear_timer(tables::RETENTION, timer.key);
        moved += 1;
        if moved % FORGOTTEN_AT_A_TIME == 0 {
            store.submit(std::mem::take(&mut batch)).durable().await?;
        }
    }
    store.submit(batch).durable().await?;
    Ok(())
}

/// Adds to `batch` the row of a thing, under the time of its end.
async fn index(
    store: &Arc<dyn Store>,
    batch: &mut Batch,
    forget: Forget,
    due: Timestamp,
) -> Result<(), Error> {
    let before = |period: Duration| due - period;
    match forget {
        Forget::Execution(arn) => {
            let end = end_of_execution(store, &arn).await?;
            Retained::Execution.keep(batch, &arn, end.unwrap_or(before(HISTORY_RETENTION)));
        }
        Forget::Continuation(arn) => {
            let end = end_of_execution(store, &arn).await?;
            Retained::Continuation.keep(batch, &arn, end.unwrap_or(due));
        }
        Forget::MapRun(arn) => {
            let records: Collection<MapRunRecord> = Collection::new(Arc::clone(store), tables::MAP_RUNS);
            let end = records.get(&arn).await?.and_then(|record| record.value.stop_date);
            Retained::MapRun.keep(batch, &arn, end.unwrap_or(before(HISTORY_RETENTION)));
        }
        Forget::Revision(key) => {
            Retained::Revision.keep(batch, &key, before(LONGEST_RUN + HISTORY_RETENTION));
        }
    }
    Ok(())
}

async fn end_of_execution(store: &Arc<dyn Store>, arn: &str) -> Result<Option<Timestamp>, Error> {
    let records: Collection<ExecutionRecord> = Collection::new(Arc::clone(store), tables::EXECUTIONS);
    Ok(records.get(arn).await?.and_then(|record| record.value.stop_date))
}
