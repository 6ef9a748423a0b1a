//! GetQueueAttributes and SetQueueAttributes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::Context;
use store::Batch;

use crate::attributes::Attributes;
use crate::generated::types as model;
use crate::index::{Place, Visibility};
use crate::open_queue::OpenQueue;
use crate::queue::{Queue, QueueKey};
use crate::{Error, Inner};

/// Attributes that say how a queue stands.
const STANDING: [&str; 6] = [
    "QueueArn",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
];

/// Attributes that can be set.
const SETTABLE: [&str; 16] = [
    "Policy",
    "VisibilityTimeout",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "FifoQueue",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
    "All",
];

impl Inner {
    pub(crate) async fn get_attributes(
        &self,
        cx: &Context,
        input: model::GetQueueAttributesInput,
    ) -> Result<BTreeMap<String, String>, Error> {
        let key = self.queues.find(cx, &input.queue_url)?;
        let names = input.attribute_names.unwrap_or_default();
        let is_known = |name: &str| STANDING.contains(&name) || SETTABLE.contains(&name);
        if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
            return Err(Error::UnknownAttribute(unknown.clone()));
        }
        let is_wanted = |name: &str| names.iter().any(|wanted| wanted == "All" || wanted == name);
        let all = self.queues.with(&key, |queue| Ok(queue.attributes(cx))).await?;
        Ok(all
            .into_iter()
            .filter(|(name, _)| is_wanted(name))
            .map(|(name, value)| (name.to_owned(), value))
            .collect())
    }

    pub(crate) async fn set_attributes(
        &self,
        cx: &Context,
        input: model::SetQueueAttributesInput,
    ) -> Result<(), Error> {
        let key = self.queues.find(cx, &input.queue_url)?;
        let _changing = self.queues.changes.lock().await;
        let mut record = Queue::clone(&*self.record(&key).await?);
        record.attributes.set_all(&input.attributes)?;
        self.check_redrive(&key, &record.attributes, &input.attributes)?;
        record.modified = cx.now;
        self.replace(record, cx).await
    }

    /// Puts a changed record in the place of the one before. Whoever calls holds [`crate::queues::Queues::changes`].
    pub(crate) async fn replace(&self, record: Queue, cx: &Context) -> Result<(), Error> {
        let mut batch = Batch::new();
        self.queues.records.put(&mut batch, &record.key.text(), &record);
        self.queues.store.submit(batch).durable().await?;
        let key = record.key.clone();
        let ticket = self
            .queues
            .with(&key, |queue| {
                let mut batch = Batch::new();
                queue.record = Arc::new(record);
                queue.has_upkeep = false;
                queue.keep_up(cx.now, &mut batch);
                queue.delay_again(cx);
                queue.arrival.notify_one();
                Ok(self.queues.store.submit(batch))
            })
            .await?;
        self.queues.settle(ticket, &[&key]).await
    }

    /// Checks that a redrive policy that is set names a queue that takes the messages.
    pub(crate) fn check_redrive(
        &self,
        key: &QueueKey,
        attributes: &Attributes,
        given: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let (Some(text), Some(redrive)) = (given.get("RedrivePolicy"), &attributes.redrive) else {
            return Ok(());
        };
        let invalid = |reason: &str| Err(Error::invalid_value(text, "RedrivePolicy", reason));
        let target =
            redrive.target().filter(|target| target.account == key.account && target.region == key.region);
        let state = self.queues.lock();
        let Some(target) = target.and_then(|target| state.open.get(&target)) else {
            return invalid("Dead letter target does not exist.");
        };
        let target = &target.record.attributes;
        if target.is_fifo() != attributes.is_fifo() {
            return invalid("Dead-letter queue must be same type of queue as the source.");
        }
        if target.redrive_allow.as_ref().is_some_and(|policy| !policy.allows(&key.arn())) {
            return invalid("The dead-letter queue's redrive allow policy does not permit the source queue.");
        }
        Ok(())
    }
}

impl OpenQueue {
    /// All attributes, as they are shown.
    fn attributes(&mut self, cx: &Context) -> Vec<(&'static str, String)> {
        self.index.wake(cx.now);
        let counts = self.index.counts();
        let record = &self.record;
        let mut all = vec![
            ("QueueArn", record.key.arn()),
            ("ApproximateNumberOfMessages", counts.visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
            ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
            ("CreatedTimestamp", record.created.as_seconds().to_string()),
            ("LastModifiedTimestamp", record.modified.as_seconds().to_string()),
        ];
        all.extend(record.attributes.shown());
        all
    }

    /// A FIFO queue's delay also holds for the messages that are in it.
    fn delay_again(&mut self, cx: &Context) {
        if !self.record.attributes.is_fifo() {
            return;
        }
        let delay = Duration::from_secs(self.record.attributes.delay_seconds);
        let never_received = self.index.iter().filter(|(_, entry)| entry.received_first.is_none());
        let due: Vec<(Place, _)> = never_received.map(|(place, entry)| (place, entry.sent + delay)).collect();
        for (place, until) in due {
            let visibility = if until > cx.now { Visibility::Delayed { until } } else { Visibility::Visible };
            self.index.set_visibility(place, visibility);
        }
    }
}
