//! The world that the tests live in: the service, its store on disk, and its clock.

use std::sync::Arc;
use std::time::Duration;

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
}

impl cases::World for World {
    async fn call(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        let account = AccountId::new("000000000000");
        let (principal, operation) = match operation.split_once(':') {
            Some((service, operation)) => {
                (Principal::service(&format!("{service}.amazonaws.com")), operation)
            }
            None => (Principal::Root { account: account.clone() }, operation),
        };
        let region = Region::new("us-east-1");
        self.dispatcher
            .call(Call::new(principal, &account, &region, "secretsmanager", operation, input))
            .await
    }

    /// Moves the clock, and lets happen what is due then.
    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        for _ in 0..20 {
            self.store.submit(Batch::new()).durable().await.unwrap();
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    }
}
