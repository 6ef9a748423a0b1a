//! What happens by itself: expired events are removed, and what belonged to deleted groups and streams.
//!
//! Neither is ever seen by a reader: expiry is part of every read, and what is deleted cannot be found. Events are
//! removed a few at a time, so that writers are not held up.

use std::time::Duration;

use clock::Clock;
use store::{Batch, Order, Range, Slice};
use tokio::task::JoinHandle;
use types::Timestamp;

use crate::error::Error;
use crate::position::next_millisecond;
use crate::{Logs, limits};

/// Groups with a retention policy; a timer's key is the group's.
const EXPIRY: &str = "logs-expiry";
/// What was deleted; a timer's key is `group/ID` or `events/LOG`.
const REMOVAL: &str = "logs-removal";

/// How long what could not be removed rests before it is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// Adds to `batch`: remove a group's expired events from `due` on.
pub(crate) fn expire_at(batch: &mut Batch, group_key: &str, due: Timestamp) {
    batch.set_timer(EXPIRY, group_key, due, Vec::new());
}

/// Adds to `batch`: a group's events no longer expire.
pub(crate) fn never_expire(batch: &mut Batch, group_key: &str) {
    batch.clear_timer(EXPIRY, group_key);
}

/// Adds to `batch`: remove the streams and events of a group that is gone.
pub(crate) fn remove_group(batch: &mut Batch, group_id: &str, now: Timestamp) {
    batch.set_timer(REMOVAL, format!("group/{group_id}"), now, Vec::new());
}

/// Adds to `batch`: remove the events of a stream that is gone.
pub(crate) fn remove_events(batch: &mut Batch, log: &str, now: Timestamp) {
    batch.set_timer(REMOVAL, format!("events/{log}"), now, Vec::new());
}

impl Logs {
    /// Starts removing what expired or was deleted. Ends when the store closes.
    pub fn start(&self) -> JoinHandle<()> {
        let logs = self.clone();
        tokio::spawn(async move {
            let clock = logs.clock.clone();
            if let Err(error) = tokio::try_join!(logs.expire(&clock), logs.remove(&clock)) {
                tracing::error!(%error, "expired and deleted log events are no longer removed");
            }
        })
    }

    async fn expire(&self, clock: &Clock) -> Result<(), Error> {
        let mut queue = self.store.timers(EXPIRY).await?;
        while let Some(timer) = queue.next(clock).await {
            if let Err(error) = self.expire_group(&timer.key, clock.now()).await {
                tracing::error!(group = timer.key, %error, "expired log events are not removed yet");
                queue.put_back(timer, clock.now() + PAUSE);
            }
        }
        Ok(())
    }

    async fn expire_group(&self, group_key: &str, now: Timestamp) -> Result<(), Error> {
        let group = self.groups.get(group_key).await?.map(|group| group.value);
        let expiry = group.and_then(|group| Some((group.expiry(now)?, group.id)));
        let mut batch = Batch::new();
        match expiry {
            Some((before, id)) => {
                for stream in self.streams.list(Range::prefix(&format!("{id}/"))).await? {
                    self.trim(&stream.value.id, before).await?;
                }
                expire_at(&mut batch, group_key, now + limits::EXPIRY_INTERVAL);
            }
            None => never_expire(&mut batch, group_key),
        }
        self.commit(batch).await
    }

    async fn remove(&self, clock: &Clock) -> Result<(), Error> {
        let mut queue = self.store.timers(REMOVAL).await?;
        while let Some(timer) = queue.next(clock).await {
            if let Err(error) = self.remove_deleted(&timer.key, clock.now()).await {
                tracing::error!(key = timer.key, %error, "deleted log events are not removed yet");
                queue.put_back(timer, clock.now() + PAUSE);
            }
        }
        Ok(())
    }

    async fn remove_deleted(&self, key: &str, now: Timestamp) -> Result<(), Error> {
        match key.split_once('/') {
            Some(("group", id)) => self.remove_streams(id, now).await?,
            Some(("events", log)) => self.remove_log(log).await?,
            _ => tracing::error!(key, "nobody knows what is to be removed"),
        }
        let mut batch = Batch::new();
        batch.clear_timer(REMOVAL, key);
        self.commit(batch).await
    }

    /// Deletes a group's streams, each with a timer for its events.
    async fn remove_streams(&self, group_id: &str, now: Timestamp) -> Result<(), Error> {
        let prefix = format!("{group_id}/");
        loop {
            let range = Range { limit: limits::READ_AT_ONCE, ..Range::prefix(&prefix) };
            let streams = self.streams.list(range).await?;
            if streams.is_empty() {
                return Ok(());
            }
            let mut batch = Batch::new();
            for stream in streams {
                self.streams.delete(&mut batch, &stream.key);
                remove_events(&mut batch, &stream.value.id, now);
            }
            self.commit(batch).await?;
        }
    }

    async fn remove_log(&self, log: &str) -> Result<(), Error> {
        self.trim(log, Timestamp::MAX).await?;
        let mut batch = Batch::new();
        batch.trim(log, Timestamp::MAX);
        self.positions.delete(&mut batch, log);
        self.commit(batch).await
    }

    /// Removes the events of a log whose time is before `before`, some at a time.
    async fn trim(&self, log: &str, before: Timestamp) -> Result<(), Error> {
        loop {
            let slice = Slice {
                to_time: before,
                order: Order::Time,
                limit: limits::REMOVED_AT_ONCE,
                ..Slice::default()
            };
            let entries = self.store.read(log, slice).await?;
            let Some(last) = entries.last() else { return Ok(()) };
            let mut batch = Batch::new();
            batch.trim(log, next_millisecond(last.time).min(before));
            self.commit(batch).await?;
        }
    }
}
