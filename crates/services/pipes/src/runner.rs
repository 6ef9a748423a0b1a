//! Tends pipes: one task for each that runs, or that is on its way from one state to another.
//!
//! A request changes a pipe's record and rings; the task does what the record says, and goes when there is nothing left
//! to do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use store::{Batch, Versioned};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::call::Caller;
use crate::gathering::Gathering;
use crate::limits::{BATCHES_AT_ONCE, PAUSE_MAX, PAUSE_MIN};
use crate::line::Line;
use crate::pipe::{Attempted, Pipe, State};
use crate::shipment::{DELIVERED, SHIPMENTS, Shipment};
use crate::{Error, Inner, flow, source};

/// The bells of pipes that somebody tends, by the pipes' keys.
#[derive(Default)]
pub(crate) struct Runners(Mutex<HashMap<String, Arc<Notify>>>);

/// What is left to do for a pipe.
enum Next {
    /// Its record has changed.
    Look,
    /// Nothing, until somebody changes it.
    Rest,
}

impl Runners {
    /// Has a pipe looked at.
    pub(crate) fn ring(inner: &Arc<Inner>, key: &str) {
        let mut bells = inner.runners.all();
        if let Some(bell) = bells.get(key) {
            bell.notify_one();
            return;
        }
        let bell = Arc::new(Notify::new());
        bells.insert(key.to_owned(), Arc::clone(&bell));
        tokio::spawn(tend(Arc::clone(inner), key.to_owned(), bell));
    }

