//! Looks after tasks: does what `lifecycle` says is to be done, through the container driver.
//!
//! Each task that has not stopped has one supervisor, a future on the runtime's threads. It is started by the task's
//! timer: when RunTask sets it, and again after each restart until the task has stopped. So a server that was killed
//! takes up its tasks again, and the driver, which knows containers by names made from the task's id, finds those that
//! still run and those that ended meanwhile.
//!
//! What is done in each stretch of a task's life is in a module of its own: `network` attaches and detaches, `prepare`
//! provides what the containers need, `launch`, `watch` and `stop` are about containers, `clear_away` about what they
//! leave. Each of them may be interrupted and done again.

mod clear_away;
mod health_checks;
mod host_folders;
mod launch;
mod leftovers;
mod network;
mod prepare;
mod stop;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;

use api::Dispatcher;
use clock::Clock;
use container::Driver;
use store::{Batch, Error, TimerQueue, Versioned};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use self::health_checks::HealthChecks;
use crate::host_folders::HostFolders;
use crate::inside::{Inside, Listeners};
use crate::lifecycle::{self, StateChange, TaskEvent, Work};
use crate::limits;
use crate::log_shipping::LogShipping;
use crate::placement::Placement;
use crate::retry::Delays;
use crate::service::service_task;
use crate::state_change_events;
use crate::tables::{EXPIRY_QUEUE, TASK_QUEUE, Tables, index_key};
use crate::task::{Status, Task};

/// What every supervisor needs.
pub struct Agent {
    tables: Tables,
    /// The door to CloudWatch Logs and EventBridge.
    pub dispatcher: Dispatcher,
    driver: Arc<dyn Driver>,
    host_folders: HostFolders,
    inside: Arc<Inside>,
    /// Where tasks find room.
    pub placement: Placement,
    launches: Semaphore,
}

/// What goes on beside the work on one task, as long as somebody looks after it.
struct Companions {
    logs: LogShipping,
    health_checks: HealthChecks,
    listeners: Listeners,
}

impl Companions {
    fn follow(&mut self, task: &Task) {
        self.logs.follow(task);
        self.health_checks.follow(task);
    }
}

impl Agent {
    /// An agent that runs containers with `driver`, as many as `placement` has room for, and lets them mount `host_folders`.
    pub fn new(
        tables: Tables,
        dispatcher: Dispatcher,
        driver: Arc<dyn Driver>,
        inside: Arc<Inside>,
        host_folders: HostFolders,
        placement: Placement,
    ) -> Self {
        let launches = Semaphore::new(limits::CONCURRENT_LAUNCHES);
        Self { tables, dispatcher, driver, host_folders, inside, placement, launches }
    }

