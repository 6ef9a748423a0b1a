//! Schedules on the virtual clock: when they fire, and when they do not.

use std::sync::Arc;
use std::time::Duration;

use clock::VirtualClock;
use schedule::{MakeUp, Missed};
use serde_json::{Value, json};
use types::Timestamp;

use crate::world::{LOG_GROUP, MACHINE, ROLE, World, in_time, start};

async fn scheduled(world: &World, name: &str, expression: &str) {
    world.ok("PutRule", json!({"Name": name, "ScheduleExpression": expression})).await;
    let target = json!({"Id": "1", "Arn": MACHINE, "RoleArn": ROLE});
    world.ok("PutTargets", json!({"Rule": name, "Targets": [target]})).await;
}

/// The times and rules of the occurrences that started something, sorted.
fn fired(world: &World) -> Vec<(String, String)> {
    let of = |one: &crate::world::Given| {
        let event: Value = serde_json::from_str(one.input["input"].as_str().unwrap()).unwrap();
        let rule = event["resources"][0].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        (event["time"].as_str().unwrap().to_owned(), rule)
    };
    let given = world.targets.given();
    let mut fired: Vec<_> = given.iter().filter(|one| one.operation == "StartExecution").map(of).collect();
    fired.sort();
    fired
}

fn at(seconds: i64, rule: &str) -> (String, String) {
    (Timestamp::from_seconds(start().as_seconds() + seconds).to_iso_seconds(), rule.to_owned())
}

/// Moves the clock second by second, and waits each time until whatever is due has been done: a rule of its own that is
/// fired by hand, and every delivery there is.
async fn pass(world: &World, seconds: u64) {
    for _ in 0..seconds {
        world.clock.advance(Duration::from_secs(1));
        settle(world).await;
    }
}