    /// Goes, unless the bell has been rung since.
    fn leave(&self, key: &str, bell: &Notify) -> bool {
        let mut bells = self.all();
        if bell.notified().now_or_never().is_some() {
            return false;
        }
        bells.remove(key);
        true
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn tend(inner: Arc<Inner>, key: String, bell: Arc<Notify>) {
    let clock = inner.dispatcher.clock().clone();
    loop {
        match inner.advance(&key, &bell).await {
            Ok(Next::Rest) if inner.runners.leave(&key, &bell) => return,
            // Somebody has changed it in the meantime.
            Ok(_) | Err(Error::Conflict(_)) => {}
            Err(error) => {
                tracing::error!(%error, pipe = key, "a pipe waits for its store");
                clock.sleep_until(clock.now() + PAUSE_MAX).await;
            }
        }
    }
}

impl Inner {
    /// Does what a pipe's state asks for.
    async fn advance(&self, key: &str, bell: &Notify) -> Result<Next, Error> {
        let Some(seen) = self.pipes.get(key).await? else { return Ok(Next::Rest) };
        match &seen.value.state {
            State::Creating => self.prepare(&seen, Attempted::Create, bell).await,
            State::Updating => self.prepare(&seen, Attempted::Update, bell).await,
            State::Starting => self.prepare(&seen, Attempted::Start, bell).await,
            State::Running => self.run(&seen.value, bell).await,
            State::Stopping => {
                self.finish(&seen.value).await?;
                self.enter(&seen, State::Stopped).await
            }
            State::Deleting => {
                self.finish(&seen.value).await?;
                self.remove(&seen).await
            }
            State::Stopped | State::Failed { .. } => Ok(Next::Rest),
        }
    }

    /// Looks whether the source can be read, and lets the pipe run if it is to.
    async fn prepare(
        &self,
        seen: &Versioned<Pipe>,
        attempted: Attempted,
        bell: &Notify,
    ) -> Result<Next, Error> {
        let pipe = &seen.value;
        let caller = Caller::new(self.dispatcher.clone(), pipe);
        let state = match source::look(&caller, &pipe.definition.source).await {
            Ok(()) if pipe.is_wanted_running => State::Running,
            Ok(()) => State::Stopped,
            Err(error) if error.may_pass() => {
                tracing::warn!(%error, pipe = pipe.name(), "the source of a pipe does not answer");
                rest(&caller, PAUSE_MAX, bell).await;
                return Ok(Next::Look);
            }
            Err(error) => {
                let reason = format!(
                    "Input parameter is invalid from the request due to : Error occurred while ReceiveMessage. \
                     SQS Error Code: {}. SQS Error Message: {}",
                    error.code, error.message
                );
                State::Failed { attempted, reason: reason.chars().take(512).collect() }
            }
        };
        self.enter(seen, state).await
    }

    async fn enter(&self, seen: &Versioned<Pipe>, state: State) -> Result<Next, Error> {
        let mut batch = Batch::new();
        self.pipes.replace(&mut batch, seen, &Pipe { state, ..seen.value.clone() });
        self.store.submit(batch).durable().await?;
        Ok(Next::Look)
    }

    async fn remove(&self, seen: &Versioned<Pipe>) -> Result<Next, Error> {
        let (mut batch, prefix) = (Batch::new(), format!("{}/", seen.key));
        batch.require_version(crate::pipe::TABLE, seen.key.as_str(), seen.version);
        batch.delete_prefix(SHIPMENTS, prefix.as_str()).delete_prefix(DELIVERED, prefix.as_str());
        self.pipes.delete(&mut batch, &seen.key);
        self.store.submit(batch).durable().await?;
        Ok(Next::Look)
    }

    async fn open(&self, pipe: &Pipe) -> Result<(Arc<Line>, Vec<Shipment>), Error> {
        let caller = Caller::new(self.dispatcher.clone(), pipe);
        let (line, left) = Line::open(&self.store, pipe.clone(), caller).await?;
        Ok((Arc::new(line), left))
    }

    /// Brings to their end the shipments that a pipe had under way when it was asked to end.
    async fn finish(&self, pipe: &Pipe) -> Result<(), Error> {
        let (line, left) = self.open(pipe).await?;
        for shipment in left {
            flow::carry(&line, shipment).await;
        }
        Ok(())
    }

    /// Carries messages until somebody rings, and those under way to their end.
    async fn run(&self, pipe: &Pipe, bell: &Notify) -> Result<Next, Error> {
        let (line, left) = self.open(pipe).await?;
        let mut run = Run {
            line: Arc::clone(&line),
            carrying: JoinSet::new(),
            pause: Duration::ZERO,
            is_broken: false,
        };
        left.into_iter().for_each(|shipment| run.carry(shipment));
        let mut gathering = Gathering::new(Arc::clone(&line));
        while !run.is_broken && run.have_room(bell).await {
            let batch = tokio::select! {
                () = bell.notified() => break,
                batch = gathering.next() => batch,
            };
            match batch {
                Ok(messages) => run.begin(messages).await?,
                Err(error) => {
                    tracing::warn!(%error, pipe = pipe.name(), "the source of a pipe cannot be read");
                    run.note(false);
                }
            }
        }
        let rest = gathering.take();
        if !rest.is_empty() {
            run.begin(rest).await?;
        }
        run.settle().await;
        Ok(Next::Look)
    }
}

/// The shipments of a pipe that are under way.
struct Run {
    line: Arc<Line>,
    carrying: JoinSet<bool>,
    /// How long the pipe rests before it asks for more: targets that fail slow it down.
    pause: Duration,
    /// A shipment's task has ended as none should: all is read again.
    is_broken: bool,
}

impl Run {
    async fn begin(&mut self, messages: Vec<crate::shipment::Received>) -> Result<(), Error> {
        let shipment = self.line.begin(messages).await?;
        self.carry(shipment);
        Ok(())
    }

    fn carry(&mut self, shipment: Shipment) {
        let line = Arc::clone(&self.line);
        self.carrying.spawn(async move { flow::carry(&line, shipment).await });
    }

    fn note(&mut self, is_whole: bool) {
        self.pause = match is_whole {
            true => Duration::ZERO,
            false => self.pause.saturating_mul(2).clamp(PAUSE_MIN, PAUSE_MAX),
        };
    }

    fn ended(&mut self, ended: Result<bool, tokio::task::JoinError>) {
        match ended {
            Ok(is_whole) => self.note(is_whole),
            Err(error) => {
                tracing::error!(%error, pipe = self.line.pipe.name(), "a batch of a pipe was not carried to its end");
                self.is_broken = true;
            }
        }
    }

    /// Waits until another batch may be gathered; not so once somebody rings.
    async fn have_room(&mut self, bell: &Notify) -> bool {
        while let Some(ended) = self.carrying.try_join_next() {
            self.ended(ended);
        }
        while self.carrying.len() >= BATCHES_AT_ONCE {
            let ended = tokio::select! {
                () = bell.notified() => return false,
                ended = self.carrying.join_next() => ended,
            };
            if let Some(ended) = ended {
                self.ended(ended);
            }
        }
        let pause = if self.is_broken { PAUSE_MAX } else { self.pause };
        pause.is_zero() || rest(&self.line.caller, pause, bell).await
    }

    async fn settle(&mut self) {
        while let Some(ended) = self.carrying.join_next().await {
            self.ended(ended);
        }
    }
}

/// Rests for so long; not so once somebody rings.
async fn rest(caller: &Caller, pause: Duration, bell: &Notify) -> bool {
    tokio::select! {
        () = bell.notified() => false,
        () = caller.pause(pause) => true,
    }
}
