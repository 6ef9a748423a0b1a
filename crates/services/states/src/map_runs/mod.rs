//! Map Runs: the child executions that a distributed Map state starts, and everything about them until the state goes on.
//!
//! A Map Run begins with the batch of the step that wants it: its record, its specification and an order in a queue. The
//! queue's consumer *drives* it (`driver`): reads items (`reading`), starts children (`supply`), counts how they end, and
//! writes their results (`results`). Children do not touch the record: each has a row of its own in the batches of its
//! start and its end, and the counts are in memory, made of the rows again after a restart (`open_run`). The batch that
//! closes the Map Run wakes the execution that waits for it, so that both happen once.
//!
//! What can be computed without IO, items from bytes and documents from results, is `asl::map_run`'s.

mod bucket;
mod children;
mod counts;
mod driver;
mod inboxes;
mod open_run;
mod reading;
mod record;
mod redrive;
mod results;
mod retention;
mod supply;

use std::sync::Arc;

use api::Dispatcher;
use asl::TaskId;
use asl::map_run::MapRunSpec;
use store::{Batch, Collection, Store};
use types::Timestamp;

pub(crate) use children::BeginChild;
pub(crate) use counts::Counts;
pub(crate) use inboxes::{Inboxes, Notice};
pub(crate) use record::{ChildRecord, Ended, MapRunRecord, MapRunStatus, Order, Settings};

use crate::Error;
use crate::open_executions::OpenExecutions;
use crate::plan::{Facts, json};
use crate::state_machine::StateMachines;
use crate::tables;
use driver::Driver;
use inboxes::Inbox;
use open_run::OpenRun;

/// All Map Runs.
pub(crate) struct MapRuns {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) machines: Arc<StateMachines>,
    pub(crate) open: Arc<OpenExecutions>,
    pub(crate) inboxes: Arc<Inboxes>,
    pub(crate) records: Collection<MapRunRecord>,
}

/// Adds to `batch` a Map Run that the execution of `facts` starts.
pub(crate) fn start(batch: &mut Batch, facts: &Facts<'_>, task: TaskId, spec: &MapRunSpec) {
    let record = MapRunRecord {
        execution: facts.spec.arn.clone(),
        task,
        revision: facts.revision.to_owned(),
        status: MapRunStatus::Running,
        kind: spec.execution_kind,
        start_date: facts.now,
        stop_date: None,
        settings: Settings { max_concurrency: spec.max_concurrency, tolerance: spec.tolerance },
        source: None,
        counts: Counts::default(),
        redrive_count: 0,
        redrive_date: None,
    };
    let arn = spec.arn.as_str();
    batch.require_absent(tables::MAP_RUNS, arn);
    batch.put(tables::MAP_RUNS, arn, json(&record));
    batch.put(tables::MAP_RUN_SPECS, arn, json(spec));
    let listed = tables::by_execution(&facts.spec.arn, facts.now, arn);
    batch.put(tables::MAP_RUNS_BY_EXECUTION, listed, Vec::new());
    batch.set_timer(tables::MAP_RUN, arn, facts.now, json(&Order::Run));
}

/// Adds to `batch` that a Map Run goes on, for the state's attempt `task`.
pub(crate) fn redrive(batch: &mut Batch, arn: &str, task: TaskId, now: Timestamp) {
    batch.set_timer(tables::MAP_RUN, tables::map_run_redrive(arn), now, json(&Order::Redrive { task }));
}

/// Adds to `batch` that a Map Run is given up.
pub(crate) fn stop(batch: &mut Batch, arn: &str, now: Timestamp) {
    batch.clear_timer(tables::MAP_RUN, tables::map_run_redrive(arn));
    batch.set_timer(tables::MAP_RUN, arn, now, json(&Order::Stop));
}

