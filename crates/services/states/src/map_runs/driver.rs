//! Drives one Map Run from where it is to its end.
//!
//! What the driver knows it can find again: the record, the specification, and a row for each child. Wherever it is
//! stopped, the next one goes on.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use asl::map_run::{ItemSource, MapRunSpec, Tolerance};
use asl::{Failure, FailurePhase, MachineKind, TaskFailure, TaskId, Wake};
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::FuturesUnordered;
use serde_json::Value;
use store::Batch;
use tokio::sync::mpsc::UnboundedReceiver;
use types::Timestamp;

use super::bucket::Bucket;
use super::children::{self, Names};
use super::open_run::{OpenRun, Running};
use super::record::{Ended, MapRunRecord, MapRunStatus, Source};
use super::results::{Pending, Results};
use super::retention;
use super::supply::{NextChild, NoChild, Supply};
use super::{Counts, MapRuns, Notice, Settings};
use crate::Error;
use crate::limits::{MAP_RUN_COMMITS, MAP_RUN_CONCURRENCY};
use crate::open_executions::{Commit, Report};
use crate::state_machine::Compiled;
use crate::tables;

/// Why no more children are started.
#[derive(Clone, Debug, PartialEq)]
enum Ending {
    /// All were.
    Complete,
    /// The Map Run has failed.
    Failed(Failure),
    /// The execution that waited for it has given it up.
    Aborted,
}

/// A Map Run under way.
pub(super) struct Driver<'a> {
    runs: &'a MapRuns,
    arn: &'a str,
    open: &'a OpenRun,
    spec: MapRunSpec,
    compiled: Arc<Compiled>,
    names: Names,
    bucket: Bucket,
    /// `None` once nothing is started any more.
    supply: Option<Supply>,
    /// Number and date of the last redrive.
    redrive: (u64, Option<Timestamp>),
    settings: Settings,
    running: BTreeMap<u64, Running>,
    /// Batches on their way to the disk.
    commits: FuturesUnordered<BoxFuture<'a, Result<(), Error>>>,
    ending: Option<Ending>,
}

impl<'a> Driver<'a> {
    pub(super) async fn new(runs: &'a MapRuns, arn: &'a str, open: &'a OpenRun) -> Result<Self, Error> {
        let spec = runs.store.get(tables::MAP_RUN_SPECS, arn).await?;
        let spec = spec.ok_or_else(|| Error::Inconsistent(format!("{arn} has no specification")))?;
        let spec: MapRunSpec = serde_json::from_slice(&spec.value)
            .map_err(|error| Error::Inconsistent(format!("{arn} cannot be read: {error}")))?;
        let record = open.record.lock().await.clone();
        let compiled = runs.machines.compiled(&record.revision).await?;
        open.count(|counts| count_known(counts, &spec, open.found.next_item));
        Ok(Self {
            runs,
            arn,
            names: Names::new(arn, spec.execution_kind)?,
            bucket: Bucket::new(&runs.dispatcher, arn, &compiled.revision.role_arn)?,
            supply: Some(Supply::new(&runs.store, arn, &open.found, &record)),
            redrive: (record.redrive_count, record.redrive_date),
            settings: record.settings,
            running: open.found.running.clone(),
            commits: FuturesUnordered::new(),
            ending: None,
            open,
            spec,
            compiled,
        })
    }

    /// Brings it to its end. Durable when this returns.
    ///
    /// # Errors
    /// What could not be kept or read. Nothing is on its way to the disk any more: the next driver finds in the store how
    /// all children stand, and in memory none that the store does not have.
    pub(super) async fn drive(mut self, notices: &mut UnboundedReceiver<Notice>) -> Result<(), Error> {
        let driven = self.until_end(notices).await;
        while let Some(kept) = self.commits.next().await {
            if let Err(error) = kept {
                tracing::warn!(map_run = self.arn, %error, "a child's step was not kept");
            }
        }
        driven
    }

    async fn until_end(&mut self, notices: &mut UnboundedReceiver<Notice>) -> Result<(), Error> {
        loop {
            while let Ok(notice) = notices.try_recv() {
                self.take(notice).await;
            }
            self.start_children().await?;
            match (&self.ending, self.running.is_empty()) {
                (Some(ending), true) => {
                    let ending = ending.clone();
                    return self.finish(ending).await;
                }
                _ => self.wait(notices).await?,
            }
        }
    }

    /// Waits for something to happen. There is something to wait for: a child runs.
    async fn wait(&mut self, notices: &mut UnboundedReceiver<Notice>) -> Result<(), Error> {
        if self.commits.is_empty() {
            if let Some(notice) = notices.recv().await {
                self.take(notice).await;
            }
            return Ok(());
        }
        let notice = match select(pin!(notices.recv()), self.commits.next()).await {
            Either::Left((notice, _)) => notice,
            Either::Right((kept, _)) => return kept.unwrap_or(Ok(())),
        };
        if let Some(notice) = notice {
            self.take(notice).await;
        }
        Ok(())
    }

