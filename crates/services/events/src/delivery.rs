//! Delivers events to the targets of the rules they matched.
//!
//! One event and one target make one delivery: a timer that is due now, and due again after each failure that may pass,
//! as the target's `RetryPolicy` says. Its outcome can be asked for an hour long. Nothing here matches patterns or
//! knows what a target wants (`targets`).

use std::sync::Arc;
use std::time::Duration;

use api::AwsError;
use event_pattern::RuleVariables;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Batch, Timer};
use tokio::sync::Semaphore;
use types::{AccountId, Region, Timestamp};

use crate::generated::types as model;
use crate::limits::{
    DELIVERIES_CONCURRENT_MAX, EVENT_AGE_MAX, OUTCOME_KEPT, RETRY_ATTEMPTS_MAX, RETRY_PAUSE_FIRST,
    RETRY_PAUSE_MAX,
};
use crate::names::BusName;
use crate::registry::CompiledRule;
use crate::targets;
use crate::{Error, Inner};

const QUEUE: &str = "events/delivery";
const UPKEEP: &str = "events/outcome-upkeep";

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

/// Adds the deliveries of an event to a rule's targets to a batch.
pub(crate) fn plan(
    batch: &mut Batch,
    bus: &BusName,
    rule: &CompiledRule,
    event_id: &str,
    event: &str,
    now: Timestamp,
) {
    for target in &rule.targets {
        let ingestion_time = now.to_iso_seconds();
        let variables =
            RuleVariables { rule_arn: &rule.arn, rule_name: &rule.name, ingestion_time: &ingestion_time };
        let Some(input) = target.input.render(event, &variables) else {
            tracing::warn!(
                rule = rule.arn,
                target = target.target.id,
                event_id,
                "the input is no JSON: not delivered"
            );
            continue;
        };
        let delivery = Delivery {
            id: api::ids::uuid(),
            event_id: event_id.to_owned(),
            rule_name: rule.name.clone(),
            rule_arn: rule.arn.clone(),
            account: bus.account.clone(),
            region: bus.region.clone(),
            target: target.target.clone(),
            input,
            accepted: now,
            failed_attempts: 0,
        };
        delivery.set_timer(batch, now);
    }
}

impl Delivery {
    /// Unique among the deliveries of the event, and begins with the event's id.
    fn key(&self) -> String {
        format!("{}/{}", self.event_id, self.id)
    }

    fn set_timer(&self, batch: &mut Batch, due: Timestamp) {
        batch.set_timer(QUEUE, self.key(), due, serde_json::to_vec(self).unwrap_or_default());
        let pending = serde_json::to_vec(&self.outcome(Status::Pending)).unwrap_or_default();
        batch.put("events/outcome", self.key(), pending);
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

    /// When to try again after a failure, or `None` where it is to be given up.
    fn next_attempt(&self, error: &AwsError, now: Timestamp, chance: u64) -> Option<Timestamp> {
        let policy = self.target.retry_policy.clone().unwrap_or_default();
        let attempts = policy.maximum_retry_attempts.and_then(|attempts| u32::try_from(attempts).ok());
        let age = policy.maximum_event_age_in_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let age_max = age.map_or(EVENT_AGE_MAX, Duration::from_secs);
        if !may_pass(error) || self.failed_attempts > attempts.unwrap_or(RETRY_ATTEMPTS_MAX) {
            return None;
        }
        let due = now + pause(self.failed_attempts, chance);
        (due.since(self.accepted) <= age_max).then_some(due)
    }
}

/// Whether an error may be gone at the next attempt. A missing target and a missing permission are not retried.
fn may_pass(error: &AwsError) -> bool {
    let code = error.code.as_ref();
    error.status >= 500
        || ["Throttl", "TooManyRequests", "LimitExceeded"].iter().any(|part| code.contains(part))
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
                if let Err(error) = inner.deliver(&timer).await {
                    tracing::error!(delivery = timer.key, %error, "a delivery's outcome could not be kept");
                }
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
        while let Some(timer) = timers.next(&clock).await {
            let mut batch = Batch::new();
            batch.delete("events/outcome", timer.key.as_str()).clear_timer(UPKEEP, timer.key.as_str());
            if let Err(error) = inner.store.submit(batch).durable().await {
                tracing::error!(delivery = timer.key, %error, "an old outcome could not be removed");
            }
        }
    });
    Ok(())
}

impl Inner {
    async fn deliver(&self, timer: &Timer) -> Result<(), Error> {
        let Ok(delivery) = serde_json::from_slice::<Delivery>(&timer.payload) else {
            return Err(Error::Invalid(format!("the delivery {} cannot be read", timer.key)));
        };
        let answer = targets::invoke(&self.dispatcher, &delivery).await;
        let now = self.dispatcher.clock().now();
        let mut batch = Batch::new();
        match answer {
            Ok(result) => {
                let attempts = delivery.failed_attempts + 1;
                let outcome =
                    Outcome { result: Some(result), attempts, ..delivery.outcome(Status::Delivered) };
                self.settle(&mut batch, &timer.key, &outcome, now);
            }
            Err(error) => self.fail(&mut batch, &timer.key, delivery, &error, now),
        }
        self.store.submit(batch).durable().await?;
        Ok(())
    }

    fn fail(&self, batch: &mut Batch, key: &str, mut delivery: Delivery, error: &AwsError, now: Timestamp) {
        delivery.failed_attempts += 1;
        let next = delivery.next_attempt(error, now, api::ids::seed());
        if let Some(due) = next {
            delivery.set_timer(batch, due);
        }
        let status = if next.is_some() { Status::Pending } else { Status::Failed };
        let outcome = Outcome {
            error_code: Some(error.code.to_string()),
            error_message: Some(error.message.clone()),
            ..delivery.outcome(status)
        };
        tracing::warn!(rule = delivery.rule_arn, target = delivery.target.arn, %error, retried = next.is_some(), "a target did not take an event");
        match next {
            Some(_) => self.outcomes.put(batch, key, &outcome),
            None => self.settle(batch, key, &outcome, now),
        }
    }

    fn settle(&self, batch: &mut Batch, key: &str, outcome: &Outcome, now: Timestamp) {
        self.outcomes.put(batch, key, outcome);
        batch.clear_timer(QUEUE, key).set_timer(UPKEEP, key, now + OUTCOME_KEPT, Vec::new());
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
