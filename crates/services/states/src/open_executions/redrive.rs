//! Opening an execution anew that has ended without success.

use asl::Execution;
use futures_util::lock::OwnedMutexGuard;

use super::{Arc, Batch, Error, ExecutionRecord, Open, OpenExecutions, Slot, Timestamp, plan, tables};
use crate::redrive::{Reason, RedriveStatus};
use crate::state_machine::StateMachineStatus;

impl OpenExecutions {
    /// Redrives an execution that has ended, and runs it to where it waits first; all that is durable when this returns.
    ///
    /// Returns the date of the redrive: an earlier one, where the client's token has redriven the execution already.
    ///
    /// # Errors
    /// [`Error::ExecutionDoesNotExist`], [`Error::ExecutionNotRedrivable`], [`Error::ExecutionLimitExceeded`],
    /// [`Error::Store`].
    pub(crate) async fn redrive(&self, arn: &str, client_token: Option<&str>) -> Result<Timestamp, Error> {
        let (slot, mut place) = self.enter(arn).await?;
        let answer = self.redriven(arn, place.as_ref(), client_token).await;
        let answer = answer.map(|(date, opened)| {
            if opened.is_some() {
                *place = opened;
            }
            date
        });
        if place.is_none() {
            self.remove(arn, &slot);
        }
        answer
    }

    /// Whether the execution can be redriven now.
    pub(crate) fn redrive_status(&self, record: &ExecutionRecord) -> RedriveStatus {
        let status = RedriveStatus::of(record, self.now());
        let machine = self.machines.get(&record.state_machine_arn);
        match machine.map(|machine| machine.status) {
            Some(StateMachineStatus::Active) => status,
            Some(StateMachineStatus::Deleting) | None => status.without_machine(),
        }
    }

    /// The place of an execution, locked: nobody else opens it meanwhile.
    pub(super) async fn enter(&self, arn: &str) -> Result<(Arc<Slot>, OwnedMutexGuard<Option<Open>>), Error> {
        loop {
            let slot = self.slot_or_new(arn)?;
            let place = Arc::clone(&slot).lock_owned().await;
            // Whoever had it before may have removed it: it is no place any more.
            if self.slot(arn).is_some_and(|present| Arc::ptr_eq(&present, &slot)) {
                return Ok((slot, place));
            }
        }
    }

    async fn redriven(
        &self,
        arn: &str,
        open: Option<&Open>,
        client_token: Option<&str>,
    ) -> Result<(Timestamp, Option<Open>), Error> {
        let record = match open {
            Some(open) => open.record.clone(),
            None => {
                let record = self.records.get(arn).await?;
                record.ok_or_else(|| Error::ExecutionDoesNotExist(arn.to_owned()))?.value
            }
        };
        // The same request again is answered as before, whatever has become of the execution.
        if let Some(date) = record.redrives.answered(client_token, self.now()) {
            return Ok((date, None));
        }
        self.redrive_status(&record).check(arn)?;
        self.reopen(arn, &record, client_token).await
    }

    async fn reopen(
        &self,
        arn: &str,
        record: &ExecutionRecord,
        client_token: Option<&str>,
    ) -> Result<(Timestamp, Option<Open>), Error> {
        let now = self.now();
        let compiled = self.machines.compiled(&record.revision).await?;
        let head = self.store.get(tables::REDRIVABLE, arn).await?;
        let head = head.ok_or_else(|| Reason::BeforeLaunch.refuses(arn))?;
        let (machine, frames) = (Arc::clone(&compiled.machine), self.frames(arn).await?);
        let mut effects = Vec::new();
        let execution = Execution::redrive(machine, &head.value, frames, now, &mut effects)?;
        let mut open = Open::new(execution, record.redriven(client_token, now), compiled, 0);
        open.learn(&effects);
        let mut batch = Batch::new();
        batch.require_version(tables::REDRIVABLE, arn, head.version);
        plan::reopen(&mut batch, &open.facts(now), record, &open.record);
        let (ticket, is_open) = self.keep(&mut open, arn, effects, batch, now);
        ticket.durable().await?;
        Ok((now, is_open.then_some(open)))
    }
}
