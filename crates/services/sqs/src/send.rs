//! SendMessage and SendMessageBatch.
//!
//! A message is in its queue's index as soon as it is on its way to the disk: nobody is given it before it is there, for
//! whoever receives it waits for a later batch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::{Context, Principal, ids};
use store::Batch;
use types::Timestamp;

use crate::deduplication::{Sent, scoped_id};
use crate::generated::types as model;
use crate::index::Place;
use crate::message::{Message, TABLE, row_key, sequence_number};
use crate::open_queue::OpenQueue;
use crate::queue::{Queue, QueueKey};
use crate::{Error, Inner, batch, digest, message_check};

/// The timers of what queues forget, by the queues' keys.
pub(crate) const UPKEEP: &str = "sqs/upkeep";

/// How long a queue may keep at least what it is to forget.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(60);

/// A message that may be sent.
pub(crate) struct Outgoing {
    pub(crate) message: Message,
    /// The call that sends it, where that may be made again.
    call: Option<String>,
    row: Vec<u8>,
    md5_of_attributes: Option<String>,
    md5_of_system_attributes: Option<String>,
}

/// A message that was sent, perhaps before.
struct Posted {
    message_id: String,
    place: Place,
}

impl Inner {
    pub(crate) async fn send(
        &self,
        cx: &Context,
        input: model::SendMessageInput,
    ) -> Result<model::SendMessageOutput, Error> {
        let key = self.queues.find(cx, &input.queue_url)?;
        let record = self.record(&key).await?;
        let entry = model::SendMessageBatchRequestEntry {
            id: String::new(),
            message_body: input.message_body,
            delay_seconds: input.delay_seconds,
            message_attributes: input.message_attributes,
            message_system_attributes: input.message_system_attributes,
            message_deduplication_id: input.message_deduplication_id,
            message_group_id: input.message_group_id,
        };
        message_check::fifo(&record, &entry, Error::MissingParameter)?;
        let outgoing = self.outgoing(cx, &record, entry, cx.idempotency_key.clone())?;
        let md5 = digest::of_text(&outgoing.message.body);
        let digests = (outgoing.md5_of_attributes.clone(), outgoing.md5_of_system_attributes.clone());
        let posted = self.post(cx.now, &key, vec![outgoing]).await?;
        let posted = posted.into_iter().next().ok_or(Error::RequestThrottled)?;
        Ok(model::SendMessageOutput {
            md5_of_message_body: Some(md5),
            md5_of_message_attributes: digests.0,
            md5_of_message_system_attributes: digests.1,
            message_id: Some(posted.message_id),
            sequence_number: record.attributes.is_fifo().then(|| sequence_number(posted.place)),
        })
    }

