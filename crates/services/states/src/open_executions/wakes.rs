//! Waking open executions, and what becomes of a step once it is kept, or is not.

use asl::TaskId;

use super::slots::Place;
use super::{Batch, Called, Commit, Error, Notice, OpenExecutions, Report, executions_of_machine};

impl OpenExecutions {
    /// Wakes an execution and returns once that is submitted. A wake for what is not open changes nothing.
    pub(crate) async fn wake(&self, arn: &str, report: Report) -> Commit {
        let Report { wake, mut always, if_open } = report;
        let (slot, mut place) = match self.find(arn).await {
            Ok(Some(found)) => found,
            Ok(None) => return self.submit(arn, always),
            Err(error) => return Commit { ticket: Err(error), ..Commit::nothing(arn.to_owned()) },
        };
        let Some(open) = place.open_mut() else { return self.submit(arn, always) };
        if open.is_for_open_task(&wake) {
            always.preconditions.extend(if_open.preconditions);
            always.mutations.extend(if_open.mutations);
        }
        let advanced = self.advance(open, arn, wake, always);
        let step = open.step;
        if !advanced.is_open {
            *place = Place::Empty;
            self.slots.remove(arn, &slot);
        }
        Commit::of(advanced, arn.to_owned(), slot, step)
    }

    /// Submits what concerns no open execution.
    fn submit(&self, arn: &str, batch: Batch) -> Commit {
        let ticket = (!batch.is_empty()).then(|| self.store.submit(batch));
        Commit { ticket: Ok(ticket), ..Commit::nothing(arn.to_owned()) }
    }

    /// Waits until a wake is durable. Where it could not be kept, the execution is read anew from the store.
    pub(crate) async fn settle(&self, commit: Commit) -> Result<(), Error> {
        let Commit { ticket, arn, step, kept, ended } = commit;
        let Some(ticket) = ticket? else { return Ok(()) };
        match ticket.durable().await {
            Ok(_) => {
                if let Some((map_run, ended)) = ended {
                    self.map_runs.tell(&map_run, Notice::Ended(ended));
                }
                if let Some(kept) = kept {
                    self.slots.kept(kept);
                }
                Ok(())
            }
            Err(error) => {
                tracing::error!(execution = arn, %error, "a step could not be kept");
                self.undo(&arn, step).await;
                Err(error.into())
            }
        }
    }

    /// Forgets what the step `step` made of an execution: whoever is next at it has what the store has. One that has ended
    /// with that step has not.
    async fn undo(&self, arn: &str, step: u64) {
        let Ok((_, mut place)) = self.hold(arn).await else { return };
        // Another step that could not be kept may have had it read since.
        if place.open().is_none_or(|open| open.read_before < step) {
            *place = Place::Dormant;
        }
    }

    /// Wakes an execution and waits until that is durable. Where somebody else has written, it is tried once more on
    /// what they left.
    pub(crate) async fn wake_durably(&self, arn: &str, report: Report) -> Result<(), Error> {
        let _pass = self.gate.pass(executions_of_machine(arn)).await;
        let commit = self.wake(arn, report.clone()).await;
        match self.settle(commit).await {
            Err(Error::Store(store::Error::Conflict { .. })) => {
                let commit = self.wake(arn, report).await;
                self.settle(commit).await
            }
            settled => settled,
        }
    }

    /// Marks the task's service as called, and says with what it is to be; `None` where that is not needed any more.
    pub(crate) async fn call(&self, arn: &str, task: TaskId) -> Result<Option<Called>, Error> {
        let Some((_, mut place)) = self.find(arn).await? else { return Ok(None) };
        let Some(open) = place.open_mut() else { return Ok(None) };
        let Some(found) = open.find(task).filter(|task| task.submitted.is_none()) else { return Ok(None) };
        let called = Called::new(open.execution.spec(), found);
        open.called.insert(task);
        Ok(Some(called))
    }

    /// What is known of an open task.
    pub(crate) async fn task(&self, arn: &str, task: TaskId) -> Result<Option<Called>, Error> {
        let Some((_, place)) = self.find(arn).await? else { return Ok(None) };
        let open = place.open();
        Ok(open.and_then(|open| Some(Called::new(open.execution.spec(), open.find(task)?))))
    }
}
