//! Looks after tasks: does what `lifecycle` says is to be done, through the container driver.
//!
//! Each task that has not stopped has one supervisor, a future on the runtime's threads. It is started by the task's
//! timer: when RunTask sets it, and again after each restart until the task has stopped. So a server that was killed
//! takes up its tasks again, and the driver, which knows containers by names made from the task's id, finds those that
//! still run and those that ended meanwhile.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use api::Dispatcher;
use clock::Clock;
use container::{Driver, DriverError, ImageError, LaunchError};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use store::{Batch, Error, TimerQueue, Versioned};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use crate::lifecycle::{self, Ending, StateChange, TaskEvent, Work};
use crate::limits;
use crate::log_shipping::{LogShipping, prepare_streams};
use crate::retry::Delays;
use crate::state_change_events;
use crate::tables::{EXPIRY_QUEUE, TASK_QUEUE, Tables, index_key};
use crate::task::{Container, ContainerState, Status, Task};
use crate::volumes;

/// What every supervisor needs.
pub struct Agent {
    tables: Tables,
    /// The door to CloudWatch Logs and EventBridge.
    pub dispatcher: Dispatcher,
    driver: Arc<dyn Driver>,
    pulls: Semaphore,
    launches: Semaphore,
}

impl Agent {
    /// An agent that runs containers with `driver`.
    pub fn new(tables: Tables, dispatcher: Dispatcher, driver: Arc<dyn Driver>) -> Self {
        let (pulls, launches) =
            (Semaphore::new(limits::CONCURRENT_PULLS), Semaphore::new(limits::CONCURRENT_LAUNCHES));
        Self { tables, dispatcher, driver, pulls, launches }
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
        let mut logs = LogShipping::new(Arc::clone(&self.driver), self.dispatcher.clone());
        while let Err(error) = self.look_after(&key, &waker, &mut logs).await {
            tracing::error!(%error, task = key, "a task cannot be looked after; trying again");
            delays.wait(self.clock()).await;
        }
        key
    }

    async fn look_after(&self, key: &str, waker: &Notify, logs: &mut LogShipping) -> Result<(), Error> {
        let mut delays = Delays::endless();
        loop {
            let Some(task) = self.tables.tasks.get(key).await?.map(|seen| seen.value) else { return Ok(()) };
            logs.follow(&task);
            match lifecycle::work(&task) {
                Work::ProvideNetwork => self.record(key, TaskEvent::NetworkProvided).await?,
                Work::PullImages => {
                    // A wish to stop does not wait for an image.
                    let event = tokio::select! {
                        biased;
                        event = self.prepare(&task) => Some(event),
                        () = waker.notified() => None,
                    };
                    if let Some(event) = event {
                        self.record(key, event).await?;
                    }
                }
                Work::Launch(place) => {
                    let Some(container) = task.containers.get(place) else { return Ok(()) };
                    match self.launch(place, container).await {
                        Some(event) => self.record(key, event).await?,
                        // A wish to stop does not wait for the engine.
                        None => tokio::select! {
                            biased;
                            _ = delays.wait(self.clock()) => {}
                            () = waker.notified() => {}
                        },
                    }
                }
                Work::Watch => {
                    let ended = tokio::select! {
                        biased;
                        ended = self.watch(&task) => ended,
                        () = waker.notified() => None,
                    };
                    if let Some((container, ending)) = ended {
                        self.record(key, TaskEvent::ContainerExited { container, ending }).await?;
                    }
                }
                Work::BeginStopping => self.record(key, TaskEvent::StoppingBegun).await?,
                Work::StopContainers => self.stop_containers(key, &task).await?,
                Work::RemoveContainers => {
                    logs.finish().await;
                    self.remove_containers(&task).await;
                    self.record(key, TaskEvent::ContainersRemoved).await?;
                }
                Work::Nothing => return Ok(()),
            }
        }
    }

    /// Has the images pulled and the log streams made.
    async fn prepare(&self, task: &Task) -> TaskEvent {
        if let Err(reason) = prepare_streams(&self.dispatcher, task).await {
            return TaskEvent::FailedToStart { reason };
        }
        if let Err(error) = volumes::create(task).await {
            return TaskEvent::FailedToStart { reason: format!("CannotCreateVolumeError: {error}") };
        }
        let started_at = self.clock().now();
        let mut digests = Vec::with_capacity(task.containers.len());
        for container in &task.containers {
            match self.pull(&container.image).await {
                Ok(digest) => digests.push(digest),
                Err(error) => return TaskEvent::FailedToStart { reason: error.to_string() },
            }
        }
        TaskEvent::ImagesPulled { started_at, digests }
    }

    async fn pull(&self, image: &str) -> Result<String, ImageError> {
        let _permit = self.pulls.acquire().await;
        Ok(self.driver.prepare_image(image).await?.digest)
    }

