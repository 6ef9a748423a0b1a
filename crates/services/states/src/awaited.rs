//! Which tasks wait for which executions to end: rows of `tables::CHILDREN`, and the same in memory.
//!
//! A task is noted here before the batch of its submission is on its way, and looked up when an execution closes: then
//! the batch that closes it holds a look for the task. A row too many does no harm.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use asl::TaskId;
use store::{Batch, Collection, Range, Store};

use crate::Error;
use crate::execution::Waiting;
use crate::tables;

/// Tasks that wait for executions.
pub(crate) struct Awaited {
    rows: Collection<Waiting>,
    by_child: Mutex<BTreeMap<String, BTreeSet<(String, TaskId)>>>,
}

impl Awaited {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { rows: Collection::new(store, tables::CHILDREN), by_child: Mutex::default() }
    }

    /// Reads all rows.
    pub(crate) async fn load(&self) -> Result<(), Error> {
        for row in self.rows.list(Range::prefix("")).await? {
            if let Some((child, _)) = row.key.split_once('#') {
                self.note(child, &row.value);
            }
        }
        Ok(())
    }

    /// From here on, `waiting` is told of the end of `child`; after a crash too, once `batch` is durable.
    pub(crate) fn expect(&self, batch: &mut Batch, child: &str, waiting: &Waiting) {
        self.rows.put(batch, &tables::child(child, &waiting.execution, waiting.task), waiting);
        self.note(child, waiting);
    }

    /// `waiting` does not wait for `child` any more.
    pub(crate) fn forget(&self, batch: &mut Batch, child: &str, waiting: &Waiting) {
        batch.delete(tables::CHILDREN, tables::child(child, &waiting.execution, waiting.task));
        let mut by_child = self.by_child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tasks) = by_child.get_mut(child) {
            tasks.remove(&(waiting.execution.clone(), waiting.task));
            if tasks.is_empty() {
                by_child.remove(child);
            }
        }
    }

    /// Who waits for `child`.
    pub(crate) fn of(&self, child: &str) -> Vec<Waiting> {
        let by_child = self.by_child.lock().unwrap_or_else(PoisonError::into_inner);
        let tasks = by_child.get(child).into_iter().flatten();
        tasks.map(|(execution, task)| Waiting { execution: execution.clone(), task: *task }).collect()
    }

    /// All that wait.
    pub(crate) fn all(&self) -> Vec<Waiting> {
        let by_child = self.by_child.lock().unwrap_or_else(PoisonError::into_inner);
        let tasks = by_child.values().flatten();
        tasks.map(|(execution, task)| Waiting { execution: execution.clone(), task: *task }).collect()
    }

    fn note(&self, child: &str, waiting: &Waiting) {
        let mut by_child = self.by_child.lock().unwrap_or_else(PoisonError::into_inner);
        by_child.entry(child.to_owned()).or_default().insert((waiting.execution.clone(), waiting.task));
    }
}
