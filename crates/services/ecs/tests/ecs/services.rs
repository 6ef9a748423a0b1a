//! Services: tasks that are kept, replaced, exchanged and given up, while time passes by hand.

use std::time::Duration;

use clock::Clock;
use serde_json::{Value, json};

use crate::crash::prepare;
use crate::support::{Process, World, within};

/// A service called `web` of `desired` tasks of the first revision, with `more` in its request.
async fn create(process: &Process, desired: usize, more: Value) -> Value {
    let mut input = request(desired);
    for (name, value) in more.as_object().unwrap() {
        input[name] = value.clone();
    }
    process.call("CreateService", input).await.unwrap()["service"].clone()
}

fn request(desired: usize) -> Value {
    json!({
        "serviceName": "web", "taskDefinition": "job:1", "desiredCount": desired, "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
    })
}

async fn update(process: &Process, mut change: Value) -> Value {
    change["service"] = json!("web");
    process.call("UpdateService", change).await.unwrap()["service"].clone()
}

async fn describe(process: &Process) -> Value {
    let answer = process.call("DescribeServices", json!({"services": ["web"]})).await.unwrap();
    answer["services"][0].clone()
}

/// Waits until the service is as `wanted` says. Time passes by seconds, whenever nothing happens in it.
async fn until(world: &World, process: &Process, wanted: impl Fn(&Value) -> bool) -> Value {
    let waiting = async {
        loop {
            let service = describe(process).await;
            if wanted(&service) {
                return service;
            }
            tokio::select! {
                biased;
                () = world.store.changed() => {}
                () = nothing_happens() => world.hand.advance(Duration::from_secs(1)),
            }
        }
    };
    within(waiting).await
}

/// All other tasks of the runtime have had their turns, again and again.
async fn nothing_happens() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn is_completed(service: &Value) -> bool {
    service["deployments"].as_array().is_some_and(|all| all.len() == 1)
        && service["deployments"][0]["rolloutState"] == "COMPLETED"
        && service["runningCount"] == service["desiredCount"]
}

fn messages(service: &Value) -> Vec<String> {
    let events = service["events"].as_array().unwrap().iter();
    events.map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

async fn running(process: &Process) -> Vec<Value> {
    let listed = process.call("ListTasks", json!({"serviceName": "web"})).await.unwrap();
    listed["taskArns"].as_array().unwrap().clone()
}

/// Events of that name that EventBridge was told of.
fn announced(world: &World, name: &str) -> usize {
    world.events.details().iter().filter(|detail| detail["eventName"] == name).count()
}

#[tokio::test]
async fn a_service_keeps_its_tasks() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["forever"]).await;
    let created = create(
        &process,
        2,
        json!({"enableECSManagedTags": true, "tags": [{"key": "k", "value": "v"}],
        "propagateTags": "SERVICE"}),
    )
    .await;
    assert_eq!(created["deployments"][0]["rolloutState"], "IN_PROGRESS");
    let service = until(&world, &process, is_completed).await;
    let said = messages(&service);
    assert_eq!(said[0], "(service web) has reached a steady state.");
    let deployment = service["deployments"][0]["id"].as_str().unwrap();
    assert_eq!(said[1], format!("(service web) (deployment {deployment}) deployment completed."));
    assert!(said[2].starts_with("(service web) has started 2 tasks: (task "), "{said:?}");
    assert_eq!(said.len(), 3);

    let tasks = running(&process).await;
    let described =
        process.call("DescribeTasks", json!({"tasks": tasks, "include": ["TAGS"]})).await.unwrap();
    for task in described["tasks"].as_array().unwrap() {
        assert_eq!((&task["group"], task["startedBy"].as_str()), (&json!("service:web"), Some(deployment)));
        assert_eq!(
            task["tags"],
            json!([
                {"key": "aws:ecs:clusterName", "value": "default"},
                {"key": "aws:ecs:serviceName", "value": "web"},
                {"key": "k", "value": "v"},
            ])
        );
    }
    // One is stopped: another one comes, at once.
    process.call("StopTask", json!({"task": tasks[0]})).await.unwrap();
    let service =
        until(&world, &process, |service| messages(service).len() == 5 && is_completed(service)).await;
    let said = messages(&service);
    assert!(said[1].starts_with("(service web) has started 1 tasks: (task "), "{said:?}");
    assert_eq!(world.driver.launches()["c0"], 3);
    assert_eq!(service["deployments"][0]["failedTasks"], 0);
    assert_eq!(announced(&world, "SERVICE_STEADY_STATE"), 2);
    assert_eq!(announced(&world, "SERVICE_DEPLOYMENT_IN_PROGRESS"), 1);
    assert_eq!(announced(&world, "SERVICE_DEPLOYMENT_COMPLETED"), 1);
}

