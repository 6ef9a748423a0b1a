//! One occurrence of a schedule, on its way to the target: what it is, and what follows a failed attempt.

use std::time::Duration;

use api::AwsError;
use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::context_attributes::ContextAttributes;
use crate::generated::types as model;
use crate::limits::{EVENT_AGE_SECONDS_MAX, RETRY_ATTEMPTS_MAX, RETRY_PAUSE_FIRST, RETRY_PAUSE_MAX};
use crate::names::ScheduleName;

/// One occurrence for its target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Invocation {
    /// A UUID: the idempotency key that the target is given.
    pub id: String,
    /// The schedule.
    pub schedule: ScheduleName,
    /// The schedule's id, which a later one of the same name does not have.
    pub schedule_id: String,
    /// The timing by which it was due.
    pub timing_id: String,
    /// Whether the schedule was never due again after this.
    pub is_last: bool,
    /// The target, as it was when the occurrence was due.
    pub target: model::Target,
    /// When the occurrence was due.
    pub scheduled: Timestamp,
    /// When the first attempt was to be made: within the flexible time window.
    pub planned: Timestamp,
    /// Attempts that have failed.
    pub failed_attempts: u32,
    /// Why the target is not invoked any more: what is left is a message to the dead-letter queue.
    #[serde(default)]
    pub given_up: Option<GivenUp>,
    /// Whether a group wants to know when what it set to work has ended.
    #[serde(default)]
    pub is_followed: bool,
}

/// Why an invocation was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// When.
    pub at: Timestamp,
    /// The code of the last attempt's error.
    pub error_code: String,
    /// Its text.
    pub error_message: String,
    /// The bound of the retry policy that was reached.
    pub exhausted: Option<Exhausted>,
    /// How often the dead-letter queue could not be reached.
    pub failed_messages: u32,
}

/// A bound of a retry policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exhausted {
    /// Attempts.
    MaximumRetryAttempts,
    /// Time.
    MaximumEventAgeInSeconds,
}

impl Exhausted {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaximumRetryAttempts => "MaximumRetryAttempts",
            Self::MaximumEventAgeInSeconds => "MaximumEventAgeInSeconds",
        }
    }
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Following {
    /// Another attempt, then.
    Attempt(Timestamp),
    /// None: the failure does not pass, or a bound is reached.
    End(Option<Exhausted>),
}

impl Invocation {
    /// The target's input, if the schedule has one, with the context attributes of this attempt.
    pub fn input(&self) -> Option<String> {
        let input = self.target.input.as_ref()?;
        let attributes = ContextAttributes {
            schedule_arn: &self.schedule.arn().to_string(),
            scheduled_time: &self.scheduled.to_iso_seconds(),
            execution_id: &self.id,
            attempt_number: self.failed_attempts.saturating_add(u32::from(self.given_up.is_none())),
        };
        Some(attributes.fill(input))
    }

    /// Whether it is too old for another attempt.
    pub fn is_too_old(&self, now: Timestamp) -> bool {
        now.since(self.planned) > self.age_max()
    }

    /// The ARN of the schedule's dead-letter queue.
    pub fn dead_letter_queue(&self) -> Option<&str> {
        self.target.dead_letter_config.as_ref()?.arn.as_deref()
    }

    fn age_max(&self) -> Duration {
        let policy = self.target.retry_policy.as_ref();
        let seconds = policy.and_then(|policy| u64::try_from(policy.maximum_event_age_in_seconds?).ok());
        Duration::from_secs(seconds.unwrap_or(EVENT_AGE_SECONDS_MAX.into()))
    }

    /// How many failures are followed by another attempt.
    fn retries_max(&self) -> u32 {
        let policy = self.target.retry_policy.as_ref();
        policy
            .and_then(|policy| u32::try_from(policy.maximum_retry_attempts?).ok())
            .unwrap_or(RETRY_ATTEMPTS_MAX)
    }

