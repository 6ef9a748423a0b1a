//! A clock that is set: forwards, backwards, a little, by a day, while the service is there and while it is not.

use std::time::Duration;

use clock::VirtualClock;
use serde_json::json;

use crate::world::{Given, LimitedStore, World, time};

const MINUTE: Duration = Duration::from_secs(60);

fn times(world: &World) -> Vec<String> {
    world.targets.given().iter().map(Given::time).collect()
}

/// What fires of a rate of five minutes from noon on, while the clock is set to these times, one after the other.
async fn fires(set: &[&str]) -> Vec<String> {
    let world = World::at("2026-11-20T12:00:00Z").await;
    world.schedule("rate(5 minutes)", json!({})).await;
    world.settle().await;
    for to in set {
        world.clock.set(time(to));
        settle_all(&world).await;
    }
    times(&world)
}

/// One occurrence after the other: each sets the timer of the next.
async fn settle_all(world: &World) {
    let mut before = usize::MAX;
    while before != world.targets.given().len() {
        before = world.targets.given().len();
        world.settle().await;
    }
}

fn noon_and(minutes: &[u32]) -> Vec<String> {
    let text = |minute: &u32| format!("2026-11-20T{:02}:{:02}:00Z", 12 + minute / 60, minute % 60);
    minutes.iter().map(text).collect()
}

#[tokio::test]
async fn what_a_clock_jumps_over_fires_each_once() {
    assert_eq!(fires(&["2026-11-20T12:16:10Z"]).await, noon_and(&[0, 5, 10, 15]));
    assert_eq!(
        fires(&["2026-11-20T12:59:59Z", "2026-11-20T13:00:00Z"]).await,
        noon_and(&[0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60])
    );
}

#[tokio::test]
async fn a_jump_of_a_day_is_a_downtime() {
    let late = fires(&["2026-11-21T12:02:00Z", "2026-11-21T12:05:00Z"]).await;
    assert_eq!(late, ["2026-11-20T12:00:00Z", "2026-11-21T12:05:00Z"]);
    let just_in_time = fires(&["2026-11-21T12:00:30Z"]).await;
    assert_eq!(just_in_time, ["2026-11-20T12:00:00Z", "2026-11-21T12:00:00Z"]);
}

#[tokio::test]
async fn a_clock_that_goes_back_fires_nothing_for_a_second_time() {
    for back in
        ["2026-11-20T12:04:59.500Z", "2026-11-20T12:00:00Z", "2026-11-20T11:00:00Z", "2026-11-19T12:00:00Z"]
    {
        let set = [
            "2026-11-20T12:05:00Z",
            back,
            "2026-11-20T12:05:00Z",
            "2026-11-20T12:09:59.999Z",
            back,
            "2026-11-20T12:10:00Z",
        ];
        assert_eq!(fires(&set).await, noon_and(&[0, 5, 10]), "back to {back}");
    }
}

#[tokio::test]
async fn a_clock_that_is_corrected_all_the_time_fires_each_occurrence_once() {
    let world = World::at("2026-11-20T12:00:00Z").await;
    world.schedule("rate(1 minute)", json!({})).await;
    world.settle().await;
    // Three minutes, of which every other second is taken back in part.
    let mut at = time("2026-11-20T12:00:00Z");
    for step in 0..360_u64 {
        at = if step % 2 == 0 { at + Duration::from_millis(1700) } else { at - Duration::from_millis(700) };
        let before = world.targets.given().len();
        world.clock.set(at);
        if (at.as_millis() / 60_000) != ((at.as_millis() - 1700) / 60_000) {
            world.settle().await;
        }
        assert!(world.targets.given().len() - before <= 1);
    }
    world.settle().await;
    assert_eq!(times(&world), noon_and(&[0, 1, 2, 3]));
}

