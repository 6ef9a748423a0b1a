//! Time as a value: the wall clock in production, a clock that somebody moves in tests.
//!
//! Only the binary decides which one there is. Pure code never sees a [`Clock`]: it is given a [`Timestamp`].

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use types::Timestamp;

/// Where the time comes from. Cheap to clone; clones of a virtual clock move together.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's own clock.
    Wall,
    /// A clock that stands still until [`VirtualClock::advance`] moves it.
    Virtual(VirtualClock),
}

impl Clock {
    /// The time now, to the millisecond.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Wall => {
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Virtual(clock) => *clock.now.borrow(),
        }
    }

    /// Waits until `due`; returns at once where that is not in the future.
    ///
    /// A wall clock that is set back or forward is noticed within a second.
    pub async fn sleep_until(&self, due: Timestamp) {
        match self {
            Self::Wall => {
                while let Some(left) = positive(due.since(self.now())) {
                    tokio::time::sleep(left.min(Duration::from_secs(1))).await;
                }
            }
            Self::Virtual(clock) => {
                let mut now = clock.now.subscribe();
                // The sender lives in `clock`, so waiting cannot fail.
                let _ = now.wait_for(|now| *now >= due).await;
            }
        }
    }
}

fn positive(duration: Duration) -> Option<Duration> {
    (!duration.is_zero()).then_some(duration)
}

/// A clock that is moved by hand.
#[derive(Clone, Debug)]
pub struct VirtualClock {
    now: Arc<watch::Sender<Timestamp>>,
}

impl VirtualClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self { now: Arc::new(watch::Sender::new(start)) }
    }

    /// Moves the clock forward and wakes whoever waits for a time that has come.
    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now = *now + by);
    }

    /// Moves the clock to `time`, unless it is already later.
    pub fn advance_to(&self, time: Timestamp) {
        self.now.send_modify(|now| *now = time.max(*now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_virtual_clock_moves_only_by_hand() {
        let hand = VirtualClock::new(Timestamp::from_seconds(10));
        let clock = Clock::Virtual(hand.clone());
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(Timestamp::from_seconds(20)).await;
                clock.now()
            }
        });
        hand.advance(Duration::from_secs(5));
        assert_eq!(clock.now(), Timestamp::from_seconds(15));
        hand.advance_to(Timestamp::from_seconds(25));
        assert_eq!(waiting.await.unwrap(), Timestamp::from_seconds(25));
        clock.sleep_until(Timestamp::from_seconds(1)).await;
    }
}
