//! Finds room for tasks: the one way by which they begin, whoever starts them.
//!
//! What fits is decided by `capacity`, in memory and under a lock, so that requests that come at the same time do not
//! reserve the same room twice. What is reserved is not stored: it follows from the tasks that have not stopped, and is
//! added up again at each start.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use store::Range;
use tokio::sync::Notify;

use crate::capacity::{Admission, Capacity, Demand, Ledger};
use crate::generated::types::Failure;
use crate::tables::Tables;
use crate::task::{Status, Task};

/// How many tasks are read at once.
const CHUNK: usize = 500;

/// The ledger, and those who wait for what it says.
pub struct Placement {
    state: Mutex<State>,
}

struct State {
    ledger: Ledger,
    waiters: HashMap<String, Arc<Notify>>,
}

/// Tasks for which there is room or a place in the queue, until they are known to be recorded. Dropping it gives all of
/// it back; [`Placed::keep`] does not.
pub struct Placed<'a> {
    placement: &'a Placement,
    /// The tasks that begin.
    pub tasks: Vec<Task>,
    /// Why the others do not.
    pub failures: Vec<Failure>,
    is_kept: bool,
}

impl Placement {
    /// A placement without tasks.
    pub fn new(capacity: Capacity) -> Self {
        let state = State { ledger: Ledger::new(capacity), waiters: HashMap::new() };
        Self { state: Mutex::new(state) }
    }

    /// Takes up what the tasks that have not stopped reserve, and those that wait.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn restore(&self, tables: &Tables) -> Result<(), store::Error> {
        let mut after: Option<String> = None;
        loop {
            let range = Range { after: after.as_deref(), limit: CHUNK, ..Range::prefix("") };
            let tasks = tables.tasks.list(range).await?;
            for task in tasks.iter().map(|seen| &seen.value) {
                self.state().take_up(task);
            }
            after = match tasks.last() {
                Some(last) if tasks.len() == CHUNK => Some(last.key.clone()),
                _ => break,
            };
        }
        self.state().admit();
        Ok(())
    }

    /// Finds room for new tasks.
    pub fn place(&self, tasks: Vec<Task>) -> Placed<'_> {
        let mut placed = Placed { placement: self, tasks: Vec::new(), failures: Vec::new(), is_kept: false };
        let mut state = self.state();
        for mut task in tasks {
            match state.ledger.request(&task.key(), Demand::of(&task)) {
                Ok(Admission::Admitted) => placed.tasks.push(task),
                Ok(Admission::Waits(place)) => {
                    task.waiting = Some(place);
                    placed.tasks.push(task);
                }
                Err(shortage) => placed.failures.push(Failure {
                    // There is no container instance but this machine: the cluster stands for it.
                    arn: Some(task.cluster_arn.clone()),
                    reason: Some(shortage.reason().to_owned()),
                    detail: None,
                }),
            }
        }
        placed
    }

    /// Waits until it is the task's turn.
    pub async fn admitted(&self, task: &Task) {
        let key = task.key();
        loop {
            let waiter = {
                let mut state = self.state();
                if !state.ledger.waits(&key) {
                    // It has its room already, unless it was recorded and nobody knew.
                    state.ledger.adopt(&key, Demand::of(task));
                    state.waiters.remove(&key);
                    return;
                }
                Arc::clone(state.waiters.entry(key.clone()).or_default())
            };
            waiter.notified().await;
        }
    }

    /// Gives back what a task had, and lets others have it.
    pub fn release(&self, key: &str) {
        let mut state = self.state();
        state.ledger.release(key);
        state.waiters.remove(key);
        state.admit();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_up(&mut self, task: &Task) {
        match (task.status, task.waiting) {
            (Status::Stopped, _) => {}
            // Nothing of it has been started: it may wait again.
            (Status::Provisioning, Some(place)) if task.stop.is_none() => {
                self.ledger.rejoin(&task.key(), Demand::of(task), place);
            }
            _ => self.ledger.adopt(&task.key(), Demand::of(task)),
        }
    }

    fn admit(&mut self) {
        for key in self.ledger.admit() {
            if let Some(waiter) = self.waiters.remove(&key) {
                waiter.notify_one();
            }
        }
    }
}

impl Placed<'_> {
    /// Leaves the tasks what they have: they are recorded, and give it back when they have stopped.
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Placed<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            self.tasks.iter().for_each(|task| self.placement.release(&task.key()));
        }
    }
}
