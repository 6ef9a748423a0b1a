//! Who waits for whom: deliveries of one subscription for each other, in order where there is one, and for nobody else.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use types::Timestamp;

use super::Delivery;
use crate::limits::ATTEMPTS_PER_SUBSCRIPTION_MAX;

/// All lanes that somebody is in.
#[derive(Default)]
pub(super) struct Lanes {
    lanes: Mutex<HashMap<String, Lane>>,
    /// When a subscription that is throttled may be called next.
    turns: Mutex<HashMap<String, Timestamp>>,
}

#[derive(Default)]
struct Lane {
    running: usize,
    waiting: VecDeque<Delivery>,
}

impl Lanes {
    /// Gives the delivery back where there is room for it now; else it waits.
    pub(super) fn enter(&self, lane: &str, delivery: Delivery) -> Option<Delivery> {
        let room = if delivery.is_ordered() { 1 } else { ATTEMPTS_PER_SUBSCRIPTION_MAX };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(lane.to_owned()).or_default();
        if lane.running >= room {
            lane.waiting.push_back(delivery);
            return None;
        }
        lane.running += 1;
        Some(delivery)
    }

    /// The next that waits, which takes the place of the one that is over.
    pub(super) fn leave(&self, name: &str) -> Option<Delivery> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.get_mut(name)?;
        if let Some(next) = lane.waiting.pop_front() {
            return Some(next);
        }
        lane.running = lane.running.saturating_sub(1);
        if lane.running == 0 {
            lanes.remove(name);
        }
        None
    }

    /// When a subscription may be called that wants to be called so often, if it asks now.
    pub(super) fn turn(&self, subscription: &str, per_second: u32, now: Timestamp) -> Timestamp {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have had their turn are forgotten.
        turns.retain(|_, next| *next > now);
        let turn = turns.get(subscription).copied().unwrap_or(now);
        let pause = Duration::from_millis(1000_u64.div_ceil(per_second.max(1).into()));
        turns.insert(subscription.to_owned(), turn + pause);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_come_at_their_rate() {
        let (lanes, now) = (Lanes::default(), Timestamp::from_seconds(1));
        let turns: Vec<i64> = (0..4).map(|_| lanes.turn("s", 4, now).as_millis()).collect();
        assert_eq!(turns, [1000, 1250, 1500, 1750]);
        assert_eq!(lanes.turn("other", 4, now), now);
        assert_eq!(lanes.turn("s", 4, now + Duration::from_secs(9)), now + Duration::from_secs(9));
    }
}
