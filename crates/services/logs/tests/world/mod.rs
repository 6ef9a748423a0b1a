//! The service behind a door, with a store of its own and a clock that is moved by hand.

#![allow(dead_code, reason = "not every test crate uses all of it")]

use std::sync::Arc;

use api::{AwsError, Call, Dispatcher, Principal, Service};
use clock::{Clock, VirtualClock};
use logs::Logs;
use serde_json::Value;
use store::{SqliteStore, Store};
use types::{AccountId, Region, Timestamp};

/// When the clock starts, in milliseconds.
pub const START: i64 = 1_800_000_000_000;

/// One service in one directory.
pub struct World {
    pub clock: VirtualClock,
    pub logs: Logs,
    pub store: Arc<dyn Store>,
    pub dir: tempfile::TempDir,
    dispatcher: Dispatcher,
}

impl World {
    pub fn new() -> Self {
        Self::in_dir(tempfile::tempdir().unwrap())
    }

    pub fn in_dir(dir: tempfile::TempDir) -> Self {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path()).unwrap());
        let clock = VirtualClock::new(Timestamp::from_millis(START));
        let dispatcher = Dispatcher::new(Clock::Virtual(clock.clone()));
        let logs = Logs::new(Arc::clone(&store), &dispatcher);
        dispatcher.install([Arc::new(logs.clone()) as Arc<dyn Service>]);
        Self { clock, logs, store, dir, dispatcher }
    }

    /// Closes the store and gives its directory.
    pub fn close(self) -> tempfile::TempDir {
        self.dir
    }

    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        let account = AccountId::new("000000000000");
        let call = Call {
            principal: Principal::Root { account: account.clone() },
            account,
            region: Region::new("us-east-1"),
            service: "logs".to_owned(),
            operation: operation.to_owned(),
            input,
            request_id: api::ids::uuid(),
            idempotency_key: None,
        };
        self.dispatcher.call(call).await
    }
}
