//! A clock that is moved by hand, and wakes those who sleep by it in the order of their times.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use types::Timestamp;

/// A clock that is moved by hand.
#[derive(Clone, Debug)]
pub struct VirtualClock {
    hand: Arc<Mutex<Hand>>,
    /// Whether clients and containers, whose time is the machine's, live with it.
    beside_the_machine: bool,
}

#[derive(Debug)]
struct Hand {
    now: Timestamp,
    /// How often it was moved, and how often somebody lay down to sleep or was woken.
    stirred: u64,
    /// By the time they wait for, then in the order in which they came.
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    last_sleeper: u64,
}

impl VirtualClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        let hand = Hand { now: start, stirred: 0, sleepers: BTreeMap::new(), last_sleeper: 0 };
        Self { hand: Arc::new(Mutex::new(hand)), beside_the_machine: false }
    }

    /// A clock that stands at `start`, in a process with clients and containers to which the machine's clock applies.
    pub fn beside_the_machine(start: Timestamp) -> Self {
        Self { beside_the_machine: true, ..Self::new(start) }
    }

    /// Moves the clock forward and wakes whoever waits for a time that has come.
    pub fn advance(&self, by: Duration) {
        let now = self.now();
        self.advance_to(now + by);
    }

    /// Moves the clock to `time`, unless it is already later.
    pub fn advance_to(&self, time: Timestamp) {
        let due = self.hand().move_to(time);
        due.into_values().for_each(Waker::wake);
    }

    /// Sets the clock to any time, as a person or NTP sets a machine's: whoever waits for a time that has come is woken, and
    /// who waits for another goes on waiting for it.
    pub fn set(&self, time: Timestamp) {
        self.hand().now = time;
        self.advance_to(time);
    }

    /// The first time that anybody waits for.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.hand().sleepers.first_key_value().map(|((due, _), _)| *due)
    }

    /// A number that grows as long as anybody lies down to sleep, is woken or goes away: where it stays, nobody who goes by
    /// this clock has done so.
    pub fn stirred(&self) -> u64 {
        self.hand().stirred
    }

    pub(crate) fn is_beside_the_machine(&self) -> bool {
        self.beside_the_machine
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.hand().now
    }

    pub(crate) fn sleep_until(&self, due: Timestamp) -> Sleep<'_> {
        Sleep { clock: self, due, place: None }
    }

    fn hand(&self) -> MutexGuard<'_, Hand> {
        self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hand {
    /// Sets the time and takes out those whose time has come.
    fn move_to(&mut self, time: Timestamp) -> BTreeMap<(Timestamp, u64), Waker> {
        self.now = time.max(self.now);
        self.stirred += 1;
        let now = self.now;
        let due = self.sleepers.keys().take_while(|(due, _)| *due <= now).count();
        (0..due).filter_map(|_| self.sleepers.pop_first()).collect()
    }
}

/// Waits until a time has come.
#[derive(Debug)]
pub(crate) struct Sleep<'a> {
    clock: &'a VirtualClock,
    due: Timestamp,
    /// Where it is among the sleepers.
    place: Option<u64>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut hand = self.clock.hand();
        if self.due <= hand.now {
            return Poll::Ready(());
        }
        let place = self.place.unwrap_or(hand.last_sleeper + 1);
        hand.last_sleeper = hand.last_sleeper.max(place);
        hand.stirred += 1;
        hand.sleepers.insert((self.due, place), cx.waker().clone());
        drop(hand);
        self.place = Some(place);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let mut hand = self.clock.hand();
            hand.stirred += 1;
            hand.sleepers.remove(&(self.due, place));
        }
    }
}