    async fn take(&mut self, notice: Notice) {
        match notice {
            Notice::Ended(ended) => self.ended(ended).await,
            Notice::Stop => self.end(Ending::Aborted).await,
            Notice::Updated => {
                self.settings = self.open.record.lock().await.settings;
                self.check_tolerance().await;
            }
        }
    }

    /// A child has ended; one that nobody waits for was counted before.
    async fn ended(&mut self, Ended { index, status }: Ended) {
        let Some(child) = self.running.remove(&index) else { return };
        self.open.count(|counts| counts.ended(status, child.items));
        self.check_tolerance().await;
    }

    /// Fails the Map Run where too many of its items have failed.
    async fn check_tolerance(&mut self) {
        let items = self.open.counts().items;
        let total = self.knows_all_items().then(|| items.total());
        if self.settings.tolerance.is_exceeded(items.failed + items.timed_out, total) {
            self.end(Ending::Failed(Tolerance::exceeded())).await;
        }
    }

    /// Whether every item is known: a percentage says something.
    fn knows_all_items(&self) -> bool {
        known_items(&self.spec).is_some() || self.ending == Some(Ending::Complete)
    }

    /// No more children are started. Where that is no good end, those that run are stopped.
    async fn end(&mut self, ending: Ending) {
        match (&self.ending, &ending) {
            (None, Ending::Complete) => self.ending = Some(ending),
            (None | Some(Ending::Complete), _) => {
                self.ending = Some(ending);
                self.stop_children().await;
            }
            // Who has given the Map Run up does not wait for its failure any more.
            (Some(Ending::Failed(_)), Ending::Aborted) => self.ending = Some(ending),
            (Some(Ending::Failed(_) | Ending::Aborted), _) => {}
        }
    }

    async fn stop_children(&mut self) {
        let open = Arc::clone(&self.runs.open);
        for (index, child) in &self.running {
            let arn = self.names.execution_arn(*index, child.redrive_count);
            let report = Report::new(Wake::Stop { error: None, cause: None });
            let commit = open.wake(&arn, report).await;
            self.commits.push(Box::pin(settled(self.runs, commit)));
        }
    }

    /// Starts as many children as may run, while the disk keeps up.
    async fn start_children(&mut self) -> Result<(), Error> {
        while self.ending.is_none()
            && self.running.len() < self.concurrency()
            && self.commits.len() < MAP_RUN_COMMITS
        {
            let Some(supply) = &mut self.supply else { return Ok(()) };
            let now = self.runs.dispatcher.clock().now();
            match supply.next(&self.spec, &self.compiled.machine, &self.bucket, now).await {
                Ok(next) => self.start(next).await?,
                Err(NoChild::Complete) => {
                    self.end(Ending::Complete).await;
                    self.check_tolerance().await;
                }
                Err(NoChild::Failed(failure)) => self.end(Ending::Failed(failure)).await,
                Err(NoChild::Error(error)) => return Err(error),
            }
        }
        Ok(())
    }

    async fn start(&mut self, next: NextChild) -> Result<(), Error> {
        self.keep_source().await;
        self.count_found(&next);
        let (index, items, redrive_count) = (next.place.index, next.place.items, next.place.redrive_count);
        let commit = match next.before {
            Some(before) if self.spec.execution_kind == MachineKind::Standard => {
                let arn = self.names.execution_arn(index, redrive_count);
                let Some(commit) = self.runs.open.redrive_child(&arn, next.place).await? else {
                    self.open.count(|counts| counts.not_redrivable(before, items));
                    self.check_tolerance().await;
                    return Ok(());
                };
                commit
            }
            Some(_) | None => {
                let now = self.runs.dispatcher.clock().now();
                let begin = children::begin(&self.names, &self.spec, &self.compiled, next, now);
                self.runs.open.begin_child(begin).await?
            }
        };
        self.running.insert(index, Running { items, redrive_count });
        self.open.count(|counts| counts.started(items));
        self.commits.push(Box::pin(settled(self.runs, commit)));
        Ok(())
    }

    /// Counts what was not known of before.
    fn count_found(&self, next: &NextChild) {
        let items = next.place.items;
        let (items_known, child_known) = (known_items(&self.spec).is_some(), self.spec.batcher.is_none());
        self.open.count(|counts| match (next.before, items_known, child_known) {
            (Some(_), ..) => counts.redriven(items),
            (None, true, true) => {}
            (None, true, false) => counts.found(0, 1),
            (None, false, _) => counts.found(items, 1),
        });
    }

