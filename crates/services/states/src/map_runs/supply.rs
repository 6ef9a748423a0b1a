//! The children that a Map Run has still to start: those that a redrive starts again, then those of items that no child
//! has had yet.

use std::sync::Arc;

use asl::map_run::{ChildInput, MapRunSpec};
use asl::{Failure, StateMachine};
use store::Store;
use types::Timestamp;

use super::bucket::Bucket;
use super::open_run::{Children, Found};
use super::reading::Reading;
use super::record::MapRunRecord;
use crate::Error;
use crate::execution::{Child, ExecutionStatus};

/// A child to start.
pub(super) struct NextChild {
    pub(super) place: Child,
    pub(super) input: Arc<str>,
    /// How it ended before, where it is to be redriven.
    pub(super) before: Option<ExecutionStatus>,
}

/// Why there is no next child.
pub(super) enum NoChild {
    /// There are no more items.
    Complete,
    /// They cannot be read.
    Failed(Failure),
    /// The store failed.
    Error(Error),
}

/// Gives children to start, those of new items in the order of the items.
pub(super) struct Supply {
    map_run: String,
    redrive_count: u64,
    /// Among whom there may be some to start again.
    again: Option<Children>,
    reading: Reading,
    next_child: u64,
    next_item: u64,
}

impl Supply {
    pub(super) fn new(store: &Arc<dyn Store>, map_run: &str, found: &Found, record: &MapRunRecord) -> Self {
        let etag = record.source.as_ref().map(|source| source.etag.clone());
        Self {
            map_run: map_run.to_owned(),
            redrive_count: record.redrive_count,
            again: (record.redrive_count > 0).then(|| Children::new(store, map_run)),
            reading: Reading::new(found.next_item, etag),
            next_child: found.next_child,
            next_item: found.next_item,
        }
    }

    /// The version of the object that is read, once it is open.
    pub(super) fn etag(&self) -> Option<&str> {
        self.reading.etag()
    }

    /// The next child.
    ///
    /// # Errors
    /// [`NoChild`].
    pub(super) async fn next(
        &mut self,
        spec: &MapRunSpec,
        machine: &StateMachine,
        bucket: &Bucket,
        now: Timestamp,
    ) -> Result<NextChild, NoChild> {
        if let Some(child) = self.next_again().await.map_err(NoChild::Error)? {
            return Ok(child);
        }
        match self.reading.next(spec, machine, bucket, now).await {
            Ok(Some(input)) => Ok(self.child(&input)),
            Ok(None) => Err(NoChild::Complete),
            Err(failure) => Err(NoChild::Failed(failure)),
        }
    }

    async fn next_again(&mut self) -> Result<Option<NextChild>, Error> {
        let Some(children) = &mut self.again else { return Ok(None) };
        while let Some((index, child)) = children.next().await? {
            if child.awaits_redrive(self.redrive_count) {
                let place = self.place(index, child.first_item, child.items);
                return Ok(Some(NextChild { place, input: child.input.into(), before: Some(child.status) }));
            }
        }
        self.again = None;
        Ok(None)
    }

    fn child(&mut self, input: &ChildInput) -> NextChild {
        let place = self.place(self.next_child, self.next_item, input.items);
        self.next_child += 1;
        self.next_item += input.items;
        NextChild { place, input: Arc::clone(input.payload.text()), before: None }
    }

    fn place(&self, index: u64, first_item: u64, items: u64) -> Child {
        let (map_run, redrive_count) = (self.map_run.clone(), self.redrive_count);
        Child { map_run, index, first_item, items, redrive_count }
    }
}
