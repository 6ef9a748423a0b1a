//! A store whose disk does what the simulation wants: syncs late, syncs some, refuses, tears the last write, dies.
//!
//! What is submitted waits in a queue. [`FaultyStore::sync`] makes a prefix of it durable, visible and acknowledged, as
//! one group. What waits when the process crashes is lost, but for a prefix that may have reached the disk without
//! anybody knowing ([`FaultyStore::crash`]).

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::{Clock, VirtualClock};
use futures_util::future::BoxFuture;
use store::{
    Batch, Entry, Error, Lsn, Mutation, Range, Record, Slice, Store, Ticket, Timer, TimerChange, TimerQueue,
};
use tokio::sync::{mpsc, oneshot};

use crate::disk::Disk;
use crate::faults::Faults;
use crate::random::{FNV_OFFSET, Random, digest};

/// Longest read, where reads are slow.
const READ_MS_MAX: u64 = 20;

/// The store of one process.
pub struct FaultyStore {
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    disk: Arc<Mutex<Disk>>,
    waiting: VecDeque<Waiting>,
    consumers: BTreeMap<&'static str, mpsc::UnboundedSender<TimerChange>>,
    groups: u64,
    /// Whether the disk takes nothing any more.
    is_broken: bool,
    is_dead: bool,
    reads: Random,
    slow_reads_percent: u64,
    failing_reads_permille: u64,
}

type Waiting = (Batch, oneshot::Sender<Result<Lsn, Error>>);

impl FaultyStore {
    /// A store on what `disk` holds, whose reads take their time or fail as `faults` say.
    pub fn new(disk: Arc<Mutex<Disk>>, clock: &VirtualClock, reads: Random, faults: &Faults) -> Self {
        let state = State {
            disk,
            waiting: VecDeque::new(),
            consumers: BTreeMap::new(),
            groups: 0,
            is_broken: false,
            is_dead: false,
            reads,
            slow_reads_percent: faults.slow_reads_percent,
            failing_reads_permille: faults.failing_reads_permille,
        };
        Self { clock: Clock::Virtual(clock.clone()), state: Mutex::new(state) }
    }

    /// How many batches are on their way to the disk.
    pub fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// Makes the first `count` batches durable, as one group; returns a number that equal groups have in common.
    pub fn sync(&self, count: usize) -> u64 {
        let mut state = self.state();
        let group = state.take(count);
        if state.is_broken {
            group.into_iter().for_each(refuse);
            return 0;
        }
        state.groups += 1;
        let lsn = Lsn(state.groups);
        let mut hash = FNV_OFFSET;
        for (batch, settle) in group {
            hash = batch_digest(hash, &batch);
            let applied = state.disk().apply(&batch);
            if applied.is_ok() {
                state.tell(batch);
            }
            // Nobody may wait for it.
            let _ = settle.send(applied.map(|()| lsn));
        }
        hash
    }

    /// Refuses the first `count` batches, as a full disk does.
    pub fn refuse(&self, count: usize) {
        let group = self.state().take(count);
        group.into_iter().for_each(refuse);
    }

    /// From here on the disk takes nothing, until the next process opens it.
    pub fn break_disk(&self) {
        self.state().is_broken = true;
    }

    /// Ends the process: what waits is lost, but for its first `survivors` batches, which nobody hears of.
    pub fn crash(&self, survivors: usize) {
        let mut state = self.state();
        let survivors = if state.is_broken { 0 } else { survivors };
        for (batch, _) in state.take(survivors) {
            // Where it conflicts, it is not there.
            let _ = state.disk().apply(&batch);
        }
        state.waiting.clear();
        state.is_dead = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on reads do well.
    pub fn calm(&self) {
        self.state().failing_reads_permille = 0;
    }

    /// Lets a read take its time, or fail.
    async fn seek(&self) -> Result<(), Error> {
        let (pause, fails) = {
            let state = &mut *self.state();
            let is_slow = state.reads.percent(state.slow_reads_percent);
            let pause = if is_slow { state.reads.between(1, READ_MS_MAX) } else { 0 };
            (pause, state.reads.permille(state.failing_reads_permille))
        };
        if pause > 0 {
            self.clock.sleep_until(self.clock.now() + Duration::from_millis(pause)).await;
        }
        if fails { Err(Error::unavailable("disk I/O error")) } else { Ok(()) }
    }
}

impl State {
    fn take(&mut self, count: usize) -> Vec<Waiting> {
        let count = count.min(self.waiting.len());
        self.waiting.drain(..count).collect()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, batch: Batch) {
        for mutation in batch.mutations {
            let (queue, change) = match mutation {
                Mutation::SetTimer { queue, key, due, payload } => {
                    (queue, TimerChange::Set(Timer { key, due, payload }))
                }
                Mutation::ClearTimer { queue, key } => (queue, TimerChange::Cleared(key)),
                Mutation::Put { .. }
                | Mutation::Delete { .. }
                | Mutation::DeletePrefix { .. }
                | Mutation::Append { .. }
                | Mutation::Trim { .. } => continue,
            };
            if let Some(consumer) = self.consumers.get(queue) {
                // A consumer that is gone is told nothing.
                let _ = consumer.send(change);
            }
        }
    }
}

fn refuse((_, settle): Waiting) {
    let _ = settle.send(Err(Error::unavailable("database or disk is full")));
}

impl Store for FaultyStore {
    fn submit(&self, batch: Batch) -> Ticket {
        let (settle, ticket) = Ticket::new();
        let mut state = self.state();
        if !state.is_dead {
            state.waiting.push_back((batch, settle));
        }
        ticket
    }

    fn get<'a>(&'a self, table: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, Error>> {
        Box::pin(async move {
            self.seek().await?;
            Ok(self.state().disk().get(table, key))
        })
    }

    fn list<'a>(&'a self, table: &'a str, range: Range<'a>) -> BoxFuture<'a, Result<Vec<Record>, Error>> {
        Box::pin(async move {
            self.seek().await?;
            Ok(self.state().disk().list(table, range))
        })
    }

    fn read<'a>(&'a self, log: &'a str, slice: Slice) -> BoxFuture<'a, Result<Vec<Entry>, Error>> {
        Box::pin(async move {
            self.seek().await?;
            Ok(self.state().disk().read(log, slice))
        })
    }

    fn timers(&self, queue: &'static str) -> BoxFuture<'_, Result<TimerQueue, Error>> {
        let mut state = self.state();
        let (consumer, changes) = mpsc::unbounded_channel();
        let kept = state.disk().timers(queue);
        state.consumers.insert(queue, consumer);
        Box::pin(async move { Ok(TimerQueue::new(kept, changes)) })
    }
}

fn batch_digest(so_far: u64, batch: &Batch) -> u64 {
    batch.mutations.iter().fold(so_far, |hash, mutation| {
        let (kind, place, key, content): (u8, &str, &str, &[u8]) = match mutation {
            Mutation::Put { table, key, value } => (0, table, key, value),
            Mutation::Delete { table, key } => (1, table, key, &[]),
            Mutation::DeletePrefix { table, prefix } => (2, table, prefix, &[]),
            Mutation::Append { log, payload, .. } => (3, log, "", payload),
            Mutation::Trim { log, .. } => (4, log, "", &[]),
            Mutation::SetTimer { queue, key, payload, .. } => (5, queue, key, payload),
            Mutation::ClearTimer { queue, key } => (6, queue, key, &[]),
        };
        let hash = digest(digest(hash, &[kind]), place.as_bytes());
        digest(digest(hash, key.as_bytes()), content)
    })
}
