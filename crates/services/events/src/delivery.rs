//! Delivers events to the targets of the rules they matched.
//!
//! One event and one target make one delivery: a timer that is due now, and due again after each failure that may pass,
//! as the target's `RetryPolicy` says; then its event goes to the dead-letter queue. Nothing here matches patterns or
//! knows what a target wants (`targets`).

mod dead_letter;
mod lanes;
mod outcome;
mod retry;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use api::{AwsError, Principal};
use event_pattern::RuleVariables;
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Batch, Timer};
use types::{AccountId, Region, Timestamp};

use self::dead_letter::{GivenUp, LastError};
use self::lanes::Due;
use self::retry::{Condition, Next};
use crate::bus_policy::{Labels, Sender};
use crate::generated::types as model;
use crate::limits::{EVENT_AGE_MAX, STORE_PAUSE};
use crate::names::{BusName, Resource};
use crate::overlap;
use crate::put_events::CALLS;
use crate::registry::{CompiledRule, CompiledTarget};
use crate::targets::{self, Attempt, Failure, Slot};
use crate::{Error, Inner};

pub(crate) use self::lanes::Lanes;
pub(crate) use self::outcome::Outcome;

const QUEUE: &str = "events/delivery";

/// One event for one target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// A UUID: the idempotency key that the target is given.
    pub id: String,
    /// The event's id.
    pub event_id: String,
    /// The rule that matched.
    pub rule_name: String,
    /// Its ARN.
    pub rule_arn: String,
    /// The account of the bus.
    pub account: AccountId,
    /// The region of the bus.
    pub region: Region,
    /// The target, as it was when the event came.
    pub target: model::Target,
    /// What the target is given.
    pub input: String,
    /// The event, where a dead letter would need it and the input is something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// When the event was accepted.
    pub accepted: Timestamp,
    /// Attempts that have failed.
    pub failed_attempts: u32,
    /// Why the last of them did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_error: Option<LastError>,
    /// The event came to the bus from another bus: it goes to no third one.
    #[serde(default)]
    pub forwarded: bool,
    /// Somebody asks what becomes of it. Those of earlier releases all had an outcome.
    #[serde(default = "yes")]
    watched: bool,
    /// Its turn at a target that takes only so many a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
    /// It was given up: what is left to do is its dead letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    given_up: Option<GivenUp>,
    /// The rule's next occurrence wants to know whether what this has set to work still works.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    followed: bool,
}

fn yes() -> bool {
    true
}

/// An event that has come to a bus.
pub(crate) struct Arrival<'a> {
    /// The event's id.
    pub id: &'a str,
    /// The event, as JSON.
    pub event: &'a str,
    /// Whether it came from another bus.
    pub forwarded: bool,
    /// Whether somebody will ask what becomes of it.
    pub watched: bool,
}

/// Adds the deliveries of an event to a rule's targets to a batch.
pub(crate) fn plan(
    batch: &mut Batch,
    bus: &BusName,
    rule: &CompiledRule,
    arrival: &Arrival<'_>,
    now: Timestamp,
) {
    for target in &rule.targets {
        Delivery::of(bus, rule, target, arrival, now).begin(batch, rule, target, arrival, now);
    }
}

/// The same, for an occurrence of a schedule that must not overlap the one before ([`overlap`]).
pub(crate) fn plan_followed(
    batch: &mut Batch,
    bus: &BusName,
    rule: &CompiledRule,
    arrival: &Arrival<'_>,
    now: Timestamp,
) {
    for target in &rule.targets {
        let delivery = Delivery::of(bus, rule, target, arrival, now);
        Delivery { followed: true, ..delivery }.begin(batch, rule, target, arrival, now);
    }
}

impl Delivery {
    /// A delivery without its input.
    fn of(
        bus: &BusName,
        rule: &CompiledRule,
        target: &CompiledTarget,
        arrival: &Arrival<'_>,
        now: Timestamp,
    ) -> Self {
        Self {
            id: api::ids::uuid(),
            event_id: arrival.id.to_owned(),
            rule_name: rule.name.clone(),
            rule_arn: rule.arn.clone(),
            account: bus.account.clone(),
            region: bus.region.clone(),
            target: target.target.clone(),
            input: String::new(),
            event: None,
            accepted: now,
            failed_attempts: 0,
            last_error: None,
            forwarded: arrival.forwarded,
            watched: rule.watched || arrival.watched,
            slot: None,
            given_up: None,
            followed: false,
        }
    }

    /// Adds the first attempt to a batch.
    fn begin(
        mut self,
        batch: &mut Batch,
        rule: &CompiledRule,
        target: &CompiledTarget,
        arrival: &Arrival<'_>,
        now: Timestamp,
    ) {
        let ingestion_time = now.to_iso_seconds();
        let variables =
            RuleVariables { rule_arn: &rule.arn, rule_name: &rule.name, ingestion_time: &ingestion_time };
        let input = target.input.render(arrival.event, &variables);
        if self.dead_letter_queue().is_some() && input.as_deref() != Some(arrival.event) {
            self.event = Some(arrival.event.to_owned());
        }
        match input {
            Some(input) => {
                self.input = input;
                self.set_timer(batch, now);
                self.note_pending(batch);
            }
            None => {
                // EventBridge does not deliver what a path to nothing or a template that becomes no JSON leaves.
                let text = "The target's input cannot be made of the event.";
                self.give_up(batch, &AwsError::new("InvalidInput", text), None, now);
            }
        }
    }

