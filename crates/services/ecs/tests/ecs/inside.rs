//! What containers see of AWS: credentials that are renewed, metadata, and nothing of their neighbours.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ecs::Config;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wire::{Document, DocumentRequest, Documents, Front};

use crate::support::{Process, World, within};

const URL: &str = "http://127.0.0.1:4566";
const ROLE: &str = "arn:aws:iam::000000000000:role/jobs/worker";

async fn start(world: &World) -> Process {
    world.start_with(Config { endpoint_url: Some(URL.to_owned()), ..Config::default() }).await
}

/// Runs a task in this machine's network, and waits until it runs.
async fn run(world: &World, process: &Process, more: Value) -> Value {
    run_in(world, process, "host", more).await
}

/// Runs a task in a network of that mode, and waits until it runs.
async fn run_in(world: &World, process: &Process, mode: &str, more: Value) -> Value {
    process.call("CreateCluster", json!({})).await.unwrap();
    world.logs.create_group("group");
    let options =
        json!({"awslogs-group": "group", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "p"});
    let definition = json!({
        "family": "job", "networkMode": mode, "cpu": "512", "memory": "1024", "taskRoleArn": ROLE,
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
        "CreatedAt": "2023-11-14T22:13:20.000Z",
        "StartedAt": "2023-11-14T22:13:20.000Z",
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

    let (status, stats) = process.document(&format!("{path}/stats"), None).await;
    assert_eq!((status, &stats["id"]), (200, &container["DockerId"]));
    assert_eq!(stats["preread"], "0001-01-01T00:00:00Z");
    let (_, all) = process.document(&format!("{path}/task/stats"), None).await;
    let again = &all[container["DockerId"].as_str().unwrap()];
    assert_eq!(again["preread"], stats["read"]);
    assert_eq!(again["precpu_stats"], stats["cpu_stats"]);

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

/// Stands for the API.
struct Api;

impl Documents for Api {
    fn own(&self, _: &str) -> bool {
        true
    }

    fn document<'a>(&'a self, _: DocumentRequest<'a>) -> BoxFuture<'a, Document> {
        Box::pin(async { Document { status: 200, body: "\"the API\"".to_owned() } })
    }
}

/// What is answered at `inside` in the only network that there is.
async fn get(world: &World, inside: &str, path: &str) -> (u16, Value) {
    let address = world.driver.listener(inside.parse().unwrap()).unwrap();
    within(get_from(address, path)).await.unwrap()
}

async fn get_from(address: SocketAddr, path: &str) -> std::io::Result<(u16, Value)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok((status, serde_json::from_str(body).unwrap_or_default()))
}

#[tokio::test]
async fn a_network_of_a_task_is_served_from_before_its_first_container_until_its_end() {
    let config = || Config {
        endpoint_url: Some(URL.to_owned()),
        api: Some(Front::documents(Arc::new(Api))),
        ..Config::default()
    };
    let world = World::new();
    let process = world.start_with(config()).await;
    let subnets = json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}});
    let task = run_in(&world, &process, "awsvpc", subnets).await;
    let told = told(&world);
    assert_eq!(told["AWS_ENDPOINT_URL"], "http://169.254.170.2:4566");
    assert!(!told.contains_key("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
    let id = task["containers"][0]["containerArn"].as_str().unwrap().rsplit('/').next().unwrap();
    assert_eq!(told["ECS_CONTAINER_METADATA_URI_V4"], format!("http://169.254.170.2/v4/{id}"));
    let path = told["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"].as_str();

    let (documents, api) = ("169.254.170.2:80", "169.254.170.2:4566");
    let (status, credentials) = get(&world, documents, path).await;
    assert_eq!((status, &credentials["AccessKeyId"]), (200, &json!("ASIA1")));
    assert_eq!(get(&world, documents, "/v2/credentials/other").await.0, 400);
    assert_eq!(get(&world, documents, "/v1/metadata").await.0, 404);
    assert_eq!(get(&world, api, "/").await, (200, json!("the API")));
    let (_, container) = get(&world, documents, &format!("/v4/{id}")).await;
    let network = &container["Networks"][0];
    assert_eq!(
        (&network["NetworkMode"], &network["IPv4SubnetCIDRBlock"], &network["SubnetGatewayIpv4Address"]),
        (&json!("awsvpc"), &json!("172.31.0.0/20"), &json!("172.31.0.1/20"))
    );
    assert_eq!(network["IPv4Addresses"][0], task["attachments"][0]["details"][4]["value"]);
    // On loopback nobody asks for it.
    let place = format!(
        "000000000000.eu-central-1.default.{}",
        task["taskArn"].as_str().unwrap().rsplit('/').next().unwrap()
    );
    assert_eq!(process.document(&format!("/v4/{place}.{id}"), None).await.0, 404);

    let before = world.driver.listener(documents.parse().unwrap()).unwrap();
    process.kill();
    let process = world.start_with(config()).await;
    within(async {
        while get_from(world.driver.listener(documents.parse().unwrap()).unwrap(), path).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let after = world.driver.listener(documents.parse().unwrap()).unwrap();
    assert_ne!(before, after);
    assert_eq!(get_from(after, path).await.unwrap().1["AccessKeyId"], "ASIA2");

    process.call("StopTask", json!({"task": task["taskArn"]})).await.unwrap();
    world.stopped().await;
    assert!(get_from(after, path).await.is_err());
}
