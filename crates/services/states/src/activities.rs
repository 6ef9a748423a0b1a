//! Activities, and the tasks that wait for their workers.
//!
//! A scheduled task is a record in the store, and has a place in the queue of its activity in memory. A worker is given
//! the task once the batch is durable that starts it and deletes the record: nobody is given it twice, whatever happens
//! to the process or the worker. A worker who never hears of it lets it time out, as one does that dies.
//!
//! Source: Step Functions Developer Guide, "Activities".

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use asl::TaskId;
use clock::Clock;
use futures_util::future::{Either, select};
use futures_util::lock::{Mutex as Lock, MutexGuard};
use serde::{Deserialize, Serialize};
use store::{Batch, Collection, Range, Store, Versioned};
use tokio::sync::Notify;
use types::Timestamp;

use crate::Error;
use crate::limits::ACTIVITY_POLLERS;
use crate::tables;

/// A registered activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActivityRecord {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) creation_date: Timestamp,
    /// In the order in which their keys were first set.
    pub(crate) tags: Vec<(String, String)>,
}

/// A task that no worker has taken. The order is that in which workers are given tasks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Scheduled {
    pub(crate) at: Timestamp,
    pub(crate) execution: String,
    pub(crate) task: TaskId,
}

/// All activities, and what waits for their workers.
pub(crate) struct Activities {
    store: Arc<dyn Store>,
    records: Collection<ActivityRecord>,
    scheduled: Collection<Scheduled>,
    table: RwLock<BTreeMap<String, ActivityRecord>>,
    queues: Mutex<HashMap<String, Arc<Queue>>>,
    changes: Lock<()>,
}

/// The right to change activities: held from the look at what is there to the end of the change.
pub(crate) struct Change<'a>(#[expect(dead_code, reason = "held, not read")] MutexGuard<'a, ()>);

/// The tasks of one activity.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    arrival: Notify,
    pollers: AtomicUsize,
}

#[derive(Default)]
struct Waiting {
    order: BTreeSet<Scheduled>,
    /// When each was scheduled, by which it is found in the order.
    times: HashMap<(String, TaskId), Timestamp>,
}

/// A worker's place among those who wait, until it is dropped.
pub(crate) struct Poller<'a>(&'a Queue);

/// A task taken out of its queue. Back it goes when this is dropped, unless it was [`Self::settled`].
pub(crate) struct Taken<'a> {
    queue: &'a Queue,
    scheduled: Option<Scheduled>,
}

impl Activities {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            records: Collection::new(Arc::clone(&store), tables::ACTIVITIES),
            scheduled: Collection::new(Arc::clone(&store), tables::ACTIVITY_TASKS),
            store,
            table: RwLock::default(),
            queues: Mutex::default(),
            changes: Lock::default(),
        }
    }

    /// Reads activities and tasks from the store.
    pub(crate) async fn load(&self) -> Result<(), Error> {
        let records = self.records.list(Range::prefix("")).await?;
        let records = records.into_iter().map(|record| (record.key, record.value)).collect();
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = records;
        for Versioned { key, value, .. } in self.scheduled.list(Range::prefix("")).await? {
            if let Some((activity, _)) = key.split_once('#') {
                self.queue(activity).push(value);
            }
        }
        Ok(())
    }

    /// Waits until nobody else changes activities.
    pub(crate) async fn change(&self) -> Change<'_> {
        Change(self.changes.lock().await)
    }

    pub(crate) fn get(&self, arn: &str) -> Option<ActivityRecord> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).get(arn).cloned()
    }

    pub(crate) fn count(&self) -> usize {
        self.table.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Activities whose ARNs begin with `prefix`, in the order of their ARNs, after `after`.
    pub(crate) fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<ActivityRecord> {
        let from = match after {
            Some(after) => Bound::Excluded(after.to_owned()),
            None => Bound::Included(prefix.to_owned()),
        };
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let records = table.range((from, Bound::Unbounded)).map(|(_, record)| record);
        records.take_while(|record| record.arn.starts_with(prefix)).take(limit).cloned().collect()
    }

    /// Creates or replaces an activity, and waits until that is durable.
    pub(crate) async fn put(&self, _: &Change<'_>, record: ActivityRecord) -> Result<(), Error> {
        let mut batch = Batch::new();
        self.records.put(&mut batch, &record.arn, &record);
        self.store.submit(batch).durable().await?;
        self.table.write().unwrap_or_else(PoisonError::into_inner).insert(record.arn.clone(), record);
        Ok(())
    }

    /// Deletes an activity, and waits until that is durable. Tasks that wait for its workers go on waiting.
    pub(crate) async fn remove(&self, _: &Change<'_>, arn: &str) -> Result<(), Error> {
        let mut batch = Batch::new();
        self.records.delete(&mut batch, arn);
        self.store.submit(batch).durable().await?;
        self.table.write().unwrap_or_else(PoisonError::into_inner).remove(arn);
        Ok(())
    }

    /// Lets a task wait for a worker. Durable, with what is in `batch`, when this returns.
    pub(crate) async fn schedule(
        &self,
        activity: &str,
        scheduled: Scheduled,
        mut batch: Batch,
    ) -> Result<(), Error> {
        let key = tables::activity_task(activity, &scheduled.execution, scheduled.task);
        self.scheduled.put(&mut batch, &key, &scheduled);
        self.store.submit(batch).durable().await?;
        self.queue(activity).push(scheduled);
        Ok(())
    }

    /// Takes a task away that no worker shall have any more. Durable, with what is in `batch`, when this returns.
    pub(crate) async fn withdraw(
        &self,
        activity: &str,
        execution: &str,
        task: TaskId,
        mut batch: Batch,
    ) -> Result<(), Error> {
        self.scheduled.delete(&mut batch, &tables::activity_task(activity, execution, task));
        self.store.submit(batch).durable().await?;
        self.queue(activity).lock().withdraw(execution, task);
        Ok(())
    }

    /// Adds to `batch` that the task waits no more.
    pub(crate) fn take(&self, activity: &str, scheduled: &Scheduled, batch: &mut Batch) {
        let key = tables::activity_task(activity, &scheduled.execution, scheduled.task);
        self.scheduled.delete(batch, &key);
    }

    /// The queue of an activity.
    pub(crate) fn queue(&self, activity: &str) -> Arc<Queue> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(queues.entry(activity.to_owned()).or_default())
    }
}

