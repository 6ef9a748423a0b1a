//! EventBridge Pipes: messages of a queue on their way to a target, filtered, enriched and transformed.
//!
//! A pipe that runs has a task that asks its queue for messages, as the pipe's role. Each batch is a durable shipment from
//! before its target is called until its messages are deleted; what is not delivered stays in the queue. Sources other
//! than SQS, and targets that are not served, are refused when a pipe is made.

mod call;
mod check;
mod error;
mod flow;
mod gathering;
pub mod generated;
pub mod limits;
mod line;
mod operations;
mod page;
mod pipe;
mod runner;
mod shipment;
mod source;
mod tag;
mod targets;
mod template;

use std::sync::Arc;

use api::model::ServiceModel;
use api::{AwsError, Context, Dispatcher, Service};
use futures_util::future::BoxFuture;
use serde_json::Value;
use store::{Collection, Range, Store};

pub use error::Error;

/// The service `pipes`.
#[derive(Clone)]
pub struct Pipes {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    store: Arc<dyn Store>,
    dispatcher: Dispatcher,
    pipes: Collection<pipe::Pipe>,
    runners: runner::Runners,
}

impl Pipes {
    /// The service on `store`. Pipes run after [`Pipes::start`].
    pub fn new(store: Arc<dyn Store>, dispatcher: Dispatcher) -> Self {
        let pipes = Collection::new(Arc::clone(&store), pipe::TABLE);
        Self { inner: Arc::new(Inner { store, dispatcher, pipes, runners: runner::Runners::default() }) }
    }

    /// Takes up what was left from before: pipes run that ran, and what was under way goes on.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn start(&self) -> Result<(), Error> {
        for kept in self.inner.pipes.list(Range::prefix("")).await? {
            runner::Runners::ring(&self.inner, &kept.key);
        }
        Ok(())
    }
}

impl Service for Pipes {
    fn name(&self) -> &'static str {
        "pipes"
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
        Box::pin(generated::operations::dispatch(self, cx, operation, input))
    }
}
