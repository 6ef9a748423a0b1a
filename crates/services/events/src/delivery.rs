//! Delivers events to the targets of the rules they matched.
//!
//! One event and one target make one delivery: a timer that is due now, and due again after each failure that may pass,
//! as the target's `RetryPolicy` says. Its outcome can be asked for an hour long. Nothing here matches patterns or
//! knows what a target wants (`targets`).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use api::{AwsError, Principal};
use event_pattern::RuleVariables;
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Batch, Timer};
use tokio::sync::Semaphore;
use types::{AccountId, Region, Timestamp};

use crate::bus_policy::{Labels, Sender};
use crate::generated::types as model;
use crate::limits::{
    DELIVERIES_CONCURRENT_MAX, EVENT_AGE_MAX, OUTCOME_KEPT, RETRY_ATTEMPTS_MAX, RETRY_PAUSE_FIRST,
    RETRY_PAUSE_MAX, STORE_PAUSE,
};
use crate::names::{BusName, Resource};
use crate::registry::CompiledRule;
use crate::targets;
use crate::{Error, Inner};

const QUEUE: &str = "events/delivery";
const UPKEEP: &str = "events/outcome-upkeep";
/// Outcomes that are forgotten in one batch.
const OUTCOMES_AT_A_TIME: usize = 256;

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
    /// When the event was accepted.
    pub accepted: Timestamp,
    /// Attempts that have failed.
    pub failed_attempts: u32,
    /// The event came to the bus from another bus: it goes to no third one.
    #[serde(default)]
    pub forwarded: bool,
}

/// What became of a delivery.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Outcome {
    /// The event's id.
    pub event_id: String,
    /// The rule that matched.
    pub rule_arn: String,
    /// The target's id.
    pub target_id: String,
    /// The target's ARN.
    pub target_arn: String,
    /// How far it has come.
    pub status: Status,
    /// Attempts made.
    pub attempts: u32,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error_code: Option<String>,
    /// The text to it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error_message: Option<String>,
    /// What the target answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub result: Option<Value>,
}

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The target is yet to take it.
    Pending,
    /// The target took it.
    Delivered,
    /// It was given up.
    Failed,
}

/// An event that has come to a bus.
pub(crate) struct Arrival<'a> {
    /// The event's id.
    pub id: &'a str,
    /// The event, as JSON.
    pub event: &'a str,
    /// Whether it came from another bus.
    pub forwarded: bool,
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
        let ingestion_time = now.to_iso_seconds();
        let variables =
            RuleVariables { rule_arn: &rule.arn, rule_name: &rule.name, ingestion_time: &ingestion_time };
        let mut delivery = Delivery {
            id: api::ids::uuid(),
            event_id: arrival.id.to_owned(),
            rule_name: rule.name.clone(),
            rule_arn: rule.arn.clone(),
            account: bus.account.clone(),
            region: bus.region.clone(),
            target: target.target.clone(),
            input: String::new(),
            accepted: now,
            failed_attempts: 0,
            forwarded: arrival.forwarded,
        };
        match target.input.render(arrival.event, &variables) {
            Some(input) => {
                delivery.input = input;
                delivery.set_timer(batch, now);
                put_outcome(batch, &delivery.key(), &delivery.outcome(Status::Pending));
            }
            None => settle(batch, &delivery.key(), &delivery.without_input(), now),
        }
    }
}

fn put_outcome(batch: &mut Batch, key: &str, outcome: &Outcome) {
    // Plain data with text keys: it cannot fail to be written.
    batch.put("events/outcome", key, serde_json::to_vec(outcome).unwrap_or_default());
}

/// Ends a delivery: its outcome stays for a while, its timer goes.
fn settle(batch: &mut Batch, key: &str, outcome: &Outcome, now: Timestamp) {
    put_outcome(batch, key, outcome);
    batch.clear_timer(QUEUE, key).set_timer(UPKEEP, key, now + OUTCOME_KEPT, Vec::new());
}

