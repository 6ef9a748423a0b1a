//! API destinations and their connections, against an endpoint that answers as a test says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::world::{ROLE, World, in_time};

/// An endpoint: what it was asked, and how it answers next. Without a script it answers 200; an empty answer is none.
#[derive(Clone)]
struct Endpoint {
    url: String,
    asked: Arc<watch::Sender<Vec<String>>>,
    script: Arc<Mutex<VecDeque<&'static str>>>,
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

impl Endpoint {
    async fn start(script: impl IntoIterator<Item = &'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(script.into_iter().collect()));
        let endpoint = Self { url, asked: Arc::new(watch::Sender::new(Vec::new())), script };
        let serving = endpoint.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        endpoint
    }

    async fn serve(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some(request) = read(&mut stream).await {
            let answer = self.script.lock().unwrap().pop_front().unwrap_or(OK);
            self.asked.send_modify(|asked| asked.push(request));
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    /// What it was asked, once it is as much.
    async fn asked(&self, count: usize) -> Vec<String> {
        let mut asked = self.asked.subscribe();
        in_time(asked.wait_for(|asked| asked.len() >= count)).await.unwrap().clone()
    }
}

/// A request: its line, its headers sorted and in lower case, an empty line, its body.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut first, mut headers, mut length) = (String::new(), Vec::new(), 0);
    stream.read_line(&mut first).await.ok().filter(|read| *read > 0)?;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        let name = name.to_ascii_lowercase();
        if name == "content-length" {
            length = value.parse().unwrap();
        }
        headers.push(format!("{name}: {value}"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    headers.retain(|header| !header.starts_with("host:") && !header.starts_with("content-length:"));
    headers.sort();
    Some(format!("{}\n{}\n\n{}", first.trim_end(), headers.join("\n"), String::from_utf8(body).unwrap()))
}

/// A rule whose target is a destination; `destination` and `target` are added to them.
async fn rule(world: &World, url: &str, connection: Value, destination: Value, target: Value) {
    let mut given = json!({"Name": "c"});
    merge(&mut given, connection);
    let connection = world.ok("CreateConnection", given).await;
    let mut given = json!({
        "Name": "d", "ConnectionArn": connection["ConnectionArn"], "HttpMethod": "POST", "InvocationEndpoint": url,
    });
    merge(&mut given, destination);
    let created = world.ok("CreateApiDestination", given).await;
    let mut given =
        json!({"Id": "1", "Arn": created["ApiDestinationArn"], "RoleArn": ROLE, "Input": "{\"a\":1}"});
    merge(&mut given, target);
    world.rule("r", json!([given])).await;
}

fn merge(given: &mut Value, added: Value) {
    given.as_object_mut().unwrap().extend(added.as_object().unwrap().clone());
}

fn api_key() -> Value {
    let key = json!({"ApiKeyName": "X-Key", "ApiKeyValue": "secret"});
    json!({"AuthorizationType": "API_KEY", "AuthParameters": {"ApiKeyAuthParameters": key}})
}

async fn failed_once(world: &World, event: &str) -> Value {
    world.outcomes_when(event, |all| all[0]["Attempts"] == 1 && all[0]["ErrorCode"].is_string()).await[0]
        .clone()
}

#[tokio::test]
async fn a_request_has_the_targets_parameters_and_the_connections() {
    let (world, endpoint) = (World::new().await, Endpoint::start([]).await);
    let mut connection = json!({
        "AuthorizationType": "BASIC",
        "AuthParameters": {
            "BasicAuthParameters": {"Username": "u", "Password": "p"},
            "InvocationHttpParameters": {
                "HeaderParameters": [{"Key": "X-Both", "Value": "connection"}],
                "QueryStringParameters": [{"Key": "q", "Value": "c", "IsValueSecret": true}],
                "BodyParameters": [{"Key": "b", "Value": "c"}],
            },
        },
    });
    connection["Description"] = "d".into();
    let parameters = json!({
        "PathParameterValues": ["x"],
        "HeaderParameters": {"X-Both": "target", "X-Own": "1", "Connection": "close"},
        "QueryStringParameters": {"q": "t", "r": "2"},
    });
    let url = format!("{}/p/*", endpoint.url);
    rule(&world, &url, connection, json!({"HttpMethod": "PUT"}), json!({"HttpParameters": parameters})).await;
    let event = world.event(json!({})).await;
    assert_eq!(world.outcomes(&event).await[0]["Status"], "DELIVERED");
    let expected = "PUT /p/x?r=2&q=c HTTP/1.1\n\
                    authorization: Basic dTpw\n\
                    content-type: application/json; charset=utf-8\n\
                    range: bytes=0-1048575\n\
                    user-agent: Amazon/EventBridge/ApiDestinations\n\
                    x-both: connection\n\
                    x-own: 1\n\n\
                    {\"a\":1,\"b\":\"c\"}";
    assert_eq!(endpoint.asked(1).await, [expected]);
}

#[tokio::test]
async fn an_endpoint_says_when_to_come_again() {
    let slowly = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 30\r\ncontent-length: 4\r\n\r\nlate";
    let (world, endpoint) = (World::new().await, Endpoint::start([slowly]).await);
    rule(&world, &endpoint.url, api_key(), json!({}), json!({})).await;
    let event = world.event(json!({})).await;
    let outcome = failed_once(&world, &event).await;
    let text = "Unable to invoke ApiDestination endpoint: the endpoint answered 429 Too Many Requests: late";
    assert_eq!((&outcome["Status"], &outcome["ErrorMessage"]), (&json!("PENDING"), &json!(text)));
    world.clock.advance(Duration::from_secs(29));
    // Another event comes and goes, so the first one's delivery had its chance.
    let other = world.event(json!({})).await;
    world.outcomes(&other).await;
    assert_eq!(endpoint.asked(2).await.len(), 2);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.outcomes(&event).await[0]["Status"], "DELIVERED");
    assert!(endpoint.asked(3).await[2].contains("x-key: secret"));
}

#[tokio::test]
async fn an_endpoint_has_five_seconds() {
    let (world, endpoint) = (World::new().await, Endpoint::start([""]).await);
    rule(&world, &endpoint.url, api_key(), json!({}), json!({})).await;
    let event = world.event(json!({})).await;
    endpoint.asked(1).await;
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(failed_once(&world, &event).await["ErrorCode"], "TimedOut");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.outcomes(&event).await[0]["Status"], "DELIVERED");
}

#[tokio::test]
async fn what_an_endpoint_refuses_is_given_up() {
    let refused = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    let (world, endpoint) = (World::new().await, Endpoint::start([refused]).await);
    rule(&world, &endpoint.url, api_key(), json!({}), json!({})).await;
    let event = world.event(json!({})).await;
    assert_eq!(world.outcomes(&event).await[0]["Status"], "FAILED");
    world.ok("DeauthorizeConnection", json!({"Name": "c"})).await;
    let event = world.event(json!({})).await;
    assert_eq!(world.outcomes(&event).await[0]["ErrorCode"], "InvalidConnectionState");
    world.ok("DeleteApiDestination", json!({"Name": "d"})).await;
    let event = world.event(json!({})).await;
    assert_eq!(world.outcomes(&event).await[0]["ErrorCode"], "ResourceNotFoundException");
    assert_eq!(endpoint.asked(1).await.len(), 1);
}

#[tokio::test]
async fn so_many_calls_a_second_and_no_more() {
    let (world, endpoint) = (World::new().await, Endpoint::start([]).await);
    rule(&world, &endpoint.url, api_key(), json!({"InvocationRateLimitPerSecond": 1}), json!({})).await;
    let first = world.event(json!({})).await;
    world.outcomes(&first).await;
    let second = world.event(json!({})).await;
    // Its turn is kept before the clock moves.
    let timers =
        || async { world.store.list("events/outcome", store::Range::prefix(&second)).await.unwrap().len() };
    assert_eq!(timers().await, 1);
    assert_eq!(endpoint.asked(1).await.len(), 1);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.outcomes(&second).await[0]["Attempts"], 1);
    assert_eq!(endpoint.asked(2).await.len(), 2);
}

#[tokio::test]
async fn a_token_is_kept_until_it_ends_or_is_refused() {
    let token =
        "HTTP/1.1 200 OK\r\ncontent-length: 41\r\n\r\n{\"access_token\": \"t1\", \"expires_in\":3600}";
    let other =
        "HTTP/1.1 200 OK\r\ncontent-length: 41\r\n\r\n{\"access_token\": \"t2\", \"expires_in\":3600}";
    let refused = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
    let script = [token, OK, OK, refused, other, OK];
    let (world, endpoint) = (World::new().await, Endpoint::start(script).await);
    let oauth = json!({
        "AuthorizationEndpoint": format!("{}/token", endpoint.url), "HttpMethod": "POST",
        "ClientParameters": {"ClientID": "i", "ClientSecret": "s"},
    });
    let connection = json!({
        "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS", "AuthParameters": {"OAuthParameters": oauth},
    });
    rule(&world, &endpoint.url, connection, json!({}), json!({})).await;
    assert_eq!(
        world.ok("DescribeApiDestination", json!({"Name": "d"})).await["ApiDestinationState"],
        "INACTIVE"
    );
    for _ in 0..2 {
        let event = world.event(json!({})).await;
        assert_eq!(world.outcomes(&event).await[0]["Status"], "DELIVERED");
    }
    assert_eq!(
        world.ok("DescribeApiDestination", json!({"Name": "d"})).await["ApiDestinationState"],
        "ACTIVE"
    );
    let event = world.event(json!({})).await;
    failed_once(&world, &event).await;
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.outcomes(&event).await[0]["Status"], "DELIVERED");
    let asked: Vec<String> = endpoint.asked(6).await.into_iter().map(|one| shown(&one)).collect();
    let expected = [
        "POST /token",
        "POST / Bearer t1",
        "POST / Bearer t1",
        "POST / Bearer t1",
        "POST /token",
        "POST / Bearer t2",
    ];
    assert_eq!(asked, expected);
}

