//! How many of a Map Run's items and children stand how.

use serde::{Deserialize, Serialize};

use crate::execution::ExecutionStatus;
use crate::generated::types::{MapRunExecutionCounts, MapRunItemCounts};

/// The counts of a Map Run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) items: Tally,
    pub(crate) executions: Tally,
}

/// How many stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Those that are known, and not started.
    pub(crate) pending: u64,
    pub(crate) running: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) timed_out: u64,
    pub(crate) aborted: u64,
    pub(crate) results_written: u64,
    /// Those of `pending` that have run before.
    #[serde(default)]
    pub(crate) pending_redrive: u64,
    /// Those that have ended otherwise than well, and could not be redriven.
    #[serde(default)]
    pub(crate) not_redrivable: u64,
}

impl Tally {
    /// All of them.
    pub(crate) fn total(&self) -> u64 {
        self.pending + self.running + self.ended()
    }

    /// Those that have ended.
    pub(crate) fn ended(&self) -> u64 {
        self.succeeded + self.unsuccessful()
    }

    /// Those that have ended otherwise than well.
    pub(crate) fn unsuccessful(&self) -> u64 {
        self.failed + self.timed_out + self.aborted
    }

    fn of(&mut self, status: ExecutionStatus) -> &mut u64 {
        match status {
            ExecutionStatus::Running => &mut self.running,
            ExecutionStatus::Succeeded => &mut self.succeeded,
            ExecutionStatus::Failed => &mut self.failed,
            ExecutionStatus::TimedOut => &mut self.timed_out,
            ExecutionStatus::Aborted => &mut self.aborted,
        }
    }
}

impl Counts {
    /// Items are there that no child has yet.
    pub(crate) fn found(&mut self, items: u64, executions: u64) {
        self.items.pending += items;
        self.executions.pending += executions;
    }

    /// A child with so many items, which was pending, has been started.
    pub(crate) fn started(&mut self, items: u64) {
        self.items.pending = self.items.pending.saturating_sub(items);
        self.executions.pending = self.executions.pending.saturating_sub(1);
        self.add(ExecutionStatus::Running, items);
    }

    /// A running child has ended.
    pub(crate) fn ended(&mut self, status: ExecutionStatus, items: u64) {
        self.items.running = self.items.running.saturating_sub(items);
        self.executions.running = self.executions.running.saturating_sub(1);
        self.add(status, items);
    }

    /// There is a child with that status.
    pub(crate) fn add(&mut self, status: ExecutionStatus, items: u64) {
        *self.items.of(status) += items;
        *self.executions.of(status) += 1;
    }

    /// A child is there that is to be started again.
    pub(crate) fn awaits_redrive(&mut self, items: u64) {
        self.found(items, 1);
        self.items.pending_redrive += items;
        self.executions.pending_redrive += 1;
    }

    /// A child that awaited it cannot be started again.
    pub(crate) fn not_redrivable(&mut self, before: ExecutionStatus, items: u64) {
        self.items.pending = self.items.pending.saturating_sub(items);
        self.executions.pending = self.executions.pending.saturating_sub(1);
        self.items.not_redrivable += items;
        self.executions.not_redrivable += 1;
        self.add(before, items);
    }

    /// A child awaits its redrive no longer.
    pub(crate) fn redriven(&mut self, items: u64) {
        self.items.pending_redrive = self.items.pending_redrive.saturating_sub(items);
        self.executions.pending_redrive = self.executions.pending_redrive.saturating_sub(1);
    }

    /// The results of all children that have ended were written.
    pub(crate) fn written(&mut self) {
        self.items.results_written = self.items.ended();
        self.executions.results_written = self.executions.ended();
    }

    /// `itemCounts` of an answer.
    pub(crate) fn describe_items(&self) -> MapRunItemCounts {
        let tally = &self.items;
        MapRunItemCounts {
            pending: number(tally.pending),
            running: number(tally.running),
            succeeded: number(tally.succeeded),
            failed: number(tally.failed),
            timed_out: number(tally.timed_out),
            aborted: number(tally.aborted),
            total: number(tally.total()),
            results_written: number(tally.results_written),
            // Recorded answers have neither where it is 0.
            failures_not_redrivable: positive(tally.not_redrivable),
            pending_redrive: positive(tally.pending_redrive),
        }
    }

    /// `executionCounts` of an answer.
    pub(crate) fn describe_executions(&self) -> MapRunExecutionCounts {
        let tally = &self.executions;
        MapRunExecutionCounts {
            pending: number(tally.pending),
            running: number(tally.running),
            succeeded: number(tally.succeeded),
            failed: number(tally.failed),
            timed_out: number(tally.timed_out),
            aborted: number(tally.aborted),
            total: number(tally.total()),
            results_written: number(tally.results_written),
            failures_not_redrivable: positive(tally.not_redrivable),
            pending_redrive: positive(tally.pending_redrive),
        }
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn positive(count: u64) -> Option<i64> {
    (count > 0).then(|| number(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_counted_where_it_stands() {
        let mut counts = Counts::default();
        counts.found(5, 2);
        counts.started(3);
        assert_eq!((counts.items.pending, counts.items.running), (2, 3));
        counts.ended(ExecutionStatus::TimedOut, 3);
        assert_eq!((counts.items.timed_out, counts.executions.timed_out), (3, 1));
        assert_eq!((counts.items.total(), counts.executions.total()), (5, 2));
        assert_eq!(counts.items.unsuccessful(), 3);
    }
}