async fn settle(world: &World) {
    let due_later = async {
        loop {
            let outcomes = world.store.list("events/outcome", store::Range::prefix("")).await.unwrap();
            let pending = outcomes.iter().any(|one| String::from_utf8_lossy(&one.value).contains("PENDING"));
            if !pending {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    // Firing takes a read, a commit and a few turns; a commit of our own goes through the same thread behind it.
    for _ in 0..3 {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        let mut batch = store::Batch::new();
        batch.put("test", "turn", Vec::new());
        world.store.submit(batch).durable().await.unwrap();
    }
    in_time(due_later).await;
}

#[tokio::test]
async fn a_rate_counts_from_when_the_rule_was_put() {
    let world = World::new().await;
    scheduled(&world, "r", "rate(1 minute)").await;
    pass(&world, 59).await;
    assert_eq!(fired(&world), []);
    pass(&world, 1).await;
    assert_eq!(fired(&world), [at(60, "r")]);
    pass(&world, 120).await;
    assert_eq!(fired(&world), [at(60, "r"), at(120, "r"), at(180, "r")]);
}

#[tokio::test]
async fn cron_fires_at_its_minute() {
    // It is 22:13:20.
    let world = World::new().await;
    scheduled(&world, "r", "cron(14 22 * * ? *)").await;
    pass(&world, 39).await;
    assert_eq!(fired(&world), []);
    pass(&world, 60).await;
    assert_eq!(fired(&world), [at(40, "r")]);
    world.clock.advance_to(start() + Duration::from_secs(24 * 3600 + 40));
    settle(&world).await;
    assert_eq!(fired(&world), [at(40, "r"), at(24 * 3600 + 40, "r")]);
}

#[tokio::test]
async fn many_rules_fire_at_the_same_time_each_once() {
    let world = World::new().await;
    for rule in ["a", "b", "c", "d", "e", "f"] {
        scheduled(&world, rule, "cron(* * * * ? *)").await;
    }
    pass(&world, 100).await;
    let rules = ["a", "b", "c", "d", "e", "f"];
    let expected: Vec<_> =
        [40, 100].into_iter().flat_map(|seconds| rules.map(|rule| at(seconds, rule))).collect();
    assert_eq!(fired(&world), expected);
}

#[tokio::test]
async fn a_disabled_rule_is_silent_and_counts_anew_when_enabled() {
    let world = World::new().await;
    scheduled(&world, "r", "rate(1 minute)").await;
    pass(&world, 30).await;
    world.ok("DisableRule", json!({"Name": "r"})).await;
    pass(&world, 60).await;
    assert_eq!(fired(&world), []);
    world.ok("EnableRule", json!({"Name": "r"})).await;
    pass(&world, 59).await;
    assert_eq!(fired(&world), []);
    pass(&world, 1).await;
    assert_eq!(fired(&world), [at(150, "r")]);
}

/// The next life of the service, begun so many seconds after the first.
async fn later(world: &World, seconds: u64) -> World {
    later_making_up(world, seconds, Missed::default()).await
}

async fn later_making_up(world: &World, seconds: u64, missed: Missed) -> World {
    let clock = VirtualClock::new(start() + Duration::from_secs(seconds));
    let life = World::making_up(Arc::clone(&world.store), clock, world.targets.clone(), missed).await;
    settle_all(&life).await;
    life
}

/// One occurrence after the other: each sets the timer of the next.
async fn settle_all(world: &World) {
    let mut before = usize::MAX;
    while before != world.targets.given().len() {
        before = world.targets.given().len();
        settle(world).await;
    }
}

#[tokio::test]
async fn what_was_due_more_than_a_minute_before_the_start_is_skipped() {
    let world = World::new().await;
    scheduled(&world, "late", "cron(14 22 * * ? *)").await;
    assert_eq!(fired(&later(&world, 40 + 60).await), [at(40, "late")]);

    let world = World::new().await;
    scheduled(&world, "too-late", "cron(14 22 * * ? *)").await;
    let life = later(&world, 40 + 61).await;
    assert_eq!(fired(&life), []);
    // The next day's comes.
    life.clock.advance_to(start() + Duration::from_secs(24 * 3600 + 40));
    settle(&life).await;
    assert_eq!(fired(&life), [at(24 * 3600 + 40, "too-late")]);
}

#[tokio::test]
async fn occurrences_of_a_downtime_are_made_up_for_where_that_is_wanted() {
    for (make_up, window, expected) in [
        (MakeUp::Once, 86_400, &[1200, 1500][..]),
        (MakeUp::All, 86_400, &[300, 600, 900, 1200, 1500]),
        (MakeUp::All, 700, &[900, 1200, 1500]),
        (MakeUp::Skip, 86_400, &[1500]),
    ] {
        let world = World::new().await;
        scheduled(&world, "r", "rate(5 minutes)").await;
        let missed = Missed { make_up, window: Duration::from_secs(window) };
        let expected: Vec<_> = expected.iter().map(|seconds| at(*seconds, "r")).collect();
        assert_eq!(fired(&later_making_up(&world, 1530, missed).await), expected, "{missed:?}");
    }
}

#[tokio::test]
async fn of_several_missed_occurrences_the_recent_ones_fire() {
    let world = World::new().await;
    scheduled(&world, "r", "rate(1 minute)").await;
    let life = later(&world, 600).await;
    assert_eq!(fired(&life), [at(540, "r"), at(600, "r")]);
    pass(&life, 60).await;
    assert_eq!(fired(&life), [at(540, "r"), at(600, "r"), at(660, "r")]);
}

#[tokio::test]
async fn what_a_clock_jumps_over_fires_each_once_and_nothing_fires_again_after_it_goes_back() {
    let world = World::new().await;
    scheduled(&world, "r", "rate(1 minute)").await;
    let mut expected = Vec::new();
    // Forth by ten minutes, back by nine, by a day, a little to and fro, and on.
    for (to, minutes) in
        [(605, 1..11), (60, 0..0), (-86_400, 0..0), (659, 0..0), (661, 11..12), (659, 0..0), (720, 12..13)]
    {
        world.clock.set(Timestamp::from_seconds(start().as_seconds() + to));
        settle_all(&world).await;
        expected.extend(minutes.map(|minute| at(minute * 60, "r")));
        expected.sort();
        assert_eq!(fired(&world), expected, "at {to}");
    }
    // A day is a downtime: the last minute's fire.
    world.clock.set(Timestamp::from_seconds(start().as_seconds() + 86_430));
    settle_all(&world).await;
    expected.push(at(86_400, "r"));
    assert_eq!(fired(&world), expected);
}

#[tokio::test]
async fn the_same_rule_again_keeps_its_rhythm_and_another_schedule_starts_one() {
    let world = World::new().await;
    scheduled(&world, "r", "rate(1 minute)").await;
    pass(&world, 30).await;
    scheduled(&world, "r", "rate(1 minute)").await;
    world.ok("TagResource", json!({
        "ResourceARN": "arn:aws:events:us-east-1:000000000000:rule/r", "Tags": [{"Key": "k", "Value": "v"}],
    })).await;
    pass(&world, 30).await;
    assert_eq!(fired(&world), [at(60, "r")]);
    scheduled(&world, "r", "rate(2 minutes)").await;
    pass(&world, 119).await;
    assert_eq!(fired(&world), [at(60, "r")]);
    pass(&world, 1).await;
    assert_eq!(fired(&world), [at(60, "r"), at(180, "r")]);
}

#[tokio::test]
async fn a_rule_whose_targets_change_while_it_is_due_still_fires() {
    let world = World::new().await;
    scheduled(&world, "r", "rate(1 minute)").await;
    world.clock.advance(Duration::from_secs(60));
    // Nobody has looked at the timer yet.
    let log = json!({"Id": "2", "Arn": LOG_GROUP});
    world.ok("PutTargets", json!({"Rule": "r", "Targets": [log]})).await;
    settle(&world).await;
    assert_eq!(fired(&world), [at(60, "r")]);
}

#[tokio::test]
async fn a_rule_that_is_disabled_deleted_or_changed_while_due_does_not_fire_the_old_schedule() {
    let world = World::new().await;
    for rule in ["disabled", "changed", "new"] {
        scheduled(&world, rule, "rate(2 minutes)").await;
    }
    world.clock.advance(Duration::from_secs(119));
    settle(&world).await;
    world.ok("DisableRule", json!({"Name": "disabled"})).await;
    world.ok("PutRule", json!({"Name": "changed", "ScheduleExpression": "rate(3 minutes)"})).await;
    world.ok("RemoveTargets", json!({"Rule": "new", "Ids": ["1"]})).await;
    world.ok("DeleteRule", json!({"Name": "new"})).await;
    scheduled(&world, "new", "rate(2 minutes)").await;
    pass(&world, 120).await;
    assert_eq!(fired(&world), [at(239, "new")]);
    pass(&world, 60).await;
    assert_eq!(fired(&world), [at(239, "new"), at(299, "changed")]);
}

/// A world in which a machine is started every minute by a rule with that tag; what it starts runs.
async fn overlapping(overlap: &str) -> World {
    let world = World::new().await;
    let tags = json!([{"Key": "runwright:overlap", "Value": overlap}]);
    world.ok("PutRule", json!({"Name": "r", "ScheduleExpression": "rate(1 minute)", "Tags": tags})).await;
    let machine = json!({"Id": "1", "Arn": MACHINE, "RoleArn": ROLE});
    let log = json!({"Id": "2", "Arn": LOG_GROUP});
    world.ok("PutTargets", json!({"Rule": "r", "Targets": [machine, log]})).await;
    world.targets.answer("DescribeExecution", json!({"status": "RUNNING"}));
    pass_minutes(&world, 1).await;
    assert_eq!(fired(&world), [at(60, "r")]);
    world
}

async fn pass_minutes(world: &World, minutes: u64) {
    for _ in 0..minutes {
        world.clock.advance(Duration::from_secs(60));
        settle_all(world).await;
    }
}

#[tokio::test]
async fn an_occurrence_is_left_out_while_the_one_before_works() {
    let world = overlapping("skip").await;
    pass_minutes(&world, 2).await;
    assert_eq!(fired(&world), [at(60, "r")]);
    world.targets.answer("DescribeExecution", json!({"status": "SUCCEEDED"}));
    pass_minutes(&world, 1).await;
    assert_eq!(fired(&world), [at(60, "r"), at(240, "r")]);
}

#[tokio::test]
async fn occurrences_wait_for_the_one_before_also_through_a_restart() {
    let world = overlapping("queue").await;
    pass_minutes(&world, 3).await;
    assert_eq!(fired(&world), [at(60, "r")]);
    let world = World::on(Arc::clone(&world.store), world.clock.clone(), world.targets.clone()).await;
    world.targets.answer("DescribeExecution", json!({"status": "SUCCEEDED"}));
    for _ in 0..10 {
        world.clock.advance(Duration::from_secs(5));
        settle_all(&world).await;
    }
    assert_eq!(fired(&world), [60, 120, 180, 240].map(|due| at(due, "r")));
}

#[tokio::test]
async fn what_was_given_up_holds_nobody_up() {
    let world = overlapping("skip").await;
    world.targets.answer("DescribeExecution", json!({"status": "FAILED"}));
    world.targets.fail("StartExecution", [api::AwsError::new("StateMachineDoesNotExist", "gone")]);
    pass_minutes(&world, 2).await;
    assert_eq!(fired(&world), [at(60, "r"), at(120, "r"), at(180, "r")]);
}

#[tokio::test]
async fn without_the_tag_occurrences_do_not_know_of_each_other() {
    let world = overlapping("allow").await;
    pass_minutes(&world, 2).await;
    assert_eq!(fired(&world), [at(60, "r"), at(120, "r"), at(180, "r")]);
    let tags = json!([{"Key": "runwright:overlap", "Value": "never"}]);
    let rule = json!({"Name": "x", "ScheduleExpression": "rate(1 minute)", "Tags": tags});
    let error = world.call("PutRule", rule).await.unwrap_err();
    assert_eq!(error.message, "The tag runwright:overlap is never: it can be allow, skip or queue.");
    assert_eq!(error.code, "ValidationException");
}
