//! The shell that keeps executions going: consumers of the queues, on a few tasks of the runtime.
//!
//! Wakes are taken by a small pool of workers, those of one execution always by the same one and in their order. A worker
//! does not wait for the disk: it goes on to the next wake while commits are on their way.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use asl::Wake;
use clock::Clock;
use futures_util::FutureExt;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use store::{Batch, Store, Timer, TimerQueue};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::Error;
use crate::delivery::Delivery;
use crate::effects::Effects;
use crate::execution::Waiting;
use crate::limits::EFFECTS_AT_A_TIME;
use crate::map_runs::{MapRuns, Order};
use crate::open_executions::{OpenExecutions, Report};
use crate::operations::deletion::Deletion;
use crate::plan::Job;
use crate::retention::{self, Sweeper};
use crate::tables;

/// Commits that one worker has on their way before it takes another wake.
const COMMITS_PER_WORKER: usize = 256;

/// Entries of the log queue that are delivered together.
const LOG_ENTRIES: usize = 256;

/// The pause before a store that could not keep something is asked again.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What the consumers work with.
#[derive(Clone)]
pub(crate) struct Runner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) open: Arc<OpenExecutions>,
    pub(crate) effects: Arc<Effects>,
    pub(crate) map_runs: Arc<MapRuns>,
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) deletion: Arc<Deletion>,
    pub(crate) sweeper: Sweeper,
}

impl Runner {
    /// Starts the consumers. They end when the store closes, or when the set is dropped.
    ///
    /// `submitted` are tasks whose jobs may have ended while nobody listened.
    pub(crate) async fn start(self, workers: usize, submitted: Vec<Waiting>) -> Result<JoinSet<()>, Error> {
        let mut tasks = JoinSet::new();
        let queue = |name| self.store.timers(name);
        tasks.spawn(wakes(self.clone(), queue(tables::WAKE).await?, workers.max(1)));
        tasks.spawn(effects(self.clone(), queue(tables::EFFECT).await?, submitted));
        tasks.spawn(map_runs(self.clone(), queue(tables::MAP_RUN).await?));
        tasks.spawn(logs(self.clone(), queue(tables::LOG).await?));
        tasks.spawn(status_changes(self.clone(), queue(tables::STATUS_CHANGE).await?));
        retention::migrate(&self.store).await?;
        tasks.spawn(children(self.clone(), queue(tables::RETENTION).await?));
        tasks.spawn(self.sweeper.clone().run());
        tasks.spawn(deletions(self.clone(), queue(tables::DELETION).await?));
        Ok(tasks)
    }
}

async fn wakes(runner: Runner, mut queue: TimerQueue, workers: usize) {
    let mut tasks = JoinSet::new();
    let senders: Vec<mpsc::Sender<Timer>> = (0..workers)
        .map(|_| {
            let (sender, receiver) = mpsc::channel(COMMITS_PER_WORKER);
            tasks.spawn(worker(Arc::clone(&runner.open), runner.clock.clone(), receiver));
            sender
        })
        .collect();
    while let Some(timer) = queue.next(&runner.clock).await {
        let mut hash = DefaultHasher::new();
        timer.key.rsplit_once('#').map(|(execution, _)| execution).hash(&mut hash);
        let worker = usize::try_from(hash.finish() % workers as u64).unwrap_or(0);
        let Some(sender) = senders.get(worker) else { continue };
        if sender.send(timer).await.is_err() {
            return;
        }
    }
}

async fn worker(open: Arc<OpenExecutions>, clock: Clock, mut timers: mpsc::Receiver<Timer>) {
    let mut commits = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            // There are only so many: they keep no wake waiting for long.
            Some(()) = commits.next() => {}
            timer = timers.recv(), if commits.len() < COMMITS_PER_WORKER => {
                let Some(timer) = timer else { return };
                let commit = wake(&open, &clock, timer).await;
                commits.push(commit);
            }
        }
    }
}

/// Wakes the execution of a timer, and returns what waits until that is kept.
async fn wake(open: &Arc<OpenExecutions>, clock: &Clock, timer: Timer) -> impl Future<Output = ()> + use<> {
    let (open, clock) = (Arc::clone(open), clock.clone());
    let mut always = Batch::new();
    always.clear_timer(tables::WAKE, timer.key.as_str());
    let target = tables::parse_timer(&timer.key).map(|(execution, timer)| (execution.to_owned(), timer));
    let submitted = match target {
        Some((execution, timer)) => {
            let wake = Wake::TimerFired { timer };
            let report = Report { wake, always, if_open: Batch::new() };
            let commit = open.wake(&execution, report.clone()).await;
            Some((execution, report, commit))
        }
        None => None,
    };
    async move {
        let Some((execution, again, commit)) = submitted else { return };
        match open.settle(commit).await {
            Err(Error::Store(_)) => {
                until_kept(&clock, &timer.key, || open.wake_durably(&execution, again.clone())).await;
            }
            settled => report(&timer.key, settled),
        }
    }
}