    pub(crate) async fn send_batch(
        &self,
        cx: &Context,
        input: model::SendMessageBatchInput,
    ) -> Result<model::SendMessageBatchOutput, Error> {
        let key = self.queues.find(cx, &input.queue_url)?;
        let record = self.record(&key).await?;
        let ids = input.entries.iter().map(|entry| entry.id.as_str());
        batch::check("SendMessageBatchRequestEntry", ids)?;
        for entry in &input.entries {
            let missing = |name| Error::InvalidParameterValue(Error::MissingParameter(name).to_string());
            message_check::fifo(&record, entry, missing)?;
        }
        message_check::batch_bytes(&input.entries)?;
        let (mut outgoing, mut sent, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        for entry in input.entries {
            let id = entry.id.clone();
            let call = cx.idempotency_key.as_ref().map(|call| format!("{call}/{id}"));
            match self.outgoing(cx, &record, entry, call) {
                Ok(message) => {
                    sent.push((id, digests(&message)));
                    outgoing.push(message);
                }
                Err(error) => failed.push(batch::failure(id, error)?),
            }
        }
        let posted = if outgoing.is_empty() { Vec::new() } else { self.post(cx.now, &key, outgoing).await? };
        let is_fifo = record.attributes.is_fifo();
        let entry = |((id, (body, attributes, system)), posted): ((String, Digests), Posted)| {
            model::SendMessageBatchResultEntry {
                id,
                message_id: posted.message_id,
                md5_of_message_body: body,
                md5_of_message_attributes: attributes,
                md5_of_message_system_attributes: system,
                sequence_number: is_fifo.then(|| sequence_number(posted.place)),
            }
        };
        let successful = sent.into_iter().zip(posted).map(entry).collect();
        Ok(model::SendMessageBatchOutput { successful, failed })
    }

    /// The record of a queue.
    pub(crate) async fn record(&self, key: &QueueKey) -> Result<Arc<Queue>, Error> {
        self.queues.with(key, |queue| Ok(Arc::clone(&queue.record))).await
    }

    /// Makes a message of what a client sent.
    fn outgoing(
        &self,
        cx: &Context,
        queue: &Queue,
        entry: model::SendMessageBatchRequestEntry,
        call: Option<String>,
    ) -> Result<Outgoing, Error> {
        message_check::message(queue, &entry)?;
        let system = entry.message_system_attributes.unwrap_or_default();
        let attributes = entry.message_attributes.unwrap_or_default();
        let message = Message {
            id: ids::uuid(),
            sender: sender(&cx.principal),
            sent: cx.now,
            trace: system.get("AWSTraceHeader").and_then(|value| value.string_value.clone()),
            group: entry.message_group_id,
            deduplication_id: queue.attributes.is_fifo().then(|| {
                message_check::deduplication_id(entry.message_deduplication_id, &entry.message_body)
            }),
            delayed_until: delayed_until(cx.now, queue, entry.delay_seconds),
            source_arn: None,
            receives_before: 0,
            received_first: None,
            body: entry.message_body,
            attributes,
        };
        let row = message.row(queue, &self.queues.key)?;
        Ok(Outgoing {
            row,
            call,
            md5_of_attributes: digest::of_attributes(&message.attributes),
            md5_of_system_attributes: digest::of_attributes(&system),
            message,
        })
    }

    /// Puts messages into a queue, those that it does not have already, and waits until they are durable.
    async fn post(
        &self,
        now: Timestamp,
        key: &QueueKey,
        outgoing: Vec<Outgoing>,
    ) -> Result<Vec<Posted>, Error> {
        let (posted, ticket) = self
            .queues
            .with(key, |queue| {
                let mut batch = Batch::new();
                queue.expire(now, &mut batch);
                let posted = outgoing.into_iter().map(|one| queue.post(now, one, &mut batch)).collect();
                queue.keep_up(now, &mut batch);
                let ticket = self.queues.store.submit(batch);
                queue.arrival.notify_one();
                Ok((posted, ticket))
            })
            .await?;
        self.queues.settle(ticket, &[key]).await?;
        Ok(posted)
    }
}

impl OpenQueue {
    /// Puts a message into the queue, or finds the one that was sent before.
    fn post(&mut self, now: Timestamp, outgoing: Outgoing, batch: &mut Batch) -> Posted {
        let Outgoing { message, call, row, .. } = outgoing;
        let scoped = self.record.attributes.fifo.as_ref().and_then(|fifo| {
            Some(scoped_id(fifo, message.deduplication_id.as_deref()?, message.group.as_deref()?))
        });
        let known = scoped.as_deref().and_then(|id| self.deduplication.get(id));
        let known = known.or_else(|| self.calls.get(call.as_deref()?));
        if let Some((message_id, place)) = known {
            return Posted { message_id, place };
        }
        let place = self.next_place(now);
        self.index.insert(place, message.entry(&self.record));
        batch.put(TABLE, row_key(&self.record.id, place), row);
        for (known, id) in [(&mut self.deduplication, scoped), (&mut self.calls, call)] {
            let Some(id) = id else { continue };
            known.add(place, Sent { id, message_id: message.id.clone(), at: now }, &self.record.id, batch);
        }
        Posted { message_id: message.id, place }
    }

    /// Sees to it that the queue forgets, also where nobody asks it anything.
    pub(crate) fn keep_up(&mut self, now: Timestamp, batch: &mut Batch) {
        if let (false, Some(due)) = (self.has_upkeep, self.next_expiry()) {
            batch.set_timer(UPKEEP, self.record.key.text(), due.max(now + UPKEEP_INTERVAL), Vec::new());
            self.has_upkeep = true;
        }
    }
}

type Digests = (String, Option<String>, Option<String>);

fn digests(outgoing: &Outgoing) -> Digests {
    let body = digest::of_text(&outgoing.message.body);
    (body, outgoing.md5_of_attributes.clone(), outgoing.md5_of_system_attributes.clone())
}

/// A delay of zero says as much as none; that of a FIFO queue is the queue's.
fn delayed_until(now: Timestamp, queue: &Queue, given: Option<i64>) -> Option<Timestamp> {
    let given = given.and_then(|seconds| u64::try_from(seconds).ok());
    let seconds = given.unwrap_or(queue.attributes.delay_seconds);
    (seconds > 0 && !queue.attributes.is_fifo()).then(|| now + Duration::from_secs(seconds))
}

/// `SenderId`: an account, or a role's session.
fn sender(principal: &Principal) -> String {
    match principal {
        Principal::Root { account } => account.as_str().to_owned(),
        Principal::Role { role_arn, session } => {
            format!("{}:{session}", role_arn.rsplit('/').next().unwrap_or(role_arn))
        }
        Principal::Service { name } => name.clone(),
        // Nobody sends without a signature.
        Principal::Anonymous => String::new(),
    }
}

/// Attributes of messages by their names.
pub(crate) type MessageAttributes = BTreeMap<String, model::MessageAttributeValue>;
