//! Forgets what has been kept long enough: stopped tasks, and client tokens.

use clock::Clock;
use store::{Batch, Error, TimerQueue};

use crate::limits;
use crate::tables::{EXPIRY_QUEUE, TOKEN_QUEUE, Tables, index_key};
use crate::task::Status;

/// Forgets each stopped task when its time has come.
pub async fn forget_tasks(tables: Tables, clock: Clock, mut queue: TimerQueue) {
    while let Some(timer) = queue.next(&clock).await {
        match tables.tasks.get(&timer.key).await {
            Ok(task) => {
                let mut batch = Batch::new();
                if let Some(task) = task {
                    tables.index.delete(&mut batch, &index_key(&task.value));
                    tables.tasks.delete(&mut batch, &timer.key);
                }
                batch.clear_timer(EXPIRY_QUEUE, timer.key);
                // Lost with the process, it is done at the next start.
                drop(tables.store.submit(batch));
            }
            Err(error) => tracing::error!(%error, task = timer.key, "a stopped task cannot be forgotten"),
        }
    }
}

/// Forgets each client token a day after the last of its tasks has stopped.
///
/// AWS forgets them a day after the request. A client that comes back after its server stood still for a day must not
/// start its task again.
pub async fn forget_tokens(tables: Tables, clock: Clock, mut queue: TimerQueue) {
    while let Some(timer) = queue.next(&clock).await {
        match is_in_use(&tables, &timer.key, &clock).await {
            Ok(in_use) => {
                let mut batch = Batch::new();
                if in_use {
                    let due = clock.now() + limits::CLIENT_TOKEN_RETENTION;
                    batch.set_timer(TOKEN_QUEUE, timer.key, due, Vec::new());
                } else {
                    tables.tokens.delete(&mut batch, &timer.key);
                    batch.clear_timer(TOKEN_QUEUE, timer.key);
                }
                drop(tables.store.submit(batch));
            }
            Err(error) => tracing::error!(%error, token = timer.key, "a client token cannot be forgotten"),
        }
    }
}

/// Whether a task that the token stands for has not stopped, or stopped less than a day ago.
async fn is_in_use(tables: &Tables, token: &str, clock: &Clock) -> Result<bool, Error> {
    let Some(token) = tables.tokens.get(token).await? else { return Ok(false) };
    for key in &token.value.task_keys {
        let Some(task) = tables.tasks.get(key).await? else { continue };
        let stopped_at = task.value.timeline.stopped_at.unwrap_or(clock.now());
        let recent = clock.now().since(stopped_at) < limits::CLIENT_TOKEN_RETENTION;
        if task.value.status != Status::Stopped || recent {
            return Ok(true);
        }
    }
    Ok(false)
}
