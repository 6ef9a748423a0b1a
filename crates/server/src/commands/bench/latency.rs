//! How long things took: as many durations as were measured, and what is said of them.

use std::time::Duration;

use serde::Serialize;

/// Durations, each kept, in microseconds.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<u32>);

/// What is said of durations; milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// How many were measured. Where it is 0 nothing else means anything.
    pub samples: usize,
    /// Half of them took no longer.
    pub p50: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Latencies {
    /// Adds one.
    pub fn push(&mut self, latency: Duration) {
        // An hour fits.
        self.0.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// Adds those of another.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What is said of them. A quantile is the least value that the asked share of the values does not exceed
    /// (nearest rank): a value that was measured.
    pub fn quantiles(mut self) -> Quantiles {
        self.0.sort_unstable();
        let rank = |percent: usize| (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        let at = |percent| self.0.get(rank(percent)).map_or(0.0, |micros| f64::from(*micros) / 1000.0);
        Quantiles { samples: self.0.len(), p50: at(50), p99: at(99), max: at(100) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantiles(millis: impl IntoIterator<Item = u64>) -> Quantiles {
        let mut latencies = Latencies::default();
        millis.into_iter().for_each(|millis| latencies.push(Duration::from_millis(millis)));
        latencies.quantiles()
    }

    #[test]
    fn a_quantile_is_a_value_that_was_measured() {
        assert_eq!(quantiles((1..=100).rev()), Quantiles { samples: 100, p50: 50.0, p99: 99.0, max: 100.0 });
        assert_eq!(quantiles([7]), Quantiles { samples: 1, p50: 7.0, p99: 7.0, max: 7.0 });
        assert_eq!(quantiles([3, 1]), Quantiles { samples: 2, p50: 1.0, p99: 3.0, max: 3.0 });
        assert_eq!(quantiles([]), Quantiles::default());
        // Of 101 values, one per cent is more than one: the second longest.
        assert_eq!(quantiles(0..=100).p99, 99.0);
    }

    #[test]
    fn those_of_others_are_added() {
        let (mut one, mut other) = (Latencies::default(), Latencies::default());
        one.push(Duration::from_micros(1500));
        other.push(Duration::from_secs(100_000));
        one.append(other);
        assert_eq!(one.len(), 2);
        assert_eq!(one.clone().quantiles().p50, 1.5);
        assert_eq!(one.quantiles().max, f64::from(u32::MAX) / 1000.0);
    }
}
