//! Reading open executions back from the store.
//!
//! At the start there is only a look at which there are: what is open of an execution is read when it is woken first.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use asl::Execution;
use store::{Collection, Range};

use super::slots::Place;
use super::{Error, Open, OpenExecutions, Waiting, tables};
use crate::limits::ROWS_AT_A_TIME;

/// Heads that are read together at the start.
const HEADS_AT_A_TIME: usize = 4096;

impl OpenExecutions {
    /// Finds all open executions in the store. Returns the tasks whose jobs were submitted.
    pub(crate) async fn load(&self) -> Result<Vec<Waiting>, Error> {
        self.awaited.load().await?;
        let mut last: Option<String> = None;
        loop {
            let range = Range { after: last.as_deref(), limit: HEADS_AT_A_TIME, ..Range::prefix("") };
            let heads = self.store.list(tables::HEADS, range).await?;
            for head in &heads {
                self.slots.get_or_insert(&head.key, Place::Dormant)?;
            }
            match heads.into_iter().next_back() {
                Some(head) => last = Some(head.key),
                None => break,
            }
        }
        self.submitted().await
    }

    /// The tasks that wait for containers to stop, or for other executions to end.
    async fn submitted(&self) -> Result<Vec<Waiting>, Error> {
        let ecs_tasks: Collection<Waiting> = Collection::new(Arc::clone(&self.store), tables::ECS_TASKS);
        let rows = ecs_tasks.list(Range::prefix("")).await?;
        let mut submitted: Vec<Waiting> = rows.into_iter().map(|row| row.value).collect();
        submitted.extend(self.awaited.all());
        Ok(submitted)
    }

    /// Reads an execution; `None` where it is not open.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Inconsistent`] and others where the store holds what this program did not write.
    pub(super) async fn restore(&self, arn: &str) -> Result<Option<Open>, Error> {
        let Some(head) = self.store.get(tables::HEADS, arn).await? else { return Ok(None) };
        let record = self.records.get(arn).await?;
        let record =
            record.ok_or_else(|| Error::Inconsistent(format!("{arn} has a head but no record")))?.value;
        let compiled = self.machines.compiled(&record.revision).await?;
        let frames = self.frames(arn).await?;
        self.last_order.fetch_max(record.order, Ordering::Relaxed);
        let execution = Execution::restore(Arc::clone(&compiled.machine), &head.value, frames)?;
        let mut open = Open::new(execution, record, compiled, head.version);
        open.read_before = self.next_step();
        // It is not known which services were called before: all may have been.
        open.called = open.execution.open_tasks().map(|task| task.task).collect();
        open.credentials = open
            .execution
            .open_tasks()
            .filter_map(|task| Some((task.task, task.credentials.clone()?)))
            .collect();
        Ok(Some(open))
    }

    /// The rows of an execution, by number.
    pub(super) async fn frames(&self, arn: &str) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let prefix = tables::frames(arn);
        let mut frames: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut last: Option<String> = None;
        loop {
            let range = Range { after: last.as_deref(), limit: ROWS_AT_A_TIME, ..Range::prefix(&prefix) };
            let rows = self.store.list(tables::FRAMES, range).await?;
            let is_last = rows.len() < ROWS_AT_A_TIME;
            last = rows.last().map(|row| row.key.clone());
            frames.extend(rows.into_iter().filter_map(|row| {
                let number = row.key.strip_prefix(&prefix)?.parse().ok()?;
                Some((number, row.value))
            }));
            if is_last {
                return Ok(frames);
            }
        }
    }
}
