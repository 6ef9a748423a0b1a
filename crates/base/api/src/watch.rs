//! What somebody who watches the door is told that is no call: a schedule's time that came.
//!
//! There is at most one watcher, `runwright clock advance`; where there is none, telling costs a look.

use std::fmt;
use std::sync::OnceLock;

use types::Timestamp;

/// The time of a schedule came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence<'a> {
    /// The ARN of the rule or of EventBridge Scheduler's schedule.
    pub schedule: &'a str,
    /// When it was due.
    pub due: Timestamp,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an occurrence of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its targets are invoked.
    Fired,
    /// It fell into a downtime: nobody is invoked.
    Missed,
    /// An earlier one was still at work: nobody is invoked.
    Overlapped,
}

type Tell = Box<dyn Fn(Occurrence<'_>) + Send + Sync>;

/// Whoever watches.
#[derive(Default)]
pub(crate) struct Watcher(OnceLock<Tell>);

impl Watcher {
    /// Has occurrences told to `tell`, unless they are told to somebody already.
    pub fn set(&self, tell: impl Fn(Occurrence<'_>) + Send + Sync + 'static) {
        drop(self.0.set(Box::new(tell)));
    }

    /// Tells of an occurrence.
    pub fn tell(&self, occurrence: Occurrence<'_>) {
        if let Some(tell) = self.0.get() {
            tell(occurrence);
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() { "Watcher(somebody)" } else { "Watcher(nobody)" })
    }
}
