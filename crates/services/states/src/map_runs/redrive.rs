//! Redriving a Map Run: its children that have not succeeded go on or start again, those that have keep their results.
//!
//! A standard child goes on from where it failed, an express one is started again; then come those that never were.
//!
//! Source: Step Functions Developer Guide, "Redriving Map Runs in Step Functions executions".

use asl::{ErrorName, Failure, FailurePhase, TaskFailure, TaskId, Wake};
use store::{Batch, Versioned};

use super::record::{MapRunRecord, MapRunStatus, Order};
use super::{MapRuns, retention};
use crate::Error;
use crate::limits::MAP_RUN_REDRIVES;
use crate::open_executions::Report;
use crate::plan::json;
use crate::tables;

impl MapRuns {
    /// Opens a Map Run that is over anew, for the state's attempt `task`; fails the attempt where that cannot be. Durable
    /// when this returns. Whoever calls this drives the Map Run.
    pub(super) async fn reopen(&self, arn: &str, task: TaskId) -> Result<(), Error> {
        let seen = self.records.get(arn).await?;
        let seen = seen.ok_or_else(|| Error::Inconsistent(format!("there is no Map Run {arn}")))?;
        let record = &seen.value;
        match record.status {
            MapRunStatus::Failed | MapRunStatus::Aborted if record.redrive_count < MAP_RUN_REDRIVES => {
                self.redriven(arn, task, &seen).await
            }
            MapRunStatus::Failed
            | MapRunStatus::Aborted
            | MapRunStatus::Running
            | MapRunStatus::Succeeded => self.refuse(arn, task, record).await,
        }
    }

    async fn redriven(&self, arn: &str, task: TaskId, seen: &Versioned<MapRunRecord>) -> Result<(), Error> {
        let now = self.dispatcher.clock().now();
        let record = &seen.value;
        let redriven = MapRunRecord {
            task,
            status: MapRunStatus::Running,
            stop_date: None,
            redrive_count: record.redrive_count + 1,
            redrive_date: Some(now),
            ..record.clone()
        };
        let mut batch = Batch::new();
        self.records.replace(&mut batch, seen, &redriven);
        batch.set_timer(tables::MAP_RUN, arn, now, json(&Order::Run));
        batch.clear_timer(tables::MAP_RUN, tables::map_run_redrive(arn));
        retention::keep_on(&mut batch, arn, record);
        self.store.submit(batch).durable().await?;
        Ok(())
    }

    async fn refuse(&self, arn: &str, task: TaskId, record: &MapRunRecord) -> Result<(), Error> {
        let cause = format!("The Map Run {arn} cannot be redriven.");
        let failure =
            TaskFailure { failure: Failure::new(ErrorName::Runtime, cause), phase: FailurePhase::Run };
        let mut always = Batch::new();
        always.clear_timer(tables::MAP_RUN, tables::map_run_redrive(arn));
        self.records.put(&mut always, arn, &MapRunRecord { task, ..record.clone() });
        let report = Report { wake: Wake::TaskFailed { task, failure }, always, if_open: Batch::new() };
        self.open.wake_durably(&record.execution, report).await
    }
}
