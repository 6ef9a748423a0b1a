//! What becomes of occurrences that fell into a downtime: left out, made up for once, or each of them.
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
    /// Decides about the occurrence that was due at `due` and is looked at at `now`. It is on time up to `late_max`
    /// later. `next_due` gives the schedule's first occurrence strictly after a time.
    pub fn decide(
        &self,
        due: Timestamp,
        now: Timestamp,
        late_max: Duration,
        next_due: impl Fn(Timestamp) -> Option<Timestamp>,
    ) -> Verdict {
        let is_missed = |due: Timestamp| now.since(due) > late_max;
        // What is due at the first time that still counts comes after the moment before it.
        let from = |span: Duration| due.max(now - span - Duration::from_millis(1));
        if !is_missed(due) {
            return Verdict::Fires(due);
        }
        match self.make_up {
            MakeUp::Skip => Verdict::IsMissed { next_after: from(late_max) },
            _ if now.since(due) > self.window => {
                Verdict::IsMissed { next_after: from(self.window.max(late_max)) }
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

    const LATE_MAX: Duration = Duration::from_secs(60);

    /// Which occurrences of a rate of five minutes fire that is due at 0 and looked at at `now`, in seconds.
    fn fires(make_up: MakeUp, window: u64, now: i64) -> Vec<i64> {
        let missed = Missed { make_up, window: Duration::from_secs(window) };
        let next = |after: Timestamp| {
            Some(Timestamp::from_seconds((after.as_millis().div_euclid(300_000) + 1) * 300))
        };
        let (mut due, now, mut fired) =
            (Timestamp::from_seconds(0), Timestamp::from_seconds(now), Vec::new());
        while due <= now {
            let after = match missed.decide(due, now, LATE_MAX, next) {
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
}
