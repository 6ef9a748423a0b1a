//! When schedules fire.

use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::json;
use store::{Batch, Store as _};

use crate::world::{World, schedule, time};

#[tokio::test]
async fn a_rate_fires_at_once_and_every_period_until_its_end() {
    let world = World::at("2026-11-20T12:00:30Z").await;
    world.schedule("rate(5 minutes)", json!({"EndDate": time("2026-11-20T12:15:30Z")})).await;
    world.fires_at(&["2026-11-20T12:00:30Z", "2026-11-20T12:05:30Z", "2026-11-20T12:10:30Z"]).await;
    world.clock.advance_to(time("2026-11-21T00:00:00Z"));
    world.settle().await;
    assert_eq!(world.targets.given().len(), 3);
}

#[tokio::test]
async fn a_rate_counts_from_its_start() {
    let world = World::at("2026-11-20T12:00:00Z").await;
    world.schedule("rate(1 hour)", json!({"StartDate": time("2026-11-20T18:30:00Z")})).await;
    world.fires_at(&["2026-11-20T18:30:00Z", "2026-11-20T19:30:00Z"]).await;
}

#[tokio::test]
async fn a_local_time_that_is_skipped_does_not_fire() {
    let world = World::at("2026-03-27T12:00:00Z").await;
    let zone = json!({"ScheduleExpressionTimezone": "Europe/Berlin"});
    world.schedule("cron(30 2 * * ? *)", zone).await;
    world.fires_at(&["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"]).await;
}

#[tokio::test]
async fn a_local_time_that_is_repeated_fires_once() {
    let world = World::at("2026-10-24T12:00:00Z").await;
    let zone = json!({"ScheduleExpressionTimezone": "Europe/Berlin"});
    world.schedule("cron(30 2 * * ? *)", zone).await;
    world.fires_at(&["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]).await;
}

#[tokio::test]
async fn a_day_is_24_hours_for_a_rate() {
    let world = World::at("2026-10-24T12:00:00Z").await;
    world.schedule("rate(1 day)", json!({"ScheduleExpressionTimezone": "Europe/Berlin"})).await;
    world.fires_at(&["2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"]).await;
}

#[tokio::test]
async fn one_time_schedules_ignore_dates_and_delete_themselves() {
    let world = World::at("2026-11-20T12:00:00Z").await;
    let more = json!({"ActionAfterCompletion": "DELETE", "ScheduleExpressionTimezone": "Asia/Tokyo",
        "StartDate": time("2026-12-01T00:00:00Z")});
    world.schedule("at(2026-11-21T00:00:00)", more).await;
    world.fires_at(&["2026-11-20T15:00:00Z"]).await;
    world.settle().await;
    let error = world.call("GetSchedule", json!({"Name": "s"})).await.unwrap_err();
    assert_eq!(error.message, "Schedule s does not exist.");
}

#[tokio::test]
async fn disabled_and_deleted_schedules_do_not_fire() {
    let world = World::at("2026-11-20T12:00:30Z").await;
    world.schedule("cron(* * * * ? *)", json!({})).await;
    world.fires_at(&["2026-11-20T12:01:00Z"]).await;
    world.ok("UpdateSchedule", schedule("cron(* * * * ? *)", json!({"State": "DISABLED"}))).await;
    world.clock.advance(Duration::from_secs(3600));
    world.settle().await;
    assert_eq!(world.targets.given().len(), 1);
    world.ok("UpdateSchedule", schedule("cron(* * * * ? *)", json!({}))).await;
    world.fires_at(&["2026-11-20T13:02:00Z"]).await;
    world.ok("DeleteSchedule", json!({"Name": "s"})).await;
    world.clock.advance(Duration::from_secs(3600));
    world.settle().await;
    assert_eq!(world.targets.given().len(), 2);
}

#[tokio::test]
async fn a_rate_keeps_its_beat_through_an_update() {
    let world = World::at("2026-11-20T12:00:00Z").await;
    world.schedule("rate(10 minutes)", json!({})).await;
    world.fires_at(&["2026-11-20T12:00:00Z"]).await;
    world.clock.advance(Duration::from_secs(60));
    world.ok("UpdateSchedule", schedule("rate(10 minutes)", json!({"Description": "d"}))).await;
    world.fires_at(&["2026-11-20T12:10:00Z"]).await;
}

#[tokio::test]
async fn a_flexible_window_delays_each_occurrence_once() {
    let world = World::at("2026-11-20T12:00:00Z").await;
    let window = json!({"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 10}});
    world.schedule("at(2026-11-20T13:00:00)", window).await;
    world.clock.advance_to(time("2026-11-20T13:00:00Z"));
    world.settle().await;
    // The offset is kept: a second life does not choose anew, and does not invoke twice.
    let world = world.restarted().await;
    world.clock.advance_to(time("2026-11-20T13:10:00Z"));
    let given = world.targets.count(1).await;
    world.settle().await;
    assert_eq!(world.targets.given().len(), 1);
    assert_eq!(given[0].time(), "2026-11-20T13:00:00Z");
}

#[tokio::test]
async fn a_schedule_that_is_deleted_within_its_window_is_not_invoked() {
    let world = World::at("2026-11-20T12:00:00Z").await;
    let window = json!({"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1440}});
    world.schedule("at(2026-11-20T13:00:00)", window).await;
    world.clock.advance_to(time("2026-11-20T13:00:00Z"));
    world.settle().await;
    world.ok("DeleteSchedule", json!({"Name": "s"})).await;
    let before = world.targets.given().len();
    world.clock.advance_to(time("2026-11-21T14:00:00Z"));
    world.settle().await;
    assert_eq!(world.targets.given().len(), before);
}

#[tokio::test]
async fn what_was_due_in_a_downtime_is_skipped_unless_just_now() {
    let world = World::at("2026-11-20T12:00:00Z").await;
    world.schedule("rate(5 minutes)", json!({})).await;
    world.fires_at(&["2026-11-20T12:00:00Z"]).await;
    world.settle().await;
    let targets = world.targets.clone();
    // Nobody is there while the clock moves: the next life takes the queues over first.
    let store = crate::world::LimitedStore::new(world.store.inner.clone(), usize::MAX);
    let asleep = clock::VirtualClock::new(time("2026-11-20T12:20:40Z"));
    let later = World::on(store, asleep, targets).await;
    let given = later.targets.count(2).await;
    assert_eq!(given[1].time(), "2026-11-20T12:20:00Z");
    later.settle().await;
    assert_eq!(later.targets.given().len(), 2);
}

#[tokio::test]
async fn a_timer_whose_schedule_is_gone_goes_too() {
    let world = World::at("2026-11-20T12:00:00Z").await;
    world.schedule("at(2026-11-20T13:00:00)", json!({})).await;
    let mut batch = Batch::new();
    batch.delete("scheduler/schedule", "000000000000/us-east-1/default/s");
    world.store.inner.submit(batch).durable().await.unwrap();
    world.clock.advance_to(time("2026-11-20T13:00:00Z"));
    world.settle().await;
    let mut timers = world.store.inner.timers("scheduler/schedule").await.unwrap();
    assert_eq!(timers.next(world.dispatcher.clock()).now_or_never(), None);
    assert!(world.targets.given().is_empty());
}
