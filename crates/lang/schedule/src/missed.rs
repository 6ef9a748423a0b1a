//! What becomes of occurrences that fell into a downtime: left out, made up for once, or each of them.
//!
//! What was due while somebody was there to fire it fell into no downtime, however late it is looked at: a clock that was
//! set forward and a store that could not write for a while leave nothing out, up to a bound.
//!
//! EventBridge has no downtimes: this is an extension, and leaving them out is what is done where nobody says otherwise.

use std::str::FromStr;
use std::time::Duration;

use types::Timestamp;

/// Which of the occurrences that were missed are made up for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MakeUp {
    /// None.
    #[default]
    Skip,
    /// The last one.
    Once,
    /// All, in their order.
    All,
}

impl FromStr for MakeUp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "skip" => Ok(Self::Skip),
            "once" => Ok(Self::Once),
            "all" => Ok(Self::All),
            _ => Err(format!("{text:?} is not skip, once or all")),
        }
    }
}

/// What to do about missed occurrences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Which of them are made up for.
    pub make_up: MakeUp,
    /// How long ago an occurrence that is made up for may have been due.
    pub window: Duration,
}

impl Default for Missed {
    fn default() -> Self {
        Self { make_up: MakeUp::Skip, window: Duration::from_secs(24 * 60 * 60) }
    }
}

/// How late an occurrence may be without having been missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lateness {
    /// By so much in any case.
    pub max: Duration,
    /// Since when there has been somebody to fire it.
    pub watched_since: Timestamp,
}

impl Lateness {
    /// By so much where it was due while somebody was there.
    const WATCHED_MAX: Duration = Duration::from_secs(60 * 60);

    fn is_missed(&self, due: Timestamp, now: Timestamp) -> bool {
        let was_watched = due >= self.watched_since;
        now.since(due) > if was_watched { self.max.max(Self::WATCHED_MAX) } else { self.max }
    }

    /// How long before `now` the first occurrence was due that still counts where that of `due` does not.
    fn span(&self, due: Timestamp, now: Timestamp) -> Duration {
        let watched = if due < self.watched_since { now.since(self.watched_since) } else { Duration::ZERO };
        self.max.max(watched.min(Self::WATCHED_MAX))
    }
}

/// What is decided about an occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The occurrence of this time fires; the next one is the first after it.
    Fires(Timestamp),
    /// It was missed; the next one is the first after this time.
    IsMissed {
        /// Strictly after it.
        next_after: Timestamp,
    },
}

impl Missed {
    /// Decides about the occurrence that was due at `due` and is looked at at `now`. `next_due` gives the schedule's first
    /// occurrence strictly after a time.
    pub fn decide(
        &self,
        due: Timestamp,
        now: Timestamp,
        lateness: Lateness,
        next_due: impl Fn(Timestamp) -> Option<Timestamp>,
    ) -> Verdict {
        let is_missed = |due: Timestamp| lateness.is_missed(due, now);
        let counts = lateness.span(due, now);
        // What is due at the first time that still counts comes after the moment before it.
        let from = |span: Duration| due.max(now - span - Duration::from_millis(1));
        if !is_missed(due) {
            return Verdict::Fires(due);
        }
        match self.make_up {
            MakeUp::Skip => Verdict::IsMissed { next_after: from(counts) },
            _ if now.since(due) > self.window => {
                Verdict::IsMissed { next_after: from(self.window.max(counts)) }
            }
            MakeUp::All => Verdict::Fires(due),
            MakeUp::Once => {
                let mut last = due;
                while let Some(next) = next_due(last).filter(|next| is_missed(*next)) {
                    last = next;
                }
                Verdict::Fires(last)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which occurrences of a rate of five minutes fire that is due at 0 and looked at at `now`, in seconds, where nobody was
    /// there before.
    fn fires(make_up: MakeUp, window: u64, now: i64) -> Vec<i64> {
        fires_watched(make_up, window, now, now)
    }

    /// The same where somebody was there from `since` on.
    fn fires_watched(make_up: MakeUp, window: u64, now: i64, since: i64) -> Vec<i64> {
        let lateness =
            Lateness { max: Duration::from_secs(60), watched_since: Timestamp::from_seconds(since) };
        let missed = Missed { make_up, window: Duration::from_secs(window) };
        let next = |after: Timestamp| {
            Some(Timestamp::from_seconds((after.as_millis().div_euclid(300_000) + 1) * 300))
        };
        let (mut due, now, mut fired) =
            (Timestamp::from_seconds(0), Timestamp::from_seconds(now), Vec::new());
        while due <= now {
            let after = match missed.decide(due, now, lateness, next) {
                Verdict::Fires(time) => {
                    fired.push(time.as_seconds());
                    time
                }
                Verdict::IsMissed { next_after } => next_after,
            };
            due = next(after).unwrap();
        }
        fired
    }

    #[test]
    fn what_was_missed_is_left_out_or_made_up_for() {
        use MakeUp::{All, Once, Skip};
        assert_eq!(fires(Skip, 86_400, 30), [0]);
        assert_eq!(fires(Skip, 86_400, 61), [0; 0]);
        assert_eq!(fires(Skip, 86_400, 1210), [1200]);
        assert_eq!(fires(Once, 86_400, 1000), [900]);
        assert_eq!(fires(Once, 86_400, 1210), [900, 1200]);
        assert_eq!(fires(All, 86_400, 1000), [0, 300, 600, 900]);
        assert_eq!(fires(All, 600, 1000), [600, 900]);
        assert_eq!(fires(Once, 600, 1000), [900]);
        assert_eq!(fires(Once, 10, 1000), [0; 0]);
    }

    #[test]
    fn what_was_due_while_somebody_was_there_is_not_missed() {
        use MakeUp::{All, Once, Skip};
        for make_up in [Skip, Once, All] {
            assert_eq!(fires_watched(make_up, 10, 1000, 0), [0, 300, 600, 900]);
        }
        assert_eq!(fires_watched(Skip, 86_400, 1000, 301), [600, 900]);
        assert_eq!(fires_watched(Once, 86_400, 1000, 301), [300, 600, 900]);
        // More than an hour is a downtime, whoever was there.
        assert_eq!(fires_watched(Skip, 86_400, 3601, 0), [3600]);
        assert_eq!(fires_watched(Skip, 86_400, 3599, 0).len(), 12);
    }
}