impl Delivery {
    /// Unique among the deliveries of the event, and begins with the event's id.
    fn key(&self) -> String {
        format!("{}/{}", self.event_id, self.id)
    }

    fn set_timer(&self, batch: &mut Batch, due: Timestamp) {
        batch.set_timer(QUEUE, self.key(), due, serde_json::to_vec(self).unwrap_or_default());
    }

    fn outcome(&self, status: Status) -> Outcome {
        Outcome {
            event_id: self.event_id.clone(),
            rule_arn: self.rule_arn.clone(),
            target_id: self.target.id.clone(),
            target_arn: self.target.arn.clone(),
            status,
            attempts: self.failed_attempts,
            error_code: None,
            error_message: None,
            result: None,
        }
    }

    /// The bus that the event goes to, where the target is one.
    fn next_bus(&self) -> Option<BusName> {
        match Resource::parse(&self.target.arn)? {
            Resource::Bus(bus) => Some(bus),
            Resource::Rule(..) => None,
        }
    }

    /// An event that came from one bus over a second goes to no third one.
    ///
    /// Source: EventBridge User Guide, "Sending events between event buses in the same account and Region".
    fn at_its_second_bus(&self) -> Outcome {
        Outcome {
            error_code: Some("ForwardedBefore".to_owned()),
            error_message: Some(
                "The event came from another event bus: it is sent to no third one.".to_owned(),
            ),
            ..self.outcome(Status::Failed)
        }
    }

    /// The policy of the other bus does not let this account put events there.
    fn not_admitted(&self, bus: &BusName) -> Outcome {
        Outcome {
            attempts: 1,
            error_code: Some("AccessDeniedException".to_owned()),
            error_message: Some(format!("The policy of {} does not allow events:PutEvents.", bus.arn())),
            ..self.outcome(Status::Failed)
        }
    }

    /// EventBridge does not deliver what a path to nothing or a template that becomes no JSON leaves.
    fn without_input(&self) -> Outcome {
        let (rule, target, event_id) = (&self.rule_arn, &self.target.id, &self.event_id);
        tracing::warn!(
            rule,
            target,
            event_id,
            "the target's input cannot be made of the event: not delivered"
        );
        Outcome {
            error_code: Some("InvalidInput".to_owned()),
            error_message: Some("The target's input cannot be made of the event.".to_owned()),
            ..self.outcome(Status::Failed)
        }
    }

    fn too_old(&self) -> Outcome {
        let (rule, target, event_id) = (&self.rule_arn, &self.target.id, &self.event_id);
        tracing::warn!(rule, target, event_id, "the event has become too old: not delivered");
        Outcome {
            error_code: Some("EventAgeExceeded".to_owned()),
            error_message: Some("The event is older than its MaximumEventAgeInSeconds.".to_owned()),
            ..self.outcome(Status::Failed)
        }
    }

    /// Adds what follows a failed attempt: another one, or the end.
    fn fail(&self, batch: &mut Batch, key: &str, error: &AwsError, now: Timestamp, chance: u64) {
        let next = self.next_attempt(error, now, chance);
        let (rule, target) = (&self.rule_arn, &self.target.arn);
        tracing::warn!(rule, target, %error, retried = next.is_some(), "a target did not take an event");
        let outcome = |status| Outcome {
            error_code: Some(error.code.to_string()),
            error_message: Some(error.message.clone()),
            ..self.outcome(status)
        };
        match next {
            Some(due) => {
                self.set_timer(batch, due);
                put_outcome(batch, key, &outcome(Status::Pending));
            }
            None => settle(batch, key, &outcome(Status::Failed), now),
        }
    }

    /// How old the event may become.
    fn age_max(&self) -> Duration {
        let policy = self.target.retry_policy.as_ref();
        let seconds = policy.and_then(|policy| u64::try_from(policy.maximum_event_age_in_seconds?).ok());
        seconds.map_or(EVENT_AGE_MAX, Duration::from_secs)
    }

