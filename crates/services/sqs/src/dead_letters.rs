//! Messages on their way from one queue to another: to the dead-letter queue, and back.

use std::collections::BTreeSet;
use std::time::Duration;

use store::Batch;
use types::Timestamp;

use crate::index::{Place, Visibility};
use crate::message::{self, Message, row_key};
use crate::queue::{Queue, QueueKey};
use crate::{Error, Inner};

/// A message that is to move.
struct Moving {
    place: Place,
    message: Message,
    row: Vec<u8>,
}

impl Inner {
    /// Moves messages that were received too often to the dead-letter queue. They are in flight until that has happened, so
    /// that what fails is tried again.
    pub(crate) async fn bury(
        &self,
        now: Timestamp,
        source: &Queue,
        places: &[Place],
        target: &QueueKey,
    ) -> Result<(), Error> {
        let Ok(destination) = self.record(target).await else { return Ok(()) };
        let source_arn = source.key.arn();
        let change = |message: &mut Message, receives: u32, first: Option<Timestamp>| {
            message.source_arn = Some(source_arn.clone());
            message.receives_before = receives;
            message.received_first = first;
        };
        self.relocate(now, source, places, &destination, change).await?;
        Ok(())
    }

    /// Moves messages that are in flight, and gives how many there were.
    pub(crate) async fn relocate(
        &self,
        now: Timestamp,
        source: &Queue,
        places: &[Place],
        destination: &Queue,
        change: impl Fn(&mut Message, u32, Option<Timestamp>),
    ) -> Result<usize, Error> {
        let mut moving = Vec::with_capacity(places.len());
        for place in places {
            let known = self
                .queues
                .with(&source.key, |queue| {
                    Ok(queue.index.get(*place).map(|entry| (entry.receives, entry.received_first)))
                })
                .await?;
            let row = self.queues.store.get(message::TABLE, &row_key(&source.id, *place)).await?;
            let (Some((receives, first)), Some(row)) = (known, row) else { continue };
            let mut message = Message::read(&row.value, &source.id, &self.queues.key)?;
            change(&mut message, receives, first);
            message.delayed_until = None;
            if destination.attributes.is_fifo() {
                message.sent = now;
            }
            let row = message.row(destination, &self.queues.key)?;
            moving.push(Moving { place: *place, message, row });
        }
        self.commit_move(now, source, destination, moving).await
    }

    /// Takes messages out of one queue and puts them into the other, in one batch.
    async fn commit_move(
        &self,
        now: Timestamp,
        source: &Queue,
        destination: &Queue,
        moving: Vec<Moving>,
    ) -> Result<usize, Error> {
        for key in BTreeSet::from([&source.key, &destination.key]) {
            self.queues.refresh(key).await?;
        }
        let (count, ticket) = {
            let mut state = self.queues.lock();
            let is_as_it_was = |known: &Queue| {
                state.open.get(&known.key).is_some_and(|queue| !queue.is_stale && queue.record.id == known.id)
            };
            if !is_as_it_was(source) || !is_as_it_was(destination) {
                return Err(Error::RequestThrottled);
            }
            let mut batch = Batch::new();
            let from = state.open.get_mut(&source.key).ok_or(Error::QueueDoesNotExist)?;
            let is_held = |place: Place| {
                from.index
                    .get(place)
                    .is_some_and(|entry| matches!(entry.visibility, Visibility::InFlight { .. }))
            };
            let held: Vec<Moving> = moving.into_iter().filter(|one| is_held(one.place)).collect();
            for one in &held {
                from.remove(one.place, &mut batch);
            }
            from.arrival.notify_one();
            let count = held.len();
            let to = state.open.get_mut(&destination.key).ok_or(Error::QueueDoesNotExist)?;
            for Moving { message, row, .. } in held {
                let place = to.next_place(now);
                to.index.insert(place, message.entry(&to.record));
                batch.put(message::TABLE, row_key(&to.record.id, place), row);
            }
            to.keep_up(now, &mut batch);
            to.arrival.notify_one();
            (count, self.queues.store.submit(batch))
        };
        self.queues.settle(ticket, &[&source.key, &destination.key]).await?;
        Ok(count)
    }
}

/// How long messages are held that are about to move.
pub(crate) const HELD: Duration = Duration::from_secs(30);