#[tokio::test]
async fn it_scales_up_and_down_and_goes() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["forever"]).await;
    create(&process, 1, json!({})).await;
    until(&world, &process, is_completed).await;
    update(&process, json!({"desiredCount": 25})).await;
    until(&world, &process, |service| service["runningCount"] == 25).await;
    update(&process, json!({"desiredCount": 3})).await;
    until(&world, &process, |service| service["runningCount"] == 3).await;
    let stopped = world.event(|detail| detail["stopCode"] == "ServiceSchedulerInitiated").await;
    let reason = stopped["stoppedReason"].as_str().unwrap();
    assert!(reason.starts_with("Scaling activity initiated by (deployment ecs-svc/"), "{reason}");
    assert_eq!(world.driver.launches()["c0"], 25);

    let cluster = process.call("DescribeClusters", json!({})).await.unwrap()["clusters"][0].clone();
    assert_eq!(cluster["activeServicesCount"], 1);
    let refused = process.call("DeleteCluster", json!({"cluster": "default"})).await.unwrap_err();
    assert_eq!(refused.message, "The Cluster cannot be deleted while Services are active.");
    let refused = process.call("DeleteService", json!({"service": "web"})).await.unwrap_err();
    assert_eq!(refused.message, "The service cannot be stopped while it is scaled above 0.");
    let deleted = process.call("DeleteService", json!({"service": "web", "force": true})).await.unwrap();
    assert_eq!(deleted["service"]["status"], "DRAINING");
    until(&world, &process, |service| service["status"] == "INACTIVE").await;
    assert!(running(&process).await.is_empty());
    assert!(
        process.call("ListServices", json!({})).await.unwrap()["serviceArns"].as_array().unwrap().is_empty()
    );
    process.call("DeleteCluster", json!({"cluster": "default"})).await.unwrap();
    world.hand.advance(Duration::from_secs(3601));
    within(world.until(|store| store.keys("ecs/service").is_empty())).await;
    assert!(world.store.keys("ecs/service_task").is_empty());
    assert!(world.store.keys("ecs/service_wake").is_empty());
    assert!(world.store.timer_keys("ecs/service").is_empty());
}

#[tokio::test]
async fn a_deployment_replaces_tasks_that_work_by_tasks_that_work() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["forever"]).await;
    create(&process, 4, json!({})).await;
    until(&world, &process, is_completed).await;
    let before = running(&process).await;
    prepare(&world, &process, &["forever"]).await;
    let service = update(&process, json!({"taskDefinition": "job"})).await;
    assert_eq!(service["deployments"][0]["status"], "PRIMARY");
    assert_eq!(service["deployments"][1]["status"], "ACTIVE");
    // Nothing of the old is stopped before all of the new has run for a while.
    let both = until(&world, &process, |service| service["runningCount"] == 8).await;
    assert_eq!(both["deployments"].as_array().unwrap().len(), 2);
    let after = until(&world, &process, is_completed).await;
    assert!(after["taskDefinition"].as_str().unwrap().ends_with("job:2"));
    let tasks = running(&process).await;
    assert!(tasks.iter().all(|task| !before.contains(task)));
    assert_eq!(world.driver.launches()["c0"], 8);
}

#[tokio::test]
async fn a_deployment_without_room_stops_before_it_starts() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["forever"]).await;
    let limits = json!({"deploymentConfiguration": {"minimumHealthyPercent": 50, "maximumPercent": 100}});
    create(&process, 4, limits).await;
    until(&world, &process, is_completed).await;
    update(&process, json!({"forceNewDeployment": true})).await;
    let after = until(&world, &process, |service| {
        let running = service["runningCount"].as_u64().unwrap();
        assert!((2..=4).contains(&running), "{running}");
        is_completed(service)
    })
    .await;
    let stops = messages(&after).iter().filter(|one| one.contains("has stopped 2 running tasks")).count();
    assert_eq!(stops, 2);
    assert_eq!(world.driver.launches()["c0"], 8);
}

