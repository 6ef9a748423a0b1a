//! Performs effects: so many at a time, fair between state machines, in order for each task.

use std::sync::Arc;

use clock::Clock;
use store::{Batch, Timer, TimerQueue};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::{Runner, until_kept};
use crate::effect_queue::EffectQueue;
use crate::effects::Effects;
use crate::execution::Waiting;
use crate::fair_queue::Limits;
use crate::limits::{EFFECTS_AT_A_TIME, EFFECTS_OF_A_MACHINE};
use crate::plan::Job;
use crate::tables;

/// What is performed.
enum Effect {
    /// An entry of the queue `tables::EFFECT`.
    Entry(Timer),
    /// A look at a job that may have ended while nobody listened.
    Look(Waiting),
}

/// Tells the queue that a task is free again, however its effect has ended.
struct Performed {
    task: String,
    ends: UnboundedSender<String>,
}

impl Drop for Performed {
    fn drop(&mut self) {
        // Nobody listens any more where the service is stopped.
        let _ = self.ends.send(std::mem::take(&mut self.task));
    }
}

/// Takes effects as they come, and first a look at what `submitted` says.
pub(super) async fn effects(runner: Runner, mut timers: TimerQueue, submitted: Vec<Waiting>) {
    let limits = Limits { of_all: EFFECTS_AT_A_TIME, of_a_lane: EFFECTS_OF_A_MACHINE };
    let mut queue = EffectQueue::new(limits);
    for waiting in submitted {
        let key = tables::inspection(&waiting.execution, waiting.task);
        queue.push(&key, Effect::Look(waiting));
    }
    // No more in it than effects that are performed.
    let (ends, mut performed) = unbounded_channel();
    let mut tasks = JoinSet::new();
    loop {
        while let Some((task, effect)) = queue.pop() {
            start(&mut tasks, &runner, effect, Performed { task, ends: ends.clone() });
        }
        tokio::select! {
            biased;
            // There are only so many: they keep no timer waiting for long.
            Some(task) = performed.recv() => {
                while tasks.try_join_next().is_some() {}
                if let Some(effect) = queue.done(&task) {
                    start(&mut tasks, &runner, effect, Performed { task, ends: ends.clone() });
                }
            }
            timer = timers.next(&runner.clock) => {
                let Some(timer) = timer else { return };
                let key = timer.key.clone();
                queue.push(&key, Effect::Entry(timer));
            }
        }
    }
}

fn start(tasks: &mut JoinSet<()>, runner: &Runner, effect: Effect, performed: Performed) {
    let (effects, clock) = (Arc::clone(&runner.effects), runner.clock.clone());
    tasks.spawn(async move {
        perform(&effects, &clock, effect).await;
        drop(performed);
    });
}

async fn perform(effects: &Effects, clock: &Clock, effect: Effect) {
    match effect {
        Effect::Entry(timer) => match serde_json::from_slice::<Job>(&timer.payload) {
            Ok(job) => until_kept(clock, &timer.key, || effects.perform(&timer.key, timer.due, &job)).await,
            Err(error) => tracing::error!(key = timer.key, %error, "a job cannot be read"),
        },
        Effect::Look(Waiting { execution, task }) => {
            until_kept(clock, &execution, || effects.inspect(&execution, task, Batch::new())).await;
        }
    }
}
