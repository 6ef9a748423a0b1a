//! A store that takes a number of batches and then fails, as a process does that is killed, or a disk that is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use store::{Batch, Entry, Error, Range, Record, Slice, SqliteStore, Store, Ticket, TimerQueue};

pub struct LimitedStore {
    inner: Arc<SqliteStore>,
    left: AtomicUsize,
    dead: AtomicBool,
}

impl LimitedStore {
    pub fn new(inner: Arc<SqliteStore>, batches: usize) -> Self {
        Self { inner, left: AtomicUsize::new(batches), dead: AtomicBool::new(false) }
    }

    /// Takes no more batches.
    pub fn kill(&self) {
        self.left.store(0, Ordering::SeqCst);
    }

    /// Takes batches again, as a disk that was full and has been freed.
    pub fn free(&self) {
        self.left.store(usize::MAX, Ordering::SeqCst);
        self.dead.store(false, Ordering::SeqCst);
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }
}

impl Store for LimitedStore {
    fn submit(&self, batch: Batch) -> Ticket {
        let take = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
            return self.inner.submit(batch);
        }
        self.dead.store(true, Ordering::SeqCst);
        let (settle, ticket) = Ticket::new();
        // As in a real store, nobody learns of a failure before all that was submitted earlier is settled.
        let earlier = self.inner.submit(Batch::new());
        tokio::spawn(async move {
            let _ = earlier.durable().await;
            let _ = settle.send(Err(Error::unavailable("the process has ended")));
        });
        ticket
    }

    fn get<'a>(&'a self, table: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, Error>> {
        self.inner.get(table, key)
    }

    fn list<'a>(&'a self, table: &'a str, range: Range<'a>) -> BoxFuture<'a, Result<Vec<Record>, Error>> {
        self.inner.list(table, range)
    }

    fn read<'a>(&'a self, log: &'a str, slice: Slice) -> BoxFuture<'a, Result<Vec<Entry>, Error>> {
        self.inner.read(log, slice)
    }

    fn timers(&self, queue: &'static str) -> BoxFuture<'_, Result<TimerQueue, Error>> {
        self.inner.timers(queue)
    }
}
