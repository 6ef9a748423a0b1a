//! Fires schedules: a timer per schedule, which makes an invocation when it is due and sets itself anew.
//!
//! The invocation and the next timer are one batch: an occurrence fires once, whenever the process dies.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::{Batch, Timer, Versioned};
use tokio::sync::Semaphore;
use types::Timestamp;

use crate::invocation::{Invocation, offset};
use crate::limits::{FIRING_LATE_MAX, FIRINGS_CONCURRENT_MAX, STORE_PAUSE};
use crate::names::ScheduleName;
use crate::schedule::{Schedule, just_before};
use crate::{Error, Inner, delivery};

const QUEUE: &str = "scheduler/schedule";

/// What the timer of a schedule says: whose it is, and of which timing. It is due when the schedule is.
#[derive(Serialize, Deserialize)]
struct Payload {
    schedule: ScheduleName,
    id: String,
    timing_id: String,
}

/// Adds the schedule's next occurrence after `after` to a batch, or takes it away where there is none; returns whether
/// there is one.
pub fn set_timer(batch: &mut Batch, name: &ScheduleName, schedule: &Schedule, after: Timestamp) -> bool {
    let Some(due) = schedule.next_due(after) else {
        clear_timer(batch, &name.key());
        return false;
    };
    let payload =
        Payload { schedule: name.clone(), id: schedule.id.clone(), timing_id: schedule.timing_id.clone() };
    // Plain data with text keys: it cannot fail to be written.
    batch.set_timer(QUEUE, name.key(), due, serde_json::to_vec(&payload).unwrap_or_default());
    true
}

/// Takes a schedule's timer away.
pub fn clear_timer(batch: &mut Batch, key: &str) {
    batch.clear_timer(QUEUE, key);
}

/// Fires schedules from now on. What is due at the same time is written together.
pub(crate) async fn start(inner: &Arc<Inner>) -> Result<(), Error> {
    let mut timers = inner.store.timers(QUEUE).await?;
    let permits = Arc::new(Semaphore::new(FIRINGS_CONCURRENT_MAX));
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        let clock = inner.dispatcher.clock().clone();
        while let Some(timer) = timers.next(&clock).await {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let inner = Arc::clone(&inner);
            tokio::spawn(async move {
                inner.fire(&timer).await;
                drop(permit);
            });
        }
    });
    Ok(())
}

impl Inner {
    /// Fires a timer, as often as the store has to be asked for that.
    async fn fire(&self, timer: &Timer) {
        let clock = self.dispatcher.clock();
        while let Err(error) = self.fire_due(timer, clock.now()).await {
            tracing::error!(schedule = timer.key, %error, "a schedule could not be fired");
            if !error.may_pass() {
                // The timer stays in the store: it is given again at the next start.
                return;
            }
            clock.sleep_until(clock.now() + STORE_PAUSE).await;
        }
    }

    async fn fire_due(&self, timer: &Timer, now: Timestamp) -> Result<(), Error> {
        let Ok(payload) = serde_json::from_slice::<Payload>(&timer.payload) else {
            return Err(Error::Invalid(format!("the timer {} cannot be read", timer.key)));
        };
        loop {
            // A schedule that is gone or has another timing has another timer, or none.
            let Some(seen) = self.schedules.get(&timer.key).await? else {
                return self.forget(&timer.key).await;
            };
            if seen.value.id != payload.id || seen.value.timing_id != payload.timing_id {
                return Ok(());
            }
            let (batch, is_gone) = self.occurrence(&payload.schedule, &seen, timer.due, now);
            match self.store.submit(batch).durable().await {
                // Somebody changed the schedule, perhaps only its target: this occurrence is looked at again.
                Err(store::Error::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    self.counts.remove(&payload.schedule.group, usize::from(is_gone));
                    return Ok(());
                }
            }
        }
    }

    /// Takes away the timer of a schedule that is gone: one that was created while its group was deleted leaves it.
    async fn forget(&self, key: &str) -> Result<(), Error> {
        let mut batch = Batch::new();
        batch.require_absent(crate::schedule::TABLE, key);
        clear_timer(&mut batch, key);
        match self.store.submit(batch).durable().await {
            // A new schedule of that name has set the timer anew.
            Ok(_) | Err(store::Error::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The invocation of one occurrence and the timer of the next one, if nobody changes the schedule before; and
    /// whether the schedule is deleted.
    fn occurrence(
        &self,
        name: &ScheduleName,
        seen: &Versioned<Schedule>,
        due: Timestamp,
        now: Timestamp,
    ) -> (Batch, bool) {
        let (schedule, window) = (&seen.value, seen.value.definition.window());
        let late_max = FIRING_LATE_MAX + window;
        let mut batch = Batch::new();
        batch.require_version(crate::schedule::TABLE, seen.key.as_str(), seen.version);
        // What fell due meanwhile and is not too late yet still fires.
        let is_due_again = set_timer(&mut batch, name, schedule, due.max(just_before(now - late_max)));
        if now.since(due) <= late_max {
            let invocation = Invocation {
                id: api::ids::uuid(),
                schedule: name.clone(),
                schedule_id: schedule.id.clone(),
                timing_id: schedule.timing_id.clone(),
                is_last: !is_due_again,
                target: schedule.definition.target.clone(),
                scheduled: due,
                planned: due + offset(window, api::ids::seed()),
                failed_attempts: 0,
            };
            delivery::plan(&mut batch, &invocation, invocation.planned);
            return (batch, false);
        }
        tracing::warn!(schedule = seen.key, %due, "the schedule was due while nobody was there: skipped");
        let is_complete = !is_due_again && schedule.definition.deletes_itself;
        if is_complete {
            self.remove(&mut batch, seen);
        }
        (batch, is_complete)
    }
}
