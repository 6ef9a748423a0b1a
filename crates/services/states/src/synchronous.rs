//! Synchronous executions of express machines: run in memory, from their start to their end, while the caller waits.
//!
//! Nothing is kept of them but what they log: when the process ends they end with it, and their caller, who got no
//! answer, knows. That is AWS's promise too: a synchronous execution runs at most once.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};

use api::Dispatcher;
use asl::{Effect, Execution, ExecutionSpec, HistoryEvent, Status, TaskId, TimerId, Wake};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use store::{Batch, Store, Ticket};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use types::Timestamp;

use crate::Error;
use crate::begin::Begin;
use crate::effects;
use crate::integrations::{self, Called};
use crate::plan;
use crate::state_machine::{Compiled, StateMachines};

/// Runs synchronous executions.
pub(crate) struct Synchronous {
    store: Arc<dyn Store>,
    dispatcher: Dispatcher,
    machines: Arc<StateMachines>,
    /// Those that run. Each goes on when its caller has gone, so that no call of a task is cut in two.
    runs: Mutex<JoinSet<()>>,
}

/// What came of a synchronous execution.
pub(crate) struct Ended {
    pub(crate) spec: ExecutionSpec,
    pub(crate) status: Status,
    pub(crate) stop_date: Timestamp,
}

impl Synchronous {
    pub(crate) fn new(store: Arc<dyn Store>, dispatcher: Dispatcher, machines: Arc<StateMachines>) -> Self {
        Self { store, dispatcher, machines, runs: Mutex::default() }
    }

    /// Runs an execution to its end.
    ///
    /// # Errors
    /// [`Error::StateMachineDoesNotExist`], [`Error::StateMachineDeleting`]; [`Error::Store`] where its events cannot be
    /// logged; [`Error::Inconsistent`] where the service is stopped meanwhile.
    pub(crate) async fn run(&self, begin: Begin) -> Result<Ended, Error> {
        let target = self.machines.target(&begin.state_machine, begin.kind, begin.seed)?;
        let compiled = self.machines.compiled(&target.revision).await?;
        let (name, arn) = begin.identify();
        let spec = begin.spec(&arn, &name, &target, &compiled.revision, self.dispatcher.clock().now())?;
        let run = Run {
            execution: Execution::new(Arc::clone(&compiled.machine), spec),
            compiled,
            store: Arc::clone(&self.store),
            dispatcher: self.dispatcher.clone(),
            timers: BTreeMap::new(),
            calls: FuturesUnordered::new(),
        };
        let (sender, ended) = oneshot::channel();
        self.spawn(async move {
            // A caller who has gone is told nothing.
            let _ = sender.send(run.finish().await);
        });
        ended.await.map_err(|_| Error::Inconsistent(format!("{arn} was given up")))?
    }

    /// Ends what runs.
    pub(crate) fn stop(&self) {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }

    fn spawn(&self, run: impl Future<Output = ()> + Send + 'static) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        while runs.try_join_next().is_some() {}
        runs.spawn(run);
    }
}

/// A synchronous execution under way.
struct Run {
    execution: Execution,
    compiled: Arc<Compiled>,
    store: Arc<dyn Store>,
    dispatcher: Dispatcher,
    timers: BTreeMap<TimerId, Timestamp>,
    /// Calls of services; each gives what the execution is told of its answer.
    calls: FuturesUnordered<BoxFuture<'static, Wake>>,
}

impl Run {
    async fn finish(mut self) -> Result<Ended, Error> {
        let mut wake = Wake::Start;
        loop {
            let now = self.dispatcher.clock().now();
            let mut effects = Vec::new();
            asl::step(&mut self.execution, wake, now, &mut effects);
            let history = self.execution.take_history();
            self.execution.take_changes();
            if let Some(ticket) = self.log(&history, now) {
                ticket.durable().await?;
            }
            let status = self.execution.status();
            if *status != Status::Running {
                let stop_date = history.last().map_or(now, |event| event.timestamp);
                let (spec, status) = (self.execution.spec().clone(), status.clone());
                return Ok(Ended { spec, status, stop_date });
            }
            for effect in effects {
                self.perform(effect);
            }
            wake = self.next().await;
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::SetTimer { timer, due } => {
                self.timers.insert(timer, due);
            }
            Effect::ClearTimer { timer } => {
                self.timers.remove(&timer);
            }
            Effect::Invoke { task, .. } => self.calls.extend(self.call(task)),
            // What asks and is answered cannot be stopped; the answer is for nobody.
            // Express machines have no Map Runs.
            Effect::CancelTask { .. }
            | Effect::StartMapRun { .. }
            | Effect::RedriveMapRun { .. }
            | Effect::StopMapRun { .. } => {}
        }
    }

    /// The call of a task's service; none where the step that made the task has ended it already.
    fn call(&self, task: TaskId) -> Option<BoxFuture<'static, Wake>> {
        let spec = self.execution.spec();
        let called = Called::new(spec, self.execution.open_task(task)?);
        let (dispatcher, arn) = (self.dispatcher.clone(), spec.arn.clone());
        Some(Box::pin(async move {
            effects::wake(task, integrations::invoke(&called.attempt(&dispatcher, &arn)).await)
        }))
    }

    /// Waits for what happens next. There is a timer at least: that of the execution's own time limit.
    async fn next(&mut self) -> Wake {
        let first = self.timers.iter().map(|(timer, due)| (*due, *timer)).min();
        let clock = self.dispatcher.clock();
        let due = async {
            match first {
                Some((due, timer)) => {
                    clock.sleep_until(due).await;
                    timer
                }
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            // The timer goes first: a time limit holds however many answers there are.
            timer = due => {
                self.timers.remove(&timer);
                Wake::TimerFired { timer }
            }
            Some(wake) = self.calls.next() => wake,
        }
    }

    /// Hands over what the machine's logging wants, if that is anything.
    fn log(&self, history: &[HistoryEvent], now: Timestamp) -> Option<Ticket> {
        let mut batch = Batch::new();
        let logging = &self.compiled.revision.logging;
        plan::keep_messages(&mut batch, self.execution.spec(), logging, history, now);
        (!batch.is_empty()).then(|| self.store.submit(batch))
    }
}
