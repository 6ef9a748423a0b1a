//! What happens when a schedule is due while what its last occurrence has set to work still works: an extension, off where
//! nobody asks for it.
//!
//! The tag `runwright:overlap` of a schedule group asks for it: `skip` leaves the new occurrence out, `queue` has it wait.
//! What works is the execution or the tasks that an invocation has started, and the invocation itself until its target
//! has taken it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::schedule::Overlap;
use api::{AwsError, Call, Principal};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Batch, Range};
use types::Timestamp;

use crate::invocation::Invocation;
use crate::names::{GroupName, ScheduleName};
use crate::{Error, Inner};

/// Where what a schedule has set to work is kept: key is the schedule's; written by firings and by what settles them.
pub const TABLE: &str = "scheduler/work";
/// How long a queued occurrence waits for a target that has not taken the one before it.
const INVOKING_PAUSE: Duration = Duration::from_secs(1);

/// The groups that ask for it. Most do not: their schedules fire without another look.
#[derive(Default)]
pub struct Overlaps(Mutex<HashMap<String, Overlap>>);

impl Overlaps {
    /// What the group asks for.
    pub fn of(&self, group: &GroupName) -> Option<Overlap> {
        self.lock().get(&group.key()).copied()
    }

    /// What a group's tags say from now on.
    pub fn set(&self, key: &str, overlap: Option<Overlap>) {
        match overlap {
            Some(overlap) => self.lock().insert(key.to_owned(), overlap),
            None => self.lock().remove(key),
        };
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Overlap>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the last occurrence of a schedule has set to work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// The invocation.
    pub invocation: String,
    /// How far it has come.
    pub phase: Phase,
    /// When it was last seen at work by an occurrence that waits.
    pub seen_at_work: Option<Timestamp>,
}

/// How far an invocation has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// The target has not taken it yet.
    Invoking,
    /// An execution was started.
    Execution(String),
    /// Tasks were started.
    Tasks(String, Vec<String>),
    /// Nothing that can be followed, or nothing any more.
    Over,
}

impl Phase {
    /// What an answer says was started.
    fn of(invocation: &Invocation, answer: &Value) -> Self {
        if let Some(execution) = answer["executionArn"].as_str() {
            return Self::Execution(execution.to_owned());
        }
        let tasks = answer["tasks"].as_array().into_iter().flatten();
        let tasks: Vec<String> =
            tasks.filter_map(|task| Some(task["taskArn"].as_str()?.to_owned())).collect();
        if tasks.is_empty() { Self::Over } else { Self::Tasks(invocation.target.arn.clone(), tasks) }
    }
}

impl Work {
    /// When an occurrence that was due at `due` looks again.
    pub fn look_again(&self, due: Timestamp, now: Timestamp) -> Timestamp {
        match self.phase {
            Phase::Invoking => now + INVOKING_PAUSE,
            _ => Overlap::look_again(due, now),
        }
    }
}

impl Inner {
    /// Learns which groups ask for it.
    pub(crate) async fn load_overlaps(&self) -> Result<(), Error> {
        for group in self.groups.list(Range::prefix("")).await? {
            // What is there was checked when it was put there.
            self.overlaps.set(&group.key, Overlap::of(&group.value.tags).unwrap_or_default());
        }
        Ok(())
    }

    /// What the schedule has set to work, as far as it is known.
    pub(crate) async fn work(&self, schedule: &ScheduleName) -> Result<Option<Work>, Error> {
        Ok(self.work.get(&schedule.key()).await?.map(|seen| seen.value))
    }

    /// Adds to a batch: the invocation is what the schedule's next occurrence looks at.
    pub(crate) fn follow(&self, batch: &mut Batch, invocation: &Invocation, waited_until: Option<Timestamp>) {
        let work =
            Work { invocation: invocation.id.clone(), phase: Phase::Invoking, seen_at_work: waited_until };
        self.work.put(batch, &invocation.schedule.key(), &work);
    }

    /// Adds to a batch: what the invocation has started, if the schedule still looks at that.
    pub(crate) async fn follow_answer(
        &self,
        batch: &mut Batch,
        invocation: &Invocation,
        answer: &Value,
    ) -> Result<(), Error> {
        if !invocation.is_followed {
            return Ok(());
        }
        if let Some(work) = self.work(&invocation.schedule).await?
            && work.invocation == invocation.id
        {
            let phase = Phase::of(invocation, answer);
            self.work.put(batch, &invocation.schedule.key(), &Work { phase, ..work });
        }
        Ok(())
    }

    /// Whether it still works. What cannot be asked does not.
    pub(crate) async fn is_at_work(&self, schedule: &ScheduleName, work: &Work) -> bool {
        match &work.phase {
            Phase::Invoking => true,
            Phase::Over => false,
            Phase::Execution(arn) => {
                let answer =
                    self.ask(schedule, "states", "DescribeExecution", json!({"executionArn": arn})).await;
                answer.is_ok_and(|execution| {
                    execution["status"] == "RUNNING" || execution["status"] == "PENDING_REDRIVE"
                })
            }
            Phase::Tasks(cluster, tasks) => {
                let input = json!({"cluster": cluster, "tasks": tasks});
                let answer = self.ask(schedule, "ecs", "DescribeTasks", input).await;
                let is_running = |task: &Value| task["lastStatus"] != "STOPPED";
                answer.is_ok_and(|answer| answer["tasks"].as_array().into_iter().flatten().any(is_running))
            }
        }
    }

    async fn ask(
        &self,
        schedule: &ScheduleName,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let GroupName { account, region, .. } = &schedule.group;
        let principal = Principal::service("scheduler.amazonaws.com");
        self.dispatcher.call(Call::new(principal, account, region, service, operation, input)).await
    }
}
