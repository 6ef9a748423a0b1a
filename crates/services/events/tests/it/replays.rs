//! What a case cannot say of archives, replays and the buses of others: deaths in mid-replay, and other accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use api::{Call, Principal};
use clock::VirtualClock;
use serde_json::{Value, json};
use store::{Range, SqliteStore};
use types::{AccountId, Region};

use crate::crash::{idle, life};
use crate::world::{LOG_GROUP, MACHINE, REGION, ROLE, Targets, World, in_time, start};

const BUS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/default";
const ARCHIVE: &str = "arn:aws:events:us-east-1:000000000000:archive/all";
/// More than a replay hands over at a time.
const EVENTS: usize = 230;

async fn archive(world: &World) {
    let input = json!({"ArchiveName": "all", "EventSourceArn": BUS});
    world.ok("CreateArchive", input).await;
}

/// Puts events, and returns their ids.
async fn put(world: &World, count: usize) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    while ids.len() < count {
        let entry = json!({"Source": "s", "DetailType": "t", "Detail": "{}"});
        let answer =
            world.ok("PutEvents", json!({"Entries": vec![entry; (count - ids.len()).min(10)]})).await;
        let entries = answer["Entries"].as_array().unwrap();
        ids.extend(entries.iter().map(|entry| entry["EventId"].as_str().unwrap().to_owned()));
    }
    ids
}

async fn start_replay(world: &World) {
    let window = (start().as_seconds() - 60, start().as_seconds() + 60);
    let input = json!({
        "ReplayName": "again", "EventSourceArn": ARCHIVE, "Destination": {"Arn": BUS},
        "EventStartTime": window.0, "EventEndTime": window.1,
    });
    world.ok("StartReplay", input).await;
}

async fn state(world: &World) -> Value {
    world.ok("DescribeReplay", json!({"ReplayName": "again"})).await["State"].clone()
}

/// Moves the clock until the replay has come to its end.
async fn finish(world: &World) {
    let look = async {
        while !matches!(state(world).await.as_str(), Some("COMPLETED" | "CANCELLED" | "FAILED")) {
            world.clock.advance(Duration::from_millis(25));
            tokio::task::yield_now().await;
        }
    };
    in_time(look).await;
    idle(world).await;
}

/// How often each event was delivered: tries of one delivery write to one stream.
fn delivered(targets: &Targets) -> BTreeMap<String, usize> {
    let written = targets.given().into_iter().filter(|given| given.operation == "PutLogEvents");
    let streams: BTreeMap<String, String> = written
        .map(|given| {
            let message = given.input["logEvents"][0]["message"].as_str().unwrap();
            let event: Value = serde_json::from_str(message).unwrap();
            assert_eq!(event["replay-name"], "again");
            let stream = given.input["logStreamName"].as_str().unwrap().to_owned();
            (stream, event["id"].as_str().unwrap().to_owned())
        })
        .collect();
    let mut times = BTreeMap::new();
    for event in streams.into_values() {
        *times.entry(event).or_default() += 1;
    }
    times
}

#[test]
fn a_replay_goes_on_after_a_death_and_hands_no_event_over_twice() {
    for batches in [0, 1, 2, 60, 101, 102, 104, 205] {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(dir.path()).unwrap());
        let (clock, targets) = (VirtualClock::new(start()), Targets::default());
        let (tell, told) = std::sync::mpsc::channel();
        life(&store, usize::MAX, &clock, &targets, |world| async move {
            archive(&world).await;
            tell.send(put(&world, EVENTS).await).unwrap();
            world.rule("r", json!([{"Id": "log", "Arn": LOG_GROUP}])).await;
            start_replay(&world).await;
        });
        life(&store, batches, &clock, &targets, |world| async move { finish(&world).await });
        life(&store, usize::MAX, &clock, &targets, |world| async move {
            finish(&world).await;
            assert_eq!(state(&world).await, "COMPLETED");
            let archive = world.ok("DescribeArchive", json!({"ArchiveName": "all"})).await;
            assert_eq!(archive["EventCount"], EVENTS);
        });
        let times = delivered(&targets);
        assert_eq!(times.keys().cloned().collect::<BTreeSet<_>>(), told.recv().unwrap(), "{batches}");
        assert!(times.values().all(|times| *times == 1), "{batches}: {times:?}");
    }
}

