//! So many calls a second, and no more: each delivery to an API destination has a turn.
//!
//! A turn that lies in the future is part of the delivery's row. Turns are given by one process: what an earlier one has
//! given is given anew, so that a backlog does not come at once after a downtime.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use types::Timestamp;

/// Calls that need not wait for each other: those of so long.
const BURST: Duration = Duration::from_millis(100);

/// A delivery's turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// When.
    pub due: Timestamp,
    /// Which process has given it.
    giver: u64,
}

/// Who is next at each target.
pub struct Pace {
    giver: u64,
    /// When a target is free again, in microseconds.
    free: Mutex<HashMap<String, i64>>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { giver: api::ids::seed(), free: Mutex::default() }
    }
}

impl Pace {
    /// Waits for its turn: `None` where it is now.
    pub fn turn(&self, target: &str, per_second: i64, given: Option<&Slot>, now: Timestamp) -> Option<Slot> {
        if given.is_some_and(|slot| slot.giver == self.giver && slot.due <= now) {
            return None;
        }
        let step = 1_000_000 / per_second.clamp(1, 1_000_000);
        let now_us = now.as_millis().saturating_mul(1000);
        let burst = i64::try_from(BURST.as_micros()).unwrap_or(0);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        // A target that is free since long stands for nothing.
        if free.len() > 1024 {
            free.retain(|_, free| *free > now_us);
        }
        let free = free.entry(target.to_owned()).or_insert(i64::MIN);
        let turn = (*free).max(now_us.saturating_sub(burst));
        *free = turn.saturating_add(step);
        if turn <= now_us {
            return None;
        }
        let due = Timestamp::from_millis(turn.saturating_add(999) / 1000);
        Some(Slot { due, giver: self.giver })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_follow_each_other_at_the_rate() {
        let (pace, start) = (Pace::default(), Timestamp::from_seconds(1000));
        let dues: Vec<i64> = (0..25)
            .map(|_| {
                pace.turn("t", 10, None, start).map_or(0, |slot| slot.due.since(start).as_millis() as i64)
            })
            .collect();
        assert_eq!(dues[..4], [0, 0, 100, 200]);
        assert_eq!(dues[24], 2300);
        assert!(pace.turn("other", 10, None, start).is_none());
        let slot = pace.turn("t", 10, None, start);
        let then = slot.as_ref().unwrap().due;
        assert!(pace.turn("t", 10, slot.as_ref(), then).is_none());
        assert!(pace.turn("t", 10, slot.as_ref(), start).is_some());
        // Another process asks anew.
        let next = Pace::default();
        assert!(next.turn("t", 1, None, then).is_none());
        assert!(next.turn("t", 1, slot.as_ref(), then).is_some());
    }
}
