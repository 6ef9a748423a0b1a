//! When a delivery is tried again. Pure.
//!
//! Source: SNS Developer Guide, "Amazon SNS message delivery retries", "Creating an HTTP/S delivery policy".

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Pauses in four phases: none at all, the shortest, growing ones, the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryPolicy {
    /// Seconds: the shortest pause.
    pub min_delay_target: u32,
    /// Seconds: the longest pause.
    pub max_delay_target: u32,
    /// Retries of all phases together.
    pub num_retries: u32,
    /// Retries of the last phase.
    pub num_max_delay_retries: u32,
    /// Retries of the first phase.
    pub num_no_delay_retries: u32,
    /// Retries of the second phase.
    pub num_min_delay_retries: u32,
    /// How pauses grow in the third phase.
    pub backoff_function: BackoffFunction,
}

/// How pauses grow from the shortest to the longest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackoffFunction {
    /// By the same each time.
    #[default]
    Linear,
    /// By more each time: one part, two parts, three.
    Arithmetic,
    /// By the same factor each time.
    Geometric,
    /// By twice as much each time.
    Exponential,
}

impl RetryPolicy {
    /// How HTTP endpoints are retried where nobody says otherwise.
    pub const HTTP: Self = Self {
        min_delay_target: 20,
        max_delay_target: 20,
        num_retries: 3,
        num_max_delay_retries: 0,
        num_no_delay_retries: 0,
        num_min_delay_retries: 0,
        backoff_function: BackoffFunction::Linear,
    };

    /// How AWS's own services are retried: for 23 days.
    pub const SERVICE: Self = Self {
        min_delay_target: 1,
        max_delay_target: 20,
        num_retries: 100_015,
        num_max_delay_retries: 100_000,
        num_no_delay_retries: 3,
        num_min_delay_retries: 2,
        backoff_function: BackoffFunction::Exponential,
    };

    /// The pause after so many failed attempts, or `None` where none may follow.
    pub fn pause(&self, failed_attempts: u32) -> Option<Duration> {
        let retry = failed_attempts.checked_sub(1).filter(|retry| *retry < self.num_retries)?;
        let Some(past_immediate) = retry.checked_sub(self.num_no_delay_retries) else {
            return Some(Duration::ZERO);
        };
        let Some(step) = past_immediate.checked_sub(self.num_min_delay_retries) else {
            return Some(Duration::from_secs(self.min_delay_target.into()));
        };
        let steps = self.growing();
        if step >= steps {
            return Some(Duration::from_secs(self.max_delay_target.into()));
        }
        let (least, most) = (f64::from(self.min_delay_target), f64::from(self.max_delay_target));
        let seconds = self.backoff_function.between(least, most, step, steps);
        Some(
            Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(self.max_delay_target.into())),
        )
    }

    /// Retries of the third phase.
    fn growing(&self) -> u32 {
        let others = [self.num_no_delay_retries, self.num_min_delay_retries, self.num_max_delay_retries];
        others.into_iter().fold(self.num_retries, u32::saturating_sub)
    }
}

impl BackoffFunction {
    /// The pause of a step: the first is `least`, the last of several `most`.
    fn between(self, least: f64, most: f64, step: u32, steps: u32) -> f64 {
        let last = f64::from(steps.saturating_sub(1));
        if last == 0.0 {
            return least;
        }
        let (step, whole) = (f64::from(step), most - least);
        match self {
            Self::Linear => least + whole * step / last,
            Self::Arithmetic => least + whole * step * (step + 1.0) / (last * (last + 1.0)),
            Self::Geometric => least * (most / least).powf(step / last),
            Self::Exponential => least + whole * (step.exp2() - 1.0) / (last.exp2() - 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(policy: &RetryPolicy, count: u32) -> Vec<Option<u64>> {
        (1..=count).map(|failed| policy.pause(failed).map(|pause| pause.as_secs())).collect()
    }

    #[test]
    fn http_endpoints_are_retried_three_times() {
        assert_eq!(pauses(&RetryPolicy::HTTP, 5), [Some(20), Some(20), Some(20), None, None]);
        assert_eq!(RetryPolicy::HTTP.pause(0), None);
    }

    #[test]
    fn services_are_retried_for_weeks() {
        let first = pauses(&RetryPolicy::SERVICE, 17);
        let expected = [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 3, 5, 10, 20, 20, 20].map(Some);
        assert_eq!(first, expected);
        assert!(RetryPolicy::SERVICE.pause(100_015).is_some());
        assert_eq!(RetryPolicy::SERVICE.pause(100_016), None);
    }

    #[test]
    fn every_function_goes_from_the_shortest_to_the_longest() {
        for function in [
            BackoffFunction::Linear,
            BackoffFunction::Arithmetic,
            BackoffFunction::Geometric,
            BackoffFunction::Exponential,
        ] {
            let policy = RetryPolicy {
                min_delay_target: 1,
                max_delay_target: 60,
                num_retries: 13,
                num_max_delay_retries: 1,
                num_no_delay_retries: 1,
                num_min_delay_retries: 1,
                backoff_function: function,
            };
            let all = pauses(&policy, 14);
            assert_eq!(all[..2], [Some(0), Some(1)], "{function:?}");
            assert_eq!(
                (all[2], all[11], all[12], all[13]),
                (Some(1), Some(60), Some(60), None),
                "{function:?}"
            );
            assert!(all.windows(2).take(12).all(|two| two[0] <= two[1]), "{function:?}: {all:?}");
        }
    }
}
