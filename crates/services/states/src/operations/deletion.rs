//! What is done after a state machine's deletion was accepted.

use std::sync::Arc;

use asl::Wake;
use store::{Batch, Store};

use crate::Error;
use crate::open_executions::{OpenExecutions, Report};
use crate::state_machine::{Edit, StateMachineStatus, StateMachines};
use crate::tables;

/// Deletes.
pub(crate) struct Deletion {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) machines: Arc<StateMachines>,
    pub(crate) open: Arc<OpenExecutions>,
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
}