impl MapRuns {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        dispatcher: Dispatcher,
        machines: Arc<StateMachines>,
        open: Arc<OpenExecutions>,
        inboxes: Arc<Inboxes>,
    ) -> Self {
        let records = Collection::new(Arc::clone(&store), tables::MAP_RUNS);
        Self { store, dispatcher, machines, open, inboxes, records }
    }

    /// Follows an order of the queue `tables::MAP_RUN`: brings the Map Run to its end. Where somebody does already, it
    /// waits and looks whether anything is left to do.
    pub(crate) async fn follow(&self, key: &str, order: Order) -> Result<(), Error> {
        let arn = tables::ordered_map_run(key);
        loop {
            let inbox = self.inboxes.get_or_new(arn);
            if order == Order::Stop {
                inbox.tell(Notice::Stop);
            }
            let mut notices = inbox.driver.lock().await;
            if !self.inboxes.is_current(arn, &inbox) {
                continue;
            }
            let open = self.opened(arn, &inbox).await?;
            let (status, waiting) = {
                let record = open.record.lock().await;
                (record.status, record.task)
            };
            let next = match order {
                Order::Redrive { task } if task != waiting => Some(task),
                Order::Redrive { .. } | Order::Run | Order::Stop => None,
            };
            if status == MapRunStatus::Running {
                if next.is_some() {
                    // Whoever redrives it has given it up before.
                    inbox.tell(Notice::Stop);
                }
                let driven = Driver::new(self, arn, open).await?.drive(&mut notices).await;
                self.inboxes.remove(arn, &inbox);
                driven?;
            } else {
                self.inboxes.remove(arn, &inbox);
            }
            match next {
                Some(task) if status != MapRunStatus::Running => self.reopen(arn, task).await?,
                Some(_) => {}
                None if self.is_over(arn, key).await? => return Ok(()),
                None => {}
            }
        }
    }

    /// Whether nothing is left to do. What was in memory may be of before a redrive.
    async fn is_over(&self, arn: &str, key: &str) -> Result<bool, Error> {
        if self.record(arn).await?.is_some_and(|record| record.status == MapRunStatus::Running) {
            return Ok(false);
        }
        let mut batch = Batch::new();
        batch.clear_timer(tables::MAP_RUN, key);
        self.store.submit(batch).durable().await?;
        Ok(true)
    }

    /// The record with the counts as they are now.
    pub(crate) async fn describe(&self, arn: &str) -> Result<Option<(MapRunRecord, Counts)>, Error> {
        let Some(record) = self.record(arn).await? else { return Ok(None) };
        if record.status != MapRunStatus::Running {
            let counts = record.counts;
            return Ok(Some((record, counts)));
        }
        let inbox = self.inboxes.get_or_new(arn);
        let open = self.opened(arn, &inbox).await?;
        let record = open.record.lock().await.clone();
        if record.status != MapRunStatus::Running {
            self.inboxes.remove(arn, &inbox);
        }
        Ok(Some((record, open.counts())))
    }

    /// Changes the settings of an open Map Run; the flag says whether it is open. Durable when this returns.
    pub(crate) async fn update(
        &self,
        arn: &str,
        change: impl FnOnce(&Settings) -> Settings,
    ) -> Result<bool, Error> {
        let inbox = self.inboxes.get_or_new(arn);
        let open = self.opened(arn, &inbox).await?;
        let mut record = open.record.lock().await;
        if record.status != MapRunStatus::Running {
            self.inboxes.remove(arn, &inbox);
            return Ok(false);
        }
        let updated = MapRunRecord { settings: change(&record.settings), ..record.clone() };
        let mut batch = Batch::new();
        self.records.put(&mut batch, arn, &updated);
        self.store.submit(batch).durable().await?;
        *record = updated;
        inbox.tell(Notice::Updated);
        Ok(true)
    }

    pub(crate) async fn record(&self, arn: &str) -> Result<Option<MapRunRecord>, Error> {
        Ok(self.records.get(arn).await?.map(|record| record.value))
    }

    async fn opened<'a>(&self, arn: &str, inbox: &'a Arc<Inbox>) -> Result<&'a OpenRun, Error> {
        inbox.open.get_or_try_init(|| OpenRun::load(&self.store, arn)).await
    }
}