#[tokio::test]
async fn tasks_that_fail_again_and_again_are_started_ever_more_rarely() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["exit-1"]).await;
    create(&process, 1, json!({})).await;
    let clock = Clock::Virtual(world.hand.clone());
    let began = clock.now();
    let service = until(&world, &process, |service| service["deployments"][0]["failedTasks"] == 8).await;
    // Pauses of 1, 2, 4, 8, 16, 32 and 64 seconds lie between eight tasks.
    assert!(clock.now().since(began) >= Duration::from_secs(127));
    assert_eq!(world.driver.launches()["c0"], 8);
    let impaired = "(service web) is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
    assert_eq!(messages(&service).iter().filter(|one| *one == impaired).count(), 1);
    assert_eq!(announced(&world, "SERVICE_TASK_START_IMPAIRED"), 1);
    assert_eq!(announced(&world, "SERVICE_STEADY_STATE"), 0);
    assert_eq!(service["deployments"][0]["rolloutState"], "IN_PROGRESS");
}

#[tokio::test]
async fn a_broken_deployment_is_given_up_and_rolled_back() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["forever"]).await;
    let breaker =
        json!({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}}});
    create(&process, 2, breaker).await;
    let first = until(&world, &process, is_completed).await["deployments"][0]["id"].clone();
    let tasks = running(&process).await;
    prepare(&world, &process, &["missing"]).await;
    let failing = update(&process, json!({"taskDefinition": "job"})).await["deployments"][0]["id"].clone();
    let after =
        until(&world, &process, |service| service["deployments"][0]["id"] == first && is_completed(service))
            .await;
    assert!(after["taskDefinition"].as_str().unwrap().ends_with("job:1"));
    assert_eq!(running(&process).await, tasks, "the tasks that worked are still there");
    let said = messages(&after);
    let (first, failing) = (first.as_str().unwrap(), failing.as_str().unwrap());
    assert!(said.contains(&format!(
        "(service web) (deployment {failing}) deployment failed: tasks failed to start."
    )));
    assert!(said.contains(&format!("(service web) rolling back to deployment {first}.")));
    let failed = world.event(|detail| detail["eventName"] == "SERVICE_DEPLOYMENT_FAILED").await;
    assert_eq!(failed["reason"], "ECS deployment circuit breaker: tasks failed to start.");
    assert_eq!(failed["deploymentId"], failing);
    let back = format!("ECS deployment circuit breaker: rolling back to deploymentId {first}.");
    world
        .event(|detail| {
            detail["eventName"] == "SERVICE_DEPLOYMENT_IN_PROGRESS" && detail["reason"] == back.as_str()
        })
        .await;
}

#[tokio::test]
async fn without_rollback_a_failed_deployment_starts_no_more() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["exit-1"]).await;
    let breaker =
        json!({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": false}}});
    create(&process, 1, breaker).await;
    let failed =
        until(&world, &process, |service| service["deployments"][0]["rolloutState"] == "FAILED").await;
    assert_eq!(
        failed["deployments"][0]["rolloutStateReason"],
        "ECS deployment circuit breaker: tasks failed to start."
    );
    assert_eq!(world.driver.launches()["c0"], 3);
    world.hand.advance(Duration::from_secs(3600));
    nothing_happens().await;
    assert_eq!(world.driver.launches()["c0"], 3);
}

#[tokio::test]
async fn a_configuration_that_leaves_no_way_on_is_told_once() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["forever"]).await;
    let limits = json!({"deploymentConfiguration": {"minimumHealthyPercent": 50, "maximumPercent": 150}});
    create(&process, 1, limits).await;
    until(&world, &process, is_completed).await;
    update(&process, json!({"forceNewDeployment": true})).await;
    let blocked = "(service web) was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.";
    let said = |service: &Value| messages(service).iter().filter(|one| *one == blocked).count();
    let service = until(&world, &process, |service| said(service) == 1).await;
    assert_eq!(service["deployments"].as_array().unwrap().len(), 2);
    assert_eq!(service["runningCount"], 1);
    update(&process, json!({"deploymentConfiguration": {"maximumPercent": 200}})).await;
    assert_eq!(said(&until(&world, &process, is_completed).await), 1);
}

/// Registers a revision whose container is healthy as soon as the gate is open.
async fn prepare_checked(world: &World, process: &Process) {
    prepare(world, process, &["forever"]).await;
    let definition = json!({
        "family": "job", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [{
            "name": "c0", "image": "forever",
            "healthCheck": {"command": ["CMD", "gate"], "interval": 5, "retries": 2},
        }],
    });
    process.call("RegisterTaskDefinition", definition).await.unwrap();
}

