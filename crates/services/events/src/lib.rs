//! Amazon EventBridge: buses, rules with patterns or schedules, and the delivery of events to targets.
//!
//! An event that a rule matches becomes one *delivery* per target: a row that is there before `PutEvents` answers, and
//! stays until the target took it or it was given up. Schedules are timers that make events. What a pattern or a
//! schedule means is decided in `event_pattern` and `schedule`, not here.

mod api_destination;
mod archive;
mod bus;
mod bus_policy;
mod connection;
mod delivery;
mod error;
mod event;
mod firing;
pub mod generated;
mod internal;
pub mod limits;
mod memory;
mod names;
mod operations;
mod overlap;
mod page;
mod partner;
mod permission;
mod put_events;
mod registry;
mod replay;
mod rule;
mod rule_target;
mod tag;
mod targets;
mod writers;

use std::sync::{Arc, OnceLock};

use api::model::ServiceModel;
use api::{AwsError, Context, Dispatcher, Service};
use futures_util::future::BoxFuture;
use http_client::HttpClient;
use schedule::Missed;
use serde_json::Value;
use store::{Collection, Store};
use types::{AccountId, Region, Timestamp};

pub use error::Error;
pub use sealed::SecretKey;

use names::{BusName, DEFAULT_BUS};
use registry::Registry;
use writers::Writers;

/// The service `events`.
#[derive(Clone)]
pub struct Events {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    store: Arc<dyn Store>,
    dispatcher: Dispatcher,
    buses: Collection<bus::Bus>,
    rules: Collection<rule::Rule>,
    connections: Collection<connection::Connection>,
    secret_key: OnceLock<SecretKey>,
    missed: OnceLock<Missed>,
    /// Since when schedules are fired, by the clock.
    watched_since: OnceLock<Timestamp>,
    work: Collection<overlap::Work>,
    tokens: connection::token::Tokens,
    destinations: Collection<api_destination::ApiDestination>,
    pace: targets::Pace,
    http: OnceLock<Result<HttpClient, String>>,
    outcomes: Collection<delivery::Outcome>,
    lanes: delivery::Lanes,
    archives: Collection<archive::Archive>,
    counts: Collection<archive::kept::Counted>,
    places: archive::kept::Places,
    replays: Collection<replay::Replay>,
    registry: Registry,
    writers: Writers,
}

impl Events {
    /// The service on `store`. [`Events::start`] makes it deliver.
    pub fn new(store: Arc<dyn Store>, dispatcher: Dispatcher) -> Self {
        let inner = Inner {
            buses: Collection::new(Arc::clone(&store), "events/bus"),
            rules: Collection::new(Arc::clone(&store), "events/rule"),
            connections: Collection::new(Arc::clone(&store), "events/connection"),
            secret_key: OnceLock::new(),
            missed: OnceLock::new(),
            watched_since: OnceLock::new(),
            work: Collection::new(Arc::clone(&store), overlap::TABLE),
            tokens: connection::token::Tokens::default(),
            destinations: Collection::new(Arc::clone(&store), "events/api-destination"),
            pace: targets::Pace::default(),
            http: OnceLock::new(),
            outcomes: Collection::new(Arc::clone(&store), "events/outcome"),
            lanes: delivery::Lanes::default(),
            archives: Collection::new(Arc::clone(&store), "events/archive"),
            counts: Collection::new(Arc::clone(&store), archive::kept::COUNTS),
            places: archive::kept::Places::default(),
            replays: Collection::new(Arc::clone(&store), "events/replay"),
            registry: Registry::default(),
            writers: Writers::default(),
            store,
            dispatcher,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The same service, which seals the secrets of connections with `key`. Without one it keeps no connections.
    #[must_use]
    pub fn with_secret_key(self, key: SecretKey) -> Self {
        // The first key stays: secrets are sealed with it.
        let _ = self.inner.secret_key.set(key);
        self
    }

    /// The same service, for which `missed` says what becomes of schedules' occurrences that fell into a downtime. Without
    /// it they are left out.
    #[must_use]
    pub fn making_up(self, missed: Missed) -> Self {
        // Said once, by whoever starts the service.
        let _ = self.inner.missed.set(missed);
        self
    }

    /// The same service, which keeps the outcomes of all deliveries, not only of those that failed or are asked for.
    #[must_use]
    pub fn with_all_outcomes(self) -> Self {
        self.inner.registry.watch_all();
        self
    }

    /// Loads the rules. Before this, events match nothing: call it before anything can put one.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn load(&self) -> Result<(), Error> {
        self.inner.load_places().await?;
        self.inner.load_registry().await
    }

    /// Begins to fire schedules and to deliver events, those left from before among them. Targets must be served.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn start(&self) -> Result<(), Error> {
        firing::start(&self.inner).await?;
        delivery::start(&self.inner).await?;
        archive::background::start(&self.inner).await?;
        connection::background::start(&self.inner).await?;
        replay::runner::start(&self.inner).await
    }
}

impl Service for Events {
    fn name(&self) -> &'static str {
        "events"
    }

    fn model(&self) -> &'static ServiceModel {
        &generated::model::MODEL
    }

    fn may_deliver(&self, account: &AccountId, region: &Region, source: &str, detail_type: &str) -> bool {
        let bus = BusName { account: account.clone(), region: region.clone(), name: DEFAULT_BUS.to_owned() };
        self.inner.registry.may_match(&bus, source, detail_type)
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        Box::pin(async move {
            match operation.strip_prefix("internal:") {
                Some("InvokeApiDestination") => self.inner.call_destination(input).await,
                Some(internal) => {
                    self.inner.serve_internal(cx, internal, input).await.map_err(AwsError::from)
                }
                None => generated::operations::dispatch(&*self.inner, cx, operation, input).await,
            }
        })
    }
}