    /// Supervises the tasks of the queue. Dropping the future drops all supervisors; containers run on.
    pub async fn run(self: Arc<Self>, mut queue: TimerQueue) {
        let mut wakers: HashMap<String, Arc<Notify>> = HashMap::new();
        let mut supervisors: JoinSet<String> = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(ended) = supervisors.join_next() => match ended {
                    Ok(key) => {
                        wakers.remove(&key);
                    }
                    Err(error) => tracing::error!(%error, "the supervisor of a task ended early"),
                },
                timer = queue.next(self.clock()) => {
                    let Some(timer) = timer else { return };
                    if let Some(waker) = wakers.get(&timer.key) {
                        waker.notify_one();
                        continue;
                    }
                    let waker = Arc::new(Notify::new());
                    wakers.insert(timer.key.clone(), Arc::clone(&waker));
                    supervisors.spawn(Arc::clone(&self).supervise(timer.key, waker));
                }
            }
        }
    }

    /// Brings one task from wherever it is to its end.
    async fn supervise(self: Arc<Self>, key: String, waker: Arc<Notify>) -> String {
        let mut delays = Delays::endless();
        let mut companions = Companions {
            logs: LogShipping::new(Arc::clone(&self.driver), self.dispatcher.clone()),
            health_checks: HealthChecks::new(Arc::clone(&self.driver), self.clock().machine()),
            listeners: Listeners::default(),
        };
        while let Err(error) = self.look_after(&key, &waker, &mut companions).await {
            tracing::error!(%error, task = key, "a task cannot be looked after; trying again");
            delays.wait(self.clock()).await;
        }
        self.inside.forget(&key);
        key
    }

    async fn look_after(&self, key: &str, waker: &Notify, companions: &mut Companions) -> Result<(), Error> {
        let mut delays = Delays::endless();
        loop {
            let Some(task) = self.tables.tasks.get(key).await?.map(|seen| seen.value) else { return Ok(()) };
            companions.follow(&task);
            if let Err(reason) = companions.listeners.attend(&self.inside, &self.driver, &task).await {
                self.record(key, TaskEvent::FailedToStart { reason }).await?;
                continue;
            }
            let event = match lifecycle::work(&task, self.clock().now()) {
                Work::ProvideNetwork => self.provide_network(&task, waker).await,
                Work::PullImages => unless_woken(waker, self.prepare(&task)).await,
                Work::Launch(place) => self.launch_soon(&task, place, &mut delays, waker).await,
                Work::Restart(place) => {
                    self.clear_last_run(&task, place, &mut companions.logs).await;
                    self.launch_soon(&task, place, &mut delays, waker).await
                }
                Work::Watch { until } => {
                    unless_woken(waker, self.watch(&task, until, &mut companions.health_checks)).await
                }
                Work::BeginStopping => Some(TaskEvent::StoppingBegun),
                Work::StopContainers => {
                    self.stop_containers(key, task).await?;
                    None
                }
                Work::RemoveContainers => {
                    companions.logs.finish().await;
                    companions.listeners.close().await;
                    self.clear_away(&task).await;
                    Some(TaskEvent::ContainersRemoved)
                }
                Work::Nothing => return Ok(()),
            };
            if let Some(event) = event {
                self.record(key, event).await?;
            }
        }
    }

    /// Advances the task by what happened, durably.
    ///
    /// Returns its new state, unless it is gone.
    async fn record(&self, key: &str, event: TaskEvent) -> Result<Option<Task>, Error> {
        loop {
            let Some(seen) = self.tables.tasks.get(key).await? else { return Ok(None) };
            let mut task = seen.value.clone();
            let changes = lifecycle::advance(&mut task, event.clone(), self.clock().now());
            if task == seen.value {
                return Ok(Some(task));
            }
            let mut batch = Batch::new();
            self.replace(&mut batch, &seen, &task, &changes);
            match self.tables.store.submit(batch).durable().await {
                Ok(_) => {
                    self.inside.task_changed();
                    if task.status == Status::Stopped {
                        self.placement.release(key);
                    }
                    return Ok(Some(task));
                }
                // StopTask or TagResource came in between: decide again.
                Err(Error::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Adds to `batch`: the task's new state and everything that follows from it.
    pub fn replace(&self, batch: &mut Batch, seen: &Versioned<Task>, task: &Task, changes: &[StateChange]) {
        self.tables.tasks.replace(batch, seen, task);
        if index_key(&seen.value) != index_key(task) {
            self.tables.index.delete(batch, &index_key(&seen.value));
        }
        self.put_changes(batch, task, changes);
        if task.status == Status::Stopped {
            let due = self.clock().now() + limits::STOPPED_TASK_RETENTION;
            batch.clear_timer(TASK_QUEUE, task.key());
            batch.set_timer(EXPIRY_QUEUE, task.key(), due, Vec::new());
        }
    }

    /// Adds to `batch`: the task's index entry, what its service is to know, and the events of its changes.
    pub fn put_changes(&self, batch: &mut Batch, task: &Task, changes: &[StateChange]) {
        self.tables.put_index(batch, task);
        service_task::note(&self.tables, batch, task);
        state_change_events::put(batch, task, changes);
    }

    fn clock(&self) -> &Clock {
        self.dispatcher.clock()
    }
}

/// What comes of `work`; `None` where somebody wants to be heard first. A wish to stop waits for nothing.
async fn unless_woken<T>(waker: &Notify, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        outcome = work => Some(outcome),
        () = waker.notified() => None,
    }
}
