//! Attempts, pauses between them, and the end of them.

use std::time::Duration;

use api::AwsError;
use serde_json::{Value, json};

use crate::world::{CLUSTER, LOG_GROUP, MACHINE, ROLE, World};

fn machine(id: &str, policy: Value) -> Value {
    let mut target = json!({"Id": id, "Arn": MACHINE, "RoleArn": ROLE});
    if !policy.is_null() {
        target["RetryPolicy"] = policy;
    }
    target
}

fn failing() -> AwsError {
    AwsError::new("InternalException", "not now").with_status(500)
}

fn status(outcome: &Value) -> (&str, u64, &str) {
    let text = |name: &str| outcome[name].as_str().unwrap_or_default();
    (text("Status"), outcome["Attempts"].as_u64().unwrap(), text("ErrorCode"))
}

#[tokio::test]
async fn a_failure_that_may_pass_is_tried_again_after_a_pause() {
    let world = World::new().await;
    world.rule("r", json!([machine("1", Value::Null)])).await;
    world
        .targets
        .fail("StartExecution", [failing(), AwsError::new("ThrottlingException", "slowly"), failing()]);
    let event = world.event(json!({})).await;
    // The first pause lasts a second at most, each further one twice as long.
    for (attempts, seconds) in [(1, 1), (2, 2), (3, 4)] {
        let pending = world.outcomes_when(&event, |all| all[0]["Attempts"] == attempts).await;
        assert_eq!(status(&pending[0]).0, "PENDING");
        assert_eq!(world.targets.given().len(), usize::try_from(attempts).unwrap());
        world.clock.advance(Duration::from_secs(seconds));
    }
    let outcomes = world.outcomes(&event).await;
    assert_eq!(status(&outcomes[0]), ("DELIVERED", 4, ""));
    let given = world.targets.given();
    assert!(given.iter().all(|one| one.input == given[0].input && one.principal == given[0].principal));
}

#[tokio::test]
async fn no_attempt_is_made_before_half_the_pause_is_over() {
    let world = World::new().await;
    world.rule("r", json!([machine("1", Value::Null)])).await;
    world.targets.fail("StartExecution", [failing()]);
    let event = world.event(json!({})).await;
    world.outcomes_when(&event, |all| all[0]["Attempts"] == 1).await;
    world.clock.advance(Duration::from_millis(499));
    // Another event comes and goes, so the first one's delivery had its chance.
    let other = world.event(json!({})).await;
    world.outcomes(&other).await;
    assert_eq!(world.targets.given().len(), 2);
    world.clock.advance(Duration::from_millis(501));
    assert_eq!(status(&world.outcomes(&event).await[0]), ("DELIVERED", 2, ""));
}

#[tokio::test]
async fn what_cannot_pass_is_given_up_at_once() {
    for code in ["AccessDeniedException", "StateMachineDoesNotExist", "ValidationException"] {
        let world = World::new().await;
        world.rule("r", json!([machine("1", Value::Null)])).await;
        world.targets.fail("StartExecution", [AwsError::new(code, "never")]);
        let event = world.event(json!({})).await;
        assert_eq!(status(&world.outcomes(&event).await[0]), ("FAILED", 1, code));
    }
}

#[tokio::test]
async fn attempts_and_age_end_by_the_policy() {
    let world = World::new().await;
    world.rule("r", json!([machine("1", json!({"MaximumRetryAttempts": 2}))])).await;
    world.targets.fail("StartExecution", (0..9).map(|_| failing()));
    let event = world.event(json!({})).await;
    for attempts in 1..=2 {
        world.outcomes_when(&event, |all| all[0]["Attempts"] == attempts).await;
        world.clock.advance(Duration::from_secs(10));
    }
    assert_eq!(status(&world.outcomes(&event).await[0]), ("FAILED", 3, "InternalException"));

    let world = World::new().await;
    world.rule("r", json!([machine("1", json!({"MaximumEventAgeInSeconds": 60}))])).await;
    world.targets.fail("StartExecution", (0..9).map(|_| failing()));
    let event = world.event(json!({})).await;
    world.outcomes_when(&event, |all| all[0]["Attempts"] == 1).await;
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(status(&world.outcomes(&event).await[0]), ("FAILED", 2, "InternalException"));
}

