//! The consumer's end of a queue of timers.
//!
//! Timers are small in memory: one allocation holds a timer's key and payload, and its place in time is found by a hash of
//! the key. Setting, clearing and taking are logarithmic; while nothing is due, nothing runs.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use clock::Clock;
use tokio::sync::{Semaphore, mpsc};
use types::Timestamp;

/// Something that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Unique in its queue.
    pub key: String,
    /// When it was to be done.
    pub due: Timestamp,
    /// What is to be done.
    pub payload: Vec<u8>,
}

/// A change of a queue, told to its consumer once it is durable.
#[derive(Clone, Debug)]
pub enum TimerChange {
    /// Set, or set anew.
    Set(Timer),
    /// Removed.
    Cleared(String),
}

/// Timers of one queue in the order of their times, kept in memory beside the store. Those of one time are in the order
/// in which they were set.
#[derive(Debug)]
pub struct TimerQueue {
    timers: BTreeMap<Place, Content>,
    /// Where the timer with a key of such a hash is: more than one place where hashes are equal.
    places: BTreeSet<(u64, Place)>,
    last_set: u64,
    changes: mpsc::UnboundedReceiver<TimerChange>,
}

/// When a timer is due, and how many were set before it.
type Place = (Timestamp, u64);

/// A timer's key and payload, one behind the other.
#[derive(Debug)]
struct Content {
    bytes: Box<[u8]>,
    key_bytes: u32,
}

impl Content {
    /// `None` where the key is longer than any can be.
    fn new(key: &str, payload: &[u8]) -> Option<Self> {
        let key_bytes = u32::try_from(key.len()).ok()?;
        Some(Self { bytes: [key.as_bytes(), payload].concat().into(), key_bytes })
    }

    fn parts(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at_checked(self.key_bytes as usize).unwrap_or_default()
    }
}

impl TimerQueue {
    /// A queue that holds `kept` and learns of `changes`. Those of `kept` that are due at one time were set in their order
    /// there.
    pub fn new(kept: impl IntoIterator<Item = Timer>, changes: mpsc::UnboundedReceiver<TimerChange>) -> Self {
        let (timers, places) = (BTreeMap::new(), BTreeSet::new());
        let mut queue = Self { timers, places, last_set: 0, changes };
        for timer in kept {
            queue.set(&timer);
        }
        queue
    }

    /// Gives every timer to `work` when it is due, at most `at_once` of them at a time, until the store is closed.
    pub async fn serve<W>(mut self, clock: Clock, at_once: usize, work: impl Fn(Timer) -> W)
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let permits = Arc::new(Semaphore::new(at_once));
        while let Some(timer) = self.next(&clock).await {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let work = work(timer);
            tokio::spawn(async move {
                work.await;
                drop(permit);
            });
        }
    }

    /// Waits for the next timer to be due, and gives it once.
    ///
    /// It stays in the store until a batch clears it or sets it anew: after a restart it is given again. `None` when the
    /// store has closed. Cancel safe.
    pub async fn next(&mut self, clock: &Clock) -> Option<Timer> {
        loop {
            if let Some(timer) = self.next_due(clock.now()) {
                return Some(timer);
            }
            let first = self.timers.first_key_value().map(|((due, _), _)| *due);
            tokio::select! {
                biased;
                // After each change there is a look at the clock.
                change = self.changes.recv() => self.apply(change?),
                () = sleep_until(clock, first) => {}
            }
        }
    }

    /// The next timer that is due at `now`, if one is.
    pub fn next_due(&mut self, now: Timestamp) -> Option<Timer> {
        while let Ok(change) = self.changes.try_recv() {
            self.apply(change);
        }
        let ((due, _), _) = self.timers.first_key_value()?;
        if *due > now {
            return None;
        }
        let (place, content) = self.timers.pop_first()?;
        let (key, payload) = content.parts();
        self.places.remove(&(hash(key), place));
        // The key was a text when it was set.
        let key = String::from_utf8_lossy(key).into_owned();
        Some(Timer { key, due: place.0, payload: payload.to_vec() })
    }

    /// Has a timer that was given, and is still in the store, given again at `due`: what it was for could not be done. Not
    /// where it has been set anew since.
    pub fn put_back(&mut self, timer: Timer, due: Timestamp) {
        while let Ok(change) = self.changes.try_recv() {
            self.apply(change);
        }
        if self.place(&timer.key).is_none() {
            self.set(&Timer { due, ..timer });
        }
    }

    /// The keys and times of the timers it holds.
    pub fn held(&self) -> impl Iterator<Item = (String, Timestamp)> {
        // Keys were texts when they were set.
        let key = |content: &Content| String::from_utf8_lossy(content.parts().0).into_owned();
        self.timers.iter().map(move |((due, _), content)| (key(content), *due))
    }

    /// How many timers it holds.
    pub fn len(&self) -> usize {
        self.timers.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.timers.is_empty()
    }

    fn apply(&mut self, change: TimerChange) {
        match change {
            TimerChange::Set(timer) => self.set(&timer),
            TimerChange::Cleared(key) => self.clear(&key),
        }
    }

    fn set(&mut self, timer: &Timer) {
        self.clear(&timer.key);
        let Some(content) = Content::new(&timer.key, &timer.payload) else { return };
        self.last_set += 1;
        let place = (timer.due, self.last_set);
        self.timers.insert(place, content);
        self.places.insert((hash(timer.key.as_bytes()), place));
    }

    fn clear(&mut self, key: &str) {
        if let Some(place) = self.place(key) {
            self.places.remove(&(hash(key.as_bytes()), place));
            self.timers.remove(&place);
        }
    }

    fn place(&self, key: &str) -> Option<Place> {
        let hash = hash(key.as_bytes());
        let first = (Timestamp::MIN, 0);
        let last = (Timestamp::MAX, u64::MAX);
        let mut places = self.places.range((hash, first)..=(hash, last)).map(|(_, place)| *place);
        let is_it = |content: &Content| content.parts().0 == key.as_bytes();
        places.find(|place| self.timers.get(place).is_some_and(is_it))
    }
}

