//! Amazon CloudWatch Logs: groups, streams and their events.
//!
//! A stream's events are a log of the store, each under a sequence of its own ([`sequence`]); reading goes by time, then
//! sequence ([`position`]). Nothing is kept in memory between calls. Metric filters, subscriptions, Insights queries and
//! deliveries are not served.

mod api_operations;
mod background;
mod describe_log_groups;
mod describe_log_streams;
mod error;
mod filter_log_events;
pub mod filter_pattern;
mod generated;
mod get_log_events;
mod group;
mod group_identifier;
mod limits;
mod page_token;
mod position;
mod producer;
mod put_log_events;
mod resource_policy;
mod sequence;
mod stream;

use std::sync::Arc;

use api::model::ServiceModel;
use api::{AwsError, Context, Dispatcher, Service};
use clock::Clock;
use futures_util::future::BoxFuture;
use serde_json::Value;
use store::{Batch, Collection, Store};

pub use error::Error;
pub use generated::{model, types as shapes};
use group::Group;
use resource_policy::ResourcePolicy;
use sequence::Sequences;
use stream::Stream;

/// CloudWatch Logs. Cheap to clone; clones are the same service.
#[derive(Clone)]
pub struct Logs {
    store: Arc<dyn Store>,
    /// By `ACCOUNT/REGION/NAME`.
    groups: Collection<Group>,
    /// By `GROUP ID/NAME`.
    streams: Collection<Stream>,
    /// By the name of a stream's log.
    positions: Collection<producer::Position>,
    /// By `ACCOUNT/REGION/NAME`.
    policies: Collection<ResourcePolicy>,
    sequences: Arc<Sequences>,
    clock: Clock,
}

impl Logs {
    /// The service over what `store` keeps. Nothing runs until [`Self::start`].
    pub fn new(store: Arc<dyn Store>, dispatcher: &Dispatcher) -> Self {
        Self {
            groups: Collection::new(Arc::clone(&store), group::TABLE),
            streams: Collection::new(Arc::clone(&store), stream::TABLE),
            positions: Collection::new(Arc::clone(&store), "logs-positions"),
            policies: Collection::new(Arc::clone(&store), resource_policy::TABLE),
            sequences: Arc::default(),
            // Not the dispatcher itself: it will hold this service, and the two would keep each other alive.
            clock: dispatcher.clock().clone(),
            store,
        }
    }

    /// Writes a batch and waits until it is on disk.
    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        self.store.submit(batch).durable().await?;
        Ok(())
    }
}

impl Service for Logs {
    fn name(&self) -> &'static str {
        "logs"
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
        Box::pin(async move {
            match operation {
                "internal:ProducerPosition" => Ok(self.producer_position(cx, input).await?),
                _ => generated::operations::dispatch(self, cx, operation, input).await,
            }
        })
    }
}
