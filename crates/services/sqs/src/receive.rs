//! ReceiveMessage: takes messages out of sight, and waits for some where there are none.
//!
//! A poller sleeps until a message arrives, or until the next hidden one is visible; one at a time is woken, and wakes the
//! next when it goes.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use api::Context;
use futures_util::future::{pending, select};
use store::{Batch, Ticket};
use tokio::sync::Notify;
use types::Timestamp;

use crate::generated::types as model;
use crate::index::{Place, Taken, Taking, Visibility};
use crate::limits::{
    BATCH_ENTRIES_MAX, DEDUPLICATION_INTERVAL, IN_FLIGHT_MAX_FIFO, IN_FLIGHT_MAX_STANDARD,
    VISIBILITY_SECONDS_MAX, WAIT_SECONDS_MAX,
};
use crate::message::{self, Message, row_key};
use crate::open_queue::{Attempt, OpenQueue};
use crate::queue::{Queue, QueueKey};
use crate::receipt::Receipt;
use crate::shown::{self, Selection};
use crate::{Error, Inner, message_check};

/// What a receive asks for.
struct Request {
    key: QueueKey,
    count_max: usize,
    visibility_seconds: Option<u64>,
    wait_seconds: Option<u64>,
    attempt: Option<String>,
    selection: Selection,
}

/// What a look into a queue found.
struct Look {
    record: Arc<Queue>,
    messages: Vec<(Place, Given)>,
    /// Messages that were received too often, and where they go.
    exhausted: Vec<Place>,
    target: Option<QueueKey>,
    ticket: Ticket,
    next_wake: Option<Timestamp>,
}

/// How a message is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given {
    pub(crate) receives: u32,
    pub(crate) first: Timestamp,
}

/// A poller's place among those who wait: whoever goes wakes the next, which may have to wait for less long than it knew.
struct Poller(Arc<Notify>);

impl Drop for Poller {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Inner {
    pub(crate) async fn receive(
        &self,
        cx: &Context,
        input: model::ReceiveMessageInput,
    ) -> Result<model::ReceiveMessageOutput, Error> {
        let key = self.queues.find(cx, &input.queue_url)?;
        let (record, arrival) = self
            .queues
            .with(&key, |queue| Ok((Arc::clone(&queue.record), Arc::clone(&queue.arrival))))
            .await?;
        let request = Request::of(key, &record, input)?;
        // Messages are hidden by the clock; whoever asks for them waits in the machine's time.
        let (clock, machine) = (cx.dispatcher.clock(), cx.dispatcher.clock().machine());
        let wait = Duration::from_secs(request.wait_seconds.unwrap_or(record.attributes.wait_seconds));
        let until = machine.now() + wait;
        let _poller = Poller(Arc::clone(&arrival));
        loop {
            // Asked for before the look: what comes in between is not missed.
            let arrived = arrival.notified();
            let now = clock.now();
            let (messages, next_wake) = self.look(now, &request).await?;
            if !messages.is_empty() {
                return Ok(model::ReceiveMessageOutput { messages: Some(messages) });
            }
            if machine.now() >= until {
                return Ok(model::ReceiveMessageOutput { messages: None });
            }
            let wake = pin!(async {
                match next_wake {
                    Some(time) => clock.sleep_until(time).await,
                    None => pending().await,
                }
            });
            let late = pin!(machine.sleep_until(until));
            let _ = select(pin!(arrived), select(wake, late)).await;
        }
    }

    /// Takes what is there.
    async fn look(
        &self,
        now: Timestamp,
        request: &Request,
    ) -> Result<(Vec<model::Message>, Option<Timestamp>), Error> {
        loop {
            let target = self.dead_letter_target(&request.key)?;
            let look = self.queues.with(&request.key, |queue| self.take(queue, now, request, target)).await?;
            let Look { record, messages, exhausted, target, ticket, next_wake } = look;
            self.queues.settle(ticket, &[&request.key]).await?;
            let found = self.contents(&record, &messages, &request.selection).await?;
            if exhausted.is_empty() {
                return Ok((found, next_wake));
            }
            if let Some(target) = target {
                self.bury(now, &record, &exhausted, &target).await?;
            }
            if !found.is_empty() {
                return Ok((found, next_wake));
            }
        }
    }

    /// Where messages go that are received too often; `None` too where that queue is gone.
    fn dead_letter_target(&self, key: &QueueKey) -> Result<Option<QueueKey>, Error> {
        let state = self.queues.lock();
        let queue = state.open.get(key).ok_or(Error::QueueDoesNotExist)?;
        let target = queue.record.attributes.redrive.as_ref().and_then(|redrive| redrive.target());
        Ok(target.filter(|target| target != key && state.open.contains_key(target)))
    }

    fn take(
        &self,
        queue: &mut OpenQueue,
        now: Timestamp,
        request: &Request,
        target: Option<QueueKey>,
    ) -> Result<Look, Error> {
        let record = Arc::clone(&queue.record);
        let mut batch = Batch::new();
        queue.expire(now, &mut batch);
        let seconds = request.visibility_seconds.unwrap_or(record.attributes.visibility_seconds);
        let until = now + Duration::from_secs(seconds);
        let taken = match queue.repeated(request.attempt.as_deref(), now, until) {
            Some(received) => Taken { received, exhausted: Vec::new() },
            None => {
                let receives_max = record.attributes.redrive.as_ref().filter(|_| target.is_some());
                let taking = Taking {
                    now,
                    until,
                    count_max: request.count_max.min(room(queue)?),
                    receives_max: receives_max.map(|redrive| redrive.receives_max),
                };
                queue.index.take(&taking)
            }
        };
        for place in &taken.received {
            queue.keep(*place, &mut batch);
        }
        let messages = given(queue, &taken.received);
        queue.remember_attempt(request.attempt.clone(), now, &messages);
        let ticket = self.queues.store.submit(batch);
        if queue.index.has_ready() {
            queue.arrival.notify_one();
        }
        let next_wake = queue.index.next_wake();
        Ok(Look { record, messages, exhausted: taken.exhausted, target, ticket, next_wake })
    }

