//! Calls of other services that are made again, because their answer was lost with a process.

use std::sync::Arc;
use std::time::Duration;

use api::{Call, Principal};
use clock::VirtualClock;
use serde_json::{Value, json};
use store::{SqliteStore, Store};
use types::{AccountId, Region};

use crate::world::{ACCOUNT, MACHINE, REGION, ROLE, Targets, World, start};

/// Puts two events under a key; returns their ids.
async fn put(world: &World, key: &str) -> Value {
    let entry = json!({"Source": "s", "DetailType": "t", "Detail": "{}"});
    let (account, region) = (AccountId::new(ACCOUNT), Region::new(REGION));
    let principal = Principal::Root { account: account.clone() };
    let call =
        Call::new(principal, &account, &region, "events", "PutEvents", json!({"Entries": [entry, entry]}));
    let answer = world.dispatcher.call(call.with_idempotency_key(key)).await.unwrap();
    assert_eq!(answer["FailedEntryCount"], 0);
    json!([answer["Entries"][0]["EventId"], answer["Entries"][1]["EventId"]])
}

#[test]
fn a_call_that_is_made_again_puts_its_events_once() {
    // A life ends with its runtime.
    let life = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path()).unwrap());
    let (clock, targets) = (VirtualClock::new(start()), Targets::default());
    let world = || World::on(Arc::clone(&store), clock.clone(), targets.clone());
    let first = life().block_on(async {
        let world = world().await;
        world.rule("r", json!([{"Id": "1", "Arn": MACHINE, "RoleArn": ROLE}])).await;
        let first = put(&world, "call-1").await;
        assert_eq!(put(&world, "call-1").await, first);
        assert_ne!(put(&world, "call-2").await, first);
        first
    });
    // The time without a service does not count.
    clock.advance(Duration::from_secs(2 * 60 * 60));
    life().block_on(async {
        let world = world().await;
        assert_eq!(put(&world, "call-1").await, first);
        assert_eq!(world.targets.given_of("StartExecution", 4).await.len(), 4);
        clock.advance(Duration::from_secs(60 * 60 + 1));
        while !store.list("events/call", store::Range::prefix("")).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_ne!(put(&world, "call-1").await, first);
    });
}
