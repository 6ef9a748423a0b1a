//! Forgets what has been over for long enough, a little at a time.
//!
//! One turn reads a page of the index and submits a small batch for each of its rows, so that whoever writes meanwhile
//! shares the disk with little. What takes more than that (a long history, a Map Run of many children) is taken apart
//! over several turns, its last part with its row of the index: after a crash the next sweeper goes on where this one was.

use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use store::{Batch, Collection, Order, Range, Slice, Store, Ticket};
use types::Timestamp;

use super::Retained;
use crate::Error;
use crate::execution::ExecutionRecord;
use crate::limits::{FORGOTTEN_AT_A_TIME, FORGOTTEN_EVENTS, SWEEP_PAUSE, SWEEP_RETRY};
use crate::map_runs::{ChildRecord, MapRunRecord};
use crate::tables;

/// The one who forgets.
#[derive(Clone)]
pub(crate) struct Sweeper {
    store: Arc<dyn Store>,
    clock: Clock,
    retention: Duration,
    executions: Collection<ExecutionRecord>,
    map_runs: Collection<MapRunRecord>,
    children: Collection<ChildRecord>,
}

/// What one turn may still do, in events of histories; a row of anything else counts as one.
struct Budget(usize);

/// Whether a thing is forgotten with a batch, or some of it stays for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Whole,
    Part,
}

impl Sweeper {
    /// A sweeper of what `store` keeps of closed executions for longer than `retention`.
    pub(crate) fn new(store: Arc<dyn Store>, clock: Clock, retention: Duration) -> Self {
        Self {
            executions: Collection::new(Arc::clone(&store), tables::EXECUTIONS),
            map_runs: Collection::new(Arc::clone(&store), tables::MAP_RUNS),
            children: Collection::new(Arc::clone(&store), tables::MAP_RUN_CHILDREN),
            store,
            clock,
            retention,
        }
    }