/// A connection whose token is asked for at `url`.
async fn oauth_connection(world: &World, url: &str) {
    let oauth = json!({
        "AuthorizationEndpoint": url, "HttpMethod": "POST",
        "ClientParameters": {"ClientID": "i", "ClientSecret": "s"},
    });
    let given = json!({
        "Name": "c", "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS", "AuthParameters": {"OAuthParameters": oauth},
    });
    assert_eq!(world.ok("CreateConnection", given).await["ConnectionState"], "AUTHORIZING");
}

/// The connection once it is in a state.
async fn connection_when(world: &World, state: &str) -> Value {
    let look = async {
        loop {
            let connection = world.ok("DescribeConnection", json!({"Name": "c"})).await;
            if connection["ConnectionState"] == state {
                return connection;
            }
            tokio::task::yield_now().await;
        }
    };
    in_time(look).await
}

#[tokio::test]
async fn a_connection_is_authorized_soon_after_it_is_made_and_changed() {
    let token = "HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\n{\"access_token\": \"t\"}";
    let refused = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
    let (world, endpoint) = (World::new().await, Endpoint::start([token, refused]).await);
    oauth_connection(&world, &endpoint.url).await;
    world.clock.advance(Duration::from_secs(1));
    connection_when(&world, "AUTHORIZED").await;
    let client = json!({"ClientParameters": {"ClientSecret": "other"}});
    let change = json!({"Name": "c", "AuthParameters": {"OAuthParameters": client}});
    assert_eq!(world.ok("UpdateConnection", change).await["ConnectionState"], "AUTHORIZING");
    world.clock.advance(Duration::from_secs(1));
    let connection = connection_when(&world, "DEAUTHORIZED").await;
    assert_eq!(connection["StateReason"], "The authorization endpoint gave no token: 401 Unauthorized");
    assert!(endpoint.asked(2).await[1].ends_with("client_id=i&client_secret=other"));
}

#[tokio::test]
async fn an_endpoint_that_cannot_authorize_now_is_asked_again() {
    let busy = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    let (world, endpoint) = (World::new().await, Endpoint::start([busy, busy, busy, busy]).await);
    oauth_connection(&world, &endpoint.url).await;
    let look = async {
        while world.ok("DescribeConnection", json!({"Name": "c"})).await["ConnectionState"] == "AUTHORIZING" {
            world.clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    };
    in_time(look).await;
    assert_eq!(endpoint.asked(4).await.len(), 4);
    connection_when(&world, "DEAUTHORIZED").await;
}

/// The method, the path and the token of a request.
fn shown(request: &str) -> String {
    let first = request.lines().next().unwrap().trim_end_matches(" HTTP/1.1");
    let token = request.lines().find_map(|line| line.strip_prefix("authorization:"));
    format!("{first}{}", token.unwrap_or_default())
}
