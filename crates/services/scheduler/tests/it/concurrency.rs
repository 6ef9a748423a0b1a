//! Requests that meet.

use futures_util::future::join_all;
use serde_json::json;

use crate::world::{World, schedule};

#[tokio::test]
async fn a_request_that_is_repeated_at_once_is_served_once() {
    let world = World::at("2026-11-20T12:00:00Z").await;
    let create =
        |token: String| world.call("CreateSchedule", schedule("rate(1 hour)", json!({"ClientToken": token})));
    let same = join_all((0..16).map(|_| create("same".to_owned()))).await;
    assert!(same.iter().all(|answer| answer.is_ok()), "{same:?}");
    let others = join_all((0..16).map(|number| create(format!("t{number}")))).await;
    let refused = |answer: &Result<_, api::AwsError>| {
        answer.as_ref().is_err_and(|error| error.message == "Schedule s already exists.")
    };
    assert!(others.iter().all(refused), "{others:?}");
}

#[tokio::test]
async fn changes_of_one_schedule_follow_each_other() {
    let world = World::at("2026-11-20T12:00:00Z").await;
    world.schedule("rate(1 hour)", json!({})).await;
    let update = |number: usize| {
        let more = json!({"Description": number.to_string()});
        world.call("UpdateSchedule", schedule("rate(1 hour)", more))
    };
    let updates = join_all((0..16).map(update)).await;
    assert!(updates.iter().all(Result::is_ok), "{updates:?}");
}

#[tokio::test]
async fn a_group_that_goes_takes_what_is_created_meanwhile() {
    let world = World::at("2026-11-20T12:00:00Z").await;
    world.ok("CreateScheduleGroup", json!({"Name": "g"})).await;
    let create = |number: usize| {
        let more = json!({"Name": format!("s{number}"), "GroupName": "g"});
        world.call("CreateSchedule", schedule("at(2027-01-01T00:00:00)", more))
    };
    let creations = join_all((0..16).map(create));
    let deletion = world.call("DeleteScheduleGroup", json!({"Name": "g"}));
    let (creations, deletion) = futures_util::future::join(creations, deletion).await;
    deletion.unwrap();
    let not_found = |error: &api::AwsError| error.message == "Schedule group g does not exist.";
    assert!(creations.iter().all(|answer| answer.as_ref().err().is_none_or(not_found)), "{creations:?}");
    let left = world.ok("ListSchedules", json!({})).await;
    assert_eq!(left["Schedules"], json!([]));
}
