//! The way to the services, for clients and for the services themselves: each call may take its time.

use std::sync::atomic::{AtomicBool, Ordering};
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

/// How calls fare in one run.
#[derive(Debug)]
pub struct Ways {
    random: Mutex<Random>,
    slow_percent: u64,
    lost_permille: u64,
    is_calm: AtomicBool,
}

impl Ways {
    /// So many calls in a hundred take their time, and so many of a thousand are lost, or their answers.
    pub fn new(random: Random, slow_percent: u64, lost_permille: u64) -> Self {
        Self { random: Mutex::new(random), slow_percent, lost_permille, is_calm: AtomicBool::new(false) }
    }

    /// From here on nothing is lost.
    pub fn calm(&self) {
        self.is_calm.store(true, Ordering::Relaxed);
    }

    /// Whether a call, or its answer, is lost: one by somebody who makes it again. Tasks' calls are not, whose failure
    /// changes what executions do; nor are questions.
    fn loses(&self, principal: &Principal, operation: &str) -> bool {
        let is_repeated = match principal {
            Principal::Service { .. } => true,
            Principal::Root { .. } => {
                !["Describe", "Filter", "Get", "List"].iter().any(|verb| operation.starts_with(verb))
            }
            Principal::Role { .. } | Principal::Anonymous => false,
        };
        let is_calm = self.is_calm.load(Ordering::Relaxed);
        is_repeated
            && !is_calm
            && self.random.lock().unwrap_or_else(PoisonError::into_inner).permille(self.lost_permille)
    }

    /// Lets time pass, or not.
    pub async fn pass(&self, clock: &Clock) {
        let pause = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            if random.percent(self.slow_percent) { random.between(1, WAY_MS_MAX) } else { 0 }
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
    ways: Arc<Ways>,
}

impl Behind {
    /// `service`, whose calls take their time and may be lost.
    pub fn new(service: &Arc<dyn Service>, ways: &Arc<Ways>) -> Self {
        Self {
            name: service.name(),
            model: service.model(),
            service: Arc::downgrade(service),
            ways: Arc::clone(ways),
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
                return Err(lost());
            };
            let clock = cx.dispatcher.clock();
            self.ways.pass(clock).await;
            if self.ways.loses(&cx.principal, operation) {
                return Err(lost());
            }
            let answer = service.serve(cx, operation, input).await;
            self.ways.pass(clock).await;
            if self.ways.loses(&cx.principal, operation) {
                return Err(lost());
            }
            answer
        })
    }
}

fn lost() -> AwsError {
    AwsError::new("ServiceUnavailable", "Nobody answers.").with_status(503)
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
