//! What AWS has not: occurrences of a downtime that are made up for, and schedules that do not overlap themselves.

use std::time::Duration;

use clock::VirtualClock;
use schedule::{MakeUp, Missed};
use serde_json::json;

use crate::world::{Given, LimitedStore, World, schedule, time};

/// The times for which the machine is started after a downtime from 12:00 to 12:20:40 of a rate of five minutes.
async fn made_up_for(make_up: MakeUp, window: Duration, count: usize) -> Vec<String> {
    let world = World::at("2026-11-20T12:00:00Z").await;
    world.schedule("rate(5 minutes)", json!({})).await;
    world.fires_at(&["2026-11-20T12:00:00Z"]).await;
    world.settle().await;
    let store = LimitedStore::new(world.store.inner.clone(), usize::MAX);
    let asleep = VirtualClock::new(time("2026-11-20T12:20:40Z"));
    let later = World::with(store, asleep, world.targets.clone(), Missed { make_up, window }).await;
    later.targets.count(count + 1).await;
    later.settle().await;
    let mut times: Vec<String> = later.targets.given().iter().skip(1).map(Given::time).collect();
    times.sort();
    times
}

#[tokio::test]
async fn occurrences_of_a_downtime_are_made_up_for_where_that_is_wanted() {
    let day = Duration::from_secs(86_400);
    let once = made_up_for(MakeUp::Once, day, 2).await;
    assert_eq!(once, ["2026-11-20T12:15:00Z", "2026-11-20T12:20:00Z"]);
    let all = made_up_for(MakeUp::All, day, 4).await;
    assert_eq!(
        all,
        ["2026-11-20T12:05:00Z", "2026-11-20T12:10:00Z", "2026-11-20T12:15:00Z", "2026-11-20T12:20:00Z"]
    );
    let some = made_up_for(MakeUp::All, Duration::from_secs(700), 2).await;
    assert_eq!(some, ["2026-11-20T12:10:00Z", "2026-11-20T12:15:00Z", "2026-11-20T12:20:00Z"]);
}

/// A world in which a machine is started every minute by a schedule of a group with that tag, and runs.
async fn overlapping(overlap: &str) -> World {
    let world = World::at("2026-11-20T12:00:00Z").await;
    let tags = json!([{"Key": "runwright:overlap", "Value": overlap}]);
    world.ok("CreateScheduleGroup", json!({"Name": "g", "Tags": tags})).await;
    world
        .targets
        .answer("StartExecution", json!({"executionArn": "arn:aws:states:us-east-1:0:execution:m:x"}));
    world.targets.answer("DescribeExecution", json!({"status": "RUNNING"}));
    world.schedule("rate(1 minute)", json!({"GroupName": "g"})).await;
    world.fires_at(&["2026-11-20T12:00:00Z"]).await;
    world.settle().await;
    world
}

#[tokio::test]
async fn an_occurrence_is_left_out_while_the_one_before_works() {
    let world = overlapping("skip").await;
    for minute in 1..3 {
        world.clock.advance_to(time(&format!("2026-11-20T12:0{minute}:00Z")));
        world.settle().await;
    }
    assert_eq!(world.targets.given().len(), 1);
    world.targets.answer("DescribeExecution", json!({"status": "SUCCEEDED"}));
    world.fires_at(&["2026-11-20T12:03:00Z"]).await;
}

#[tokio::test]
async fn occurrences_wait_for_the_one_before() {
    let world = overlapping("queue").await;
    let mut now = time("2026-11-20T12:00:00Z");
    // Longer than what counts as a downtime.
    for _ in 0..30 {
        now = now + Duration::from_secs(10);
        world.clock.advance_to(now);
        world.settle().await;
    }
    assert_eq!(world.targets.given().len(), 1);
    world.targets.answer("DescribeExecution", json!({"status": "SUCCEEDED"}));
    for _ in 0..4 {
        now = now + Duration::from_secs(30);
        world.clock.advance_to(now);
        world.settle().await;
    }
    let times: Vec<String> = world.targets.given().iter().map(Given::time).collect();
    let minutes: Vec<String> =
        (0..times.len()).map(|minute| format!("2026-11-20T12:0{minute}:00Z")).collect();
    assert_eq!(times, minutes);
    assert!(times.len() >= 4, "{times:?}");
}

#[tokio::test]
async fn an_unknown_overlap_is_refused() {
    let world = World::at("2026-11-20T12:00:00Z").await;
    let tags = json!([{"Key": "runwright:overlap", "Value": "maybe"}]);
    let error = world.call("CreateScheduleGroup", json!({"Name": "g", "Tags": tags})).await.unwrap_err();
    assert_eq!(error.message, "The tag runwright:overlap is maybe: it can be allow, skip or queue.");
    world.ok("CreateSchedule", schedule("rate(1 hour)", json!({}))).await;
}
