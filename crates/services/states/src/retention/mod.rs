//! How long what is over is kept: an index in the order of the ends, which a sweeper in the background follows.
//!
//! Whatever ends gets a row under the time of its end, in the batch of that end; nothing of it stays in memory. The key
//! has the end and not the day on which it is forgotten, so that another retention holds for what has ended already.
//! Who asks for what is being forgotten finds it or does not: nothing here refuses.

mod older;
mod sweeper;

use std::time::Duration;

use store::Batch;
use types::Timestamp;

pub(crate) use older::migrate;
pub(crate) use sweeper::Sweeper;

use crate::limits::{LONGEST_RUN, REDRIVABLE_PERIOD};
use crate::tables;

/// What is kept for some time after it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retained {
    /// A closed execution with its history, by its ARN.
    Execution,
    /// What a closed execution could be redriven from, by its ARN. Afterwards it is an [`Retained::Execution`].
    Continuation,
    /// A closed Map Run with its children, by its ARN.
    MapRun,
    /// A revision that no machine and no version has any more, by its key.
    Revision,
}

impl Retained {
    /// Each comes before what it may become.
    pub(crate) const ALL: [Self; 4] = [Self::Continuation, Self::Execution, Self::MapRun, Self::Revision];

    /// Adds to `batch` that it is kept from `end` on, for its time.
    pub(crate) fn keep(self, batch: &mut Batch, name: &str, end: Timestamp) {
        batch.put(tables::KEPT, tables::kept(self.word(), end, name), Vec::new());
    }

    /// Adds to `batch` that its time does not run any more: it goes on, or is forgotten.
    pub(crate) fn release(self, batch: &mut Batch, name: &str, end: Timestamp) {
        batch.delete(tables::KEPT, tables::kept(self.word(), end, name));
    }

    /// How long it is kept where closed executions are kept for `retention`.
    fn period(self, retention: Duration) -> Duration {
        match self {
            Self::Execution | Self::MapRun => retention,
            Self::Continuation => retention.min(REDRIVABLE_PERIOD),
            // An execution may have begun with it just before, and is described with it as long as it is kept.
            Self::Revision => LONGEST_RUN.saturating_add(retention),
        }
    }

    /// How its keys begin.
    fn word(self) -> &'static str {
        match self {
            Self::Execution => "execution",
            Self::Continuation => "continuation",
            Self::MapRun => "map_run",
            Self::Revision => "revision",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_continuation_is_not_kept_longer_than_its_execution() {
        let day = Duration::from_secs(86_400);
        assert_eq!(Retained::Continuation.period(90 * day), 14 * day);
        assert_eq!(Retained::Continuation.period(day), day);
        assert_eq!(Retained::Execution.period(day), day);
        assert_eq!(Retained::Revision.period(90 * day), 456 * day);
    }
}
