//! The way to the services, for clients and for the services themselves: each call may take its time.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use api::model::ServiceModel;
use api::{AwsError, Call, Context, Dispatcher, Principal, Service};
use clock::Clock;
use futures_util::future::BoxFuture;
use serde_json::Value;
use types::{AccountId, Region};

use crate::random::Random;

/// The account that everything happens in.
pub const ACCOUNT: &str = "000000000000";

/// The region that everything happens in.
pub const REGION: &str = "us-east-1";

/// Longest way to a service or back.
const WAY_MS_MAX: u64 = 400;

/// The delays of one run.
#[derive(Debug)]
pub struct Delays {
    random: Mutex<Random>,
    percent: u64,
}

impl Delays {
    /// So many calls in a hundred take their time.
    pub fn new(random: Random, percent: u64) -> Self {
        Self { random: Mutex::new(random), percent }
    }

    /// Lets time pass, or not.
    pub async fn pass(&self, clock: &Clock) {
        let pause = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            if random.percent(self.percent) { random.between(1, WAY_MS_MAX) } else { 0 }
        };
        if pause > 0 {
            clock.sleep_until(clock.now() + Duration::from_millis(pause)).await;
        }
    }
}

/// A service behind the door. The door and its services would keep each other alive: this one lets go.
pub struct Behind {
    name: &'static str,
    model: &'static ServiceModel,
    service: Weak<dyn Service>,
    delays: Arc<Delays>,
}

impl Behind {
    /// `service`, whose calls take their time.
    pub fn new(service: &Arc<dyn Service>, delays: &Arc<Delays>) -> Self {
        Self {
            name: service.name(),
            model: service.model(),
            service: Arc::downgrade(service),
            delays: Arc::clone(delays),
        }
    }
}

impl Service for Behind {
    fn name(&self) -> &'static str {
        self.name
    }

    fn model(&self) -> &'static ServiceModel {
        self.model
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        Box::pin(async move {
            let Some(service) = self.service.upgrade() else {
                return Err(AwsError::new("ServiceUnavailable", "The process has ended.").with_status(503));
            };
            let clock = cx.dispatcher.clock();
            self.delays.pass(clock).await;
            let answer = service.serve(cx, operation, input).await;
            self.delays.pass(clock).await;
            answer
        })
    }
}

/// What clients call.
#[derive(Clone, Debug)]
pub struct Door(pub Dispatcher);

impl Door {
    /// Calls an operation as the account's root.
    ///
    /// # Errors
    /// What the service answers.
    pub async fn call(&self, service: &str, operation: &str, input: Value) -> Result<Value, AwsError> {
        let principal = Principal::Root { account: AccountId::new(ACCOUNT) };
        let (account, region) = (AccountId::new(ACCOUNT), Region::new(REGION));
        self.0.call(Call::new(principal, &account, &region, service, operation, input)).await
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        self.0.clock()
    }

    /// Waits so long.
    pub async fn sleep(&self, duration: Duration) {
        self.clock().sleep_until(self.clock().now() + duration).await;
    }
}
