//! The process may end between any two batches: each occurrence is invoked, under one id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clock::VirtualClock;
use serde_json::json;
use store::SqliteStore;

use crate::world::{LimitedStore, Targets, World, schedule, time};

const TIMES: [&str; 4] =
    ["2026-11-20T12:00:00Z", "2026-11-20T12:01:00Z", "2026-11-20T12:02:00Z", "2026-11-20T12:03:00Z"];

/// Creates the schedule, where it is not there yet.
async fn create(world: &World) -> bool {
    let more = json!({"EndDate": time("2026-11-20T12:03:30Z"), "ActionAfterCompletion": "DELETE"});
    match world.call("CreateSchedule", schedule("rate(1 minute)", more)).await {
        Ok(_) => true,
        Err(error) => error.code == "ConflictException",
    }
}

/// Waits until the occurrence was given to the target and everything is written, or the process is dead.
async fn occurrence(world: &World, due: &str) -> bool {
    for _ in 0..200 {
        world.settle().await;
        if world.store.is_dead() {
            return false;
        }
        if world.targets.given().iter().any(|given| given.time() == due) {
            return true;
        }
    }
    panic!("{due} was never given");
}

#[tokio::test]
async fn each_occurrence_is_invoked_once_whenever_the_process_ends() {
    for batches in 0..12 {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(dir.path()).unwrap());
        let clock = VirtualClock::new(time(TIMES[0]));
        let store = LimitedStore::new(store, batches);
        let mut world = World::on(store, clock, Targets::default()).await;
        if !create(&world).await {
            world = world.restarted().await;
            assert!(create(&world).await);
        }
        for due in TIMES {
            world.clock.advance_to(time(due));
            if !occurrence(&world, due).await {
                world = world.restarted().await;
                assert!(occurrence(&world, due).await);
            }
        }
        world.settle().await;
        if world.store.is_dead() {
            world = world.restarted().await;
            world.settle().await;
        }
        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for given in world.targets.given() {
            ids.entry(given.time()).or_default().insert(given.input["name"].to_string());
        }
        assert_eq!(ids.keys().map(String::as_str).collect::<Vec<_>>(), TIMES, "after {batches} batches");
        assert!(ids.values().all(|ids| ids.len() == 1), "after {batches} batches: {ids:?}");
        let error = world.call("GetSchedule", json!({"Name": "s"})).await.unwrap_err();
        assert_eq!(error.code, "ResourceNotFoundException", "after {batches} batches");
    }
}