    /// Keeps which version of the object is read, before the first child of its items.
    async fn keep_source(&mut self) {
        let Some(etag) = self.supply.as_ref().and_then(Supply::etag) else { return };
        let mut record = self.open.record.lock().await;
        if record.source.is_some() {
            return;
        }
        record.source = Some(Source { etag: etag.to_owned() });
        let mut batch = Batch::new();
        self.runs.records.put(&mut batch, self.arn, &record);
        // Batches are kept in their order: no child is without it.
        drop(self.runs.store.submit(batch));
    }

    fn concurrency(&self) -> usize {
        match usize::try_from(self.settings.max_concurrency) {
            Ok(0) | Err(_) => MAP_RUN_CONCURRENCY,
            Ok(most) => most.min(MAP_RUN_CONCURRENCY),
        }
    }

    /// All children have ended: writes their results and closes the Map Run.
    async fn finish(&mut self, ending: Ending) -> Result<(), Error> {
        while let Some(kept) = self.commits.next().await {
            kept?;
        }
        let outcome = match ending {
            Ending::Complete => Some(self.results().output().await?),
            Ending::Failed(failure) => {
                self.write_unsuccessful().await?;
                Some(Err(failure))
            }
            Ending::Aborted => {
                self.write_unsuccessful().await?;
                None
            }
        };
        if let Some(Ok(_)) = outcome {
            self.open.count(Counts::written);
        }
        self.close(outcome).await
    }

    fn results(&self) -> Results<'_> {
        Results { store: &self.runs.store, spec: &self.spec, bucket: &self.bucket, redrive: self.redrive }
    }

    /// Writes what there is of a Map Run that ends otherwise than well, children that were never started included.
    async fn write_unsuccessful(&mut self) -> Result<(), Error> {
        let mut supply = self.supply.take();
        let results = self.results();
        let (Some(destination), Some(supply)) = (results.destination(), &mut supply) else { return Ok(()) };
        let mut pending = Pending {
            supply,
            spec: &self.spec,
            machine: &self.compiled.machine,
            bucket: &self.bucket,
            now: self.runs.dispatcher.clock().now(),
        };
        match results.write(destination, Some(&mut pending)).await? {
            Ok(_) => self.open.count(Counts::written),
            Err(failure) => tracing::warn!(map_run = self.arn, ?failure, "results could not be written"),
        }
        Ok(())
    }

    /// Closes the Map Run, and lets the execution that waits for it go on. Where none does any more, it is aborted.
    async fn close(&mut self, outcome: Option<Result<Value, Failure>>) -> Result<(), Error> {
        let mut record = self.open.record.lock().await;
        if let Some(outcome) = outcome {
            let status = match outcome {
                Ok(_) => MapRunStatus::Succeeded,
                Err(_) => MapRunStatus::Failed,
            };
            let report = Report {
                wake: wake(record.task, outcome),
                always: Batch::new(),
                if_open: self.closing(&record, status),
            };
            self.runs.open.wake_durably(&record.execution, report).await?;
            if let Some(kept) = self.runs.record(self.arn).await?
                && kept.status != MapRunStatus::Running
            {
                *record = kept;
                return Ok(());
            }
        }
        let batch = self.closing(&record, MapRunStatus::Aborted);
        self.runs.store.submit(batch).durable().await?;
        record.status = MapRunStatus::Aborted;
        Ok(())
    }

    /// What closes the Map Run.
    fn closing(&self, record: &MapRunRecord, status: MapRunStatus) -> Batch {
        let now = self.runs.dispatcher.clock().now();
        let closed =
            MapRunRecord { status, stop_date: Some(now), counts: self.open.counts(), ..record.clone() };
        let mut batch = Batch::new();
        self.runs.records.put(&mut batch, self.arn, &closed);
        batch.clear_timer(tables::MAP_RUN, self.arn);
        retention::keep(&mut batch, self.arn, self.spec.execution_kind, status, now);
        batch
    }
}

/// What the execution that waits is told.
fn wake(task: TaskId, outcome: Result<Value, Failure>) -> Wake {
    match outcome {
        Ok(output) => Wake::TaskSucceeded { task, output },
        Err(failure) => Wake::TaskFailed { task, failure: TaskFailure { failure, phase: FailurePhase::Run } },
    }
}

/// Counts the items that are known before any is read.
fn count_known(counts: &mut Counts, spec: &MapRunSpec, next_item: u64) {
    let Some(items) = known_items(spec) else { return };
    let left = items.saturating_sub(next_item);
    let executions = if spec.batcher.is_none() { left } else { 0 };
    counts.found(left, executions);
}

/// How many items there are, where that is known before they are read.
fn known_items(spec: &MapRunSpec) -> Option<u64> {
    match &spec.source {
        ItemSource::Items(items) => match items.value() {
            Value::Object(members) => Some(members.len() as u64),
            other => Some(other.as_array().map_or(0, Vec::len) as u64),
        },
        ItemSource::Reader { .. } => None,
    }
}

async fn settled(runs: &MapRuns, commit: Commit) -> Result<(), Error> {
    runs.open.settle(commit).await
}
