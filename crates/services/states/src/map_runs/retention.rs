//! How long Map Runs and their children are kept after their ends.

use std::sync::Arc;

use asl::MachineKind;
use store::{Batch, Collection, Range, Store};
use types::Timestamp;

use super::record::{ChildRecord, MapRunRecord, MapRunStatus};
use crate::Error;
use crate::execution::ExecutionRecord;
use crate::limits::{HISTORY_RETENTION, ROWS_AT_A_TIME};
use crate::plan::{Forget, json};
use crate::tables;

/// Adds to `batch` when a Map Run that is being closed is forgotten.
///
/// Nobody asks about express children, and those of a Map Run that has succeeded are not redriven: they go at once.
pub(super) fn keep(batch: &mut Batch, arn: &str, kind: MachineKind, status: MapRunStatus, now: Timestamp) {
    let forget = Forget::MapRun(arn.to_owned());
    batch.set_timer(tables::RETENTION, arn, now + HISTORY_RETENTION, json(&forget));
    if (kind, status) == (MachineKind::Express, MapRunStatus::Succeeded) {
        let forget = Forget::Children(arn.to_owned());
        batch.set_timer(tables::RETENTION, children_key(arn), now, json(&forget));
    }
}

/// Adds to `batch` that a Map Run that goes on is not forgotten.
pub(super) fn keep_on(batch: &mut Batch, arn: &str) {
    batch.clear_timer(tables::RETENTION, arn);
}

fn children_key(arn: &str) -> String {
    format!("{arn}#children")
}

/// Forgets the children of a Map Run, and where `is_whole` the Map Run too. `done` is written with the last of it.
pub(crate) async fn forget(
    store: &Arc<dyn Store>,
    arn: &str,
    is_whole: bool,
    mut done: Batch,
) -> Result<(), Error> {
    let prefix = tables::map_run_children(arn);
    let children: Collection<ChildRecord> = Collection::new(Arc::clone(store), tables::MAP_RUN_CHILDREN);
    loop {
        let range = Range { limit: ROWS_AT_A_TIME, ..Range::prefix(&prefix) };
        let rows = children.list(range).await?;
        if rows.is_empty() {
            break;
        }
        let mut batch = Batch::new();
        for row in rows {
            forget_child(store, &mut batch, &row.value.execution).await?;
            children.delete(&mut batch, &row.key);
        }
        store.submit(batch).durable().await?;
    }
    if is_whole {
        forget_run(store, &mut done, arn).await?;
    }
    store.submit(done).durable().await?;
    Ok(())
}

async fn forget_child(store: &Arc<dyn Store>, batch: &mut Batch, execution: &str) -> Result<(), Error> {
    let records: Collection<ExecutionRecord> = Collection::new(Arc::clone(store), tables::EXECUTIONS);
    let Some(record) = records.get(execution).await? else { return Ok(()) };
    record.value.forget(batch, execution);
    Ok(())
}

async fn forget_run(store: &Arc<dyn Store>, batch: &mut Batch, arn: &str) -> Result<(), Error> {
    let records: Collection<MapRunRecord> = Collection::new(Arc::clone(store), tables::MAP_RUNS);
    if let Some(record) = records.get(arn).await? {
        let listed = tables::by_execution(&record.value.execution, record.value.start_date, arn);
        batch.delete(tables::MAP_RUNS_BY_EXECUTION, listed);
    }
    batch.delete(tables::MAP_RUNS, arn).delete(tables::MAP_RUN_SPECS, arn);
    Ok(())
}