impl Queue {
    /// A worker begins to wait.
    ///
    /// # Errors
    /// [`Error::ActivityWorkerLimitExceeded`].
    pub(crate) fn poller(&self) -> Result<Poller<'_>, Error> {
        let poller = Poller(self);
        if self.pollers.fetch_add(1, Ordering::Relaxed) >= ACTIVITY_POLLERS {
            return Err(Error::ActivityWorkerLimitExceeded);
        }
        Ok(poller)
    }

    /// The task that has waited longest, or the next one that comes before `due`.
    pub(crate) async fn next(&self, clock: &Clock, due: Timestamp) -> Option<Taken<'_>> {
        loop {
            // Asked for before the look: what comes in between is not missed.
            let arrival = self.arrival.notified();
            if let Some(scheduled) = self.lock().pop() {
                return Some(Taken { queue: self, scheduled: Some(scheduled) });
            }
            let (arrival, late) = (std::pin::pin!(arrival), std::pin::pin!(clock.sleep_until(due)));
            if let Either::Right(_) = select(arrival, late).await {
                return None;
            }
        }
    }

    /// A task comes, or comes back.
    pub(crate) fn push(&self, scheduled: Scheduled) {
        self.lock().push(scheduled);
        self.arrival.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn push(&mut self, scheduled: Scheduled) {
        self.times.insert((scheduled.execution.clone(), scheduled.task), scheduled.at);
        self.order.insert(scheduled);
    }

    fn pop(&mut self) -> Option<Scheduled> {
        let scheduled = self.order.pop_first()?;
        self.times.remove(&(scheduled.execution.clone(), scheduled.task));
        Some(scheduled)
    }

    fn withdraw(&mut self, execution: &str, task: TaskId) {
        let execution = execution.to_owned();
        if let Some(at) = self.times.remove(&(execution.clone(), task)) {
            self.order.remove(&Scheduled { at, execution, task });
        }
    }
}

impl Drop for Poller<'_> {
    fn drop(&mut self) {
        self.0.pollers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Taken<'_> {
    /// The task; `None` once it is settled.
    pub(crate) fn scheduled(&self) -> Option<&Scheduled> {
        self.scheduled.as_ref()
    }

    /// The task, which waits no more.
    pub(crate) fn settled(mut self) -> Option<Scheduled> {
        self.scheduled.take()
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(scheduled) = self.scheduled.take() {
            self.queue.push(scheduled);
        }
    }
}

#[cfg(test)]
mod tests {
    use clock::VirtualClock;
    use futures_util::FutureExt;

    use super::*;

    fn scheduled(at: i64, execution: &str) -> Scheduled {
        Scheduled { at: Timestamp::from_millis(at), execution: execution.to_owned(), task: TaskId(1) }
    }

    #[test]
    fn tasks_are_taken_in_the_order_of_their_scheduling() {
        let clock = Clock::Virtual(VirtualClock::new(Timestamp::from_seconds(0)));
        let queue = Queue::default();
        for (at, execution) in [(2, "b"), (1, "c"), (2, "a"), (3, "gone")] {
            queue.push(scheduled(at, execution));
        }
        queue.lock().withdraw("gone", TaskId(1));
        let due = Timestamp::from_seconds(60);
        let mut taken = Vec::new();
        while let Some(Some(next)) = queue.next(&clock, due).now_or_never() {
            taken.extend(next.scheduled().map(|scheduled| scheduled.execution.clone()));
            next.settled();
        }
        assert_eq!(taken, ["c", "a", "b"]);
        assert!(queue.lock().times.is_empty());
    }

    #[test]
    fn what_is_not_settled_waits_on() {
        let clock = Clock::Virtual(VirtualClock::new(Timestamp::from_seconds(0)));
        let queue = Queue::default();
        queue.push(scheduled(1, "a"));
        let due = Timestamp::from_seconds(60);
        drop(queue.next(&clock, due).now_or_never());
        let again = queue.next(&clock, due).now_or_never().flatten().unwrap();
        assert_eq!(again.scheduled(), Some(&scheduled(1, "a")));
    }

    #[test]
    fn so_many_workers_may_wait() {
        let queue = Queue::default();
        let pollers: Vec<_> = (0..ACTIVITY_POLLERS).map(|_| queue.poller().unwrap()).collect();
        assert!(matches!(queue.poller(), Err(Error::ActivityWorkerLimitExceeded)));
        drop(pollers);
        assert!(queue.poller().is_ok());
    }
}
