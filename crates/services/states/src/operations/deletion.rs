//! What is done after a state machine's deletion was accepted, and after records have outlived their time.

use std::sync::Arc;

use asl::Wake;
use store::{Batch, Collection, Store};
use types::Timestamp;

use crate::Error;
use crate::execution::ExecutionRecord;
use crate::open_executions::{OpenExecutions, Report};
use crate::plan::Forget;
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
            Forget::Execution(arn) => {
                if let Some(record) = self.records.get(&arn).await? {
                    for entry in record.value.index_keys(record.value.status) {
                        batch.delete(tables::EXECUTIONS_BY_MACHINE, entry);
                    }
                    batch.delete(tables::EXECUTIONS, arn.as_str());
                }
                batch.trim(tables::history(&arn), Timestamp::MAX);
            }
            Forget::Revision(revision) => {
                batch.delete(tables::REVISIONS, revision);
            }
        }
        self.store.submit(batch).durable().await?;
        Ok(())
    }
}