    /// What follows a failure.
    pub fn following(&self, error: &AwsError, now: Timestamp, chance: u64) -> Following {
        if !error.may_pass() {
            return Following::End(None);
        }
        if self.failed_attempts > self.retries_max() {
            return Following::End(Some(Exhausted::MaximumRetryAttempts));
        }
        let due = now + pause(self.failed_attempts, chance);
        match self.is_too_old(due) {
            true => Following::End(Some(Exhausted::MaximumEventAgeInSeconds)),
            false => Following::Attempt(due),
        }
    }

    /// The invocation after it was given up.
    pub fn given_up(mut self, error: &AwsError, exhausted: Option<Exhausted>, now: Timestamp) -> Self {
        self.given_up = Some(GivenUp {
            at: now,
            error_code: error.code.to_string(),
            error_message: error.message.clone(),
            exhausted,
            failed_messages: 0,
        });
        self
    }
}

/// The pause after so many failures: doubling, between half and the whole of it by chance.
pub fn pause(failed_attempts: u32, chance: u64) -> Duration {
    let doubled = RETRY_PAUSE_FIRST.saturating_mul(1 << failed_attempts.saturating_sub(1).min(20));
    let half = doubled.min(RETRY_PAUSE_MAX) / 2;
    half + offset(half, chance)
}

/// A time from zero to `window`, both included, chosen by `chance`.
pub fn offset(window: Duration, chance: u64) -> Duration {
    let choices = u64::try_from(window.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
    Duration::from_millis(chance % choices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::GroupName;
    use types::{AccountId, Region};

    fn invocation(policy: Option<(i64, i64)>, failed_attempts: u32) -> Invocation {
        let retry_policy = policy.map(|(attempts, age)| model::RetryPolicy {
            maximum_retry_attempts: Some(attempts),
            maximum_event_age_in_seconds: Some(age),
        });
        let (account, region) = (AccountId::new("0"), Region::new("r"));
        let group = GroupName { account, region, group: "default".to_owned() };
        Invocation {
            id: "i".to_owned(),
            schedule: ScheduleName { group, name: "s".to_owned() },
            schedule_id: String::new(),
            timing_id: String::new(),
            is_last: false,
            target: model::Target { retry_policy, ..Default::default() },
            scheduled: Timestamp::from_seconds(0),
            planned: Timestamp::from_seconds(0),
            failed_attempts,
            given_up: None,
            is_followed: false,
        }
    }

    #[test]
    fn pauses_double_up_to_a_quarter_of_an_hour() {
        let halves = [1, 2, 3, 11, 200].map(|failed| pause(failed, 0).as_millis());
        assert_eq!(halves, [500, 1000, 2000, 450_000, 450_000]);
        assert!((1..40).all(|failed| pause(failed, u64::MAX) <= RETRY_PAUSE_MAX));
    }

    #[test]
    fn offsets_stay_in_the_window() {
        let window = Duration::from_secs(60);
        assert_eq!(offset(window, 60_000), window);
        assert_eq!(offset(window, 60_001), Duration::ZERO);
        assert!((0..1000).all(|chance| offset(window, u64::MAX - chance) <= window));
        assert_eq!(offset(Duration::ZERO, u64::MAX), Duration::ZERO);
    }

    #[test]
    fn gives_up_by_number_age_and_kind() {
        let failing = AwsError::new("InternalException", "").with_status(500);
        let missing = AwsError::new("StateMachineDoesNotExist", "");
        let now = Timestamp::from_seconds(30);
        let next = |policy, failed, error, now| invocation(policy, failed).following(error, now, 0);
        let attempts = Following::End(Some(Exhausted::MaximumRetryAttempts));
        let age = Following::End(Some(Exhausted::MaximumEventAgeInSeconds));
        let soon = Following::Attempt(now + Duration::from_millis(500));
        assert_eq!(next(None, 1, &failing, now), soon);
        assert_eq!(next(None, 1, &missing, now), Following::End(None));
        assert_eq!(next(Some((0, 60)), 1, &failing, now), attempts);
        assert_eq!(next(Some((5, 60)), 1, &failing, now), soon);
        assert_eq!(next(Some((5, 60)), 1, &failing, Timestamp::from_seconds(60)), age);
        assert_eq!(next(None, 186, &failing, now), attempts);
    }
}