    /// How many failures are followed by another attempt.
    fn retries_max(&self) -> u32 {
        let policy = self.target.retry_policy.as_ref();
        policy
            .and_then(|policy| u32::try_from(policy.maximum_retry_attempts?).ok())
            .unwrap_or(RETRY_ATTEMPTS_MAX)
    }

    /// When to try again after a failure, or `None` where it is to be given up.
    fn next_attempt(&self, error: &AwsError, now: Timestamp, chance: u64) -> Option<Timestamp> {
        if !error.may_pass() || self.failed_attempts > self.retries_max() {
            return None;
        }
        let due = now + pause(self.failed_attempts, chance);
        (due.since(self.accepted) <= self.age_max()).then_some(due)
    }
}

/// The pause after so many failures: doubling, between half and the whole of it by chance.
fn pause(failed_attempts: u32, chance: u64) -> Duration {
    let doubled = RETRY_PAUSE_FIRST.saturating_mul(1 << failed_attempts.saturating_sub(1).min(20));
    let whole = doubled.min(RETRY_PAUSE_MAX);
    let half = whole / 2;
    let jitter_ms = chance % u64::try_from(half.as_millis()).unwrap_or(u64::MAX).max(1);
    half + Duration::from_millis(jitter_ms)
}

/// Delivers from now on, what was left from before included.
pub(crate) async fn start(inner: &Arc<Inner>) -> Result<(), Error> {
    let mut timers = inner.store.timers(QUEUE).await?;
    let permits = Arc::new(Semaphore::new(DELIVERIES_CONCURRENT_MAX));
    let delivering = Arc::clone(inner);
    tokio::spawn(async move {
        let clock = delivering.dispatcher.clock().clone();
        while let Some(timer) = timers.next(&clock).await {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let inner = Arc::clone(&delivering);
            tokio::spawn(async move {
                inner.deliver(&timer).await;
                drop(permit);
            });
        }
    });
    start_upkeep(inner).await
}

/// Forgets outcomes that are old enough.
async fn start_upkeep(inner: &Arc<Inner>) -> Result<(), Error> {
    let mut timers = inner.store.timers(UPKEEP).await?;
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        let clock = inner.dispatcher.clock().clone();
        while let Some(first) = timers.next(&clock).await {
            // One commit for many: they come as fast as events do.
            let (mut batch, mut next) = (Batch::new(), Some(first));
            while let Some(timer) = next {
                batch.delete("events/outcome", timer.key.as_str()).clear_timer(UPKEEP, timer.key.as_str());
                let is_full = batch.mutations.len() >= OUTCOMES_AT_A_TIME * 2;
                next = if is_full { None } else { timers.next(&clock).now_or_never().flatten() };
            }
            if let Err(error) = inner.store.submit(batch).durable().await {
                tracing::error!(%error, "old outcomes could not be removed");
            }
        }
    });
    Ok(())
}

impl Inner {
    /// Makes one attempt, and keeps what came of it as often as the store has to be asked for that.
    async fn deliver(&self, timer: &Timer) {
        let Ok(delivery) = serde_json::from_slice::<Delivery>(&timer.payload) else {
            tracing::error!(delivery = timer.key, "a delivery cannot be read");
            return;
        };
        let batch = self.attempt(&timer.key, delivery).await;
        let clock = self.dispatcher.clock();
        while let Err(error) = self.store.submit(batch.clone()).durable().await.map_err(Error::from) {
            tracing::error!(delivery = timer.key, %error, "a delivery's outcome could not be kept");
            if !error.may_pass() {
                return;
            }
            clock.sleep_until(clock.now() + STORE_PAUSE).await;
        }
    }

