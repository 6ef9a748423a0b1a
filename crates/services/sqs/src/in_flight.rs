//! What becomes of messages that were received: DeleteMessage, ChangeMessageVisibility, and their batches.

use std::time::Duration;

use api::Context;
use store::Batch;
use types::Timestamp;

use crate::generated::types as model;
use crate::index::Visibility;
use crate::limits::VISIBILITY_SECONDS_MAX;
use crate::open_queue::OpenQueue;
use crate::queue::QueueKey;
use crate::receipt::Receipt;
use crate::{Error, Inner, batch};

impl Inner {
    pub(crate) async fn delete(&self, cx: &Context, input: model::DeleteMessageInput) -> Result<(), Error> {
        let key = self.queues.find(cx, &input.queue_url)?;
        let mut results = self
            .change(&key, vec![input.receipt_handle], |queue, handle, batch| {
                queue.delete(&handle, cx.now, batch)
            })
            .await?;
        results.pop().unwrap_or(Ok(()))
    }

    pub(crate) async fn delete_batch(
        &self,
        cx: &Context,
        input: model::DeleteMessageBatchInput,
    ) -> Result<model::DeleteMessageBatchOutput, Error> {
        let key = self.queues.find(cx, &input.queue_url)?;
        let ids: Vec<String> = input.entries.iter().map(|entry| entry.id.clone()).collect();
        batch::check("DeleteMessageBatchRequestEntry", ids.iter().map(String::as_str))?;
        let handles = input.entries.into_iter().map(|entry| entry.receipt_handle).collect();
        let results =
            self.change(&key, handles, |queue, handle, batch| queue.delete(&handle, cx.now, batch)).await?;
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (id, result) in ids.into_iter().zip(results) {
            match result {
                Ok(()) => successful.push(model::DeleteMessageBatchResultEntry { id }),
                Err(error) => failed.push(batch::failure(id, error)?),
            }
        }
        Ok(model::DeleteMessageBatchOutput { successful, failed })
    }

    pub(crate) async fn change_visibility(
        &self,
        cx: &Context,
        input: model::ChangeMessageVisibilityInput,
    ) -> Result<(), Error> {
        let key = self.queues.find(cx, &input.queue_url)?;
        let change = (input.receipt_handle, Some(input.visibility_timeout));
        let mut results = self
            .change(&key, vec![change], |queue, (handle, seconds), batch| {
                queue.change_visibility(&handle, seconds, cx.now, batch)
            })
            .await?;
        results.pop().unwrap_or(Ok(()))
    }

    pub(crate) async fn change_visibility_batch(
        &self,
        cx: &Context,
        input: model::ChangeMessageVisibilityBatchInput,
    ) -> Result<model::ChangeMessageVisibilityBatchOutput, Error> {
        let key = self.queues.find(cx, &input.queue_url)?;
        let ids: Vec<String> = input.entries.iter().map(|entry| entry.id.clone()).collect();
        batch::check("ChangeMessageVisibilityBatchRequestEntry", ids.iter().map(String::as_str))?;
        let changes =
            input.entries.into_iter().map(|entry| (entry.receipt_handle, entry.visibility_timeout)).collect();
        let results = self
            .change(&key, changes, |queue, (handle, seconds), batch| {
                queue.change_visibility(&handle, seconds, cx.now, batch)
            })
            .await?;
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (id, result) in ids.into_iter().zip(results) {
            match result {
                Ok(()) => successful.push(model::ChangeMessageVisibilityBatchResultEntry { id }),
                Err(error) => failed.push(batch::failure(id, error)?),
            }
        }
        Ok(model::ChangeMessageVisibilityBatchOutput { successful, failed })
    }

    /// Changes messages in one batch, and waits until that is durable.
    async fn change<T>(
        &self,
        key: &QueueKey,
        changes: Vec<T>,
        mut act: impl FnMut(&mut OpenQueue, T, &mut Batch) -> Result<(), Error>,
    ) -> Result<Vec<Result<(), Error>>, Error> {
        let (results, ticket) = self
            .queues
            .with(key, |queue| {
                let mut batch = Batch::new();
                let results = changes.into_iter().map(|change| act(queue, change, &mut batch)).collect();
                // A group may be free, a message visible, or so earlier than whoever waits knows.
                queue.arrival.notify_one();
                Ok((results, self.queues.store.submit(batch)))
            })
            .await?;
        self.queues.settle(ticket, &[key]).await?;
        Ok(results)
    }
}

impl OpenQueue {
    /// Deletes the message. One that is gone already is deleted as well; in a standard queue one that was received again
    /// stays, and nobody is told.
    fn delete(&mut self, handle: &str, now: Timestamp, batch: &mut Batch) -> Result<(), Error> {
        let receipt = Receipt::read(handle, &self.record.id)?;
        self.index.wake(now);
        let Some(entry) = self.index.get(receipt.place) else { return Ok(()) };
        let is_in_flight = matches!(entry.visibility, Visibility::InFlight { .. });
        let is_current = entry.receives == receipt.receives;
        if self.record.attributes.is_fifo() && !(is_in_flight && is_current) {
            return Err(Error::invalid_value(handle, "ReceiptHandle", "The receipt handle has expired."));
        }
        if is_current {
            self.remove(receipt.place, batch);
        }
        Ok(())
    }

    /// Lets the message be invisible for so long from now on.
    fn change_visibility(
        &mut self,
        handle: &str,
        seconds: Option<i64>,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<(), Error> {
        let receipt = Receipt::read(handle, &self.record.id)?;
        let given = seconds.unwrap_or_default();
        let seconds = u64::try_from(given).ok().filter(|seconds| *seconds <= VISIBILITY_SECONDS_MAX);
        let seconds = seconds.ok_or_else(|| {
            Error::invalid_value(given, "VisibilityTimeout", "Must be >= 0 and <= 43200, if provided.")
        })?;
        self.index.wake(now);
        let entry = self.index.get(receipt.place).filter(|entry| entry.receives == receipt.receives);
        let since = match entry.map(|entry| entry.visibility) {
            Some(Visibility::InFlight { since, .. }) => since,
            // Nobody has received it since: it can still be kept back.
            Some(Visibility::Visible) if !self.record.attributes.is_fifo() => now,
            Some(Visibility::Visible | Visibility::Delayed { .. }) | None => {
                let reason = "Message does not exist or is not available for visibility timeout change.";
                return Err(Error::invalid_value(handle, "ReceiptHandle", reason));
            }
        };
        let until = now + Duration::from_secs(seconds);
        if until > since + Duration::from_secs(VISIBILITY_SECONDS_MAX) {
            let reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
            return Err(Error::invalid_value(seconds, "VisibilityTimeout", reason));
        }
        self.hide(receipt.place, Visibility::InFlight { since, until }, batch);
        self.index.wake(now);
        Ok(())
    }
}
