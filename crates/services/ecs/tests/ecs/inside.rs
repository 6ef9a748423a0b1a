//! What containers see of AWS: credentials that are renewed, metadata, and nothing of their neighbours.

use std::collections::BTreeMap;
use std::time::Duration;

use ecs::Config;
use serde_json::{Value, json};

use crate::support::{Process, World};

const URL: &str = "http://127.0.0.1:4566";
const ROLE: &str = "arn:aws:iam::000000000000:role/jobs/worker";

async fn start(world: &World) -> Process {
    world.start_with(Config { endpoint_url: Some(URL.to_owned()), ..Config::default() }).await
}

/// Runs a task in this machine's network, and waits until it runs.
async fn run(world: &World, process: &Process, more: Value) -> Value {
    process.call("CreateCluster", json!({})).await.unwrap();
    world.logs.create_group("group");
    let options =
        json!({"awslogs-group": "group", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "p"});
    let definition = json!({
        "family": "job", "networkMode": "host", "cpu": "512", "memory": "1024", "taskRoleArn": ROLE,
        "containerDefinitions": [{
            "name": "job", "image": "forever", "memory": 128,
            "logConfiguration": {"logDriver": "awslogs", "options": options},
        }],
    });
    process.call("RegisterTaskDefinition", definition).await.unwrap();
    let mut request = json!({"taskDefinition": "job"});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let started = process.call("RunTask", request).await.unwrap();
    let arn = started["tasks"][0]["taskArn"].clone();
    world.event(|detail| detail["taskArn"] == arn && detail["lastStatus"] == "RUNNING").await
}

/// What the container was told, by the variables' names.
fn told(world: &World) -> BTreeMap<String, String> {
    world.driver.spec("job").unwrap().environment.into_iter().collect()
}

fn path_of(url: &str) -> &str {
    url.strip_prefix(URL).unwrap()
}

#[tokio::test]
async fn a_container_gets_credentials_of_the_tasks_role_for_its_token() {
    let world = World::new();
    let process = start(&world).await;
    let task = run(&world, &process, json!({})).await;
    let told = told(&world);
    assert_eq!(told["AWS_ENDPOINT_URL"], URL);
    assert_eq!(told["AWS_REGION"], "eu-central-1");
    let path = path_of(&told["AWS_CONTAINER_CREDENTIALS_FULL_URI"]);
    let token = told["AWS_CONTAINER_AUTHORIZATION_TOKEN"].as_str();

    let (status, credentials) = process.document(path, Some(token)).await;
    assert_eq!(status, 200);
    assert_eq!(
        credentials,
        json!({
            "RoleArn": ROLE, "AccessKeyId": "ASIA1", "SecretAccessKey": "secret", "Token": "token",
            "Expiration": "2023-11-15T04:13:20Z",
        })
    );
    let (caller, session) = world.sts.calls().remove(0);
    assert_eq!(caller, "ecs-tasks.amazonaws.com");
    let id = task["taskArn"].as_str().unwrap().rsplit('/').next().unwrap();
    assert_eq!(session, json!({"RoleArn": ROLE, "RoleSessionName": id, "DurationSeconds": 21600}));

    let unknown = json!({
        "code": "InvalidIdInRequest", "message": "CredentialsV2Request: Credentials not found", "HTTPErrorCode": 400,
    });
    let own = path.rsplit('.').next().unwrap();
    let shorter = &path[..path.len() - 1];
    for (path, token) in [
        (path, None),
        (path, Some("")),
        (path, Some(&token[1..])),
        (shorter, Some(token)),
        (&format!("/v2/credentials/{own}"), Some(token)),
    ] {
        assert_eq!(process.document(path, token).await, (400, unknown.clone()), "{path}");
    }
    let (status, error) = process.document("/v2/credentials/", Some(token)).await;
    assert_eq!((status, &error["code"]), (400, &json!("NoIdInRequest")));
}

#[tokio::test]
async fn credentials_are_renewed_long_before_they_expire() {
    let world = World::new();
    let process = start(&world).await;
    run(&world, &process, json!({})).await;
    let told = told(&world);
    let path = path_of(&told["AWS_CONTAINER_CREDENTIALS_FULL_URI"]);
    let token = told["AWS_CONTAINER_AUTHORIZATION_TOKEN"].as_str();
    let key = async || process.document(path, Some(token)).await.1["AccessKeyId"].clone();

    world.hand.advance(Duration::from_secs(5 * 3600 - 1));
    assert_eq!(key().await, "ASIA1");
    world.hand.advance(Duration::from_secs(1));
    assert_eq!(key().await, "ASIA2");
    assert_eq!(key().await, "ASIA2");

    // While STS fails, what there is goes on to be handed out until it expires.
    world.sts.break_down();
    world.hand.advance(Duration::from_secs(6 * 3600 - 1));
    assert_eq!(key().await, "ASIA2");
    world.hand.advance(Duration::from_secs(1));
    let (status, error) = process.document(path, Some(token)).await;
    assert_eq!((status, &error["code"]), (503, &json!("CredentialsUninitialized")));
}

