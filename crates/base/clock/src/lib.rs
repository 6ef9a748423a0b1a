//! Time as a value: the wall clock in production, a clock that somebody moves in tests and for `serve --clock virtual`.
//!
//! Only the binary decides which one there is. Pure code never sees a [`Clock`]: it is given a [`Timestamp`].

mod hand;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use types::Timestamp;

pub use hand::VirtualClock;

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
            Self::Virtual(clock) => clock.now(),
        }
    }

    /// The clock of those who live outside of virtual time: clients that sign and wait for answers, containers. The
    /// machine's own, but where the virtual clock is a test's, which has the whole world on it.
    pub fn machine(&self) -> Self {
        match self {
            Self::Virtual(clock) if !clock.is_beside_the_machine() => self.clone(),
            Self::Virtual(_) | Self::Wall => Self::Wall,
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
            Self::Virtual(clock) => clock.sleep_until(due).await,
        }
    }
}

fn positive(duration: Duration) -> Option<Duration> {
    (!duration.is_zero()).then_some(duration)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

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

    #[tokio::test]
    async fn a_clock_that_is_set_back_wakes_nobody_early() {
        let hand = VirtualClock::new(Timestamp::from_seconds(10));
        let (clock, due) = (Clock::Virtual(hand.clone()), Timestamp::from_seconds(20));
        let waiting = tokio::spawn(async move { clock.sleep_until(due).await });
        tokio::task::yield_now().await;
        hand.set(Timestamp::from_seconds(5));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        assert_eq!(Clock::Virtual(hand.clone()).now(), Timestamp::from_seconds(5));
        hand.set(due);
        waiting.await.unwrap();
    }

    #[test]
    fn clients_live_by_the_machines_clock() {
        let start = Timestamp::from_seconds(10);
        let ours = Clock::Virtual(VirtualClock::beside_the_machine(start));
        assert_eq!(ours.now(), start);
        assert!(matches!(ours.machine(), Clock::Wall));
        assert!(matches!(Clock::Wall.machine(), Clock::Wall));
        assert_eq!(Clock::Virtual(VirtualClock::new(start)).machine().now(), start);
    }

    #[tokio::test]
    async fn sleepers_wake_in_the_order_of_their_times() {
        let hand = VirtualClock::new(Timestamp::from_seconds(0));
        let woken = Arc::<Mutex<Vec<i64>>>::default();
        let mut sleepers = tokio::task::JoinSet::new();
        for due in [30, 10, 20, 10] {
            let (clock, woken) = (Clock::Virtual(hand.clone()), Arc::clone(&woken));
            sleepers.spawn(async move {
                clock.sleep_until(Timestamp::from_seconds(due)).await;
                woken.lock().unwrap().push(due);
            });
        }
        tokio::task::yield_now().await;
        assert_eq!(hand.next_due(), Some(Timestamp::from_seconds(10)));
        hand.advance(Duration::from_secs(25));
        tokio::task::yield_now().await;
        assert_eq!(*woken.lock().unwrap(), [10, 10, 20]);
        assert_eq!(hand.next_due(), Some(Timestamp::from_seconds(30)));
        drop(sleepers);
        tokio::task::yield_now().await;
        assert_eq!(hand.next_due(), None);
    }
}