    /// Whether all that is left to do is its dead letter.
    pub fn is_dead_letter(&self) -> bool {
        self.given_up.is_some()
    }

    /// Unique among the deliveries of the event, and begins with the event's id.
    fn key(&self) -> String {
        format!("{}/{}", self.event_id, self.id)
    }

    fn set_timer(&self, batch: &mut Batch, due: Timestamp) {
        batch.set_timer(QUEUE, self.key(), due, serde_json::to_vec(self).unwrap_or_default());
    }

    /// The bus that the event goes to, where the target is one.
    fn next_bus(&self) -> Option<BusName> {
        match Resource::parse(&self.target.arn)? {
            Resource::Bus(bus) => Some(bus),
            Resource::Rule(..) => None,
        }
    }

    /// Adds the end of a delivery that its target took.
    fn settle(&self, batch: &mut Batch, answer: Value, now: Timestamp) {
        batch.clear_timer(QUEUE, self.key());
        if self.followed {
            overlap::note(batch, self, Some(&answer));
        }
        self.note_delivered(batch, answer, now);
    }

    /// Adds what follows a failed attempt: another one, or the end.
    fn fail(mut self, batch: &mut Batch, failure: &Failure, now: Timestamp, chance: u64) {
        let error: &AwsError = &failure.error;
        self.failed_attempts = self.failed_attempts.saturating_add(1);
        self.slot = None;
        match self.next(failure.retry, now, chance) {
            Next::Again(due) => {
                let (rule, target) = (&self.rule_arn, &self.target.arn);
                tracing::warn!(rule, target, %error, %due, "a target did not take an event: it is tried again");
                self.last_error = Some(LastError::from(error));
                self.set_timer(batch, due);
                self.note_pending(batch);
            }
            Next::Hopeless => self.give_up(batch, error, None, now),
            Next::Exhausted(condition) => self.give_up(batch, error, Some(condition), now),
        }
    }

    /// Adds the end of a delivery that is given up: its dead letter, where it has a queue for it.
    fn give_up(mut self, batch: &mut Batch, error: &AwsError, condition: Option<Condition>, now: Timestamp) {
        let (rule, target, event_id) = (&self.rule_arn, &self.target.arn, &self.event_id);
        let dead_letter = self.dead_letter_queue();
        tracing::warn!(rule, target, event_id, dead_letter, %error, "an event was not delivered");
        self.last_error = Some(LastError::from(error));
        self.note_failed(batch, now);
        if self.followed {
            overlap::note(batch, &self, None);
        }
        if self.dead_letter_queue().is_some() {
            self.given_up = Some(GivenUp { at: now, condition, failed_sends: 0 });
            self.set_timer(batch, now);
        } else {
            batch.clear_timer(QUEUE, self.key());
        }
    }
}

/// Delivers from now on, what was left from before included.
pub(crate) async fn start(inner: &Arc<Inner>) -> Result<(), Error> {
    let mut timers = inner.store.timers(QUEUE).await?;
    let delivering = Arc::clone(inner);
    tokio::spawn(async move {
        let clock = delivering.dispatcher.clock().clone();
        while let Some(timer) = timers.next(&clock).await {
            match read(timer) {
                Some(due) => Lanes::push(&delivering, due),
                None => continue,
            }
        }
    });
    outcome::OUTCOMES.start(inner).await?;
    CALLS.start(inner).await
}

fn read(timer: Timer) -> Option<Due> {
    match serde_json::from_slice(&timer.payload) {
        Ok(delivery) => Some(Due { key: timer.key, delivery }),
        Err(error) => {
            tracing::error!(delivery = timer.key, %error, "a delivery cannot be read");
            None
        }
    }
}

impl Inner {
    /// Makes one attempt, and keeps what came of it as often as the store has to be asked for that.
    async fn deliver(&self, due: Vec<Due>) {
        let key = due.first().map(|due| due.key.clone()).unwrap_or_default();
        let batch = self.attempt(due.into_iter().map(|due| due.delivery).collect()).await;
        let clock = self.dispatcher.clock();
        while let Err(error) = self.store.submit(batch.clone()).durable().await.map_err(Error::from) {
            tracing::error!(delivery = key, %error, "a delivery's outcome could not be kept");
            if !error.may_pass() {
                return;
            }
            clock.sleep_until(clock.now() + STORE_PAUSE).await;
        }
    }

