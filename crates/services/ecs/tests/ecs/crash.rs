//! Kills the service after each of its commits and starts it again: no container is started twice, no event is missing,
//! no line is lost, and each task comes to its end.

use std::time::Duration;

use clock::Clock;
use container::{ContainerSpec, Driver as _};
use serde_json::{Value, json};

use crate::support::{Process, World};

/// Registers a task definition with one container for each image.
pub async fn prepare(world: &World, process: &Process, images: &[&str]) {
    world.logs.create_group("group");
    process.call("CreateCluster", json!({})).await.unwrap();
    let containers: Vec<Value> = images.iter().enumerate().map(|(at, image)| container(at, image)).collect();
    let definition = json!({
        "family": "job", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "requiresCompatibilities": ["FARGATE"], "containerDefinitions": containers,
        "executionRoleArn": "arn:aws:iam::000000000000:role/execution",
    });
    process.call("RegisterTaskDefinition", definition).await.unwrap();
}

fn container(at: usize, image: &str) -> Value {
    let options =
        json!({"awslogs-group": "group", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "p"});
    json!({
        "name": format!("c{at}"), "image": image,
        "logConfiguration": {"logDriver": "awslogs", "options": options},
    })
}

pub fn run() -> Value {
    json!({
        "taskDefinition": "job", "launchType": "FARGATE", "clientToken": "token",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
    })
}

/// Runs a task to its end, with a kill after the `kill_after`th commit.
async fn run_with_a_kill(images: &[&str], stop: bool, kill_after: u64) -> World {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, images).await;
    let before = world.store.commits();
    world.store.die_after(before + kill_after);
    let first_life = async {
        if process.call("RunTask", run()).await.is_ok() && stop {
            let _ = stop_when_running(&world, &process).await;
        }
        world.stopped().await
    };
    tokio::select! {
        _ = first_life => {}
        () = crate::support::within(world.store.refused()) => {}
    }
    process.kill();
    world.store.revive();
    let process = world.start().await;
    // Whoever got no answer asks again, with the same token.
    process.call("RunTask", run()).await.unwrap();
    if stop {
        stop_when_running(&world, &process).await.unwrap();
    }
    world.stopped().await;
    world
}

async fn stop_when_running(world: &World, process: &Process) -> Result<Value, api::AwsError> {
    let running = world.event(|detail| detail["lastStatus"] == "RUNNING").await;
    process.call("StopTask", json!({"task": running["taskArn"]})).await
}

/// Runs it without a kill, to learn how many commits there are, then with a kill after each.
async fn at_every_step(images: &[&str], stop: bool, check: impl Fn(&World, u64)) {
    let commits = {
        let world = run_with_a_kill(images, stop, u64::MAX / 2).await;
        check(&world, u64::MAX);
        world.store.commits()
    };
    assert!(commits > 8, "{commits}");
    for kill_after in 0..commits {
        let world = run_with_a_kill(images, stop, kill_after).await;
        check(&world, kill_after);
    }
}

