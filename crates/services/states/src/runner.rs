//! The shell that keeps executions going: consumers of the queues, on a few tasks of the runtime.
//!
//! What there may be much of at a time, wakes (`wakes`) and effects (`effects`), goes through queues that are fair between
//! state machines and bounded. A Map Run is driven as long as it is open, however many are: who waits for one would wait
//! for ever if it needed a place among those that wait for others.

use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use futures_util::FutureExt;
use store::{Batch, Store, Timer, TimerQueue};
use tokio::task::JoinSet;

use crate::Error;
use crate::delivery::Delivery;
use crate::effects::Effects;
use crate::execution::Waiting;
use crate::limits::DELIVERED_TOGETHER;
use crate::map_runs::{MapRuns, Order};
use crate::open_executions::OpenExecutions;
use crate::operations::deletion::Deletion;
use crate::retention::{self, Sweeper};
use crate::tables;

mod effects;
mod wakes;

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
        tasks.spawn(wakes::wakes(self.clone(), queue(tables::WAKE).await?, workers.max(1)));
        tasks.spawn(effects::effects(self.clone(), queue(tables::EFFECT).await?, submitted));
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
    while let Some(timers) = due(&mut queue, &runner.clock).await {
        until_kept(&runner.clock, "logs", || runner.delivery.log(timers.clone())).await;
    }
}

async fn status_changes(runner: Runner, mut queue: TimerQueue) {
    while let Some(timers) = due(&mut queue, &runner.clock).await {
        until_kept(&runner.clock, "status changes", || runner.delivery.status_changes(timers.clone())).await;
    }
}

/// Waits for the next timer, and takes what is due with it.
async fn due(queue: &mut TimerQueue, clock: &Clock) -> Option<Vec<Timer>> {
    let mut timers = vec![queue.next(clock).await?];
    while timers.len() < DELIVERED_TOGETHER
        && let Some(Some(timer)) = queue.next(clock).now_or_never()
    {
        timers.push(timer);
    }
    Some(timers)
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