    /// Messages with what the client wants to see of them. One that somebody deleted meanwhile is none.
    async fn contents(
        &self,
        queue: &Queue,
        messages: &[(Place, Given)],
        selection: &Selection,
    ) -> Result<Vec<model::Message>, Error> {
        let mut found = Vec::with_capacity(messages.len());
        for (place, given) in messages {
            let Some(row) = self.queues.store.get(message::TABLE, &row_key(&queue.id, *place)).await? else {
                continue;
            };
            let message = Message::read(&row.value, &queue.id, &self.queues.key)?;
            let handle = Receipt { place: *place, receives: given.receives }.handle(&queue.id);
            found.push(shown::message(queue, *place, message, *given, handle, selection));
        }
        Ok(found)
    }
}

fn given(queue: &OpenQueue, places: &[Place]) -> Vec<(Place, Given)> {
    let one = |place: &Place| {
        let entry = queue.index.get(*place)?;
        Some((*place, Given { receives: entry.receives, first: entry.received_first? }))
    };
    places.iter().filter_map(one).collect()
}

/// How many messages more may be in flight. A FIFO queue with too many gives none; a standard queue says so.
fn room(queue: &OpenQueue) -> Result<usize, Error> {
    let is_fifo = queue.record.attributes.is_fifo();
    let max = if is_fifo { IN_FLIGHT_MAX_FIFO } else { IN_FLIGHT_MAX_STANDARD };
    match max.saturating_sub(queue.index.in_flight()) {
        0 if !is_fifo => Err(Error::TooManyInFlight),
        room => Ok(room),
    }
}

impl OpenQueue {
    /// The messages of a receive that is tried again, out of sight for another while; `None` where it is another receive,
    /// or something has happened to one of them.
    fn repeated(&mut self, attempt: Option<&str>, now: Timestamp, until: Timestamp) -> Option<Vec<Place>> {
        let attempt = self.attempts.get(attempt?)?;
        let is_as_it_was = |(place, receives): &(Place, u32)| {
            self.index.get(*place).is_some_and(|entry| {
                let is_in_flight =
                    matches!(entry.visibility, Visibility::InFlight { until, .. } if until > now);
                entry.receives == *receives && is_in_flight
            })
        };
        if attempt.at + DEDUPLICATION_INTERVAL <= now || !attempt.messages.iter().all(is_as_it_was) {
            return None;
        }
        let places: Vec<Place> = attempt.messages.iter().map(|(place, _)| *place).collect();
        for place in &places {
            self.index.set_visibility(*place, Visibility::InFlight { since: now, until });
        }
        Some(places)
    }

    fn remember_attempt(&mut self, attempt: Option<String>, now: Timestamp, messages: &[(Place, Given)]) {
        if let (Some(id), false) = (attempt, messages.is_empty()) {
            let messages = messages.iter().map(|(place, given)| (*place, given.receives)).collect();
            self.attempts.entry(id).or_insert(Attempt { at: now, messages: Vec::new() }).messages = messages;
        }
    }
}

impl Request {
    fn of(key: QueueKey, queue: &Queue, input: model::ReceiveMessageInput) -> Result<Self, Error> {
        let count = input.max_number_of_messages.unwrap_or(1);
        let count_max = usize::try_from(count).ok().filter(|count| (1..=BATCH_ENTRIES_MAX).contains(count));
        let count_max = count_max.ok_or_else(|| {
            Error::invalid_value(count, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
        })?;
        let wait_seconds = seconds("WaitTimeSeconds", input.wait_time_seconds, WAIT_SECONDS_MAX)?;
        let visibility_seconds =
            seconds("VisibilityTimeout", input.visibility_timeout, VISIBILITY_SECONDS_MAX)?;
        if let (Some(attempt), false) = (&input.receive_request_attempt_id, queue.attributes.is_fifo()) {
            let reason = "The request includes a parameter that is not valid for this queue type.";
            return Err(Error::invalid_value(attempt, "ReceiveRequestAttemptId", reason));
        }
        message_check::check_id("ReceiveRequestAttemptId", input.receive_request_attempt_id.as_deref())?;
        let system = [input.attribute_names, input.message_system_attribute_names];
        let selection = Selection::of(system.into_iter().flatten().flatten(), input.message_attribute_names)?;
        let attempt = input.receive_request_attempt_id;
        Ok(Self { key, count_max, visibility_seconds, wait_seconds, attempt, selection })
    }
}

fn seconds(parameter: &str, given: Option<i64>, max: u64) -> Result<Option<u64>, Error> {
    let Some(given) = given else { return Ok(None) };
    match u64::try_from(given) {
        Ok(seconds) if seconds <= max => Ok(Some(seconds)),
        _ => Err(Error::invalid_value(given, parameter, &format!("Must be >= 0 and <= {max}, if provided."))),
    }
}