#[tokio::test]
async fn after_a_restart_the_same_path_leads_to_credentials_until_the_task_ends() {
    let world = World::new();
    let process = start(&world).await;
    let task = run(&world, &process, json!({})).await;
    let told = told(&world);
    let path = path_of(&told["AWS_CONTAINER_CREDENTIALS_FULL_URI"]);
    let token = told["AWS_CONTAINER_AUTHORIZATION_TOKEN"].as_str();
    process.kill();

    let process = start(&world).await;
    let (status, credentials) = process.document(path, Some(token)).await;
    assert_eq!((status, &credentials["AccessKeyId"]), (200, &json!("ASIA2")));

    process.call("StopTask", json!({"task": task["taskArn"]})).await.unwrap();
    world.stopped().await;
    assert_eq!(process.document(path, Some(token)).await.0, 400);
    let metadata = path_of(&told["ECS_CONTAINER_METADATA_URI_V4"]);
    assert_eq!(process.document(metadata, None).await.0, 404);
}

#[tokio::test]
async fn an_override_names_the_role_and_a_role_that_cannot_be_assumed_is_refused() {
    let world = World::new();
    let process = start(&world).await;
    run(&world, &process, json!({"overrides": {"taskRoleArn": "other"}})).await;
    let (_, session) = world.sts.calls().remove(0);
    assert_eq!(session["RoleArn"], "arn:aws:iam::000000000000:role/other");

    let role = "arn:aws:iam::000000000000:role/nobodys";
    let request = json!({"taskDefinition": "job", "overrides": {"taskRoleArn": role}});
    let error = process.call("RunTask", request).await.unwrap_err();
    assert_eq!(error.code, "ClientException");
    assert_eq!(
        error.message,
        format!(
            "ECS was unable to assume the role '{role}' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role."
        )
    );
    world.sts.break_down();
    let error = process.call("RunTask", json!({"taskDefinition": "job"})).await.unwrap_err();
    assert_eq!(error.status, 500);
}

#[tokio::test]
async fn a_container_reads_metadata_of_itself_and_its_task() {
    let world = World::new();
    let process = start(&world).await;
    let tags = json!({"tags": [{"key": "team", "value": "batch"}]});
    let task = run(&world, &process, tags).await;
    let told = told(&world);
    let arn = task["taskArn"].as_str().unwrap();
    let id = arn.rsplit('/').next().unwrap();
    let path = path_of(&told["ECS_CONTAINER_METADATA_URI_V4"]);

    let (status, container) = process.document(path, None).await;
    assert_eq!(status, 200);
    let expected = json!({
        "DockerId": task["containers"][0]["runtimeId"],
        "Name": "job",
        "DockerName": format!("{id}-0-job"),
        "Image": "forever",
        "ImageID": "sha256:0123",
        "Labels": {
            "com.amazonaws.ecs.cluster": "default",
            "com.amazonaws.ecs.container-name": "job",
            "com.amazonaws.ecs.task-arn": arn,
            "com.amazonaws.ecs.task-definition-family": "job",
            "com.amazonaws.ecs.task-definition-version": "1",
        },
        "DesiredStatus": "RUNNING",
        "KnownStatus": "RUNNING",
        "Limits": {"CPU": 2, "Memory": 128},
        "Type": "NORMAL",
        "LogDriver": "awslogs",
        "LogOptions": {
            "awslogs-group": "group", "awslogs-region": "eu-central-1", "awslogs-stream": format!("p/job/{id}"),
        },
        "ContainerARN": task["containers"][0]["containerArn"],
        "Networks": [{"NetworkMode": "host", "IPv4Addresses": [""]}],
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(container[name], *value, "{name}");
    }

    let (_, document) = process.document(&format!("{path}/task"), None).await;
    let times = ["PullStartedAt", "PullStoppedAt"];
    assert!(times.iter().all(|name| document[name] == "2023-11-14T22:13:20.000Z"), "{document}");
    let expected = json!({
        "Cluster": "default", "TaskARN": arn, "Family": "job", "Revision": "1", "DesiredStatus": "RUNNING",
        "KnownStatus": "RUNNING", "Limits": {"CPU": 0.5, "Memory": 1024}, "AvailabilityZone": "eu-central-1a",
        "LaunchType": "EC2", "Containers": [container], "FaultInjectionEnabled": false, "TaskTags": null,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(document[name], *value, "{name}");
    }
    let (_, document) = process.document(&format!("{path}/taskWithTags"), None).await;
    assert_eq!(document["TaskTags"], json!({"team": "batch"}));

    let (status, old) = process.document(path_of(&told["ECS_CONTAINER_METADATA_URI"]), None).await;
    assert_eq!((status, &old["Name"], &old["ContainerARN"]), (200, &json!("job"), &Value::Null));
}

#[tokio::test]
async fn unknown_ids_are_refused_in_the_agents_words() {
    let world = World::new();
    let process = start(&world).await;
    run(&world, &process, json!({})).await;
    let told = told(&world);
    let (place, _) = path_of(&told["ECS_CONTAINER_METADATA_URI_V4"]).rsplit_once('.').unwrap();
    let place = place.strip_prefix("/v4/").unwrap();
    for id in ["bad".to_owned(), format!("{place}.bad"), place.to_owned(), String::new()] {
        let container = format!(
            "V4 container metadata handler: unable to get container ID from request: unable to get docker ID from v3 endpoint ID: {id}"
        );
        assert_eq!(process.document(&format!("/v4/{id}"), None).await, (404, json!(container)));
        let task = format!(
            "V4 task metadata handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: {id}"
        );
        assert_eq!(process.document(&format!("/v4/{id}/task"), None).await, (404, json!(task)));
    }
}
