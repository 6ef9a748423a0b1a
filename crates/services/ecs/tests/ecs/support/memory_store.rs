//! A store in memory that can die: from then on nothing is applied, as if the process had been killed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use store::{
    Batch, Entry, Error, Lsn, Mutation, Precondition, Range, Record, Slice, Store, Ticket, Timer,
    TimerChange, TimerQueue,
};
use tokio::sync::{Notify, mpsc};

#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    refused: Notify,
    changed: Notify,
}

#[derive(Default)]
struct State {
    tables: HashMap<String, BTreeMap<String, Record>>,
    timers: HashMap<&'static str, BTreeMap<String, Timer>>,
    consumers: HashMap<&'static str, mpsc::UnboundedSender<TimerChange>>,
    commits: u64,
    dies_at: Option<u64>,
}

impl MemoryStore {
    /// How many batches have been committed.
    pub fn commits(&self) -> u64 {
        self.state().commits
    }

    /// Applies nothing after the batch of this number.
    pub fn die_after(&self, commits: u64) {
        self.state().dies_at = Some(commits);
    }

    /// Waits until a batch has been refused.
    pub async fn refused(&self) {
        self.refused.notified().await;
    }

    /// Waits until a batch has been applied, since the last call or now.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Applies batches again.
    pub fn revive(&self) {
        self.state().dies_at = None;
    }

    /// Keys of a table, for looking at what is left.
    pub fn keys(&self, table: &str) -> Vec<String> {
        self.state().tables.get(table).map(|table| table.keys().cloned().collect()).unwrap_or_default()
    }

    /// Keys of a queue's timers.
    pub fn timer_keys(&self, queue: &str) -> Vec<String> {
        self.state().timers.get(queue).map(|timers| timers.keys().cloned().collect()).unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Store for MemoryStore {
    fn submit(&self, batch: Batch) -> Ticket {
        let (settle, ticket) = Ticket::new();
        let result = self.state().apply(batch);
        if matches!(result, Err(Error::Unavailable(_))) {
            self.refused.notify_one();
        } else {
            self.changed.notify_one();
        }
        let _ = settle.send(result);
        ticket
    }

    fn get<'a>(&'a self, table: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, Error>> {
        let record = self.state().tables.get(table).and_then(|table| table.get(key).cloned());
        async move { Ok(record) }.boxed()
    }

    fn list<'a>(&'a self, table: &'a str, range: Range<'a>) -> BoxFuture<'a, Result<Vec<Record>, Error>> {
        let mut records: Vec<Record> = self
            .state()
            .tables
            .get(table)
            .into_iter()
            .flat_map(|table| table.values())
            .filter(|record| record.key.starts_with(range.prefix))
            .cloned()
            .collect();
        if range.descending {
            records.reverse();
            records.retain(|record| range.after.is_none_or(|after| record.key.as_str() < after));
        } else {
            records.retain(|record| range.after.is_none_or(|after| record.key.as_str() > after));
        }
        records.truncate(range.limit);
        async move { Ok(records) }.boxed()
    }

    fn read<'a>(&'a self, _: &'a str, _: Slice) -> BoxFuture<'a, Result<Vec<Entry>, Error>> {
        unreachable!("the service keeps no logs in the store")
    }

    fn timers(&self, queue: &'static str) -> BoxFuture<'_, Result<TimerQueue, Error>> {
        let (sender, changes) = mpsc::unbounded_channel();
        let state = &mut *self.state();
        state.consumers.insert(queue, sender);
        let kept: Vec<Timer> =
            state.timers.get(queue).into_iter().flat_map(|timers| timers.values().cloned()).collect();
        async move { Ok(TimerQueue::new(kept, changes)) }.boxed()
    }
}

impl State {
    fn apply(&mut self, batch: Batch) -> Result<Lsn, Error> {
        if self.dies_at.is_some_and(|last| self.commits >= last) {
            return Err(Error::unavailable("killed"));
        }
        for precondition in &batch.preconditions {
            let (table, key, wanted) = match precondition {
                Precondition::Absent { table, key } => (table, key, None),
                Precondition::Version { table, key, version } => (table, key, Some(*version)),
            };
            let found = self.tables.get(table).and_then(|table| table.get(key)).map(|record| record.version);
            if found != wanted {
                return Err(Error::Conflict { table: table.clone(), key: key.clone() });
            }
        }
        for mutation in batch.mutations {
            self.change(mutation);
        }
        self.commits += 1;
        Ok(Lsn(self.commits))
    }

    fn change(&mut self, mutation: Mutation) {
        match mutation {
            Mutation::Put { table, key, value } => {
                let table = self.tables.entry(table).or_default();
                let version = table.get(&key).map_or(1, |record| record.version + 1);
                table.insert(key.clone(), Record { key, version, value });
            }
            Mutation::Delete { table, key } => {
                self.tables.entry(table).or_default().remove(&key);
            }
            Mutation::SetTimer { queue, key, due, payload } => {
                let timer = Timer { key: key.clone(), due, payload };
                self.timers.entry(queue).or_default().insert(key, timer.clone());
                self.tell(queue, TimerChange::Set(timer));
            }
            Mutation::ClearTimer { queue, key } => {
                self.timers.entry(queue).or_default().remove(&key);
                self.tell(queue, TimerChange::Cleared(key));
            }
            Mutation::DeletePrefix { .. } | Mutation::Append { .. } | Mutation::Trim { .. } => {
                unreachable!("the service does not use it")
            }
        }
    }

    fn tell(&self, queue: &'static str, change: TimerChange) {
        if let Some(consumer) = self.consumers.get(queue) {
            let _ = consumer.send(change);
        }
    }
}
