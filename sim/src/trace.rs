//! What happened, in its order: a number that two equal runs have in common, and lines for whoever wants to read them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use clock::{Clock, VirtualClock};

use crate::random::{FNV_OFFSET, digest};

/// The record of one run.
#[derive(Debug)]
pub struct Trace {
    clock: VirtualClock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    hash: u64,
    prints: bool,
    violations: Vec<String>,
}

impl Trace {
    /// An empty record; `prints` writes each line to standard error as it comes.
    pub fn new(clock: VirtualClock, prints: bool) -> Self {
        Self { clock, state: Mutex::new(State { hash: FNV_OFFSET, prints, violations: Vec::new() }) }
    }

    /// Notes that something happened.
    pub fn note(&self, line: &str) {
        let now = Clock::Virtual(self.clock.clone()).now();
        let mut state = self.state();
        state.hash = digest(digest(state.hash, &now.as_millis().to_le_bytes()), line.as_bytes());
        if state.prints {
            eprintln!("{now} {line}");
        }
    }

    /// Notes a number that is to be the same in each run.
    pub fn count(&self, number: u64) {
        let mut state = self.state();
        state.hash = digest(state.hash, &number.to_le_bytes());
    }

    /// Notes something that must not happen.
    pub fn violation(&self, what: String) {
        self.note(&format!("VIOLATION {what}"));
        self.state().violations.push(what);
    }

    /// The number of the run so far.
    pub fn hash(&self) -> u64 {
        self.state().hash
    }

    /// What must not have happened.
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