#[tokio::test]
async fn a_clock_that_is_set_between_two_lives_fires_nothing_twice() {
    let world = World::at("2026-11-20T12:00:00Z").await;
    world.schedule("rate(5 minutes)", json!({})).await;
    world.fires_at(&["2026-11-20T12:00:00Z", "2026-11-20T12:05:00Z"]).await;
    world.settle().await;
    let mut expected = noon_and(&[0, 5]);
    let mut worlds = vec![world];
    // Back by an hour, forth again, and on beyond what may be late.
    for (at, more) in [
        ("2026-11-20T11:05:00Z", &[][..]),
        ("2026-11-20T12:05:00Z", &[]),
        ("2026-11-20T12:10:59Z", &[10]),
        ("2026-11-20T12:21:30Z", &[]),
        ("2026-11-20T12:25:30Z", &[25]),
    ] {
        let last = worlds.last().unwrap();
        let store = LimitedStore::new(last.store.inner.clone(), usize::MAX);
        let life = World::on(store, VirtualClock::new(time(at)), last.targets.clone()).await;
        settle_all(&life).await;
        expected.extend(noon_and(more));
        assert_eq!(times(&life), expected, "at {at}");
        worlds.push(life);
    }
}

#[tokio::test]
async fn a_flexible_window_outlasts_a_clock_that_is_set() {
    let world = World::at("2026-11-20T12:00:00Z").await;
    let window = json!({"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 10}});
    world.schedule("at(2026-11-20T13:00:00)", window).await;
    for at in [
        "2026-11-20T13:00:00Z",
        "2026-11-20T12:30:00Z",
        "2026-11-20T13:00:00Z",
        "2026-11-20T13:10:00Z",
        "2026-11-20T12:00:00Z",
        "2026-11-20T14:00:00Z",
    ] {
        world.clock.set(time(at));
        world.settle().await;
    }
    assert_eq!(times(&world), ["2026-11-20T13:00:00Z"]);
}

#[tokio::test]
async fn windows_and_dates_go_by_the_zone_through_daylight_saving() {
    // Clocks in Berlin go forward at 2:00 on 2026-03-29 and back at 3:00 on 2026-10-25.
    for (from, to, expected) in [
        ("2026-03-27T23:00:00Z", "2026-03-31T00:00:00Z", ["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"]),
        ("2026-10-24T01:00:00Z", "2026-10-26T23:00:00Z", ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
    ] {
        let world = World::at(from).await;
        let more = json!({
            "ScheduleExpressionTimezone": "Europe/Berlin", "StartDate": time(from), "EndDate": time(to),
            "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60},
        });
        world.schedule("cron(30 2 * * ? *)", more).await;
        let mut now = time(from);
        while now < time(to) + 24 * 60 * MINUTE {
            now = now + 60 * MINUTE;
            world.clock.advance_to(now);
            world.settle().await;
        }
        assert_eq!(times(&world), expected);
    }
}

#[tokio::test]
async fn an_end_that_lies_in_a_repeated_hour_is_one_moment() {
    let world = World::at("2026-10-24T23:00:00Z").await;
    // 2:15 comes twice in Berlin; the schedule ends between the two.
    let more =
        json!({"ScheduleExpressionTimezone": "Europe/Berlin", "EndDate": time("2026-10-25T01:00:00Z")});
    world.schedule("cron(0/15 * * * ? *)", more).await;
    let mut now = time("2026-10-24T23:00:00Z");
    for _ in 0..16 {
        now = now + 15 * MINUTE;
        world.clock.advance_to(now);
        world.settle().await;
    }
    let expected = ["23:00", "23:15", "23:30", "23:45"].map(|at| format!("2026-10-24T{at}:00Z"));
    let after_midnight = ["00:00", "00:15", "00:30", "00:45"].map(|at| format!("2026-10-25T{at}:00Z"));
    let expected: Vec<String> = expected.into_iter().chain(after_midnight).collect();
    assert_eq!(times(&world), expected);
}