fn hash(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

async fn sleep_until(clock: &Clock, due: Option<Timestamp>) {
    match due {
        Some(due) => clock.sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn timer(key: u8, due: i64) -> Timer {
        Timer { key: format!("k{key}"), due: Timestamp::from_millis(due), payload: vec![key] }
    }

    /// What is done to a queue: a timer set, one cleared, or a time that comes.
    #[derive(Clone, Debug)]
    enum Act {
        Set(u8, i64),
        Clear(u8),
        Look(i64),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (0..12_u8, 0..20_i64).prop_map(|(key, due)| Act::Set(key, due)),
            (0..12_u8).prop_map(Act::Clear),
            (0..20_i64).prop_map(Act::Look),
        ]
    }

    proptest! {
        #[test]
        fn timers_come_by_time_and_then_as_they_were_set(acts in prop::collection::vec(act(), 0..200)) {
            let (sender, changes) = mpsc::unbounded_channel();
            let mut queue = TimerQueue::new([], changes);
            let mut model: HashMap<u8, (i64, usize)> = HashMap::new();
            for (at, act) in acts.into_iter().enumerate() {
                match act {
                    Act::Set(key, due) => {
                        model.insert(key, (due, at));
                        sender.send(TimerChange::Set(timer(key, due))).unwrap();
                    }
                    Act::Clear(key) => {
                        model.remove(&key);
                        sender.send(TimerChange::Cleared(format!("k{key}"))).unwrap();
                    }
                    Act::Look(now) => {
                        let first = model.iter().min_by_key(|(_, place)| **place);
                        let expected = first.filter(|(_, (due, _))| *due <= now);
                        let expected = expected.map(|(key, (due, _))| timer(*key, *due));
                        prop_assert_eq!(queue.next_due(Timestamp::from_millis(now)), expected.clone());
                        if let Some(timer) = expected {
                            model.remove(&timer.payload[0]);
                        }
                        prop_assert_eq!(queue.len(), model.len());
                        prop_assert_eq!(queue.places.len(), model.len());
                    }
                }
            }
        }
    }

    #[test]
    fn a_timer_that_was_put_back_comes_again_unless_it_was_set_since() {
        let (sender, changes) = mpsc::unbounded_channel();
        let mut queue = TimerQueue::new([timer(1, 5), timer(2, 5)], changes);
        let at = Timestamp::from_millis;
        let (first, second) = (queue.next_due(at(5)).unwrap(), queue.next_due(at(5)).unwrap());
        sender.send(TimerChange::Set(timer(2, 7))).unwrap();
        queue.put_back(first, at(9));
        queue.put_back(second, at(9));
        assert_eq!(queue.next_due(at(8)), Some(timer(2, 7)));
        assert_eq!(queue.next_due(at(8)), None);
        assert_eq!(queue.next_due(at(9)), Some(timer(1, 9)));
        assert!(queue.is_empty());
    }
}
