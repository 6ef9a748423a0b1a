//! What fits on the machine, and what waits for room.

use ecs::{Capacity, Config, Overflow};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Process, World};

fn machine(cpu_units: u64, memory_mib: u64, overflow: Overflow) -> Config {
    let capacity = Capacity {
        cpu_units: Some(cpu_units),
        memory_mib: Some(memory_mib),
        overflow,
        ..Capacity::default()
    };
    Config { capacity, ..Config::default() }
}

/// A cluster, and tasks of a quarter of a processor that run the image.
async fn prepare(process: &Process, image: &str) {
    process.call("CreateCluster", json!({})).await.unwrap();
    register(process, json!({"name": "main", "image": image, "memory": 64, "cpu": 256})).await;
}

async fn register(process: &Process, container: Value) {
    let definition = json!({"family": "job", "containerDefinitions": [container]});
    process.call("RegisterTaskDefinition", definition).await.unwrap();
}

async fn run(process: &Process, count: usize) -> Value {
    process.call("RunTask", json!({"taskDefinition": "job", "count": count})).await.unwrap()
}

fn reasons(answer: &Value) -> Vec<&str> {
    answer["failures"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect()
}

async fn described(process: &Process, arn: &Value) -> Value {
    process.call("DescribeTasks", json!({"tasks": [arn]})).await.unwrap()["tasks"][0].clone()
}

#[tokio::test]
async fn tasks_that_do_not_fit_are_failures() {
    let world = World::new();
    let process = world.start_with(machine(512, 1024, Overflow::Refuse)).await;
    prepare(&process, "gated-0").await;
    let answer = run(&process, 3).await;
    assert_eq!(answer["tasks"].as_array().unwrap().len(), 2);
    let cluster = "arn:aws:ecs:eu-central-1:000000000000:cluster/default";
    assert_eq!(answer["failures"], json!([{"arn": cluster, "reason": "RESOURCE:CPU"}]));
    register(
        &process,
        json!({"name": "main", "image": "gated-0", "memory": 2048, "memoryReservation": 1025}),
    )
    .await;
    assert_eq!(reasons(&run(&process, 1).await), ["RESOURCE:MEMORY"]);
    world.driver.open_gate();
    for task in answer["tasks"].as_array().unwrap() {
        world.event(|detail| detail["taskArn"] == task["taskArn"] && detail["lastStatus"] == "STOPPED").await;
    }
    prepare(&process, "exit-0").await;
    assert_eq!(run(&process, 2).await["failures"], json!([]));
    process.kill();
}

#[tokio::test]
async fn requests_at_one_time_do_not_reserve_the_same_room() {
    let world = World::new();
    let process = world.start_with(machine(1024, 1024, Overflow::Refuse)).await;
    prepare(&process, "gated-0").await;
    let answers = join_all((0..32).map(|_| run(&process, 1))).await;
    assert_eq!(answers.iter().filter(|answer| reasons(answer).is_empty()).count(), 4);
    process.kill();
}

#[tokio::test]
async fn a_burst_runs_in_turns() {
    let world = World::new();
    let process = world.start_with(machine(1024, 4096, Overflow::Queue)).await;
    prepare(&process, "exit-0").await;
    let answers = join_all((0..20).map(|_| run(&process, 10))).await;
    let tasks: Vec<&Value> = answers.iter().flat_map(|answer| answer["tasks"].as_array().unwrap()).collect();
    assert_eq!(tasks.len(), 200);
    for task in &tasks {
        world.event(|detail| detail["taskArn"] == task["taskArn"] && detail["lastStatus"] == "STOPPED").await;
    }
    assert_eq!(world.driver.launches()["main"], 200);
    assert!(world.driver.most() <= 4, "{} ran at one time", world.driver.most());
    process.kill();
}

#[tokio::test]
async fn what_can_never_fit_does_not_wait() {
    let world = World::new();
    let process = world.start_with(machine(1024, 1024, Overflow::Queue)).await;
    prepare(&process, "gated-0").await;
    register(&process, json!({"name": "main", "image": "gated-0", "memory": 64, "cpu": 2048})).await;
    let answer = run(&process, 1).await;
    assert_eq!((reasons(&answer), &answer["tasks"]), (vec!["RESOURCE:CPU"], &json!([])));
    process.kill();
}

#[tokio::test]
async fn a_task_that_waits_can_be_stopped_and_survives_a_restart() {
    let world = World::new();
    let config = machine(256, 1024, Overflow::Queue);
    let process = world.start_with(config.clone()).await;
    prepare(&process, "gated-0").await;
    let tasks = run(&process, 4).await["tasks"].clone();
    world.event(|detail| detail["taskArn"] == tasks[0]["taskArn"] && detail["lastStatus"] == "RUNNING").await;
    process.call("StopTask", json!({"task": tasks[1]["taskArn"]})).await.unwrap();
    let is_stopped = |detail: &Value, at: usize| {
        detail["taskArn"] == tasks[at]["taskArn"] && detail["lastStatus"] == "STOPPED"
    };
    let stopped = world.event(|detail| is_stopped(detail, 1)).await;
    assert_eq!((&stopped["stopCode"], &stopped["startedAt"]), (&json!("UserInitiated"), &Value::Null));
    process.kill();

    let process = world.start_with(config).await;
    for waits in [&tasks[2], &tasks[3]] {
        assert_eq!(described(&process, &waits["taskArn"]).await["lastStatus"], "PROVISIONING");
    }
    world.driver.open_gate();
    for at in [0, 2, 3] {
        world.event(|detail| is_stopped(detail, at)).await;
    }
    assert_eq!((world.driver.launches()["main"], world.driver.most()), (3, 1));
    process.kill();
}

#[tokio::test]
async fn limits_of_families_and_clusters_hold() {
    let world = World::new();
    let capacity = Capacity {
        family_limits: [("job".to_owned(), 2)].into(),
        cluster_limits: [("default".to_owned(), 3)].into(),
        ..Capacity::default()
    };
    let process = world.start_with(Config { capacity, ..Config::default() }).await;
    prepare(&process, "gated-0").await;
    let limit = "You've reached the limit on the number of tasks you can run concurrently";
    assert_eq!(reasons(&run(&process, 3).await), [limit]);
    let other = json!({"family": "other", "containerDefinitions": [{"name": "main", "image": "gated-0", "memory": 64}]});
    process.call("RegisterTaskDefinition", other).await.unwrap();
    let answer = process.call("RunTask", json!({"taskDefinition": "other", "count": 2})).await.unwrap();
    assert_eq!((reasons(&answer), answer["tasks"].as_array().unwrap().len()), (vec![limit], 1));
    process.kill();
}

#[tokio::test]
async fn a_host_port_has_one_task() {
    let world = World::new();
    let process = world.start().await;
    process.call("CreateCluster", json!({})).await.unwrap();
    let ports = json!([{"containerPort": 80, "hostPort": 8080}]);
    register(&process, json!({"name": "main", "image": "gated-0", "memory": 64, "portMappings": ports}))
        .await;
    let answer = run(&process, 2).await;
    assert_eq!((reasons(&answer), answer["tasks"].as_array().unwrap().len()), (vec!["RESOURCE:PORTS"], 1));
    process.kill();
}

#[tokio::test]
async fn a_token_whose_tasks_found_no_room_may_be_used_again() {
    let world = World::new();
    let process = world.start_with(machine(256, 1024, Overflow::Refuse)).await;
    prepare(&process, "gated-0").await;
    let first = run(&process, 1).await;
    let request = json!({"taskDefinition": "job", "clientToken": "again"});
    assert_eq!(reasons(&process.call("RunTask", request.clone()).await.unwrap()), ["RESOURCE:CPU"]);
    let arn = first["tasks"][0]["taskArn"].clone();
    process.call("StopTask", json!({"task": arn})).await.unwrap();
    world.event(|detail| detail["taskArn"] == arn && detail["lastStatus"] == "STOPPED").await;
    assert_eq!(reasons(&process.call("RunTask", request).await.unwrap()), Vec::<&str>::new());
    process.kill();
}
