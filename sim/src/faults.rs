//! What goes wrong in a run, by chance.

use crate::random::Random;

/// How often things go wrong, and how often at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Crashes at most.
    pub crashes_max: u64,
    /// A crash in so many steps of a thousand.
    pub crash_permille: u64,
    /// A crash once so many groups were committed, in each life; 0 for none.
    pub crash_after_commits: u64,
    /// Of the crashes, so many in a hundred leave some of what was on its way to the disk.
    pub torn_percent: u64,
    /// Groups that are refused at most.
    pub refusals_max: u64,
    /// A group in so many of a thousand is refused.
    pub refuse_permille: u64,
    /// Of the crashes, so many in a hundred begin with a disk that takes nothing.
    pub broken_disk_percent: u64,
    /// Syncs in a hundred that take so long that other things happen before.
    pub slow_sync_percent: u64,
    /// Reads in a hundred that take their time.
    pub slow_reads_percent: u64,
    /// Reads in a thousand that fail.
    pub failing_reads_permille: u64,
    /// Calls in a hundred that take their time.
    pub slow_calls_percent: u64,
    /// Calls in a thousand that are lost, or their answers.
    pub lost_calls_permille: u64,
}

impl Faults {
    /// Nothing goes wrong, and nothing takes longer than it has to.
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether whatever is due is done within a minute: the process is down once at most, and can write otherwise.
    pub fn is_up_within_a_minute(&self) -> bool {
        self.crashes_max <= 1 && self.refusals_max == 0 && self.failing_reads_permille == 0
    }

    /// What goes wrong in the run of a seed; `crash_permille` replaces how often it crashes.
    pub fn by_chance(seed: u64, crash_permille: Option<u64>) -> Self {
        let mut random = Random::new(seed, "faults");
        let often = [0, 5, 20, 60];
        let mut one_of = |choices: [u64; 4]| choices[random.below(4) as usize];
        let by_count = crash_permille.is_none() && one_of([0, 0, 0, 1]) == 1;
        let crash_permille = match by_count {
            true => 0,
            false => crash_permille.unwrap_or_else(|| one_of([3, 10, 30, 100])),
        };
        let faults = Self {
            crashes_max: one_of([1, 2, 4, 10]),
            crash_permille,
            crash_after_commits: 0,
            torn_percent: one_of([0, 50, 50, 100]),
            refusals_max: one_of([0, 0, 0, 3]),
            refuse_permille: 20,
            broken_disk_percent: one_of([0, 0, 10, 10]),
            slow_sync_percent: one_of([0, 10, 30, 60]),
            slow_reads_percent: one_of(often),
            slow_calls_percent: one_of(often),
            failing_reads_permille: one_of([0, 0, 0, 4]),
            lost_calls_permille: one_of([0, 0, 5, 30]),
        };
        Self { crash_after_commits: if by_count { random.between(1, 80) } else { 0 }, ..faults }
    }
}
