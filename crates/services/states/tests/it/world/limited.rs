//! A store that takes a number of batches and then fails, as a process does that is killed, or a disk that is full.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use store::{Batch, Entry, Error, Lsn, Range, Record, Slice, SqliteStore, Store, Ticket, TimerQueue};
use tokio::sync::{oneshot, watch};

pub struct LimitedStore {
    inner: Arc<SqliteStore>,
    left: AtomicUsize,
    dead: AtomicBool,
    /// Batches that are not on their way to the disk yet, while it is behind.
    held: Mutex<Option<Vec<(Batch, Settle)>>>,
    changes: watch::Sender<usize>,
}

type Settle = oneshot::Sender<Result<Lsn, Error>>;

impl LimitedStore {
    pub fn new(inner: Arc<SqliteStore>, batches: usize) -> Self {
        Self {
            inner,
            left: AtomicUsize::new(batches),
            dead: AtomicBool::new(false),
            held: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// From here on the disk is behind: nothing comes to it until it is released.
    pub fn hold(&self) {
        self.held.lock().unwrap().get_or_insert_default();
    }

    /// How many batches are held.
    pub fn held(&self) -> usize {
        *self.changes.borrow()
    }

    /// Waits until so many batches are held.
    pub async fn until_held(&self, count: usize) {
        self.changes.subscribe().wait_for(|held| *held >= count).await.unwrap();
    }

    /// Lets the disk go on.
    pub fn release(&self) {
        for (batch, settle) in self.held.lock().unwrap().take().unwrap_or_default() {
            let ticket = self.inner.submit(batch);
            tokio::spawn(async move { settle.send(ticket.durable().await) });
        }
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
        if let Some(held) = &mut *self.held.lock().unwrap() {
            let (settle, ticket) = Ticket::new();
            held.push((batch, settle));
            self.changes.send_replace(held.len());
            return ticket;
        }
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