#[tokio::test]
async fn unhealthy_tasks_are_replaced_until_one_is_healthy() {
    let world = World::new();
    let process = world.start().await;
    prepare_checked(&world, &process).await;
    create(&process, 1, json!({"taskDefinition": "job:2"})).await;
    let service = until(&world, &process, |service| service["deployments"][0]["failedTasks"] == 2).await;
    let said = messages(&service);
    let unhealthy = said.iter().filter(|one| one.ends_with("failed container health checks.")).count();
    assert_eq!(unhealthy, 2, "{said:?}");
    assert!(said.iter().all(|one| !one.contains("steady state")), "{said:?}");
    let stopped = world.event(|detail| detail["desiredStatus"] == "STOPPED").await;
    assert_eq!(stopped["stoppedReason"], "Task failed container health checks");
    assert_eq!(stopped["stopCode"], "ServiceSchedulerInitiated");
    world.driver.open_gate();
    let service = until(&world, &process, is_completed).await;
    assert_eq!(service["deployments"][0]["failedTasks"], 0);
    let described = process.call("DescribeTasks", json!({"tasks": running(&process).await})).await.unwrap();
    assert_eq!(described["tasks"][0]["healthStatus"], "HEALTHY");
}

#[tokio::test]
async fn health_checks_have_a_time_of_grace_and_keep_a_deployment_back() {
    let world = World::new();
    let process = world.start().await;
    prepare_checked(&world, &process).await;
    create(&process, 1, json!({"healthCheckGracePeriodSeconds": 100})).await;
    until(&world, &process, is_completed).await;
    let old = running(&process).await;
    let clock = Clock::Virtual(world.hand.clone());
    let began = clock.now();
    update(&process, json!({"taskDefinition": "job:2"})).await;
    until(&world, &process, |service| service["deployments"][0]["failedTasks"] == 1).await;
    assert!(clock.now().since(began) >= Duration::from_secs(100));
    assert!(running(&process).await.contains(&old[0]), "what works stays");
    world.driver.open_gate();
    until(&world, &process, is_completed).await;
    assert!(!running(&process).await.contains(&old[0]));
}

#[tokio::test]
async fn lists_have_pages_of_ten() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["forever"]).await;
    for number in 0..12 {
        create(&process, 0, json!({"serviceName": format!("web-{number}")})).await;
    }
    let first = process.call("ListServices", json!({})).await.unwrap();
    assert_eq!(first["serviceArns"].as_array().unwrap().len(), 10);
    let second = process.call("ListServices", json!({"nextToken": first["nextToken"]})).await.unwrap();
    assert_eq!(second["serviceArns"].as_array().unwrap().len(), 2);
    assert!(second["nextToken"].is_null());
    let all = process.call("ListServices", json!({"maxResults": 100})).await.unwrap();
    assert_eq!(all["serviceArns"].as_array().unwrap().len(), 12);
    let cluster = process.call("DescribeClusters", json!({"include": ["STATISTICS"]})).await.unwrap();
    let statistics = cluster["clusters"][0]["statistics"].as_array().unwrap();
    assert!(statistics.contains(&json!({"name": "activeFargateServiceCount", "value": "12"})));
}

/// Creates a service and deploys to it, as somebody does who asks again until there is an answer.
async fn create_and_deploy(world: &World, process: &Process) -> Result<(), api::AwsError> {
    process.call("CreateService", request(2)).await?;
    until(world, process, is_completed).await;
    process.call("UpdateService", json!({"service": "web", "taskDefinition": "job:2"})).await?;
    until(world, process, |service| {
        is_completed(service) && service["taskDefinition"].as_str().unwrap().ends_with("job:2")
    })
    .await;
    Ok(())
}

async fn deploy_with_a_kill(kill_after: u64) -> World {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["forever"]).await;
    prepare(&world, &process, &["forever"]).await;
    world.store.die_after(world.store.commits() + kill_after);
    tokio::select! {
        biased;
        () = world.store.refused() => {}
        _ = create_and_deploy(&world, &process) => {}
    }
    process.kill();
    world.store.revive();
    let process = world.start().await;
    create_and_deploy(&world, &process).await.unwrap();
    assert_eq!(running(&process).await.len(), 2, "{kill_after}");
    process.kill();
    world
}

#[tokio::test]
async fn a_kill_at_any_moment_neither_doubles_nor_loses_a_task() {
    let commits = deploy_with_a_kill(u64::MAX / 2).await.store.commits();
    assert!(commits > 30, "{commits}");
    for kill_after in 0..commits {
        let world = deploy_with_a_kill(kill_after).await;
        assert_eq!(world.driver.launches()["c0"], 4, "{kill_after}");
        assert_eq!(world.driver.left(), 2, "{kill_after}");
    }
}
