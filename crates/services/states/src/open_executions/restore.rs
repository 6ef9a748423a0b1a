//! Reading open executions back from the store: all of them at the start, and one whose step could not be kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use asl::{Execution, TaskId};
use store::Range;

use super::{Error, Open, OpenExecutions, tables};

impl OpenExecutions {
    /// Reads all open executions from the store. Returns the tasks whose jobs were submitted.
    pub(crate) async fn load(&self) -> Result<Vec<(String, TaskId)>, Error> {
        self.awaited.load().await?;
        let mut submitted = Vec::new();
        for head in self.store.list(tables::HEADS, Range::prefix("")).await? {
            let Some(open) = self.restore(&head.key).await? else { continue };
            let tasks = open.execution.open_tasks().filter(|task| task.submitted.is_some());
            submitted.extend(tasks.map(|task| (head.key.clone(), task.task)));
            self.last_order.fetch_max(open.record.order, Ordering::Relaxed);
            *self.slot_or_new(&head.key)?.lock().await = Some(open);
        }
        Ok(submitted)
    }

    pub(super) async fn restore(&self, arn: &str) -> Result<Option<Open>, Error> {
        let Some(head) = self.store.get(tables::HEADS, arn).await? else { return Ok(None) };
        let record = self.records.get(arn).await?;
        let record =
            record.ok_or_else(|| Error::Inconsistent(format!("{arn} has a head but no record")))?.value;
        let compiled = self.machines.compiled(&record.revision).await?;
        let frames = self.frames(arn).await?;
        let execution = Execution::restore(Arc::clone(&compiled.machine), &head.value, frames)?;
        let mut open = Open::new(execution, record, compiled, head.version);
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
        let frames = self.store.list(tables::FRAMES, Range::prefix(&prefix)).await?;
        let numbered = frames.into_iter().filter_map(|frame| {
            let number = frame.key.strip_prefix(&prefix)?.parse().ok()?;
            Some((number, frame.value))
        });
        Ok(numbered.collect())
    }
}
