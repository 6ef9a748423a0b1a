//! A pipe that runs: what its messages go through, and what is known of those on their way.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use api::AwsError;
use clock::Clock;
use event_pattern::EventPattern;
use store::{Batch, Collection, Range, Store};

use crate::call::Caller;
use crate::limits::{BATCH_SIZE_DEFAULT, DELIVERED_KEPT, PAUSE_MIN, RECEIVED_AT_ONCE};
use crate::pipe::Pipe;
use crate::shipment::{DELIVERED, Delivered, Fate, Known, Received, SHIPMENTS, Shipment};
use crate::source::{self, Handle};
use crate::targets::batch_max;
use crate::{Error, flow};

/// A pipe that runs.
pub(crate) struct Line {
    pub(crate) pipe: Pipe,
    pub(crate) caller: Caller,
    key: String,
    patterns: Vec<EventPattern>,
    known: Known,
    store: Arc<dyn Store>,
    shipments: Collection<Shipment>,
    delivered: Collection<Delivered>,
}

impl Line {
    /// Opens the line of a pipe; returns the shipments too that were on their way before.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) async fn open(
        store: &Arc<dyn Store>,
        pipe: Pipe,
        caller: Caller,
    ) -> Result<(Self, Vec<Shipment>), Error> {
        // Patterns were read when the pipe was made.
        let patterns = flow::patterns(&pipe.definition).unwrap_or_default();
        let line = Self {
            key: pipe.key(),
            pipe,
            caller,
            patterns,
            known: Known::default(),
            store: Arc::clone(store),
            shipments: Collection::new(Arc::clone(store), SHIPMENTS),
            delivered: Collection::new(Arc::clone(store), DELIVERED),
        };
        let prefix = format!("{}/", line.key);
        let left: Vec<Shipment> =
            line.shipments.list(Range::prefix(&prefix)).await?.into_iter().map(|row| row.value).collect();
        for shipment in &left {
            line.known.begin(&shipment.messages);
        }
        line.read_delivered(&prefix).await?;
        Ok((line, left))
    }

    async fn read_delivered(&self, prefix: &str) -> Result<(), Error> {
        let (now, mut old) = (self.clock().now(), Batch::new());
        for row in self.delivered.list(Range::prefix(prefix)).await? {
            if now.since(row.value.at) > DELIVERED_KEPT {
                self.delivered.delete(&mut old, &row.key);
            } else {
                self.known.note_delivered(row.key.strip_prefix(prefix).map(str::to_owned));
            }
        }
        if !old.is_empty() {
            self.store.submit(old).durable().await?;
        }
        Ok(())
    }

    pub(crate) fn clock(&self) -> &Clock {
        self.caller.clock()
    }

    pub(crate) fn source(&self) -> &str {
        &self.pipe.definition.source
    }

    /// Whether messages have an order that a failure must not break.
    pub(crate) fn is_ordered(&self) -> bool {
        self.source().ends_with(".fifo")
    }

    /// How many messages are a batch, and how long they are waited for.
    pub(crate) fn batching(&self) -> (usize, Duration) {
        let parameters = self.pipe.definition.source_parameters.as_ref();
        let sqs = parameters.and_then(|given| given.sqs_queue_parameters.as_ref());
        let size = sqs.and_then(|sqs| sqs.batch_size).and_then(|size| usize::try_from(size).ok());
        let window = sqs.and_then(|sqs| sqs.maximum_batching_window_in_seconds).unwrap_or_default();
        let most = batch_max(&self.pipe.definition);
        let size = size.unwrap_or(BATCH_SIZE_DEFAULT).clamp(1, most);
        (size, Duration::from_secs(u64::try_from(window).unwrap_or_default()))
    }

    /// Waits for messages. Those that the filter does not want, and those that were delivered before, are deleted.
    ///
    /// # Errors
    /// What SQS answers.
    pub(crate) async fn receive(&self, count: usize) -> Result<Vec<Received>, AwsError> {
        let received = source::receive(&self.caller, self.source(), count.min(RECEIVED_AT_ONCE)).await?;
        let (mut wanted, mut unwanted, mut again) = (Vec::new(), Vec::new(), Vec::new());
        let is_answered = !received.is_empty();
        for message in received {
            let handle = |message: Received| (message.message_id, message.receipt_handle);
            match self.known.fate(&message) {
                Fate::Leave => {}
                Fate::Carry if source::is_wanted(&self.patterns, &message.event) => wanted.push(message),
                Fate::Carry => unwanted.push(handle(message)),
                Fate::Delete => again.push(handle(message)),
            }
        }
        source::delete(&self.caller, self.source(), &unwanted).await;
        if !again.is_empty() {
            self.forget_delivered(&source::delete(&self.caller, self.source(), &again).await);
        }
        if is_answered && wanted.is_empty() && unwanted.is_empty() && again.is_empty() {
            // A queue that hides nothing gives what is under way without end.
            let machine = self.clock().machine();
            machine.sleep_until(machine.now() + PAUSE_MIN).await;
        }
        Ok(wanted)
    }

    /// What was delivered before is not in the queue any more.
    fn forget_delivered(&self, ids: &HashSet<String>) {
        let mut batch = Batch::new();
        for id in ids {
            self.delivered.delete(&mut batch, &format!("{}/{id}", self.key));
        }
        self.known.forget_delivered(ids);
        // Nobody waits for it: a row that stays is deleted when it is old.
        drop(self.store.submit(batch));
    }

    /// Makes a shipment of messages, durably.
    ///
    /// # Errors
    /// Where it cannot be kept.
    pub(crate) async fn begin(&self, messages: Vec<Received>) -> Result<Shipment, Error> {
        let shipment = Shipment::new(messages, self.clock().now());
        self.keep(&shipment).await?;
        self.known.begin(&shipment.messages);
        Ok(shipment)
    }

    /// Keeps a shipment as it is now.
    ///
    /// # Errors
    /// Where it cannot be kept.
    pub(crate) async fn keep(&self, shipment: &Shipment) -> Result<(), Error> {
        let mut batch = Batch::new();
        self.shipments.put(&mut batch, &shipment.key(&self.key), shipment);
        self.store.submit(batch).durable().await?;
        Ok(())
    }

    /// Ends a shipment of which `taken` says what the target took: that is deleted from the queue, the rest is given again.
    pub(crate) async fn end(&self, shipment: &Shipment, taken: &[bool]) -> Result<(), Error> {
        let done = shipment.messages.iter().zip(taken).filter(|(_, taken)| **taken);
        let done: Vec<Handle> =
            done.map(|(message, _)| (message.message_id.clone(), self.known.handle(message))).collect();
        let gone = source::delete(&self.caller, self.source(), &done).await;
        let stays = done.into_iter().map(|(id, _)| id).filter(|id| !gone.contains(id));
        let stays: Vec<String> = stays.collect();
        let (mut batch, now) = (Batch::new(), self.clock().now());
        for id in stays {
            self.delivered.put(&mut batch, &format!("{}/{id}", self.key), &Delivered { at: now });
            self.known.note_delivered([id]);
        }
        self.shipments.delete(&mut batch, &shipment.key(&self.key));
        self.known.end(&shipment.messages);
        self.store.submit(batch).durable().await?;
        Ok(())
    }
}
