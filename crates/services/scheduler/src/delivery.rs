//! Takes invocations to their targets: a timer each, due when the target is to be invoked, and due again after each
//! failure that may pass, as the target's `RetryPolicy` says.
//!
//! Nothing here knows what a target wants (`targets`). A process that dies between a target's answer and the batch that
//! keeps it invokes the target again, with the same idempotency key.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use api::AwsError;
use futures_util::FutureExt;
use serde_json::Value;
use store::{Batch, Timer};
use types::Timestamp;

use crate::invocation::{Exhausted, Following, GivenUp, Invocation, pause};
use crate::limits::{DEAD_LETTER_TIME_MAX, INVOCATIONS_CONCURRENT_MAX, STORE_PAUSE};
use crate::{Error, Inner, client_token, targets};

const QUEUE: &str = "scheduler/invocation";

/// What is to be kept of an attempt.
enum Next {
    /// Another attempt.
    Retry(Box<Invocation>, Timestamp),
    /// The target took it, with this answer, or it was given up.
    Settled(Value),
}

/// Adds an attempt to a batch.
pub fn plan(batch: &mut Batch, invocation: &Invocation, due: Timestamp) {
    let payload = serde_json::to_vec(invocation).unwrap_or_default();
    batch.set_timer(QUEUE, invocation.id.as_str(), due, payload);
}

/// Invokes targets from now on, for what was left from before, too.
pub(crate) async fn start(inner: &Arc<Inner>) -> Result<(), Error> {
    let timers = inner.store.timers(QUEUE).await?;
    let (clock, working) = (inner.dispatcher.clock().clone(), Arc::clone(inner));
    tokio::spawn(timers.serve(clock, INVOCATIONS_CONCURRENT_MAX, move |timer| {
        let inner = Arc::clone(&working);
        async move { inner.deliver(&timer).await }
    }));
    start_upkeep(inner).await
}

/// Forgets the answers of old client tokens.
async fn start_upkeep(inner: &Arc<Inner>) -> Result<(), Error> {
    let mut timers = inner.store.timers(client_token::QUEUE).await?;
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        let clock = inner.dispatcher.clock().clone();
        while let Some(timer) = timers.next(&clock).await {
            let mut batch = Batch::new();
            batch.delete(client_token::TABLE, timer.key.as_str());
            batch.clear_timer(client_token::QUEUE, timer.key.as_str());
            if let Err(error) = inner.store.submit(batch).durable().await {
                tracing::error!(%error, "an old client token could not be removed");
                timers.put_back(timer, clock.now() + STORE_PAUSE);
            }
        }
    });
    Ok(())
}

impl Inner {
    /// Makes one attempt, and keeps what came of it as often as the store has to be asked for that.
    async fn deliver(&self, timer: &Timer) {
        let Ok(invocation) = serde_json::from_slice::<Invocation>(&timer.payload) else {
            tracing::error!(invocation = timer.key, "an invocation cannot be read");
            return;
        };
        let clock = self.dispatcher.clock();
        let next = loop {
            match self.attempt(invocation.clone()).await {
                Ok(next) => break next,
                Err(error) if error.may_pass() => clock.sleep_until(clock.now() + STORE_PAUSE).await,
                Err(error) => {
                    tracing::error!(invocation = timer.key, %error, "an invocation's schedule cannot be read");
                    return;
                }
            }
        };
        while let Err(error) = self.keep(&invocation, &next).await {
            if matches!(error, Error::Concurrent(_)) {
                // Somebody changed the schedule that was to delete itself: it is looked at again.
                continue;
            }
            tracing::error!(invocation = timer.key, %error, "an invocation's outcome could not be kept");
            if !error.may_pass() {
                return;
            }
            clock.sleep_until(clock.now() + STORE_PAUSE).await;
        }
    }