#[tokio::test]
async fn a_replay_can_be_cancelled_in_the_middle() {
    let world = World::new().await;
    archive(&world).await;
    put(&world, EVENTS).await;
    start_replay(&world).await;
    in_time(async {
        while state(&world).await != "RUNNING" {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let cancelled = world.ok("CancelReplay", json!({"ReplayName": "again"})).await;
    assert_eq!(cancelled["State"], "CANCELLING");
    finish(&world).await;
    assert_eq!(state(&world).await, "CANCELLED");
}

#[tokio::test]
async fn what_an_archive_kept_goes_with_it_and_after_its_days() {
    let world = World::new().await;
    let input = json!({"ArchiveName": "all", "EventSourceArn": BUS, "RetentionDays": 2});
    world.ok("CreateArchive", input).await;
    put(&world, 3).await;
    let days = async |count: usize| {
        in_time(async {
            while world.store.list("events/archive-day", Range::prefix("")).await.unwrap().len() != count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    days(1).await;
    world.clock.advance(Duration::from_secs(24 * 60 * 60));
    put(&world, 3).await;
    days(2).await;
    world.clock.advance(Duration::from_secs(2 * 24 * 60 * 60));
    days(1).await;
    world.ok("DeleteArchive", json!({"ArchiveName": "all"})).await;
    days(0).await;
}

#[tokio::test]
async fn a_bus_takes_events_of_other_accounts_where_its_policy_says_so() {
    let world = World::new().await;
    world.rule("r", json!([{"Id": "1", "Arn": MACHINE, "RoleArn": ROLE}])).await;
    let put = async |world: &World, source: &str| {
        let entry = json!({"Source": source, "DetailType": "t", "Detail": "{}", "EventBusName": BUS});
        let other = AccountId::new("111111111111");
        let principal = Principal::Root { account: other.clone() };
        let input = json!({"Entries": [entry]});
        let call = Call::new(principal, &other, &Region::new(REGION), "events", "PutEvents", input);
        world.dispatcher.call(call).await.unwrap()["Entries"][0].clone()
    };
    assert_eq!(put(&world, "s").await["ErrorCode"], "AccessDeniedException");
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "partners", "Effect": "Allow", "Principal": {"AWS": "111111111111"},
            "Action": "events:PutEvents", "Resource": BUS,
            "Condition": {"StringEquals": {"events:source": "s"}},
        }],
    });
    world.ok("PutPermission", json!({"Policy": policy.to_string()})).await;
    assert_eq!(put(&world, "other").await["ErrorCode"], "AccessDeniedException");
    assert!(put(&world, "s").await["EventId"].is_string());
    let given = world.targets.given_of("StartExecution", 1).await;
    let event: Value = serde_json::from_str(given[0].input["input"].as_str().unwrap()).unwrap();
    assert_eq!(event["account"], "111111111111");

    // The next life knows the policy too.
    let world = World::on(Arc::clone(&world.store), world.clock.clone(), world.targets.clone()).await;
    assert_eq!(put(&world, "other").await["ErrorCode"], "AccessDeniedException");
    assert!(put(&world, "s").await["EventId"].is_string());
}

#[tokio::test]
async fn a_rule_hands_events_to_a_bus_of_another_region() {
    let world = World::new().await;
    world.call_in("eu-west-1", "CreateEventBus", json!({"Name": "far"})).await.unwrap();
    let rule = json!({"Name": "r", "EventBusName": "far", "EventPattern": r#"{"source": ["s"]}"#});
    world.call_in("eu-west-1", "PutRule", rule).await.unwrap();
    let target = json!({"Id": "1", "Arn": MACHINE, "RoleArn": ROLE});
    let targets = json!({"Rule": "r", "EventBusName": "far", "Targets": [target]});
    world.call_in("eu-west-1", "PutTargets", targets).await.unwrap();
    let far = "arn:aws:events:eu-west-1:000000000000:event-bus/far";
    world.rule("on", json!([{"Id": "far", "Arn": far, "RoleArn": ROLE}])).await;
    let id = world.event(json!({})).await;
    let given = world.targets.given_of("StartExecution", 1).await;
    let event: Value = serde_json::from_str(given[0].input["input"].as_str().unwrap()).unwrap();
    assert_eq!((event["id"].as_str(), event["region"].as_str()), (Some(id.as_str()), Some(REGION)));
}
