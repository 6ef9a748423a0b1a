//! Fires schedules: a timer per schedule, which makes an invocation when it is due and sets itself anew.
//!
//! The invocation and the next timer are one batch: an occurrence fires once, whenever the process dies.

use std::sync::Arc;

use ::schedule::{Lateness, Overlap, Verdict};
use api::{Occurrence, Outcome};
use serde::{Deserialize, Serialize};
use store::{Batch, Timer, Versioned};
use types::Timestamp;

use crate::invocation::{Invocation, offset};
use crate::limits::{FIRING_LATE_MAX, FIRINGS_CONCURRENT_MAX, STORE_PAUSE};
use crate::names::ScheduleName;
use crate::overlap::Work;
use crate::schedule::Schedule;
use crate::{Error, Inner, delivery};

const QUEUE: &str = "scheduler/schedule";

/// What the timer of a schedule says: whose it is, and of which timing. It is due when the schedule is.
#[derive(Serialize, Deserialize)]
struct Payload {
    schedule: ScheduleName,
    id: String,
    timing_id: String,
    /// When the occurrence was due, where the timer is due later: it waits for the one before it.
    #[serde(default)]
    waits_since: Option<Timestamp>,
}

/// What becomes of an occurrence, and whether the schedule is deleted with it.
struct Decided {
    batch: Batch,
    outcome: Option<Outcome>,
    due: Timestamp,
    is_gone: bool,
}

/// Adds the schedule's next occurrence after `after` to a batch, or takes it away where there is none; returns whether
/// there is one.
pub fn set_timer(batch: &mut Batch, name: &ScheduleName, schedule: &Schedule, after: Timestamp) -> bool {
    let Some(due) = schedule.next_due(after) else {
        clear_timer(batch, &name.key());
        return false;
    };
    put_timer(batch, name, schedule, due, None);
    true
}

fn put_timer(
    batch: &mut Batch,
    name: &ScheduleName,
    schedule: &Schedule,
    due: Timestamp,
    waits_since: Option<Timestamp>,
) {
    let (id, timing_id) = (schedule.id.clone(), schedule.timing_id.clone());
    let payload = Payload { schedule: name.clone(), id, timing_id, waits_since };
    // Plain data with text keys: it cannot fail to be written.
    batch.set_timer(QUEUE, name.key(), due, serde_json::to_vec(&payload).unwrap_or_default());
}

/// Takes a schedule's timer away.
pub fn clear_timer(batch: &mut Batch, key: &str) {
    batch.clear_timer(QUEUE, key);
}

/// Fires schedules from now on. What is due at the same time is written together.
pub(crate) async fn start(inner: &Arc<Inner>) -> Result<(), Error> {
    inner.watched_since.get_or_init(|| inner.dispatcher.clock().now());
    let timers = inner.store.timers(QUEUE).await?;
    let (clock, working) = (inner.dispatcher.clock().clone(), Arc::clone(inner));
    tokio::spawn(timers.serve(clock, FIRINGS_CONCURRENT_MAX, move |timer| {
        let inner = Arc::clone(&working);
        async move { inner.fire(&timer).await }
    }));
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
            let due = payload.waits_since.unwrap_or(timer.due);
            let decided = self.occurrence(&payload.schedule, &seen, due, now).await?;
            match self.store.submit(decided.batch).durable().await {
                // Somebody changed the schedule, perhaps only its target: this occurrence is looked at again.
                Err(store::Error::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    self.counts.remove(&payload.schedule.group, usize::from(decided.is_gone));
                    if let Some(outcome) = decided.outcome {
                        let schedule = &payload.schedule.arn().to_string();
                        self.dispatcher.tell(Occurrence { schedule, due: decided.due, outcome });
                    }
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

    /// The invocation of one occurrence and the timer of the next one, if nobody changes the schedule before.
    async fn occurrence(
        &self,
        name: &ScheduleName,
        seen: &Versioned<Schedule>,
        due: Timestamp,
        now: Timestamp,
    ) -> Result<Decided, Error> {
        let overlap = self.overlaps.of(&name.group);
        let work = if overlap.is_some() { self.work(name).await? } else { None };
        let mut batch = Batch::new();
        batch.require_version(crate::schedule::TABLE, seen.key.as_str(), seen.version);
        // An occurrence that waited for the one before it is not late.
        let waited_until =
            work.as_ref().and_then(|work| work.seen_at_work).filter(|_| overlap == Some(Overlap::Queue));
        let was_held_up = waited_until.is_some_and(|time| time >= due);
        let looked_at = if was_held_up { due } else { now };
        let next_due = |after| seen.value.next_due(after);
        let lateness = Lateness {
            max: FIRING_LATE_MAX + seen.value.definition.window(),
            watched_since: self.watched_since.get().copied().unwrap_or(now),
        };
        let due = match self.missed.decide(due, looked_at, lateness, next_due) {
            Verdict::Fires(due) => due,
            Verdict::IsMissed { next_after } => return Ok(self.left_out(batch, name, seen, due, next_after)),
        };
        match (overlap, work) {
            (Some(overlap), Some(work)) if self.is_at_work(name, &work).await => match overlap {
                Overlap::Skip => {
                    let left_out = self.left_out(batch, name, seen, due, due);
                    return Ok(Decided { outcome: Some(Outcome::Overlapped), ..left_out });
                }
                Overlap::Queue => {
                    put_timer(&mut batch, name, &seen.value, work.look_again(due, now), Some(due));
                    self.work.put(&mut batch, &seen.key, &Work { seen_at_work: Some(now), ..work });
                    return Ok(Decided { batch, outcome: None, due, is_gone: false });
                }
            },
            _ => {}
        }
        let is_last = !set_timer(&mut batch, name, &seen.value, due);
        let invocation =
            Invocation { is_followed: overlap.is_some(), ..invocation(name, &seen.value, due, now, is_last) };
        if overlap.is_some() {
            // What held this one up held up all that were due since.
            self.follow(&mut batch, &invocation, was_held_up.then_some(now));
        }
        delivery::plan(&mut batch, &invocation, invocation.planned);
        Ok(Decided { batch, outcome: Some(Outcome::Fired), due, is_gone: false })
    }

    /// An occurrence that invokes nobody. With the last one the schedule may go.
    fn left_out(
        &self,
        mut batch: Batch,
        name: &ScheduleName,
        seen: &Versioned<Schedule>,
        due: Timestamp,
        next_after: Timestamp,
    ) -> Decided {
        tracing::warn!(schedule = seen.key, %due, "an occurrence of the schedule is left out");
        let is_due_again = set_timer(&mut batch, name, &seen.value, next_after);
        let is_gone = !is_due_again && seen.value.definition.deletes_itself;
        if is_gone {
            self.remove(&mut batch, seen);
        }
        Decided { batch, outcome: Some(Outcome::Missed), due, is_gone }
    }
}

fn invocation(
    name: &ScheduleName,
    schedule: &Schedule,
    due: Timestamp,
    now: Timestamp,
    is_last: bool,
) -> Invocation {
    let window = schedule.definition.window();
    let late_max = FIRING_LATE_MAX + window;
    // What is made up for is due now.
    let planned = if now.since(due) > late_max { now } else { due + offset(window, api::ids::seed()) };
    Invocation {
        id: api::ids::uuid(),
        schedule: name.clone(),
        schedule_id: schedule.id.clone(),
        timing_id: schedule.timing_id.clone(),
        is_last,
        target: schedule.definition.target.clone(),
        scheduled: due,
        planned,
        failed_attempts: 0,
        given_up: None,
        is_followed: false,
    }
}
