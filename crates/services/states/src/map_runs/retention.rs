//! How long Map Runs and their children are kept after their ends.

use asl::MachineKind;
use store::Batch;
use types::Timestamp;

use super::record::{MapRunRecord, MapRunStatus};
use crate::retention::Retained;
use crate::tables;

/// Adds to `batch` that a Map Run that is being closed is kept from now on for its time.
///
/// Nobody asks about express children, and those of a Map Run that has succeeded are not redriven: they go at once.
pub(super) fn keep(batch: &mut Batch, arn: &str, kind: MachineKind, status: MapRunStatus, now: Timestamp) {
    Retained::MapRun.keep(batch, arn, now);
    if (kind, status) == (MachineKind::Express, MapRunStatus::Succeeded) {
        batch.set_timer(tables::RETENTION, tables::children_of(arn), now, Vec::new());
    }
}

/// Adds to `batch` that a Map Run that has ended as `record` says, and goes on, is not forgotten.
pub(super) fn keep_on(batch: &mut Batch, arn: &str, record: &MapRunRecord) {
    if let Some(end) = record.stop_date {
        Retained::MapRun.release(batch, arn, end);
    }
}
