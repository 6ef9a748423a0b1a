//! All queues: found by what calls say of them, changed under one lock, read again from the store where a write failed.
//!
//! Memory runs ahead of the disk. Batches are submitted under the lock, so that the store gets them in the order in which
//! memory was changed; whoever answers waits for his own batch, and with it for all before. A batch that fails may have
//! failed others behind it: the queue is stale then, and read again before anybody uses it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use api::Context;
use futures_util::lock::Mutex as Lock;
use sealed::SecretKey;
use store::{Batch, Collection, Range, Store, Ticket};
use types::Timestamp;

use crate::Error;
use crate::deduplication::{self, Sent};
use crate::message::{self, Message, Received};
use crate::open_queue::OpenQueue;
use crate::queue::{self, Queue, QueueAddress, QueueKey};

/// The queues.
pub(crate) struct Queues {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) key: SecretKey,
    pub(crate) records: Collection<Queue>,
    /// Held while queues are created, deleted, or given other attributes.
    pub(crate) changes: Lock<()>,
    /// When the queues were read: nobody could make a call again before that.
    opened: OnceLock<Timestamp>,
    state: Mutex<State>,
    reading: Lock<()>,
}

/// What is in memory.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) open: BTreeMap<QueueKey, OpenQueue>,
    /// Names that cannot be used yet.
    pub(crate) deleted: HashMap<QueueKey, Timestamp>,
}

/// How many rows are read at a time.
const PAGE: usize = 1000;

impl Queues {
    pub(crate) fn new(store: Arc<dyn Store>, key: SecretKey) -> Self {
        Self {
            records: Collection::new(Arc::clone(&store), queue::TABLE),
            store,
            key,
            changes: Lock::default(),
            opened: OnceLock::new(),
            state: Mutex::default(),
            reading: Lock::default(),
        }
    }

    /// Reads all queues from the store.
    pub(crate) async fn load(&self, now: Timestamp) -> Result<(), Error> {
        let _ = self.opened.set(now);
        for record in self.records.list(Range::prefix("")).await? {
            let mut open = OpenQueue::new(record.value);
            self.read(&mut open).await?;
            self.lock().open.insert(open.record.key.clone(), open);
        }
        Ok(())
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with a queue, under the lock.
    ///
    /// # Errors
    /// [`Error::QueueDoesNotExist`]; whatever `act` answers.
    pub(crate) async fn with<T>(
        &self,
        key: &QueueKey,
        act: impl FnOnce(&mut OpenQueue) -> Result<T, Error>,
    ) -> Result<T, Error> {
        loop {
            if let Some(queue) = self.lock().open.get_mut(key).filter(|queue| !queue.is_stale) {
                return act(queue);
            }
            self.refresh(key).await?;
        }
    }

    /// Waits until a batch is durable. Where it fails, the queues that it changed are stale.
    pub(crate) async fn settle(&self, ticket: Ticket, changed: &[&QueueKey]) -> Result<(), Error> {
        let Err(error) = ticket.durable().await else { return Ok(()) };
        let mut state = self.lock();
        for key in changed {
            if let Some(queue) = state.open.get_mut(*key) {
                queue.is_stale = true;
            }
        }
        Err(error.into())
    }

    /// Reads a stale queue again.
    ///
    /// # Errors
    /// [`Error::QueueDoesNotExist`], [`Error::Store`].
    pub(crate) async fn refresh(&self, key: &QueueKey) -> Result<(), Error> {
        let _reading = self.reading.lock().await;
        let record = match self.lock().open.get(key) {
            None => return Err(Error::QueueDoesNotExist),
            Some(queue) if !queue.is_stale => return Ok(()),
            Some(queue) => Arc::clone(&queue.record),
        };
        // What was submitted before is settled after this; nothing is submitted for the queue meanwhile.
        self.store.submit(Batch::new()).durable().await?;
        let mut fresh = OpenQueue::new(Queue::clone(&record));
        self.read(&mut fresh).await?;
        let mut state = self.lock();
        let Some(queue) = state.open.get_mut(key).filter(|queue| queue.record.id == record.id) else {
            return Err(Error::QueueDoesNotExist);
        };
        fresh.arrival = Arc::clone(&queue.arrival);
        fresh.record = Arc::clone(&queue.record);
        fresh.purged = queue.purged;
        *queue = fresh;
        queue.arrival.notify_one();
        Ok(())
    }

    /// Reads a queue's rows.
    async fn read(&self, queue: &mut OpenQueue) -> Result<(), Error> {
        let record = Arc::clone(&queue.record);
        let prefix = format!("{}/", record.id);
        let mut received: HashMap<String, Received> = HashMap::new();
        self.rows(message::RECEIVES_TABLE, &prefix, |key, row| {
            received.extend(serde_json::from_slice(&row).ok().map(|row| (key, row)));
            Ok(())
        })
        .await?;
        self.rows(message::TABLE, &prefix, |key, row| {
            let Some(place) = message::place_of(&key) else { return Ok(()) };
            let message = Message::read(&row, &record.id, &self.key)?;
            let mut entry = message.entry(&record);
            if let Some(received) = received.get(&key) {
                received.apply(&mut entry);
            }
            queue.restore(place, entry);
            Ok(())
        })
        .await?;
        let opened = self.opened.get().copied().unwrap_or(Timestamp::MIN);
        for (table, known, since) in [
            (deduplication::IDS, &mut queue.deduplication, Timestamp::MIN),
            (deduplication::CALLS, &mut queue.calls, opened),
        ] {
            self.rows(table, &prefix, |key, row| {
                if let (Some(place), Ok(sent)) =
                    (message::place_of(&key), serde_json::from_slice::<Sent>(&row))
                {
                    known.restore(place, Sent { at: sent.at.max(since), ..sent });
                }
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    async fn rows(
        &self,
        table: &str,
        prefix: &str,
        mut each: impl FnMut(String, Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let range = Range { after: after.as_deref(), limit: PAGE, ..Range::prefix(prefix) };
            let rows = self.store.list(table, range).await?;
            let is_last = rows.len() < PAGE;
            after = rows.last().map(|row| row.key.clone());
            for row in rows {
                each(row.key, row.value)?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// The queue that a URL means: on AWS's hosts that of the region they name; else that of the call's region, or the only
    /// one that there is under this name.
    ///
    /// # Errors
    /// [`Error::InvalidAddress`], [`Error::QueueDoesNotExist`].
    pub(crate) fn find(&self, cx: &Context, url: &str) -> Result<QueueKey, Error> {
        let address = QueueAddress::of(url).ok_or_else(|| Error::InvalidAddress(url.to_owned()))?;
        let key = |region: &str| QueueKey {
            account: address.account.to_owned(),
            region: region.to_owned(),
            name: address.name.to_owned(),
        };
        let state = self.lock();
        let named = key(address.region.unwrap_or(cx.region.as_str()));
        if state.open.contains_key(&named) {
            return Ok(named);
        }
        let mut others =
            state.open.keys().filter(|key| key.account == address.account && key.name == address.name);
        match (others.next(), others.next()) {
            (Some(only), None) => Ok(only.clone()),
            _ => Err(Error::QueueDoesNotExist),
        }
    }
}
