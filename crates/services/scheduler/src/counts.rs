//! How many schedules there are, counted once and then kept along: a quota of a million is not counted anew each time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use store::Range;

use crate::limits::SCHEDULES_MAX;
use crate::names::GroupName;
use crate::{Error, Inner};

/// The number of schedules by account and region.
#[derive(Default)]
pub struct Counts(Mutex<HashMap<String, usize>>);

impl Counts {
    /// Counts one more.
    pub fn add(&self, group: &GroupName) {
        if let Some(count) = self.lock().get_mut(&group.place()) {
            *count += 1;
        }
    }

    /// Counts some less.
    pub fn remove(&self, group: &GroupName, schedules: usize) {
        if let Some(count) = self.lock().get_mut(&group.place()) {
            *count = count.saturating_sub(schedules);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Refuses one more schedule where the quota is reached. What others create meanwhile may exceed it by a few.
    pub(crate) async fn refuse_more_schedules(&self, group: &GroupName) -> Result<(), Error> {
        let place = group.place();
        let known = self.counts.lock().get(&place).copied();
        let count = match known {
            Some(count) => count,
            None => {
                let all = self.schedules.list(Range::prefix(&format!("{place}/"))).await?.len();
                *self.counts.lock().entry(place).or_insert(all)
            }
        };
        if count >= SCHEDULES_MAX { Err(Error::QuotaExceeded("schedules")) } else { Ok(()) }
    }
}