    /// Makes one attempt, unless it is too late or nobody wants it any more.
    ///
    /// # Errors
    /// Where the schedule cannot be read; the target was not invoked.
    async fn attempt(&self, mut invocation: Invocation) -> Result<Next, Error> {
        let clock = self.dispatcher.clock();
        let (schedule, id) = (invocation.schedule.arn(), invocation.id.clone());
        if invocation.given_up.is_some() {
            return Ok(self.bury(invocation).await);
        }
        if invocation.is_too_old(clock.now()) {
            let error =
                AwsError::new("EventAgeExceeded", "The event is older than its MaximumEventAgeInSeconds.");
            return Ok(self.give_up(invocation, &error, Some(Exhausted::MaximumEventAgeInSeconds)));
        }
        if invocation.failed_attempts == 0 && !self.is_wanted(&invocation).await? {
            tracing::info!(%schedule, id, "the schedule was deleted or disabled: not invoked");
            return Ok(Next::Settled(Value::Null));
        }
        let attempt = AssertUnwindSafe(targets::invoke(&self.dispatcher, &invocation)).catch_unwind().await;
        let answer = attempt.unwrap_or_else(|_| {
            Err(AwsError::internal("InternalException", &"a service panicked while it was invoked"))
        });
        let error = match answer {
            Ok(answer) => return Ok(Next::Settled(answer)),
            Err(error) => error,
        };
        invocation.failed_attempts = invocation.failed_attempts.saturating_add(1);
        let target = &invocation.target.arn;
        match invocation.following(&error, clock.now(), api::ids::seed()) {
            Following::Attempt(due) => {
                tracing::warn!(%schedule, id, target, %error, "a target could not be invoked: tried again");
                Ok(Next::Retry(Box::new(invocation), due))
            }
            Following::End(exhausted) => Ok(self.give_up(invocation, &error, exhausted)),
        }
    }

    /// Ends the attempts; what was to be done goes to the dead-letter queue, where the schedule has one.
    fn give_up(&self, invocation: Invocation, error: &AwsError, exhausted: Option<Exhausted>) -> Next {
        let (schedule, id, target) = (invocation.schedule.arn(), &invocation.id, &invocation.target.arn);
        tracing::warn!(%schedule, id, target, %error, "an invocation is given up");
        let now = self.dispatcher.clock().now();
        if invocation.dead_letter_queue().is_none() {
            return Next::Settled(Value::Null);
        }
        Next::Retry(Box::new(invocation.given_up(error, exhausted, now)), now)
    }

    /// Sends an invocation that was given up to its dead-letter queue, again and again for a day.
    async fn bury(&self, mut invocation: Invocation) -> Next {
        let (Some(queue), Some(given_up)) = (invocation.dead_letter_queue(), &invocation.given_up) else {
            return Next::Settled(Value::Null);
        };
        let sent = targets::dead_letter::send(&self.dispatcher, &invocation, queue, given_up).await;
        let Err(error) = sent else { return Next::Settled(Value::Null) };
        let (schedule, now) = (invocation.schedule.arn(), self.dispatcher.clock().now());
        let failed = given_up.failed_messages.saturating_add(1);
        if !error.may_pass() || now.since(given_up.at) > DEAD_LETTER_TIME_MAX {
            tracing::error!(%schedule, id = invocation.id, queue, %error, "a dead letter is lost");
            return Next::Settled(Value::Null);
        }
        invocation.given_up =
            invocation.given_up.map(|given_up| GivenUp { failed_messages: failed, ..given_up });
        Next::Retry(Box::new(invocation), now + pause(failed, api::ids::seed()))
    }

    /// Whether the schedule is still there and enabled. One whose target is being retried may be gone.
    async fn is_wanted(&self, invocation: &Invocation) -> Result<bool, Error> {
        let seen = self.schedules.get(&invocation.schedule.key()).await?;
        Ok(seen.is_some_and(|seen| {
            seen.value.id == invocation.schedule_id && seen.value.definition.timing.is_enabled
        }))
    }

    async fn keep(&self, invocation: &Invocation, next: &Next) -> Result<(), Error> {
        let mut batch = Batch::new();
        let mut deleted = 0;
        match next {
            Next::Retry(invocation, due) => plan(&mut batch, invocation, *due),
            Next::Settled(answer) => {
                batch.clear_timer(QUEUE, invocation.id.as_str());
                self.follow_answer(&mut batch, invocation, answer).await?;
                deleted = usize::from(self.complete(&mut batch, invocation).await?);
            }
        }
        self.store.submit(batch).durable().await?;
        self.counts.remove(&invocation.schedule.group, deleted);
        Ok(())
    }

    /// Adds to a batch: the schedule goes, where this was its last invocation and it deletes itself. Returns whether.
    async fn complete(&self, batch: &mut Batch, invocation: &Invocation) -> Result<bool, Error> {
        if !invocation.is_last {
            return Ok(false);
        }
        let Some(seen) = self.schedules.get(&invocation.schedule.key()).await? else { return Ok(false) };
        let schedule = &seen.value;
        let is_complete = schedule.definition.deletes_itself
            && (&schedule.id, &schedule.timing_id) == (&invocation.schedule_id, &invocation.timing_id);
        if is_complete {
            self.remove(batch, &seen);
        }
        Ok(is_complete)
    }
}
