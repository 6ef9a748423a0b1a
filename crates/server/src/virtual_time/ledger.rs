//! A store that knows what is still to be done: it keeps a book of all timers, and of batches that are on their way.
//!
//! Timers are the one way to do something later or after a commit (ADR 1). So where no batch is on its way and no timer is
//! due, nothing that was decided is yet to be done.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use store::{Batch, Entry, Error, Lsn, Mutation, Range, Record, Slice, Store, Ticket, TimerQueue};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use types::Timestamp;

/// A timer: its queue, and its key there.
pub type TimerName = (&'static str, String);

/// A store, and the book.
pub struct Ledger {
    store: Arc<dyn Store>,
    book: Arc<Mutex<Book>>,
    submitted: UnboundedSender<Submitted>,
}

/// A batch on its way.
struct Submitted {
    changes: Vec<Change>,
    ticket: Ticket,
    settle: oneshot::Sender<Result<Lsn, Error>>,
}

/// What a batch does to a timer.
enum Change {
    Set(TimerName, Timestamp),
    Cleared(TimerName),
}

#[derive(Default)]
struct Book {
    due: HashMap<TimerName, Timestamp>,
    by_time: BTreeSet<(Timestamp, TimerName)>,
    on_their_way: usize,
    stirred: u64,
}

impl Ledger {
    /// A book of what is done to `store` from now on.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let (submitted, batches) = mpsc::unbounded_channel();
        let book = Arc::<Mutex<Book>>::default();
        tokio::spawn(follow(batches, Arc::clone(&book)));
        Self { store, book, submitted }
    }

    /// A number that grows with each batch that is submitted or settled.
    pub fn stirred(&self) -> u64 {
        self.book().stirred
    }

    /// Whether a batch is on its way.
    pub fn is_writing(&self) -> bool {
        self.book().on_their_way > 0
    }

    /// The timers that are due at `now`.
    pub fn due(&self, now: Timestamp) -> Vec<TimerName> {
        let book = self.book();
        book.by_time.iter().take_while(|(due, _)| *due <= now).map(|(_, name)| name.clone()).collect()
    }

    /// The first time after `now` at which a timer is due.
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let book = self.book();
        book.by_time.iter().map(|(due, _)| *due).find(|due| *due > now)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }
}

impl Book {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Set(name, due) => {
                self.clear(&name);
                self.by_time.insert((due, name.clone()));
                self.due.insert(name, due);
            }
            Change::Cleared(name) => self.clear(&name),
        }
    }

    fn clear(&mut self, name: &TimerName) {
        if let Some(due) = self.due.remove(name) {
            self.by_time.remove(&(due, name.clone()));
        }
    }
}

/// Writes down what batches did, in their order, before their writers learn of it.
async fn follow(mut batches: UnboundedReceiver<Submitted>, book: Arc<Mutex<Book>>) {
    while let Some(Submitted { changes, ticket, settle }) = batches.recv().await {
        let result = ticket.durable().await;
        {
            let mut book = lock(&book);
            if result.is_ok() {
                changes.into_iter().for_each(|change| book.apply(change));
            }
            book.on_their_way -= 1;
            book.stirred += 1;
        }
        // A writer that does not wait is told nothing.
        let _ = settle.send(result);
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

fn changes(batch: &Batch) -> Vec<Change> {
    let change = |mutation: &Mutation| match mutation {
        Mutation::SetTimer { queue, key, due, .. } => Some(Change::Set((queue, key.clone()), *due)),
        Mutation::ClearTimer { queue, key } => Some(Change::Cleared((queue, key.clone()))),
        Mutation::Put { .. }
        | Mutation::Delete { .. }
        | Mutation::DeletePrefix { .. }
        | Mutation::Append { .. }
        | Mutation::Trim { .. } => None,
    };
    batch.mutations.iter().filter_map(change).collect()
}

impl Store for Ledger {
    fn submit(&self, batch: Batch) -> Ticket {
        let changes = changes(&batch);
        let (settle, ours) = Ticket::new();
        // Held so that the order here is the store's.
        let mut book = self.book();
        let ticket = self.store.submit(batch);
        book.on_their_way += 1;
        book.stirred += 1;
        // The other end lives as long as this one.
        let _ = self.submitted.send(Submitted { changes, ticket, settle });
        ours
    }

    fn get<'a>(&'a self, table: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, Error>> {
        self.store.get(table, key)
    }

    fn list<'a>(&'a self, table: &'a str, range: Range<'a>) -> BoxFuture<'a, Result<Vec<Record>, Error>> {
        self.store.list(table, range)
    }

    fn read<'a>(&'a self, log: &'a str, slice: Slice) -> BoxFuture<'a, Result<Vec<Entry>, Error>> {
        self.store.read(log, slice)
    }

    fn timers(&self, queue: &'static str) -> BoxFuture<'_, Result<TimerQueue, Error>> {
        Box::pin(async move {
            let timers = self.store.timers(queue).await?;
            let mut book = self.book();
            for (key, due) in timers.held() {
                if !book.due.contains_key(&(queue, key.clone())) {
                    book.apply(Change::Set((queue, key), due));
                }
            }
            drop(book);
            Ok(timers)
        })
    }

    fn close(&self) {
        self.store.close();
    }

    fn backup<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, Result<(), Error>> {
        self.store.backup(dir)
    }
}

#[cfg(test)]
mod tests {
    use store::LocalStore;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[tokio::test]
    async fn knows_what_is_due() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(Arc::new(LocalStore::open(dir.path()).unwrap()));
        let mut batch = Batch::new();
        batch.set_timer("q", "a", at(10), vec![]).set_timer("q", "b", at(20), vec![]);
        let ticket = ledger.submit(batch);
        assert!(ledger.is_writing());
        ticket.durable().await.unwrap();
        assert!(!ledger.is_writing());
        assert_eq!(ledger.due(at(10)), [("q", "a".to_owned())]);
        assert_eq!(ledger.next_due(at(10)), Some(at(20)));

        // What is refused changes nothing.
        let mut refused = Batch::new();
        refused.require_version("t", "k", 7).clear_timer("q", "a");
        assert!(ledger.submit(refused).durable().await.is_err());
        let mut batch = Batch::new();
        batch.set_timer("q", "a", at(30), vec![]).clear_timer("q", "b");
        ledger.submit(batch).durable().await.unwrap();
        assert_eq!((ledger.due(at(29)), ledger.next_due(at(10))), (vec![], Some(at(30))));
    }

    #[tokio::test]
    async fn knows_what_was_kept_before() {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(LocalStore::open(dir.path()).unwrap());
        let mut batch = Batch::new();
        batch.set_timer("q", "a", at(10), vec![]);
        store.submit(batch).durable().await.unwrap();
        let ledger = Ledger::new(store);
        let _queue = ledger.timers("q").await.unwrap();
        assert_eq!(ledger.due(at(10)), [("q", "a".to_owned())]);
    }
}
