//! The pipes that run: a task for each, which ends when its pipe is stopped.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use api::Dispatcher;
use tokio::task::JoinHandle;

use crate::call::Caller;
use crate::flow;
use crate::limits::REST;
use crate::pipe::Pipe;

/// The tasks, by the pipes' keys.
#[derive(Default)]
pub(crate) struct Runners(Mutex<HashMap<String, JoinHandle<()>>>);

impl Runners {
    /// Begins to run a pipe, in the place of what it was before.
    pub(crate) fn start(&self, key: &str, dispatcher: &Dispatcher, pipe: Pipe) {
        let task = tokio::spawn(run(dispatcher.clone(), pipe));
        self.replace(key, Some(task));
    }

    /// Ends a pipe's task. Messages that it had received are given again.
    pub(crate) fn stop(&self, key: &str) {
        self.replace(key, None);
    }

    fn replace(&self, key: &str, task: Option<JoinHandle<()>>) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match task {
            Some(task) => tasks.insert(key.to_owned(), task),
            None => tasks.remove(key),
        };
        if let Some(before) = before {
            before.abort();
        }
    }
}

async fn run(dispatcher: Dispatcher, pipe: Pipe) {
    let clock = dispatcher.clock().clone();
    let caller = Caller::new(dispatcher, &pipe);
    // Patterns were read when the pipe was made.
    let patterns = flow::patterns(&pipe.definition).unwrap_or_default();
    loop {
        if let Err(error) = flow::carry(&caller, &pipe, &patterns).await {
            tracing::warn!(%error, pipe = pipe.name(), "a batch could not be carried");
            clock.sleep_until(clock.now() + REST).await;
        }
    }
}