#[tokio::test]
async fn an_event_that_grew_too_old_while_nobody_was_there_is_not_delivered() {
    let world = World::new().await;
    world.rule("r", json!([machine("1", json!({"MaximumEventAgeInSeconds": 60}))])).await;
    world.targets.fail("StartExecution", [failing()]);
    let event = world.event(json!({})).await;
    world.outcomes_when(&event, |all| all[0]["Attempts"] == 1).await;
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(status(&world.outcomes(&event).await[0]), ("FAILED", 1, "EventAgeExceeded"));
    assert_eq!(world.targets.given().len(), 1);
}

#[tokio::test]
async fn one_target_does_not_hold_up_another() {
    let world = World::new().await;
    let log = json!({"Id": "2", "Arn": LOG_GROUP, "Input": "\"x\""});
    let cluster = json!({
        "Id": "3", "Arn": CLUSTER, "RoleArn": ROLE, "EcsParameters": {"TaskDefinitionArn": "job"},
    });
    world.rule("r", json!([machine("1", Value::Null), log, cluster])).await;
    world.targets.fail("StartExecution", (0..9).map(|_| failing()));
    let event = world.event(json!({})).await;
    let two_are_done = |all: &[Value]| all.iter().filter(|one| one["Status"] == "DELIVERED").count() == 2;
    let outcomes = world.outcomes_when(&event, two_are_done).await;
    let pending: Vec<_> = outcomes.iter().filter(|one| one["Status"] == "PENDING").collect();
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0]["TargetId"], "1");
}

#[tokio::test]
async fn a_service_that_panics_is_tried_again() {
    let world = World::new().await;
    world.rule("r", json!([machine("1", Value::Null)])).await;
    world.targets.fail("StartExecution", [AwsError::new("panic", "")]);
    let event = world.event(json!({})).await;
    world.outcomes_when(&event, |all| all[0]["Attempts"] == 1).await;
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(status(&world.outcomes(&event).await[0]), ("DELIVERED", 2, ""));
}

#[tokio::test]
async fn an_execution_that_is_there_already_was_started_by_an_earlier_attempt() {
    let world = World::new().await;
    world.rule("r", json!([machine("1", Value::Null)])).await;
    world.targets.fail("StartExecution", [AwsError::new("ExecutionAlreadyExists", "it is")]);
    let event = world.event(json!({})).await;
    assert_eq!(status(&world.outcomes(&event).await[0]), ("DELIVERED", 1, ""));
}

#[tokio::test]
async fn a_task_that_finds_no_place_is_tried_again_with_the_same_token() {
    let world = World::new().await;
    let target = json!({
        "Id": "1", "Arn": CLUSTER, "RoleArn": ROLE, "EcsParameters": {"TaskDefinitionArn": "job"},
    });
    world.rule("r", json!([target])).await;
    let no_place = AwsError::new("answer", "")
        .with_member("tasks", json!([]))
        .with_member("failures", json!([{"reason": "RESOURCE:MEMORY"}]));
    let some_place = AwsError::new("answer", "")
        .with_member("tasks", json!([{"taskArn": "one"}]))
        .with_member("failures", json!([{"reason": "RESOURCE:MEMORY"}]));
    world.targets.fail("RunTask", [no_place, some_place]);
    let event = world.event(json!({})).await;
    let pending = world.outcomes_when(&event, |all| all[0]["Attempts"] == 1).await;
    assert_eq!(pending[0]["ErrorMessage"], "Task failed to start: RESOURCE:MEMORY");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(status(&world.outcomes(&event).await[0]), ("DELIVERED", 2, ""));
    let given = world.targets.given();
    assert_eq!(given[0].input, given[1].input);
}

#[tokio::test]
async fn what_cannot_be_made_into_an_input_is_told() {
    let world = World::new().await;
    world.rule("r", json!([{"Id": "1", "Arn": LOG_GROUP, "InputPath": "$.detail.a"}])).await;
    let event = world.event(json!({})).await;
    assert_eq!(status(&world.outcomes(&event).await[0]), ("FAILED", 0, "InvalidInput"));
    assert!(world.targets.given().is_empty());
}

#[tokio::test]
async fn outcomes_are_forgotten_after_an_hour() {
    let world = World::new().await;
    world.rule("r", json!([machine("1", Value::Null)])).await;
    let event = world.event(json!({})).await;
    world.outcomes_when(&event, |all| all.len() == 1 && all[0]["Status"] == "DELIVERED").await;
    world.clock.advance(Duration::from_secs(3600));
    world.outcomes_when(&event, <[Value]>::is_empty).await;
}
