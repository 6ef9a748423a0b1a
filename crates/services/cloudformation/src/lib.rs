//! AWS CloudFormation: stacks of resources, made from templates and changed with them.
//!
//! A request only records what is asked of a stack; the engine makes it so, step by step, each step recorded before and
//! after it acts. Resources are made by calls through the one door, as whoever asked or as the stack's role. What a
//! template means is decided in `template`, not here.

mod blueprint;
mod change_set;
mod changes;
mod door;
mod engine;
mod error;
mod event;
pub mod generated;
pub mod limits;
mod names;
mod operations;
mod references;
mod resources;
mod stack;
mod stacks;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::model::ServiceModel;
use api::{AwsError, Context, Dispatcher, Service};
use futures_util::future::BoxFuture;
use serde_json::Value;
use store::Store;

pub use error::Error;
use stacks::Stacks;

/// The service `cloudformation`.
#[derive(Clone)]
pub struct CloudFormation {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    stacks: Stacks,
    dispatcher: Dispatcher,
}

impl CloudFormation {
    /// The service on `store`. [`CloudFormation::start`] makes it work.
    pub fn new(store: Arc<dyn Store>, dispatcher: Dispatcher) -> Self {
        Self { inner: Arc::new(Inner { stacks: Stacks::new(store), dispatcher }) }
    }

    /// Begins to run stack operations, those left from before among them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn start(&self) -> Result<(), Error> {
        engine::runner::start(&self.inner).await
    }
}

impl Service for CloudFormation {
    fn name(&self) -> &'static str {
        "cloudformation"
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
}
