//! The process may end between any two batches: each occurrence is invoked, under one id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clock::VirtualClock;
use serde_json::json;
use store::SqliteStore;

use crate::world::{LimitedStore, MACHINE, ROLE, Targets, World, schedule, time};

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

/// Schedules that are due at one time, and their names.
const MANY: usize = 1000;

#[tokio::test]
async fn a_thousand_firings_outlast_a_process_that_ends_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(dir.path()).unwrap());
    let clock = VirtualClock::new(time(TIMES[0]));
    let mut world = World::on(LimitedStore::new(store, usize::MAX), clock, Targets::default()).await;
    let create = |number: usize| {
        let target = json!({"Arn": MACHINE, "RoleArn": ROLE, "Input": format!(r#"{{"time": "{number}"}}"#)});
        let more = json!({"Name": format!("s{number}"), "ActionAfterCompletion": "DELETE", "Target": target});
        world.call("CreateSchedule", schedule("at(2026-11-20T12:01:00)", more))
    };
    for created in futures_util::future::join_all((0..MANY).map(create)).await {
        created.unwrap();
    }
    world.clock.advance_to(time(TIMES[1]));
    // Lives of all lengths: each ends after some batches, wherever that is.
    let mut random = 0x5EED_u64;
    let mut lives = 0;
    loop {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let batches = usize::try_from(random >> 33).unwrap() % 200;
        world = world.restarted_for(batches).await;
        lives += 1;
        for _ in 0..500 {
            world.settle().await;
            if world.store.is_dead() || world.ok("ListSchedules", json!({})).await["Schedules"] == json!([]) {
                break;
            }
        }
        if !world.store.is_dead() {
            break;
        }
    }
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for given in world.targets.given() {
        ids.entry(given.time()).or_default().insert(given.input["name"].to_string());
    }
    assert_eq!(ids.len(), MANY, "after {lives} lives");
    assert!(ids.values().all(|ids| ids.len() == 1), "after {lives} lives: {ids:?}");
    assert!(lives > 10, "{lives} lives");
}
