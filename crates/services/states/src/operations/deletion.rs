//! What is done after a state machine's deletion was accepted, and after records have outlived their time.

use std::sync::Arc;

use asl::Wake;
use store::{Batch, Collection, Store};
use types::Timestamp;

use crate::Error;
use crate::execution::ExecutionRecord;
use crate::limits::HISTORY_RETENTION;
use crate::map_runs;
use crate::open_executions::{OpenExecutions, Report};
use crate::plan::{self, Forget};
use crate::state_machine::{Edit, StateMachineStatus, StateMachines};
use crate::tables;

/// Deletes.
pub(crate) struct Deletion {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) machines: Arc<StateMachines>,
    pub(crate) open: Arc<OpenExecutions>,
    pub(crate) records: Collection<ExecutionRecord>,
}

impl Deletion {
    /// Aborts what runs of a machine that is being deleted, then deletes the machine.
    ///
    /// Nobody changes machines meanwhile: another one of the same name may only come after.
    pub(crate) async fn delete(&self, machine: &str) -> Result<(), Error> {
        let change = self.machines.change().await;
        let mut batch = Batch::new();
        batch.clear_timer(tables::DELETION, machine);
        let record = self.machines.get(machine);
        if record.is_none_or(|record| record.status != StateMachineStatus::Deleting) {
            self.store.submit(batch).durable().await?;
            return Ok(());
        }
        for execution in self.open.of_machine(machine) {
            let stop = Wake::Stop { error: None, cause: None };
            self.open.wake_durably(&execution, Report::new(stop)).await?;
        }
        self.machines.apply(&change, vec![Edit::DeleteMachine(machine.to_owned())], batch).await
    }

    /// Forgets an entry of the queue `tables::RETENTION`.
    pub(crate) async fn forget(&self, key: &str, forget: Forget) -> Result<(), Error> {
        let mut batch = Batch::new();
        batch.clear_timer(tables::RETENTION, key);
        match forget {
            Forget::Execution(arn) => match self.records.get(&arn).await? {
                Some(record) => record.value.forget(&mut batch, &arn),
                None => {
                    batch.trim(tables::history(&arn), Timestamp::MAX);
                }
            },
            Forget::MapRun(arn) => return map_runs::forget(&self.store, &arn, true, batch).await,
            Forget::Children(arn) => return map_runs::forget(&self.store, &arn, false, batch).await,
            Forget::Continuation(arn) => {
                let Some(head) = self.store.get(tables::REDRIVABLE, &arn).await? else {
                    self.store.submit(batch).durable().await?;
                    return Ok(());
                };
                // It may be redriven just now: then its rows are those of an open execution.
                batch.require_version(tables::REDRIVABLE, arn.as_str(), head.version);
                batch.delete(tables::REDRIVABLE, arn.as_str());
                batch.delete_prefix(tables::FRAMES, tables::frames(&arn));
                let stopped = self.records.get(&arn).await?.and_then(|record| record.value.stop_date);
                let due = stopped.unwrap_or(Timestamp::MIN) + HISTORY_RETENTION;
                batch.set_timer(tables::RETENTION, key, due, plan::json(&Forget::Execution(arn)));
            }
            Forget::Revision(revision) => {
                batch.delete(tables::REVISIONS, revision);
            }
        }
        match self.store.submit(batch).durable().await {
            Ok(_) | Err(store::Error::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
