//! Amazon SQS: queues, standard and FIFO.
//!
//! A message is a row in the store; which messages a queue has, and which can be received, is known in memory and read
//! from the rows at a start. What was answered is durable: a message that was sent is there, one that was received is out of
//! sight for its time, one that was deleted stays so. Not here: what a queue's policy permits, keys of KMS, metrics, and
//! the fairness of standard queues with message groups.

mod attributes;
mod batch;
mod create_queue;
mod dead_letters;
mod deduplication;
mod digest;
mod error;
pub mod generated;
mod in_flight;
mod index;
pub mod limits;
mod list_queues;
mod message;
mod message_check;
mod move_task;
mod open_queue;
mod operations;
mod permission;
mod queue;
mod queue_attributes;
mod queues;
mod receipt;
mod receive;
mod redrive_policy;
mod send;
mod shown;
mod tag;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use api::model::ServiceModel;
use api::{AwsError, Context, Dispatcher, Service};
use futures_util::future::BoxFuture;
use sealed::SecretKey;
use serde_json::Value;
use store::{Collection, Store};

pub use error::Error;

/// How long what could not be done rests before it is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// The service `sqs`.
#[derive(Clone)]
pub struct Sqs {
    inner: Arc<Inner>,
    dispatcher: Dispatcher,
}

pub(crate) struct Inner {
    queues: queues::Queues,
    move_tasks: Collection<move_task::MoveTask>,
}

impl Sqs {
    /// The service on `store`, whose messages are sealed with `key` where their queue says so. It answers after
    /// [`Sqs::start`].
    pub fn new(store: Arc<dyn Store>, dispatcher: Dispatcher, key: SecretKey) -> Self {
        let move_tasks = Collection::new(Arc::clone(&store), move_task::TABLE);
        let inner = Inner { queues: queues::Queues::new(store, key), move_tasks };
        Self { inner: Arc::new(inner), dispatcher }
    }

    /// Reads the queues, and goes on with what they were doing.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn start(&self) -> Result<(), Error> {
        let store = &self.inner.queues.store;
        let mut upkeep = store.timers(send::UPKEEP).await?;
        let mut steps = store.timers(move_task::STEPS).await?;
        self.inner.queues.load(self.dispatcher.clock().now()).await?;
        let (inner, clock) = (Arc::clone(&self.inner), self.dispatcher.clock().clone());
        tokio::spawn(async move {
            while let Some(timer) = upkeep.next(&clock).await {
                if let Err(error) = inner.forget(&timer.key, clock.now()).await {
                    tracing::warn!(%error, queue = timer.key, "what a queue is to forget is still there");
                    upkeep.put_back(timer, clock.now() + PAUSE);
                }
            }
        });
        let (inner, clock) = (Arc::clone(&self.inner), self.dispatcher.clock().clone());
        tokio::spawn(async move {
            while let Some(timer) = steps.next(&clock).await {
                if let Err(error) = inner.step_move(&timer.key, &clock).await {
                    tracing::warn!(%error, task = timer.key, "messages could not be moved");
                    steps.put_back(timer, clock.now() + PAUSE);
                }
            }
        });
        Ok(())
    }
}

impl Service for Sqs {
    fn name(&self) -> &'static str {
        "sqs"
    }

    fn model(&self) -> &'static ServiceModel {
        &generated::model::MODEL
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        Box::pin(generated::operations::dispatch(&*self.inner, cx, operation, input))
    }

    /// A message that comes is not taken for somebody who waited for it and has gone.
    fn ends_with_its_caller(&self, operation: &str) -> bool {
        operation == "ReceiveMessage"
    }
}