async fn effects(runner: Runner, mut queue: TimerQueue, submitted: Vec<Waiting>) {
    let permits = Arc::new(Semaphore::new(EFFECTS_AT_A_TIME));
    let mut tasks = JoinSet::new();
    for Waiting { execution, task } in submitted {
        let (runner, permits) = (runner.clone(), Arc::clone(&permits));
        tasks.spawn(async move {
            let _permit = permits.acquire().await;
            let inspect = || runner.effects.inspect(&execution, task, Batch::new());
            until_kept(&runner.clock, &execution, inspect).await;
        });
    }
    while let Some(timer) = queue.next(&runner.clock).await {
        while tasks.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let (effects, clock) = (Arc::clone(&runner.effects), runner.clock.clone());
        tasks.spawn(async move {
            match serde_json::from_slice::<Job>(&timer.payload) {
                Ok(job) => {
                    until_kept(&clock, &timer.key, || effects.perform(&timer.key, timer.due, &job)).await;
                }
                Err(error) => tracing::error!(key = timer.key, %error, "a job cannot be read"),
            }
            drop(permit);
        });
    }
}

async fn map_runs(runner: Runner, mut queue: TimerQueue) {
    let mut tasks = JoinSet::new();
    while let Some(timer) = queue.next(&runner.clock).await {
        while tasks.try_join_next().is_some() {}
        let (map_runs, clock) = (Arc::clone(&runner.map_runs), runner.clock.clone());
        tasks.spawn(async move {
            match serde_json::from_slice::<Order>(&timer.payload) {
                Ok(order) => until_kept(&clock, &timer.key, || map_runs.follow(&timer.key, order)).await,
                Err(error) => tracing::error!(key = timer.key, %error, "an order cannot be read"),
            }
        });
    }
}

async fn logs(runner: Runner, mut queue: TimerQueue) {
    while let Some(first) = queue.next(&runner.clock).await {
        let mut timers = vec![first];
        while timers.len() < LOG_ENTRIES
            && let Some(Some(timer)) = queue.next(&runner.clock).now_or_never()
        {
            timers.push(timer);
        }
        until_kept(&runner.clock, "logs", || runner.delivery.log(timers.clone())).await;
    }
}

async fn status_changes(runner: Runner, mut queue: TimerQueue) {
    let mut deliveries = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            Some(()) = deliveries.next() => {}
            timer = queue.next(&runner.clock), if deliveries.len() < EFFECTS_AT_A_TIME => {
                let Some(timer) = timer else { return };
                let (delivery, clock) = (Arc::clone(&runner.delivery), runner.clock.clone());
                deliveries.push(async move {
                    until_kept(&clock, "status changes", || delivery.status_change(timer.clone())).await;
                });
            }
        }
    }
}

/// Forgets the children of Map Runs that nobody will ask about.
async fn children(runner: Runner, mut queue: TimerQueue) {
    while let Some(timer) = queue.next(&runner.clock).await {
        let mut done = Batch::new();
        done.clear_timer(tables::RETENTION, timer.key.as_str());
        let map_run = tables::parse_children_of(&timer.key);
        until_kept(&runner.clock, &timer.key, || runner.sweeper.forget_children(map_run, done.clone())).await;
    }
}

async fn deletions(runner: Runner, mut queue: TimerQueue) {
    while let Some(timer) = queue.next(&runner.clock).await {
        until_kept(&runner.clock, &timer.key, || runner.deletion.delete(&timer.key)).await;
    }
}

/// Does something as often as it takes the store to keep it: a full disk may be freed, another writer be gone.
async fn until_kept<F: Future<Output = Result<(), Error>>>(
    clock: &Clock,
    what: &str,
    mut attempt: impl FnMut() -> F,
) {
    loop {
        match attempt().await {
            Err(Error::Store(error @ (store::Error::Unavailable(_) | store::Error::Conflict { .. }))) => {
                tracing::warn!(what, %error, "not kept; trying again");
                clock.sleep_until(clock.now() + STORE_PAUSE).await;
            }
            result => return report(what, result),
        }
    }
}

fn report(what: &str, result: Result<(), Error>) {
    if let Err(error) = result {
        tracing::error!(what, %error, "not done; it is tried again after a restart");
    }
}