    /// Makes one attempt for deliveries that go to their target together; returns what is to be written.
    async fn attempt(&self, deliveries: Vec<Delivery>) -> Batch {
        let mut batch = Batch::new();
        let mut ready = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            ready.extend(self.begin_attempt(&mut batch, delivery).await);
        }
        if ready.is_empty() {
            return batch;
        }
        let attempt = AssertUnwindSafe(targets::invoke(self, &ready)).catch_unwind().await;
        let answers = attempt.unwrap_or_else(|_| {
            let error =
                AwsError::internal("InternalException", &"a service panicked while it was given an event");
            ready.iter().map(|_| Err(Failure::from(error.clone()))).collect()
        });
        let now = self.dispatcher.clock().now();
        for (mut delivery, answer) in ready.into_iter().zip(answers) {
            match answer {
                Ok(Attempt::Taken(answer)) => delivery.settle(&mut batch, answer, now),
                Ok(Attempt::Postponed(slot)) => {
                    let due = slot.due;
                    delivery.slot = Some(slot);
                    delivery.set_timer(&mut batch, due);
                }
                Err(failure) => delivery.fail(&mut batch, &failure, now, api::ids::seed()),
            }
        }
        batch
    }

    /// The delivery, if its target is to be called now; everything else is done with the batch.
    async fn begin_attempt(&self, batch: &mut Batch, delivery: Delivery) -> Option<Delivery> {
        let now = self.dispatcher.clock().now();
        if delivery.given_up.is_some() {
            self.send_dead_letter(batch, delivery).await;
            return None;
        }
        if delivery.is_too_old(now) {
            let text = "The event is older than its MaximumEventAgeInSeconds.";
            let error = AwsError::new("EventAgeExceeded", text);
            delivery.give_up(batch, &error, Some(Condition::MaximumEventAgeInSeconds), now);
            return None;
        }
        let Some(bus) = delivery.next_bus() else { return Some(delivery) };
        match self.forward(batch, &bus, &delivery, now).await {
            Ok(()) => delivery.settle(batch, Value::Null, now),
            Err(error) => delivery.fail(batch, &Failure::from(error), now, api::ids::seed()),
        }
        None
    }

    /// Adds to a batch what follows an event that goes on to another bus: it is one with the end of the delivery.
    ///
    /// An event that came from one bus over a second goes to no third one.
    ///
    /// Source: EventBridge User Guide, "Sending and receiving events between event buses".
    async fn forward(
        &self,
        batch: &mut Batch,
        bus: &BusName,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        if delivery.forwarded {
            let text = "The event came from another event bus: it is sent to no third one.";
            return Err(AwsError::new("ForwardedBefore", text));
        }
        self.bus(bus).await?;
        if !self.may_forward(bus, delivery) {
            let text = format!("The policy of {} does not allow events:PutEvents.", bus.arn());
            return Err(AwsError::new("AccessDeniedException", text));
        }
        let watched = delivery.watched;
        let arrival = Arrival { id: &delivery.event_id, event: &delivery.input, forwarded: true, watched };
        self.arrive(batch, bus, &arrival, now)
            .map_err(|_| AwsError::new("InvalidInput", "What is sent to an event bus is no event."))
    }

    /// Whether the bus takes the event from whoever the target is called as.
    fn may_forward(&self, bus: &BusName, delivery: &Delivery) -> bool {
        let Ok(labels) = serde_json::from_str::<Labels<'_>>(&delivery.input) else { return false };
        let principal = match &delivery.target.role_arn {
            Some(role) => Principal::role(role, delivery.event_id.replace('-', "")),
            None => Principal::service("events.amazonaws.com"),
        };
        let sender = Sender {
            principal: &principal,
            account: &delivery.account,
            source: &labels.source,
            detail_type: &labels.detail_type,
        };
        self.registry.admits(bus, &sender)
    }

    /// Tries to bring a dead letter to its queue; what cannot be brought within a day is lost, and said so.
    async fn send_dead_letter(&self, batch: &mut Batch, mut delivery: Delivery) {
        let sent = AssertUnwindSafe(dead_letter::send(&self.dispatcher, &delivery)).catch_unwind().await;
        let sent = sent.unwrap_or_else(|_| {
            Err(AwsError::internal(
                "InternalException",
                &"a service panicked while it was given a dead letter",
            ))
        });
        let now = self.dispatcher.clock().now();
        let (key, Some(given_up)) = (delivery.key(), delivery.given_up.as_mut()) else { return };
        let Err(error) = sent else {
            batch.clear_timer(QUEUE, key);
            return;
        };
        given_up.failed_sends = given_up.failed_sends.saturating_add(1);
        let due = now + retry::pause(given_up.failed_sends, api::ids::seed());
        if error.may_pass() && due.since(given_up.at) <= EVENT_AGE_MAX {
            delivery.set_timer(batch, due);
            return;
        }
        let (rule, queue, event) = (&delivery.rule_arn, delivery.dead_letter_queue(), &delivery.event_id);
        tracing::error!(rule, queue, event, %error, "a dead letter could not be sent: the event is lost");
        batch.clear_timer(QUEUE, key);
    }
}
