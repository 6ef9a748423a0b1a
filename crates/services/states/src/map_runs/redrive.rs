//! Redriving a Map Run: its children that have not succeeded are started again, those that have keep their results.

use asl::TaskId;
use store::Batch;
use types::Timestamp;

use super::record::{MapRunRecord, MapRunStatus, Order};
use super::{MapRuns, retention};
use crate::Error;
use crate::limits::MAP_RUN_REDRIVES;
use crate::plan::json;
use crate::tables;

#[expect(dead_code, reason = "what redrives the execution calls it")]
impl MapRuns {
    /// Adds to `batch` that a Map Run goes on, for the state's attempt `task`; the number of the redrive.
    ///
    /// `batch` is that of the step by which the execution waits for it again: it fails with a conflict where the Map Run
    /// has changed meanwhile. Children that failed, timed out or were aborted are started again, then those that never
    /// were. A Map Run that runs, or has succeeded, is not redriven.
    ///
    /// # Errors
    /// [`Error::MapRunNotRedrivable`]; [`Error::Store`].
    pub(crate) async fn redrive(
        &self,
        batch: &mut Batch,
        arn: &str,
        task: TaskId,
        now: Timestamp,
    ) -> Result<u64, Error> {
        let not_redrivable = || Error::MapRunNotRedrivable(arn.to_owned());
        let seen = self.records.get(arn).await?.ok_or_else(not_redrivable)?;
        let record = &seen.value;
        match record.status {
            MapRunStatus::Failed | MapRunStatus::Aborted if record.redrive_count < MAP_RUN_REDRIVES => {}
            MapRunStatus::Failed
            | MapRunStatus::Aborted
            | MapRunStatus::Running
            | MapRunStatus::Succeeded => {
                return Err(not_redrivable());
            }
        }
        let redriven = MapRunRecord {
            task,
            status: MapRunStatus::Running,
            stop_date: None,
            redrive_count: record.redrive_count + 1,
            redrive_date: Some(now),
            ..record.clone()
        };
        self.records.replace(batch, &seen, &redriven);
        batch.set_timer(tables::MAP_RUN, arn, now, json(&Order::Run));
        retention::keep_on(batch, arn);
        Ok(redriven.redrive_count)
    }
}