    /// Sweeps until it is dropped.
    pub(crate) async fn run(self) {
        loop {
            let next = match self.turn().await {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(%error, "what is over could not be forgotten; it is tried again");
                    self.clock.now() + SWEEP_RETRY
                }
            };
            self.clock.sleep_until(next.max(self.clock.now() + SWEEP_PAUSE)).await;
        }
    }

    /// Forgets the children of a Map Run that nobody will ask about, and what is in `done` with the last of them.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn forget_children(&self, map_run: &str, done: Batch) -> Result<(), Error> {
        loop {
            let mut budget = Budget(FORGOTTEN_EVENTS);
            let mut batch = Batch::new();
            if self.children_into(&mut batch, map_run, &mut budget).await? == Progress::Whole {
                batch.mutations.extend(done.mutations);
                self.store.submit(batch).durable().await?;
                return Ok(());
            }
            self.store.submit(batch).durable().await?;
            self.clock.sleep_until(self.clock.now() + SWEEP_PAUSE).await;
        }
    }

    /// Forgets a little of what is due. Returns when there is more.
    async fn turn(&self) -> Result<Timestamp, Error> {
        let mut next = Timestamp::MAX;
        for kind in Retained::ALL {
            next = next.min(self.turn_of(kind).await?);
        }
        Ok(next)
    }

    async fn turn_of(&self, kind: Retained) -> Result<Timestamp, Error> {
        let (now, period) = (self.clock.now(), kind.period(self.retention));
        let prefix = tables::kept_of(kind.word());
        let range = Range { limit: FORGOTTEN_AT_A_TIME, ..Range::prefix(&prefix) };
        let rows = self.store.list(tables::KEPT, range).await?;
        let (mut budget, mut tickets) = (Budget(FORGOTTEN_EVENTS), Vec::new());
        // What ends from now on is due after its period; a page that is full of what is due has another behind it.
        let mut next = if rows.len() < FORGOTTEN_AT_A_TIME { now + period } else { now };
        for row in &rows {
            let Some((end, name)) = tables::parse_kept(&row.key) else {
                tracing::error!(key = row.key, "a row of what is kept cannot be read: it stays");
                continue;
            };
            if end + period > now {
                next = end + period;
                break;
            }
            if budget.is_spent() {
                next = now;
                break;
            }
            let (batch, progress) = self.forget(kind, name, end, &mut budget).await?;
            tickets.push(self.store.submit(batch));
            if progress == Progress::Part {
                next = now;
                break;
            }
        }
        settle(tickets).await?;
        Ok(next)
    }

    /// What forgets one thing, or some of it.
    async fn forget(
        &self,
        kind: Retained,
        name: &str,
        end: Timestamp,
        budget: &mut Budget,
    ) -> Result<(Batch, Progress), Error> {
        let mut batch = Batch::new();
        budget.take(1);
        let progress = match kind {
            Retained::Execution => self.execution_into(&mut batch, name, budget).await?,
            Retained::Continuation => self.continuation_into(&mut batch, name, end).await?,
            Retained::MapRun => self.map_run_into(&mut batch, name, budget).await?,
            Retained::Revision => {
                batch.delete(tables::REVISIONS, name);
                Progress::Whole
            }
        };
        if progress == Progress::Whole {
            kind.release(&mut batch, name, end);
        }
        Ok((batch, progress))
    }

    /// A history that is longer than a turn may be loses its oldest events first.
    async fn execution_into(
        &self,
        batch: &mut Batch,
        arn: &str,
        budget: &mut Budget,
    ) -> Result<Progress, Error> {
        let Some(seen) = self.executions.get(arn).await? else { return Ok(Progress::Whole) };
        let history = seen.value.history();
        if seen.value.stop_date.is_none() {
            // It was opened anew, and has a row under its next end.
            return Ok(Progress::Whole);
        }
        let events = usize::try_from(seen.value.events.unwrap_or(0)).unwrap_or(usize::MAX);
        if events > FORGOTTEN_EVENTS
            && let Some(before) = self.part_of_history(&history).await?
        {
            budget.take(FORGOTTEN_EVENTS);
            batch.trim(history, before);
            return Ok(Progress::Part);
        }
        budget.take(events.min(FORGOTTEN_EVENTS));
        // Somebody may open it anew just now.
        batch.require_version(tables::EXECUTIONS, arn, seen.version);
        seen.value.forget(batch, arn);
        Ok(Progress::Whole)
    }

    /// The time before which the oldest part of a long history lies; none where what is left is short.
    async fn part_of_history(&self, history: &str) -> Result<Option<Timestamp>, Error> {
        let slice = Slice { order: Order::Time, limit: FORGOTTEN_EVENTS, ..Slice::default() };
        let entries = self.store.read(history, slice).await?;
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(None) };
        if entries.len() < FORGOTTEN_EVENTS {
            return Ok(None);
        }
        // Events of one millisecond go together.
        Ok(Some(last.time.max(first.time + Duration::from_millis(1))))
    }

    async fn continuation_into(
        &self,
        batch: &mut Batch,
        arn: &str,
        end: Timestamp,
    ) -> Result<Progress, Error> {
        if let Some(head) = self.store.get(tables::REDRIVABLE, arn).await? {
            // It may be redriven just now: then its rows are those of an open execution.
            batch.require_version(tables::REDRIVABLE, arn, head.version);
            batch.delete(tables::REDRIVABLE, arn).delete_prefix(tables::FRAMES, tables::frames(arn));
            Retained::Execution.keep(batch, arn, end);
        }
        Ok(Progress::Whole)
    }

    async fn map_run_into(
        &self,
        batch: &mut Batch,
        arn: &str,
        budget: &mut Budget,
    ) -> Result<Progress, Error> {
        if self.children_into(batch, arn, budget).await? == Progress::Part {
            return Ok(Progress::Part);
        }
        if let Some(seen) = self.map_runs.get(arn).await? {
            batch.require_version(tables::MAP_RUNS, arn, seen.version);
            let listed = tables::by_execution(&seen.value.execution, seen.value.start_date, arn);
            batch.delete(tables::MAP_RUNS_BY_EXECUTION, listed);
        }
        batch.delete(tables::MAP_RUNS, arn).delete(tables::MAP_RUN_SPECS, arn);
        Ok(Progress::Whole)
    }

    async fn children_into(
        &self,
        batch: &mut Batch,
        map_run: &str,
        budget: &mut Budget,
    ) -> Result<Progress, Error> {
        let prefix = tables::map_run_children(map_run);
        let range = Range { limit: FORGOTTEN_AT_A_TIME, ..Range::prefix(&prefix) };
        let rows = self.children.list(range).await?;
        let is_last_page = rows.len() < FORGOTTEN_AT_A_TIME;
        for row in rows {
            if budget.is_spent() {
                return Ok(Progress::Part);
            }
            budget.take(1);
            if self.execution_into(batch, &row.value.execution, budget).await? == Progress::Part {
                return Ok(Progress::Part);
            }
            self.children.delete(batch, &row.key);
        }
        Ok(if is_last_page { Progress::Whole } else { Progress::Part })
    }
}

impl Budget {
    fn take(&mut self, events: usize) {
        self.0 = self.0.saturating_sub(events);
    }

    fn is_spent(&self) -> bool {
        self.0 == 0
    }
}

/// Waits for what was submitted. Where somebody else has written, the next turn looks again.
async fn settle(tickets: Vec<Ticket>) -> Result<(), Error> {
    for ticket in tickets {
        match ticket.durable().await {
            Ok(_) | Err(store::Error::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
