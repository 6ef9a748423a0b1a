//! Amazon EventBridge Scheduler: schedules in groups, each with one target.
//!
//! A schedule is a timer. When it is due, one batch makes the occurrence's *invocation*, a timer of its own that stays
//! until the target took it or it was given up, and sets the schedule's timer anew. What an expression means is decided
//! in `schedule`, not here.

mod client_token;
mod context_attributes;
mod counts;
mod delivery;
mod error;
mod firing;
pub mod generated;
mod invocation;
pub mod limits;
mod names;
mod occurrences;
mod operations;
mod overlap;
mod page;
mod schedule;
mod schedule_group;
mod schedules;
mod tag;
mod target;
mod targets;

use std::sync::{Arc, OnceLock};

use ::schedule::Missed;
use api::model::ServiceModel;
use api::{AwsError, Context, Dispatcher, Service};
use futures_util::future::BoxFuture;
use serde_json::Value;
use store::{Collection, Store};
use types::Timestamp;

use counts::Counts;
pub use error::Error;
use overlap::Overlaps;

/// The service `scheduler`.
#[derive(Clone)]
pub struct Scheduler {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    store: Arc<dyn Store>,
    dispatcher: Dispatcher,
    groups: Collection<schedule_group::ScheduleGroup>,
    schedules: Collection<schedule::Schedule>,
    client_tokens: Collection<client_token::Answered>,
    work: Collection<overlap::Work>,
    overlaps: Overlaps,
    counts: Counts,
    missed: Missed,
    /// Since when schedules are fired, by the clock.
    watched_since: OnceLock<Timestamp>,
}

impl Scheduler {
    /// The service on `store`. [`Scheduler::start`] makes it fire. What a downtime's occurrences become is left out.
    pub fn new(store: Arc<dyn Store>, dispatcher: Dispatcher) -> Self {
        Self::making_up(store, dispatcher, Missed::default())
    }

    /// The same, for which `missed` says what becomes of occurrences that fell into a downtime.
    pub fn making_up(store: Arc<dyn Store>, dispatcher: Dispatcher, missed: Missed) -> Self {
        let inner = Inner {
            groups: Collection::new(Arc::clone(&store), schedule_group::TABLE),
            schedules: Collection::new(Arc::clone(&store), schedule::TABLE),
            client_tokens: Collection::new(Arc::clone(&store), client_token::TABLE),
            work: Collection::new(Arc::clone(&store), overlap::TABLE),
            overlaps: Overlaps::default(),
            missed,
            watched_since: OnceLock::new(),
            counts: Counts::default(),
            store,
            dispatcher,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Begins to fire schedules and to invoke targets, what was left from before included. Targets must be served.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn start(&self) -> Result<(), Error> {
        self.inner.load_overlaps().await?;
        delivery::start(&self.inner).await?;
        firing::start(&self.inner).await
    }
}

impl Service for Scheduler {
    fn name(&self) -> &'static str {
        "scheduler"
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
                "internal:NextOccurrences" => Ok(self.inner.next_occurrences(cx, input).await?),
                _ => generated::operations::dispatch(&*self.inner, cx, operation, input).await,
            }
        })
    }
}