/// The versions that were announced, in the order in which they were first. A kill may repeat some, never skip one.
fn versions(world: &World) -> Vec<u64> {
    let mut versions = Vec::new();
    for detail in world.events.details() {
        let version = detail["version"].as_u64().unwrap();
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    versions
}

fn last(world: &World) -> Value {
    world.events.details().into_iter().rfind(|detail| detail["lastStatus"] == "STOPPED").unwrap()
}

#[tokio::test]
async fn a_job_runs_once() {
    at_every_step(&["exit-0"], false, |world, killed| {
        assert_eq!(
            world.driver.launches().into_iter().collect::<Vec<_>>(),
            [("c0".to_owned(), 1)],
            "{killed}"
        );
        assert_eq!(versions(world), [1, 2, 3, 4, 5], "{killed}");
        let (_, lines) = world.logs.stream("group");
        assert_eq!(lines, ["first", "last"], "{killed}");
        assert_eq!(last(world)["stopCode"], "EssentialContainerExited");
        assert_eq!(last(world)["containers"][0]["exitCode"], 0);
        assert_eq!(world.driver.left(), 0, "{killed}");
    })
    .await;
}

#[tokio::test]
async fn two_containers_run_once_each() {
    at_every_step(&["forever", "exit-3"], false, |world, killed| {
        assert!(world.driver.launches().values().all(|launches| *launches == 1), "{killed}");
        assert_eq!(world.driver.launches().len(), 2, "{killed}");
        let containers = &last(world)["containers"];
        assert_eq!(
            (&containers[0]["exitCode"], &containers[1]["exitCode"]),
            (&json!(143), &json!(3)),
            "{killed}"
        );
        assert_eq!(versions(world), [1, 2, 3, 4, 5], "{killed}");
    })
    .await;
}

#[tokio::test]
async fn a_stopped_task_stops_once() {
    at_every_step(&["forever"], true, |world, killed| {
        assert_eq!(world.driver.launches()["c0"], 1, "{killed}");
        let stopped = last(world);
        assert_eq!(stopped["stoppedReason"], "Task stopped by user", "{killed}");
        assert_eq!(stopped["containers"][0]["exitCode"], 143, "{killed}");
        assert_eq!(versions(world), [1, 2, 3, 4, 5, 6], "{killed}");
    })
    .await;
}

/// Registers `containers`, runs them and does `act`, with a kill after the `kill_after`th commit.
async fn with_a_kill(containers: &Value, act: impl AsyncFn(&World), kill_after: u64) -> World {
    let world = World::new();
    let process = world.start().await;
    world.logs.create_group("group");
    process.call("CreateCluster", json!({})).await.unwrap();
    let definition = json!({
        "family": "job", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "requiresCompatibilities": ["FARGATE"], "containerDefinitions": containers,
        "executionRoleArn": "arn:aws:iam::000000000000:role/execution",
    });
    process.call("RegisterTaskDefinition", definition).await.unwrap();
    world.store.die_after(world.store.commits() + kill_after);
    let first_life = async {
        if process.call("RunTask", run()).await.is_ok() {
            act(&world).await;
            world.stopped().await;
        }
    };
    tokio::select! {
        () = first_life => {}
        () = crate::support::within(world.store.refused()) => {}
    }
    process.kill();
    world.store.revive();
    let process = world.start().await;
    process.call("RunTask", run()).await.unwrap();
    act(&world).await;
    world.stopped().await;
    drop(process);
    world
}

async fn with_a_kill_at_every_step(containers: Value, act: impl AsyncFn(&World), check: impl Fn(&World)) {
    let whole = with_a_kill(&containers, &act, u64::MAX / 2).await;
    check(&whole);
    for kill_after in 0..whole.store.commits() {
        check(&with_a_kill(&containers, &act, kill_after).await);
    }
}

#[tokio::test]
async fn containers_that_wait_for_others_run_once_each() {
    let containers = json!([
        {"name": "main", "image": "exit-0", "dependsOn": [{"containerName": "second", "condition": "SUCCESS"}]},
        {"name": "second", "image": "exit-0", "essential": false,
         "dependsOn": [{"containerName": "first", "condition": "COMPLETE"}]},
        {"name": "first", "image": "exit-7", "essential": false},
    ]);
    with_a_kill_at_every_step(
        containers,
        async |_| {},
        |world| {
            assert_eq!(world.driver.launches().into_values().collect::<Vec<_>>(), [1, 1, 1]);
            let codes = last(world)["containers"].as_array().unwrap().clone();
            let codes: Vec<i64> = codes.iter().map(|one| one["exitCode"].as_i64().unwrap()).collect();
            assert_eq!(codes, [0, 0, 7]);
            assert_eq!(versions(world), [1, 2, 3, 4, 5]);
            assert_eq!(world.driver.left(), 0);
        },
    )
    .await;
}

#[tokio::test]
async fn a_container_is_restarted_once() {
    let mut containers = json!([container(0, "gated-1")]);
    containers[0]["restartPolicy"] = json!({"enabled": true, "restartAttemptPeriod": 60});
    let begin = World::new().hand;
    let act = async |world: &World| {
        world.event(|detail| detail["lastStatus"] == "RUNNING").await;
        if world.now() == Clock::Virtual(begin.clone()).now() {
            world.hand.advance(Duration::from_secs(60));
        }
        world.driver.open_gate();
    };
    with_a_kill_at_every_step(containers, act, |world| {
        assert_eq!(world.driver.launches()["c0"], 2);
        assert_eq!(last(world)["containers"][0]["exitCode"], 1);
        assert_eq!(world.logs.stream("group").1, ["first", "last", "first", "last"]);
        assert_eq!(versions(world), [1, 2, 3, 4, 5]);
        assert_eq!(world.driver.left(), 0);
    })
    .await;
}

#[tokio::test]
async fn health_is_remembered() {
    let containers = json!([
        {"name": "main", "image": "exit-0", "dependsOn": [{"containerName": "first", "condition": "HEALTHY"}]},
        {"name": "first", "image": "forever", "healthCheck": {"command": ["CMD", "pass"], "interval": 10}},
    ]);
    let act = async |world: &World| {
        // Whoever checks goes by the clock; one who was killed begins anew.
        while !world.events.details().iter().any(|detail| detail["lastStatus"] == "STOPPED") {
            world.hand.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    };
    with_a_kill_at_every_step(containers, act, |world| {
        assert_eq!(world.driver.launches().into_values().collect::<Vec<_>>(), [1, 1]);
        assert_eq!(last(world)["containers"][1]["healthStatus"], "HEALTHY");
        assert_eq!(world.driver.left(), 0);
    })
    .await;
}

#[tokio::test]
async fn containers_that_no_task_has_any_more_are_removed() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["forever"]).await;
    process.call("RunTask", run()).await.unwrap();
    let running = world.event(|detail| detail["lastStatus"] == "RUNNING").await;
    process.kill();
    let label = |id: &str| {
        let arn = running["taskArn"].as_str().unwrap();
        let (before, _) = arn.rsplit_once('/').unwrap();
        ("com.amazonaws.ecs.task-arn".to_owned(), format!("{before}/{id}"))
    };
    let name = ("com.amazonaws.ecs.container-name".to_owned(), "stranger".to_owned());
    let labels = [label("00000000000000000000000000000000"), name].into();
    let stranger = ContainerSpec {
        name: "stranger".to_owned(),
        image: "forever".to_owned(),
        labels,
        ..Default::default()
    };
    world.driver.launch(stranger).await.unwrap();
    assert_eq!(world.driver.left(), 2);
    let process = world.start().await;
    crate::support::within(async {
        while world.driver.left() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(world.driver.stops(), ["stranger"]);
    process.call("StopTask", json!({"task": running["taskArn"]})).await.unwrap();
    world.stopped().await;
}

#[tokio::test]
async fn containers_that_vanished_end_their_task() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["forever"]).await;
    process.call("RunTask", run()).await.unwrap();
    world.event(|detail| detail["lastStatus"] == "RUNNING").await;
    process.kill();
    world.driver.lose_everything();
    let _process = world.start().await;
    let stopped = world.stopped().await;
    assert_eq!(stopped["stopCode"], "EssentialContainerExited");
    let container = &stopped["containers"][0];
    assert!(container["exitCode"].is_null());
    assert!(container["reason"].as_str().unwrap().starts_with("ContainerRuntimeError: "), "{container}");
    assert_eq!(world.driver.launches()["c0"], 1);
}

#[tokio::test]
async fn what_ended_while_the_server_was_away_is_found() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["gated-7"]).await;
    process.call("RunTask", run()).await.unwrap();
    world.event(|detail| detail["lastStatus"] == "RUNNING").await;
    process.kill();
    world.driver.open_gate();
    let _process = world.start().await;
    assert_eq!(world.stopped().await["containers"][0]["exitCode"], 7);
    assert_eq!(world.driver.launches()["c0"], 1);
}
