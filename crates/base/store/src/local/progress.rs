//! What the committer and the follower tell each other: how much waits, and whether it can be brought into the database.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Options;
use super::layer::Layer;
use crate::Error;

/// A little that waits is brought into the database after this time.
const IDLE: Duration = Duration::from_secs(2);
/// After a failure that may pass it is tried again after this time.
const RETRY: Duration = Duration::from_millis(500);

/// Shared by both.
pub(super) struct Progress {
    state: Mutex<State>,
    work: Condvar,
    room: Condvar,
}

#[derive(Default)]
struct State {
    /// What the active layer takes, in memory and in the journal.
    bytes: usize,
    journal_bytes: usize,
    /// Since when the active layer is not empty.
    since: Option<Instant>,
    has_frozen: bool,
    wants_segment: bool,
    is_closing: bool,
    has_ended: bool,
    is_held: bool,
    /// The last record that the database has.
    applied: u64,
    /// The last record that somebody waits for the database to have.
    wanted: u64,
    /// Why the last attempt failed, where another may not.
    trouble: Option<(Error, Instant)>,
    /// Why there will be no other.
    failed: Option<Error>,
}

/// What the follower is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Bring the next layer into the database.
    Apply,
    /// Make a segment ahead of need.
    Prepare,
    /// Bring everything into the database, and end.
    Close,
}

impl Progress {
    /// Of a store whose database has everything up to the record `applied`.
    pub(super) fn new(applied: u64) -> Self {
        let state = Mutex::new(State { applied, ..State::default() });
        Self { state, work: Condvar::new(), room: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The active layer has grown. To be called while it is locked.
    pub(super) fn grew(&self, active: &Layer, wants_segment: bool, options: Options) {
        let mut state = self.lock();
        (state.bytes, state.journal_bytes) = (active.bytes, active.journal_bytes);
        let was_empty = state.since.is_none();
        state.since.get_or_insert_with(Instant::now);
        state.wants_segment |= wants_segment;
        let is_enough = state.is_enough(options);
        drop(state);
        if was_empty || wants_segment || is_enough {
            self.work.notify_one();
        }
    }

    /// The active layer was frozen, and is empty. To be called while it is locked.
    pub(super) fn froze(&self) {
        let mut state = self.lock();
        (state.bytes, state.journal_bytes, state.since, state.has_frozen) = (0, 0, None, true);
        drop(state);
        self.room.notify_all();
    }

    /// The database has everything up to the record `last`.
    pub(super) fn applied(&self, last: u64) {
        let mut state = self.lock();
        (state.has_frozen, state.trouble, state.applied) = (false, None, last);
        drop(state);
        self.room.notify_all();
    }

    /// The frozen layer could not be brought into the database.
    pub(super) fn stumbled(&self, error: Error, may_pass: bool) {
        let mut state = self.lock();
        if may_pass {
            state.trouble = Some((error, Instant::now()));
        } else {
            state.failed = Some(error);
        }
        drop(state);
        self.room.notify_all();
    }

    /// Waits until the active layer may grow.
    ///
    /// # Errors
    /// What keeps the database from following.
    pub(super) fn make_room(&self, options: Options) -> Result<(), Error> {
        let mut state = self.lock();
        loop {
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            if state.bytes < options.layer_bytes && state.journal_bytes < options.journal_bytes() {
                return Ok(());
            }
            if let Some((error, _)) = &state.trouble {
                return Err(error.clone());
            }
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until the database has the record `last`, which the layers have.
    ///
    /// # Errors
    /// What keeps the database from following.
    pub(super) fn catch_up(&self, last: u64) -> Result<(), Error> {
        let mut state = self.lock();
        state.wanted = state.wanted.max(last);
        self.work.notify_one();
        while state.applied < last {
            if let Some(error) = state.failed.as_ref().or(state.trouble.as_ref().map(|(error, _)| error)) {
                return Err(error.clone());
            }
            if state.has_ended {
                return Err(Error::closed());
            }
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// The follower will do nothing more.
    pub(super) fn ended(&self) {
        self.lock().has_ended = true;
        self.room.notify_all();
    }

    /// Waits for something to do.
    pub(super) fn next(&self, options: Options) -> Work {
        let mut state = self.lock();
        loop {
            if std::mem::take(&mut state.wants_segment) {
                return Work::Prepare;
            }
            if state.is_closing {
                return Work::Close;
            }
            let due = state.due(options);
            let left = due.map(|due| due.saturating_duration_since(Instant::now()));
            state = match left {
                Some(Duration::ZERO) => return Work::Apply,
                Some(left) => self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Whether nothing waits that the follower should do now.
    pub(super) fn is_idle(&self, options: Options) -> bool {
        let state = self.lock();
        !state.is_closing && !state.wants_segment && state.due(options).is_none_or(|due| due > Instant::now())
    }

    /// The follower is to bring everything into the database, and end.
    pub(super) fn close(&self) {
        self.lock().is_closing = true;
        self.work.notify_one();
    }

    /// Keeps the follower from the database, or lets it go on.
    #[cfg(test)]
    pub(super) fn hold(&self, is_held: bool) {
        self.lock().is_held = is_held;
        self.work.notify_one();
    }
}

impl State {
    fn is_enough(&self, options: Options) -> bool {
        self.bytes >= options.layer_bytes / 2 || self.journal_bytes >= options.journal_bytes() / 2
    }

    /// When the next layer is to be brought into the database; none where there is none.
    fn due(&self, options: Options) -> Option<Instant> {
        if self.failed.is_some() || self.is_held {
            return None;
        }
        match (&self.trouble, self.since) {
            (Some((_, at)), _) => Some(*at + RETRY),
            (None, _) if self.has_frozen => Some(Instant::now()),
            (None, Some(_)) if self.wanted > self.applied || self.is_enough(options) => Some(Instant::now()),
            (None, since) => since.map(|since| since + IDLE),
        }
    }
}