    /// Makes one attempt, unless the event has become too old while nobody was there; returns what is to be written.
    async fn attempt(&self, key: &str, mut delivery: Delivery) -> Batch {
        let clock = self.dispatcher.clock();
        let mut batch = Batch::new();
        if let Some(bus) = delivery.next_bus() {
            self.forward(&mut batch, key, &bus, &delivery, clock.now());
            return batch;
        }
        if clock.now().since(delivery.accepted) > delivery.age_max() {
            settle(&mut batch, key, &delivery.too_old(), clock.now());
            return batch;
        }
        let attempt = AssertUnwindSafe(targets::invoke(&self.dispatcher, &delivery)).catch_unwind().await;
        let answer = attempt.unwrap_or_else(|_| {
            Err(AwsError::internal("InternalException", &"a service panicked while it was given an event"))
        });
        match answer {
            Ok(result) => {
                let attempts = delivery.failed_attempts + 1;
                let delivered = delivery.outcome(Status::Delivered);
                settle(
                    &mut batch,
                    key,
                    &Outcome { result: Some(result), attempts, ..delivered },
                    clock.now(),
                );
            }
            Err(error) => {
                delivery.failed_attempts += 1;
                delivery.fail(&mut batch, key, &error, clock.now(), api::ids::seed());
            }
        }
        batch
    }

    /// Hands an event over to another bus: what follows there and the end of this delivery are one batch.
    fn forward(&self, batch: &mut Batch, key: &str, bus: &BusName, delivery: &Delivery, now: Timestamp) {
        if delivery.forwarded {
            settle(batch, key, &delivery.at_its_second_bus(), now);
            return;
        }
        if !self.may_forward(bus, delivery) {
            settle(batch, key, &delivery.not_admitted(bus), now);
            return;
        }
        let arrival = Arrival { id: &delivery.event_id, event: &delivery.input, forwarded: true };
        if let Err(error) = self.arrive(batch, bus, &arrival, now) {
            tracing::error!(delivery = key, ?error, "what was to be handed on is no event");
        }
        settle(batch, key, &Outcome { attempts: 1, ..delivery.outcome(Status::Delivered) }, now);
    }
}

impl Inner {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(policy: Option<model::RetryPolicy>, failed_attempts: u32) -> Delivery {
        Delivery {
            id: "d".to_owned(),
            event_id: "e".to_owned(),
            rule_name: "r".to_owned(),
            rule_arn: "arn".to_owned(),
            account: AccountId::new("0"),
            region: Region::new("r"),
            target: model::Target { retry_policy: policy, ..Default::default() },
            input: String::new(),
            accepted: Timestamp::from_seconds(0),
            failed_attempts,
            forwarded: false,
        }
    }

    #[test]
    fn pauses_double_up_to_a_quarter_of_an_hour() {
        let halves: Vec<u64> =
            [1, 2, 3, 4, 11, 200].map(|failed| pause(failed, 0).as_millis() as u64).to_vec();
        assert_eq!(halves, [500, 1000, 2000, 4000, 450_000, 450_000]);
        assert!((1..40).all(|failed| pause(failed, u64::MAX) <= RETRY_PAUSE_MAX));
    }

    #[test]
    fn gives_up_by_number_age_and_kind() {
        let failing = AwsError::new("InternalException", "").with_status(500);
        let missing = AwsError::new("StateMachineDoesNotExist", "");
        let policy = |attempts, age| {
            Some(model::RetryPolicy {
                maximum_retry_attempts: Some(attempts),
                maximum_event_age_in_seconds: Some(age),
            })
        };
        let now = Timestamp::from_seconds(30);
        assert!(delivery(None, 1).next_attempt(&failing, now, 0).is_some());
        assert!(delivery(None, 1).next_attempt(&missing, now, 0).is_none());
        assert!(delivery(policy(0, 60), 1).next_attempt(&failing, now, 0).is_none());
        assert!(delivery(policy(5, 60), 1).next_attempt(&failing, now, 0).is_some());
        assert!(delivery(policy(5, 60), 1).next_attempt(&failing, Timestamp::from_seconds(60), 0).is_none());
        assert!(delivery(None, 186).next_attempt(&failing, now, 0).is_none());
    }
}
