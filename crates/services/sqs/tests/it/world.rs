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
    key: SecretKey,
    dir: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = VirtualClock::new(Timestamp::parse_rfc3339("2026-11-20T12:00:00Z").unwrap());
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path()).unwrap());
        Self::on(store, dir, clock, SecretKey::ephemeral().unwrap()).await
    }

    async fn on(store: Arc<dyn Store>, dir: tempfile::TempDir, clock: VirtualClock, key: SecretKey) -> Self {
        let dispatcher = Dispatcher::new(Clock::Virtual(clock.clone()));
        let service = sqs::Sqs::new(Arc::clone(&store), dispatcher.clone(), key.clone());
        service.start().await.unwrap();
        dispatcher.install([Arc::new(service) as Arc<dyn Service>]);
        Self { dispatcher, clock, store, key, dir }
    }

    /// The same store in the hands of another service, as after a restart.
    pub async fn restarted(self) -> Self {
        let Self { clock, store, key, dir, .. } = self;
        Self::on(store, dir, clock, key).await
    }

    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        self.dispatcher.call(call(operation, input)).await
    }

    /// Moves the clock, and lets happen what is due then.
    pub async fn advance(&self, seconds: u64) {
        self.clock.advance(std::time::Duration::from_secs(seconds));
        for _ in 0..20 {
            self.store.submit(Batch::new()).durable().await.unwrap();
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    }
}

pub fn call(operation: &str, input: Value) -> Call {
    let account = AccountId::new("000000000000");
    let principal = Principal::Root { account: account.clone() };
    Call::new(principal, &account, &Region::new("us-east-1"), "sqs", operation, input)
}

/// The URL of the queue of that name.
pub fn url(name: &str) -> String {
    format!("https://sqs.us-east-1.amazonaws.com/000000000000/{name}")
}
