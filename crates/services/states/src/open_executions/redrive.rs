//! Opening an execution anew that has ended without success.

use asl::Execution;

use super::{
    Advanced, Arc, Batch, Commit, Error, ExecutionRecord, Open, OpenExecutions, Place, Timestamp, plan,
    tables,
};
use crate::execution::Child;
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
        let answer = self.redriven(arn, place.open(), client_token).await;
        let answer = answer.map(|(date, opened)| {
            if opened.is_some() {
                *place = opened.into();
            }
            date
        });
        if matches!(*place, Place::Empty) {
            self.slots.remove(arn, &slot);
        }
        answer
    }

    /// Whether the execution can be redriven now.
    pub(crate) fn redrive_status(&self, record: &ExecutionRecord) -> RedriveStatus {
        let status = RedriveStatus::of(record, self.now());
        // A child's machine is a state of the machine that there is.
        let machine = record.state_machine_arn.split('/').next().unwrap_or_default();
        let machine = self.machines.get(machine);
        match machine.map(|machine| machine.status) {
            Some(StateMachineStatus::Active) => status,
            Some(StateMachineStatus::Deleting) | None => status.without_machine(),
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
        let now = self.now();
        let redriven = record.redriven(client_token, now);
        let (open, Advanced { ticket, is_open, .. }) = self.reopen(arn, &record, redriven, now).await?;
        ticket.durable().await?;
        Ok((now, is_open.then_some(open)))
    }

    /// Redrives a child of a Map Run to where it waits first; returns once that is submitted. `None` where it has not
    /// ended, or cannot be redriven.
    ///
    /// # Errors
    /// [`Error::ExecutionLimitExceeded`], [`Error::Store`].
    pub(crate) async fn redrive_child(&self, arn: &str, place: Child) -> Result<Option<Commit>, Error> {
        let (slot, mut held) = self.enter(arn).await?;
        if !matches!(*held, Place::Empty) {
            return Ok(None);
        }
        let redriven = self.redriven_child(arn, place).await;
        let redriven = redriven.map(|redriven| {
            redriven.map(|(open, advanced)| {
                let step = open.step;
                *held = advanced.is_open.then_some(open).into();
                Commit::of(advanced, arn.to_owned(), Arc::clone(&slot), step)
            })
        });
        if matches!(*held, Place::Empty) {
            self.slots.remove(arn, &slot);
        }
        redriven
    }

    async fn redriven_child(&self, arn: &str, place: Child) -> Result<Option<(Open, Advanced)>, Error> {
        let Some(record) = self.records.get(arn).await?.map(|record| record.value) else { return Ok(None) };
        let now = self.now();
        match RedriveStatus::of(&record, now) {
            RedriveStatus::Redrivable | RedriveStatus::ByMapRun => {}
            RedriveStatus::NotRedrivable(_) => return Ok(None),
        }
        let redriven = ExecutionRecord { child: Some(place), ..record.redriven(None, now) };
        self.reopen(arn, &record, redriven, now).await.map(Some)
    }

    /// Goes on with an execution that has ended as `record` says.
    async fn reopen(
        &self,
        arn: &str,
        record: &ExecutionRecord,
        redriven: ExecutionRecord,
        now: Timestamp,
    ) -> Result<(Open, Advanced), Error> {
        let compiled = self.machines.compiled(&record.revision).await?;
        let head = self.store.get(tables::REDRIVABLE, arn).await?;
        let head = head.ok_or_else(|| Reason::BeforeLaunch.refuses(arn))?;
        let (machine, frames) = (Arc::clone(&compiled.machine), self.frames(arn).await?);
        let mut effects = Vec::new();
        let execution = Execution::redrive(machine, &head.value, frames, now, &mut effects)?;
        let mut open = Open::new(execution, redriven, compiled, 0);
        open.learn(&effects);
        let mut batch = Batch::new();
        batch.require_version(tables::REDRIVABLE, arn, head.version);
        plan::reopen(&mut batch, &self.facts(&open, now), record, &open.record);
        let advanced = self.keep(&mut open, arn, effects, batch, now);
        Ok((open, advanced))
    }
}
