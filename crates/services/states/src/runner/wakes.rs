//! Wakes executions whose time has come: fair between state machines, those of one execution in their order.
//!
//! A wake is stepped and submitted by one of a few workers, always the same for an execution. A worker does not wait for
//! the disk: it goes on to the next wake while commits are on their way. How many are is bounded; beyond that, what is due
//! waits in the fair queue.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::sync::Arc;

use asl::Wake;
use clock::Clock;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use store::{Batch, Timer, TimerQueue};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::{Runner, report, until_kept};
use crate::Error;
use crate::fair_queue::{FairQueue, Limits};
use crate::limits::{STEPS_AT_A_TIME, STEPS_OF_A_MACHINE};
use crate::name;
use crate::open_executions::{OpenExecutions, Report};
use crate::tables;

/// A timer that is due, with its lane.
type Due = (Arc<str>, Timer);

/// Takes what is due, and hands it to the workers in turn.
pub(super) async fn wakes(runner: Runner, mut timers: TimerQueue, workers: usize) {
    let limits = Limits { of_all: STEPS_AT_A_TIME, of_a_lane: STEPS_OF_A_MACHINE };
    let mut due: FairQueue<Timer> = FairQueue::new(limits);
    // No channel holds more than the queue lets out at a time.
    let (kept, mut ends) = unbounded_channel();
    let mut tasks = JoinSet::new();
    let mut start = || {
        let (sender, receiver) = unbounded_channel();
        tasks.spawn(worker(runner.clone(), receiver, kept.clone()));
        sender
    };
    let workers: Vec<UnboundedSender<Due>> = (0..workers).map(|_| start()).collect();
    loop {
        while let Some((lane, timer)) = due.pop() {
            let Some(worker) = workers.get(worker_of(&timer.key, workers.len())) else { continue };
            if worker.send((lane, timer)).is_err() {
                return;
            }
        }
        tokio::select! {
            biased;
            // There are only so many: they keep no timer waiting for long.
            Some(lane) = ends.recv() => due.done(&lane),
            timer = timers.next(&runner.clock) => {
                let Some(timer) = timer else { return };
                let lane = name::executions_of_machine(&timer.key).to_owned();
                due.push(&lane, timer);
            }
        }
    }
}

/// The worker of the execution whose timer has that key.
fn worker_of(key: &str, workers: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    key.rsplit_once('#').map(|(execution, _)| execution).hash(&mut hasher);
    usize::try_from(hasher.finish() % workers.max(1) as u64).unwrap_or(0)
}

async fn worker(runner: Runner, mut due: UnboundedReceiver<Due>, kept: UnboundedSender<Arc<str>>) {
    let Runner { open, clock, .. } = runner;
    let mut commits = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            Some(lane) = commits.next() => {
                if kept.send(lane).is_err() {
                    return;
                }
            }
            next = due.recv() => {
                let Some((lane, timer)) = next else { return };
                let mut wake = pin!(wake(&open, &clock, timer));
                // What waits for an execution may wait for one of these.
                let commit = loop {
                    tokio::select! {
                        biased;
                        commit = &mut wake => break commit,
                        Some(lane) = commits.next() => {
                            // Where nobody listens, the worker ends with the next turn.
                            let _ = kept.send(lane);
                        }
                    }
                };
                commits.push(async move {
                    commit.await;
                    lane
                });
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
