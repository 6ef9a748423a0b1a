//! The world that the tests live in: the service, its store on disk, and its clock.

use std::sync::Arc;

use api::{AwsError, Call, Dispatcher, Principal, Service};
use clock::{Clock, VirtualClock};
use sealed::SecretKey;
use serde_json::Value;
use store::{Batch, SqliteStore, Store};
use types::{AccountId, Region, Timestamp};

pub struct World {
    pub dispatcher: Dispatcher,
    pub clock: VirtualClock,
    pub store: Arc<dyn Store>,
    pub dir: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path()).unwrap());
        let clock = VirtualClock::new(Timestamp::parse_rfc3339("2026-11-20T12:00:00Z").unwrap());
        let dispatcher = Dispatcher::new(Clock::Virtual(clock.clone()));
        let key = SecretKey::ephemeral().unwrap();
        let service = secretsmanager::SecretsManager::new(Arc::clone(&store), dispatcher.clone(), key);
        service.start().await.unwrap();
        dispatcher.install([Arc::new(service) as Arc<dyn Service>]);
        Self { dispatcher, clock, store, dir }
    }

    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        self.call_as(Principal::Root { account: AccountId::new("000000000000") }, operation, input).await
    }

    pub async fn call_as(
        &self,
        principal: Principal,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let account = AccountId::new("000000000000");
        let region = Region::new("us-east-1");
        self.dispatcher
            .call(Call::new(principal, &account, &region, "secretsmanager", operation, input))
            .await
    }

    /// Moves the clock by so many days, and lets happen what is due then.
    pub async fn advance_days(&self, days: u32) {
        let day = std::time::Duration::from_secs(24 * 60 * 60);
        self.clock.advance_to(self.dispatcher.clock().now() + day * days);
        for _ in 0..20 {
            self.store.submit(Batch::new()).durable().await.unwrap();
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    }
}
