//! Amazon SNS: topics, their subscriptions, and messages on their way from the ones to the others.
//!
//! A published message becomes one *delivery* per subscription whose filter policy it passes: a row that is there before
//! `Publish` answers, and stays until the endpoint took it or it was given up. What a filter policy's operators mean is
//! decided in `event_pattern`. Not here: text messages, mobile push, e-mails that are really sent, Lambda, Firehose.

mod background;
mod delivery;
mod delivery_policy;
mod error;
mod fifo;
mod filter_policy;
pub mod generated;
mod json_text;
pub mod limits;
mod message;
mod names;
mod notification;
mod operations;
mod page;
mod publish;
mod retry;
mod subscribe;
mod subscription;
mod subscription_attributes;
mod tag;
mod topic;
mod topic_attributes;
mod topic_policy;
mod writers;

use std::sync::Arc;

use api::model::ServiceModel;
use api::{AwsError, Context, Dispatcher, Service};
use futures_util::future::BoxFuture;
use sealed::SecretKey;
use serde_json::Value;
use store::{Collection, Store};

pub use error::Error;

use writers::Writers;

/// The service `sns`.
#[derive(Clone)]
pub struct Sns {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    store: Arc<dyn Store>,
    dispatcher: Dispatcher,
    /// `http://HOST:PORT`: where the links in messages lead.
    endpoint_url: String,
    topics: Collection<topic::Topic>,
    subscriptions: Collection<subscription::Subscription>,
    sequences: Collection<u64>,
    repetitions: Collection<publish::Published>,
    writers: Writers,
    /// What messages of topics with a key are sealed with.
    key: Option<SecretKey>,
}

impl Sns {
    /// The service on `store`, reached at `endpoint_url` by those who follow the links in its messages. [`Sns::start`]
    /// makes it deliver.
    pub fn new(store: Arc<dyn Store>, dispatcher: Dispatcher, endpoint_url: String) -> Self {
        let inner = Inner {
            topics: Collection::new(Arc::clone(&store), topic::TABLE),
            subscriptions: Collection::new(Arc::clone(&store), subscription::TABLE),
            sequences: Collection::new(Arc::clone(&store), fifo::SEQUENCES_TABLE),
            repetitions: Collection::new(Arc::clone(&store), fifo::REPETITIONS_TABLE),
            writers: Writers::default(),
            key: None,
            endpoint_url,
            store,
            dispatcher,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The same with a key for the messages of topics that name one; without it such topics are refused. What is to be sealed
    /// is decided before the service starts.
    #[must_use]
    pub fn with_secret_key(mut self, key: SecretKey) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.key = Some(key);
        }
        self
    }

    /// Begins to deliver, what was left from before included. Endpoints must be served.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn start(&self) -> Result<(), Error> {
        background::start(&self.inner).await?;
        delivery::start(&self.inner).await
    }
}

impl Service for Sns {
    fn name(&self) -> &'static str {
        "sns"
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
