//! The consumer's end of a queue of timers.

use std::collections::{BTreeSet, HashMap};

use clock::Clock;
use tokio::sync::mpsc;
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

/// Timers of one queue in the order of their times, kept in memory beside the store.
#[derive(Debug)]
pub struct TimerQueue {
    by_time: BTreeSet<(Timestamp, String)>,
    by_key: HashMap<String, Timer>,
    changes: mpsc::UnboundedReceiver<TimerChange>,
}

impl TimerQueue {
    /// A queue that holds `kept` and learns of `changes`.
    pub fn new(kept: impl IntoIterator<Item = Timer>, changes: mpsc::UnboundedReceiver<TimerChange>) -> Self {
        let mut queue = Self { by_time: BTreeSet::new(), by_key: HashMap::new(), changes };
        for timer in kept {
            queue.set(timer);
        }
        queue
    }

    /// Waits for the next timer to be due, and gives it once.
    ///
    /// It stays in the store until a batch clears it or sets it anew: after a restart it is given again. `None` when the
    /// store has closed. Cancel safe.
    pub async fn next(&mut self, clock: &Clock) -> Option<Timer> {
        loop {
            while let Ok(change) = self.changes.try_recv() {
                self.apply(change);
            }
            if let Some(timer) = self.pop_due(clock.now()) {
                return Some(timer);
            }
            let first = self.by_time.first().map(|(due, _)| *due);
            tokio::select! {
                biased;
                // After each change there is a look at the clock.
                change = self.changes.recv() => self.apply(change?),
                () = sleep_until(clock, first) => {}
            }
        }
    }

    fn apply(&mut self, change: TimerChange) {
        match change {
            TimerChange::Set(timer) => self.set(timer),
            TimerChange::Cleared(key) => self.clear(&key),
        }
    }

    fn set(&mut self, timer: Timer) {
        self.clear(&timer.key);
        self.by_time.insert((timer.due, timer.key.clone()));
        self.by_key.insert(timer.key.clone(), timer);
    }

    fn clear(&mut self, key: &str) {
        if let Some(timer) = self.by_key.remove(key) {
            self.by_time.remove(&(timer.due, timer.key));
        }
    }

    fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        let (due, _) = self.by_time.first()?;
        if *due > now {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key)
    }
}

async fn sleep_until(clock: &Clock, due: Option<Timestamp>) {
    match due {
        Some(due) => clock.sleep_until(due).await,
        None => std::future::pending().await,
    }
}
