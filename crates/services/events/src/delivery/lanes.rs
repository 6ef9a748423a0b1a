//! A lane for each target: what is due waits there for its turn, and a target that is slow or fails holds up nobody else.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Delivery;
use crate::Inner;
use crate::targets;

/// The lanes of all targets that have something to do.
#[derive(Default)]
pub(crate) struct Lanes(Mutex<HashMap<String, Lane>>);

#[derive(Default)]
struct Lane {
    waiting: VecDeque<Due>,
    workers: usize,
}

/// A delivery that is due, under its timer's key.
pub(super) struct Due {
    pub(super) key: String,
    pub(super) delivery: Delivery,
}

impl Lanes {
    /// Puts a delivery behind the others of its target, and sees that somebody works there.
    pub(super) fn push(inner: &Arc<Inner>, due: Due) {
        let (name, workers_max) = (due.delivery.lane(), targets::concurrent_max(&due.delivery));
        let mut lanes = inner.lanes.all();
        let lane = lanes.entry(name.clone()).or_default();
        lane.waiting.push_back(due);
        if lane.workers < workers_max {
            lane.workers += 1;
            tokio::spawn(work(Arc::clone(inner), name));
        }
    }

    /// What a worker does next: deliveries that go to the target together. None: it is not needed any more.
    fn take(&self, name: &str) -> Option<Vec<Due>> {
        let mut lanes = self.all();
        let lane = lanes.get_mut(name)?;
        let Some(first) = lane.waiting.pop_front() else {
            lane.workers = lane.workers.saturating_sub(1);
            if lane.workers == 0 {
                lanes.remove(name);
            }
            return None;
        };
        let mut together = targets::Together::begin(&first.delivery);
        let mut taken = vec![first];
        while lane.waiting.front().is_some_and(|next| together.takes(&next.delivery)) {
            taken.extend(lane.waiting.pop_front());
        }
        Some(taken)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Lane>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn work(inner: Arc<Inner>, name: String) {
    while let Some(due) = inner.lanes.take(&name) {
        inner.deliver(due).await;
    }
}

impl Delivery {
    /// Who shares a lane: deliveries to one target as one role, and dead letters for one queue.
    fn lane(&self) -> String {
        match (&self.given_up, self.dead_letter_queue()) {
            (Some(_), Some(queue)) => format!("dead-letter {queue}"),
            _ => format!("{} {}", self.target.arn, self.target.role_arn.as_deref().unwrap_or_default()),
        }
    }
}
