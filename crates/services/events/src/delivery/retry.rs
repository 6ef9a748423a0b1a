//! Whether and when a delivery that failed is tried again. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use types::Timestamp;

use super::Delivery;
use crate::limits::{EVENT_AGE_MAX, RETRY_ATTEMPTS_MAX, RETRY_PAUSE_FIRST, RETRY_PAUSE_MAX};
use crate::targets::Retry;

/// What comes after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another attempt then.
    Again(Timestamp),
    /// None: the failure is not one that passes.
    Hopeless,
    /// None: the target's `RetryPolicy` has come to its end.
    Exhausted(Condition),
}

/// What has ended the attempts: `EXHAUSTED_RETRY_CONDITION` of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Condition {
    MaximumRetryAttempts,
    MaximumEventAgeInSeconds,
}

impl Condition {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::MaximumRetryAttempts => "MaximumRetryAttempts",
            Self::MaximumEventAgeInSeconds => "MaximumEventAgeInSeconds",
        }
    }
}

impl Delivery {
    /// Whether the event has become too old while nobody was there.
    pub(super) fn is_too_old(&self, now: Timestamp) -> bool {
        now.since(self.accepted) > self.age_max()
    }

    /// What follows the attempt that has just failed and been counted.
    pub(super) fn next(&self, retry: Retry, now: Timestamp, chance: u64) -> Next {
        let least = match retry {
            Retry::Never => return Next::Hopeless,
            Retry::BackOff => Duration::ZERO,
            Retry::After(least) => least,
        };
        if self.failed_attempts > self.retries_max() {
            return Next::Exhausted(Condition::MaximumRetryAttempts);
        }
        let due = now + pause(self.failed_attempts, chance).max(least);
        if due.since(self.accepted) > self.age_max() {
            return Next::Exhausted(Condition::MaximumEventAgeInSeconds);
        }
        Next::Again(due)
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
}

/// The pause after so many failures: doubling, between half and the whole of it by chance.
pub(super) fn pause(failed_attempts: u32, chance: u64) -> Duration {
    let doubled = RETRY_PAUSE_FIRST.saturating_mul(1 << failed_attempts.saturating_sub(1).min(20));
    let whole = doubled.min(RETRY_PAUSE_MAX);
    let half = whole / 2;
    let jitter_ms = chance % u64::try_from(half.as_millis()).unwrap_or(u64::MAX).max(1);
    half + Duration::from_millis(jitter_ms)
}

#[cfg(test)]
mod tests {
    use types::{AccountId, Region};

    use super::*;
    use crate::generated::types as model;

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
            event: None,
            accepted: Timestamp::from_seconds(0),
            failed_attempts,
            last_error: None,
            forwarded: false,
            watched: false,
            slot: None,
            given_up: None,
            followed: false,
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
        let policy = |attempts, age| {
            Some(model::RetryPolicy {
                maximum_retry_attempts: Some(attempts),
                maximum_event_age_in_seconds: Some(age),
            })
        };
        let next = |policy, failed, retry, seconds| {
            delivery(policy, failed).next(retry, Timestamp::from_seconds(seconds), 0)
        };
        let attempts = Next::Exhausted(Condition::MaximumRetryAttempts);
        let age = Next::Exhausted(Condition::MaximumEventAgeInSeconds);
        let again = |ms| Next::Again(Timestamp::from_millis(ms));
        assert_eq!(next(None, 1, Retry::BackOff, 30), again(30_500));
        assert_eq!(next(None, 1, Retry::Never, 30), Next::Hopeless);
        assert_eq!(next(policy(0, 60), 1, Retry::BackOff, 30), attempts);
        assert_eq!(next(policy(5, 60), 1, Retry::BackOff, 30), again(30_500));
        assert_eq!(next(policy(5, 60), 1, Retry::BackOff, 60), age);
        assert_eq!(next(None, 186, Retry::BackOff, 30), attempts);
        assert_eq!(next(None, 1, Retry::After(Duration::from_secs(20)), 30), again(50_000));
        assert_eq!(next(policy(5, 60), 1, Retry::After(Duration::from_secs(31)), 30), age);
    }
}