    /// Starts a container; `None` where its engine cannot be reached, and starting it again may work.
    async fn launch(&self, place: usize, container: &Container) -> Option<TaskEvent> {
        let launched = {
            let _permit = self.launches.acquire().await;
            self.driver.launch(container.spec.clone()).await
        };
        match launched {
            Ok(started) => {
                Some(TaskEvent::ContainerStarted { container: place, runtime_id: started.runtime_id })
            }
            Err(error @ LaunchError::Unavailable(_)) => {
                tracing::warn!(%error, container = container.spec.name, "a container waits to be started");
                None
            }
            Err(error @ LaunchError::Image(_)) => {
                Some(TaskEvent::FailedToStart { reason: error.to_string() })
            }
            Err(
                error @ (LaunchError::CannotCreate(_)
                | LaunchError::CannotStart(_)
                | LaunchError::Lost { .. }),
            ) => Some(TaskEvent::ContainerFailedToStart { container: place, reason: error.to_string() }),
        }
    }

    /// Waits for the first of the running containers to end.
    async fn watch(&self, task: &Task) -> Option<(usize, Ending)> {
        let running = task.containers.iter().enumerate();
        let running = running.filter(|(_, container)| container.state == ContainerState::Running);
        let mut endings: FuturesUnordered<_> =
            running.map(|(place, container)| async move { (place, self.ending(container).await) }).collect();
        match endings.next().await {
            Some(ended) => Some(ended),
            // A running task has a running container: an essential one, or the task would be stopping.
            None => std::future::pending().await,
        }
    }

    /// Waits for a container to end, however long its engine is out of reach.
    async fn ending(&self, container: &Container) -> Ending {
        let mut delays = Delays::endless();
        loop {
            match self.driver.wait(&container.spec.name).await {
                Ok(exit) => {
                    return Ending::Exited {
                        code: exit.code,
                        out_of_memory: exit.oom_killed,
                        at: self.on_our_clock(exit.finished_at),
                    };
                }
                Err(DriverError::NotStarted(_)) => return Ending::NeverStarted,
                Err(error @ DriverError::Unavailable(_)) => {
                    tracing::warn!(%error, container = container.spec.name, "a container cannot be watched");
                    delays.wait(self.clock()).await;
                }
                Err(error) => return Ending::Lost { reason: format!("ContainerRuntimeError: {error}") },
            }
        }
    }

    /// Engines tell the machine's time. On a virtual clock only the order of things counts.
    fn on_our_clock(&self, time: types::Timestamp) -> types::Timestamp {
        match self.clock() {
            Clock::Wall => time,
            Clock::Virtual(_) => self.clock().now(),
        }
    }

    /// Stops all containers that may run, at the same time, and records each end.
    async fn stop_containers(&self, key: &str, task: &Task) -> Result<(), Error> {
        let left = task.containers.iter().enumerate();
        let left = left.filter(|(_, one)| !matches!(one.state, ContainerState::Stopped { .. }));
        let mut endings: FuturesUnordered<_> =
            left.map(|(place, container)| async move { (place, self.stop(container).await) }).collect();
        while let Some((container, ending)) = endings.next().await {
            self.record(key, TaskEvent::ContainerExited { container, ending }).await?;
        }
        Ok(())
    }

    async fn stop(&self, container: &Container) -> Ending {
        let timeout = Duration::from_secs(container.stop_timeout_seconds);
        let mut delays = Delays::endless();
        loop {
            match self.driver.stop(&container.spec.name, timeout).await {
                Ok(()) => return self.ending(container).await,
                Err(DriverError::NotStarted(_)) => return Ending::NeverStarted,
                // Nobody is known to have started it, and the engine does not know it either.
                Err(DriverError::Lost(_)) if container.state == ContainerState::Pending => {
                    return Ending::NeverStarted;
                }
                Err(error @ DriverError::Unavailable(_)) => {
                    tracing::warn!(%error, container = container.spec.name, "a container cannot be stopped yet");
                    delays.wait(self.clock()).await;
                }
                Err(error) => return Ending::Lost { reason: format!("ContainerRuntimeError: {error}") },
            }
        }
    }

    async fn remove_containers(&self, task: &Task) {
        for container in &task.containers {
            let mut delays = Delays::new(limits::LOG_ATTEMPTS);
            while let Err(error) = self.driver.remove(&container.spec.name).await {
                tracing::warn!(%error, container = container.spec.name, "a container cannot be removed");
                if !delays.wait(self.clock()).await {
                    break;
                }
            }
        }
        if let Err(error) = volumes::remove(task).await {
            tracing::warn!(%error, task = task.arn, "the volumes of a task cannot be removed");
        }
    }

    /// Advances the task by what happened, durably.
    async fn record(&self, key: &str, event: TaskEvent) -> Result<(), Error> {
        loop {
            let Some(seen) = self.tables.tasks.get(key).await? else { return Ok(()) };
            let mut task = seen.value.clone();
            let changes = lifecycle::advance(&mut task, event.clone(), self.clock().now());
            if task == seen.value {
                return Ok(());
            }
            let mut batch = Batch::new();
            self.replace(&mut batch, &seen, &task, &changes);
            match self.tables.store.submit(batch).durable().await {
                Ok(_) => return Ok(()),
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

    /// Adds to `batch`: the task's index entry, and the events of its changes.
    pub fn put_changes(&self, batch: &mut Batch, task: &Task, changes: &[StateChange]) {
        self.tables.put_index(batch, task);
        state_change_events::put(batch, task, changes);
    }

    fn clock(&self) -> &Clock {
        self.dispatcher.clock()
    }
}
