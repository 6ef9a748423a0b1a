//! `Retry`: trying a state again after an error.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catch::ErrorEquals;
use crate::error_name::Failure;
use crate::random::Random;

/// One element of `Retry`.
#[derive(Debug)]
pub(crate) struct Retrier {
    pub(crate) errors: ErrorEquals,
    /// Default 1.
    pub(crate) interval_seconds: u64,
    /// Default 3; 0 never retries.
    pub(crate) max_attempts: u32,
    /// Default 2.
    pub(crate) backoff_rate: f64,
    pub(crate) max_delay_seconds: Option<u64>,
    pub(crate) jitter: Jitter,
}

/// `JitterStrategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Jitter {
    #[default]
    None,
    /// Anything from nothing to the whole delay.
    Full,
}

/// What a visit of a state has tried already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempts {
    /// Of all retriers: `$$.State.RetryCount`.
    pub(crate) retries: u32,
    /// Of each retrier, which has its own `MaxAttempts`.
    of_retrier: Vec<u32>,
}

impl Attempts {
    /// Counts another attempt and gives the time to wait for it; `None` where the error shall not be retried.
    ///
    /// The first retrier that names the error decides, even where its attempts are used up.
    pub(crate) fn next(
        &mut self,
        retriers: &[Retrier],
        failure: &Failure,
        random: &mut Random,
    ) -> Option<Duration> {
        let (at, retrier) = retrier(retriers, failure)?;
        self.of_retrier.resize(retriers.len(), 0);
        let count = self.of_retrier.get_mut(at)?;
        let delay = retrier.delay_after(*count, random)?;
        *count += 1;
        self.retries = self.retries.saturating_add(1);
        Some(delay)
    }
}

/// The first retrier that names the error, and its place.
pub(crate) fn retrier<'a>(retriers: &'a [Retrier], failure: &Failure) -> Option<(usize, &'a Retrier)> {
    retriers.iter().enumerate().find(|(_, retrier)| retrier.errors.matches(failure))
}

impl Retrier {
    /// The time to wait for another attempt after so many earlier retries; `None` where there were enough.
    pub(crate) fn delay_after(&self, earlier: u32, random: &mut Random) -> Option<Duration> {
        (earlier < self.max_attempts).then(|| self.jitter.apply(self.delay(earlier), random))
    }

    /// The delay after so many earlier retries: the interval, multiplied by the rate each time, up to the maximum.
    #[expect(clippy::cast_precision_loss, reason = "intervals have eight digits")]
    fn delay(&self, earlier: u32) -> Duration {
        let most = self.max_delay_seconds.unwrap_or(crate::limits::SECONDS_MAX) as f64;
        let exponent = i32::try_from(earlier).unwrap_or(i32::MAX);
        let seconds = self.interval_seconds as f64 * self.backoff_rate.powi(exponent);
        Duration::from_secs_f64(seconds.min(most))
    }
}

impl Jitter {
    fn apply(self, delay: Duration, random: &mut Random) -> Duration {
        match self {
            Self::None => delay,
            Self::Full => {
                let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
                Duration::from_millis(random.below(millis.saturating_add(1)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_name::ErrorName;

    fn retrier(errors: &[&str], max_attempts: u32) -> Retrier {
        Retrier {
            errors: ErrorEquals::new(errors.iter().map(|name| ErrorName::from(*name)).collect()),
            interval_seconds: 3,
            max_attempts,
            backoff_rate: 2.0,
            max_delay_seconds: Some(10),
            jitter: Jitter::None,
        }
    }

    #[test]
    fn each_retrier_counts_its_own_attempts_and_the_delay_is_capped() {
        let retriers = [retrier(&["A"], 3), retrier(&["B"], 1)];
        let (mut attempts, mut random) = (Attempts::default(), Random::new(1));
        let mut next = |name: &str| {
            let failure = Failure::new(ErrorName::from(name), "");
            attempts.next(&retriers, &failure, &mut random).map(|delay| delay.as_secs())
        };
        assert_eq!(
            [next("A"), next("B"), next("B"), next("A"), next("A"), next("A"), next("C")],
            [Some(3), Some(3), None, Some(6), Some(10), None, None]
        );
    }

    #[test]
    fn jitter_stays_within_the_delay() {
        let mut random = Random::new(7);
        for _ in 0..100 {
            assert!(Jitter::Full.apply(Duration::from_secs(2), &mut random) <= Duration::from_secs(2));
        }
    }
}
