//! CreateQueue, DeleteQueue, PurgeQueue, GetQueueUrl.

use std::collections::BTreeMap;

use api::{Context, ids};
use store::Batch;

use crate::attributes::Attributes;
use crate::generated::types as model;
use crate::limits::{DELETED_NAME_INTERVAL, PURGE_INTERVAL};
use crate::open_queue::OpenQueue;
use crate::queue::{Queue, QueueKey, check_name};
use crate::send::UPKEEP;
use crate::{Error, Inner, deduplication, message, tag};

impl Inner {
    pub(crate) async fn create(&self, cx: &Context, input: model::CreateQueueInput) -> Result<String, Error> {
        let given = input.attributes.unwrap_or_default();
        let is_fifo = given.get("FifoQueue").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        check_name(&input.queue_name, is_fifo)?;
        let key = QueueKey::of(cx, &input.queue_name);
        let _changing = self.queues.changes.lock().await;
        if let Some(url) = self.found(&key, &given)? {
            return Ok(url);
        }
        self.check_deleted(cx, &key)?;
        let mut attributes = Attributes::new(is_fifo);
        attributes.set_all(&given)?;
        self.check_redrive(&key, &attributes, &given)?;
        let record = Queue {
            key: key.clone(),
            id: ids::hex32(),
            attributes,
            tags: tag::added(BTreeMap::new(), input.tags.unwrap_or_default())?,
            created: cx.now,
            modified: cx.now,
        };
        let mut batch = Batch::new();
        self.queues.records.put(&mut batch, &key.text(), &record);
        self.queues.store.submit(batch).durable().await?;
        self.queues.lock().open.insert(key.clone(), OpenQueue::new(record));
        Ok(key.url())
    }

    /// The URL of a queue that is there already, where it is as the request wants it.
    fn found(&self, key: &QueueKey, given: &BTreeMap<String, String>) -> Result<Option<String>, Error> {
        let state = self.queues.lock();
        if let Some(queue) = state.open.get(key) {
            let mut wanted = queue.record.attributes.clone();
            wanted.set_all(given)?;
            return match queue.record.attributes.difference(&wanted, given.keys()) {
                Some(name) => Err(Error::QueueNameExists(name)),
                None => Ok(Some(key.url())),
            };
        }
        Ok(None)
    }

    pub(crate) async fn delete_queue(&self, cx: &Context, url: &str) -> Result<(), Error> {
        let key = self.queues.find(cx, url)?;
        let _changing = self.queues.changes.lock().await;
        let (mut queue, ticket) = {
            let mut state = self.queues.lock();
            let queue = state.open.remove(&key).ok_or(Error::QueueDoesNotExist)?;
            let mut batch = Batch::new();
            self.queues.records.delete(&mut batch, &key.text());
            delete_messages(&queue.record, &mut batch);
            for table in [deduplication::IDS, deduplication::CALLS] {
                batch.delete_prefix(table, format!("{}/", queue.record.id));
            }
            batch.clear_timer(UPKEEP, key.text());
            state.deleted.retain(|_, at| *at + DELETED_NAME_INTERVAL > cx.now);
            state.deleted.insert(key.clone(), cx.now);
            (queue, self.queues.store.submit(batch))
        };
        if let Err(error) = ticket.durable().await {
            queue.is_stale = true;
            let mut state = self.queues.lock();
            state.deleted.remove(&key);
            state.open.insert(key, queue);
            return Err(error.into());
        }
        // Whoever waits for a message is told that there is no queue.
        queue.arrival.notify_waiters();
        Ok(())
    }

    pub(crate) async fn purge(&self, cx: &Context, url: &str) -> Result<(), Error> {
        let key = self.queues.find(cx, url)?;
        let ticket = self
            .queues
            .with(&key, |queue| {
                if queue.purged.is_some_and(|at| at + PURGE_INTERVAL > cx.now) {
                    return Err(Error::PurgeQueueInProgress(key.name.clone()));
                }
                queue.purged = Some(cx.now);
                queue.clear();
                let mut batch = Batch::new();
                delete_messages(&queue.record, &mut batch);
                Ok(self.queues.store.submit(batch))
            })
            .await?;
        self.queues.settle(ticket, &[&key]).await
    }

    pub(crate) fn queue_url(&self, cx: &Context, input: &model::GetQueueUrlInput) -> Result<String, Error> {
        let mut key = QueueKey::of(cx, &input.queue_name);
        if let Some(owner) = &input.queue_owner_aws_account_id {
            key.account.clone_from(owner);
        }
        match self.queues.lock().open.contains_key(&key) {
            true => Ok(key.url()),
            false => Err(Error::QueueDoesNotExist),
        }
    }

    /// Whether the name can be used again.
    fn check_deleted(&self, cx: &Context, key: &QueueKey) -> Result<(), Error> {
        match self.queues.lock().deleted.get(key) {
            Some(at) if *at + DELETED_NAME_INTERVAL > cx.now => Err(Error::QueueDeletedRecently),
            _ => Ok(()),
        }
    }
}

/// Deletes the rows of all messages.
fn delete_messages(queue: &Queue, batch: &mut Batch) {
    for table in [message::TABLE, message::RECEIVES_TABLE] {
        batch.delete_prefix(table, format!("{}/", queue.id));
    }
}
