//! An open Map Run in memory: its record, and how far it had come when it was read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::lock::Mutex as Lock;
use store::{Collection, Range, Store};

use super::counts::Counts;
use super::record::{ChildRecord, MapRunRecord, MapRunStatus};
use crate::Error;
use crate::execution::ExecutionStatus;
use crate::limits::ROWS_AT_A_TIME;
use crate::tables;

/// A Map Run that is not over.
pub(crate) struct OpenRun {
    /// Held while it is changed and until that is durable.
    pub(super) record: Lock<MapRunRecord>,
    counts: Mutex<Counts>,
    /// What was found when it was read.
    pub(super) found: Found,
}

/// How far a Map Run has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The children that run.
    pub(super) running: BTreeMap<u64, Running>,
    /// Number of the first child that has never been started.
    pub(super) next_child: u64,
    /// Number of the first item that no child has.
    pub(super) next_item: u64,
}

/// A child that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) items: u64,
    pub(super) redrive_count: u64,
}

impl OpenRun {
    /// Reads a Map Run and how its children stand. One that is over is read without them.
    pub(super) async fn load(store: &Arc<dyn Store>, arn: &str) -> Result<Self, Error> {
        let records: Collection<MapRunRecord> = Collection::new(Arc::clone(store), tables::MAP_RUNS);
        let record = records.get(arn).await?.map(|record| record.value);
        let record = record.ok_or_else(|| Error::Inconsistent(format!("there is no Map Run {arn}")))?;
        let (mut counts, mut found) = (record.counts, Found::default());
        if record.status == MapRunStatus::Running {
            counts = Counts::default();
            let mut children = Children::new(store, arn);
            while let Some((index, child)) = children.next().await? {
                found.add(index, &child, record.redrive_count, &mut counts);
            }
        }
        Ok(Self { record: Lock::new(record), counts: Mutex::new(counts), found })
    }

    /// How its children stand.
    pub(crate) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Found {
    fn add(&mut self, index: u64, child: &ChildRecord, redrive_count: u64, counts: &mut Counts) {
        self.next_child = index + 1;
        self.next_item = child.first_item + child.items;
        if child.awaits_redrive(redrive_count) {
            return counts.awaits_redrive(child.items);
        }
        counts.add(child.status, child.items);
        if child.status == ExecutionStatus::Running {
            let running = Running { items: child.items, redrive_count: child.redrive_count };
            self.running.insert(index, running);
        }
    }
}

impl ChildRecord {
    /// Whether it is to be started again by the Map Run's redrive of that number.
    pub(super) fn awaits_redrive(&self, redrive_count: u64) -> bool {
        match self.status {
            ExecutionStatus::Running | ExecutionStatus::Succeeded => false,
            ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted => {
                self.redrive_count < redrive_count
            }
        }
    }
}

/// The children of a Map Run in the order of their numbers, a few at a time in memory.
pub(super) struct Children {
    children: Collection<ChildRecord>,
    prefix: String,
    after: Option<String>,
    page: std::vec::IntoIter<store::Versioned<ChildRecord>>,
}

impl Children {
    pub(super) fn new(store: &Arc<dyn Store>, map_run: &str) -> Self {
        Self {
            children: Collection::new(Arc::clone(store), tables::MAP_RUN_CHILDREN),
            prefix: tables::map_run_children(map_run),
            after: None,
            page: Vec::new().into_iter(),
        }
    }

    /// The next child with its number.
    pub(super) async fn next(&mut self) -> Result<Option<(u64, ChildRecord)>, Error> {
        if self.page.as_slice().is_empty() {
            let range = Range {
                prefix: &self.prefix,
                after: self.after.as_deref(),
                limit: ROWS_AT_A_TIME,
                descending: false,
            };
            self.page = self.children.list(range).await?.into_iter();
        }
        let Some(row) = self.page.next() else { return Ok(None) };
        let index = tables::parse_map_run_child(&row.key)
            .ok_or_else(|| Error::Inconsistent(format!("{} is no child's key", row.key)))?;
        self.after = Some(row.key);
        Ok(Some((index, row.value)))
    }
}
