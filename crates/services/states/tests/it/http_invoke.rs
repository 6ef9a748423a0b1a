//! `http:invoke`, against a server on the loopback interface.

use std::sync::{Arc, Mutex};

use api::{Call, Principal};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use types::{AccountId, Region};

use crate::integrations::with_events;
use crate::world::{Process, World, pass};

/// Answers every request as it is told to, and keeps them.
struct Server {
    endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `answers` are given in turn, the last one for ever; an empty one is none at all.
    async fn new(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, answers) =
            (Arc::clone(&requests), answers.iter().map(|answer| (*answer).to_owned()).collect::<Vec<_>>());
        tokio::spawn(async move {
            let mut open = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read(&mut stream).await;
                let count = {
                    let mut kept = kept.lock().unwrap();
                    kept.push(request);
                    kept.len()
                };
                let answer = answers.get(count - 1).or(answers.last()).unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
                if answer.is_empty() {
                    open.push(stream);
                }
            }
        });
        Self { endpoint, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A request with the body that its length announces.
async fn read(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if count == 0 || body.len() >= length.unwrap_or(0) {
            return text;
        }
    }
}

fn answer(status: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

async fn events(process: &Process, operation: &str, input: Value) -> Value {
    let account = AccountId::new("000000000000");
    let principal = Principal::Root { account: account.clone() };
    let call = Call::new(principal, &account, &Region::new("us-east-1"), "events", operation, input);
    process.dispatcher.call(call).await.unwrap()
}

async fn connection(process: &Process, kind: &str, parameters: Value) -> String {
    let input = json!({"Name": "c", "AuthorizationType": kind, "AuthParameters": parameters});
    events(process, "CreateConnection", input).await["ConnectionArn"].as_str().unwrap().to_owned()
}

fn basic() -> Value {
    json!({"BasicAuthParameters": {"Username": "user", "Password": "pass"}})
}

async fn started(process: &Process, connection: &str, parameters: Value) -> String {
    let mut state = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::http:invoke",
        "Parameters": {"InvocationConfig": {"ConnectionArn": connection}},
        "End": true,
    });
    for (name, value) in parameters.as_object().unwrap() {
        state["Parameters"][name] = value.clone();
    }
    let machine = process.create("m", &json!({"StartAt": "T", "States": {"T": state}})).await;
    process.start(&machine, "e", &json!({})).await
}

/// Runs a task whose endpoint answers so, and gives its end.
async fn ended(answered: &str) -> Value {
    let world = World::new();
    let process = world.process().await;
    with_events(&world, &process);
    let server = Server::new(&[answered]).await;
    let connection = connection(&process, "BASIC", basic()).await;
    let parameters = json!({"ApiEndpoint": server.endpoint, "Method": "GET"});
    let execution = started(&process, &connection, parameters).await;
    world.events.end_of(&execution).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_is_called_as_the_connection_says() {
    let world = World::new();
    let process = world.process().await;
    with_events(&world, &process);
    let server =
        Server::new(&[&answer("201 Created", "application/json; charset=utf-8", r#"{"id": 7}"#)]).await;
    let connection = connection(&process, "BASIC", basic()).await;
    let parameters = json!({
        "ApiEndpoint": format!("{}/items", server.endpoint), "Method": "POST",
        "QueryParameters": {"q": "a b"}, "RequestBody": {"x": 1},
    });
    let execution = started(&process, &connection, parameters).await;
    let end = world.events.end_of(&execution).await;
    let output: Value = serde_json::from_str(end["output"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&output["ResponseBody"], &output["StatusCode"], &output["StatusText"]),
        (&json!({"id": 7}), &json!(201), &json!("Created"))
    );
    assert_eq!(output["Headers"]["content-type"], json!(["application/json; charset=utf-8"]));
    let request = &server.requests()[0];
    assert!(request.starts_with("POST /items?q=a%20b HTTP/1.1\r\n"), "{request}");
    for line in [
        "authorization: Basic dXNlcjpwYXNz",
        "user-agent: Amazon|StepFunctions|HttpInvoke|us-east-1",
        "range: bytes=0-262144",
        "content-type: application/json; charset=UTF-8",
    ] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "{line}: {request}");
    }
    assert!(request.ends_with("\r\n\r\n{\"x\":1}"), "{request}");
    assert!(
        !process.history(&execution).await.iter().any(|event| event.to_string().contains("dXNlcjpwYXNz"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_become_output_or_errors() {
    let end = ended(&answer("200 OK", "text/plain", r#"{"a": 1}"#)).await;
    let output: Value = serde_json::from_str(end["output"].as_str().unwrap()).unwrap();
    assert_eq!(output["ResponseBody"], r#"{"a": 1}"#);
    for (answered, error, cause) in [
        (answer("404 Not Found", "text/plain", "nothing"), "States.Http.StatusCode.404", "nothing"),
        (
            answer("503 Service Unavailable", "text/plain", ""),
            "States.Http.StatusCode.503",
            "Service Unavailable",
        ),
        (answer("200 OK", "image/png", "x"), "States.Runtime", "image/png"),
        (answer("200 OK", "text/plain", &"x".repeat(262_145)), "States.DataLimitExceeded", "exceeding"),
        ("nonsense\r\n\r\n".to_owned(), "States.Http.Socket", "error"),
    ] {
        let end = ended(&answered).await;
        assert_eq!(end["error"], error, "{end}");
        assert!(end["cause"].as_str().unwrap().contains(cause), "{end}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_has_sixty_seconds() {
    let world = World::new();
    let process = world.process().await;
    with_events(&world, &process);
    let server = Server::new(&[""]).await;
    let connection = connection(&process, "BASIC", basic()).await;
    let parameters = json!({"ApiEndpoint": server.endpoint, "Method": "GET"});
    let execution = started(&process, &connection, parameters).await;
    while server.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    pass(&world.clock, 60);
    assert_eq!(world.events.end_of(&execution).await["error"], "States.Http.Socket");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_got_first_and_the_connection_is_authorized_then() {
    for (token, state, error) in [
        (answer("200 OK", "application/json", r#"{"access_token": "t0"}"#), "AUTHORIZED", Value::Null),
        (
            answer("401 Unauthorized", "application/json", "{}"),
            "DEAUTHORIZED",
            json!("Events.ConnectionResource.InvalidConnectionState"),
        ),
    ] {
        let world = World::new();
        let process = world.process().await;
        with_events(&world, &process);
        let server = Server::new(&[&token, &answer("200 OK", "application/json", "{}")]).await;
        let oauth = json!({"OAuthParameters": {
            "AuthorizationEndpoint": "https://replaced.example", "HttpMethod": "POST",
            "ClientParameters": {"ClientID": "i", "ClientSecret": "s"},
        }});
        let arn = connection(&process, "OAUTH_CLIENT_CREDENTIALS", oauth).await;
        // The model of the API wants HTTPS here; what is kept may be anything.
        world.events.redirect("https://replaced.example", &server.endpoint);
        let parameters = json!({"ApiEndpoint": server.endpoint, "Method": "GET"});
        let execution = started(&process, &arn, parameters).await;
        let end = world.events.end_of(&execution).await;
        assert_eq!(end["error"], error, "{end}");
        let described = events(&process, "DescribeConnection", json!({"Name": "c"})).await;
        assert_eq!(described["ConnectionState"], state);
        let requests = server.requests();
        assert!(requests[0].ends_with("grant_type=client_credentials&client_id=i&client_secret=s"));
        if error.is_null() {
            assert!(requests[1].contains("\r\nauthorization: Bearer t0\r\n"), "{}", requests[1]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_connection_nothing_is_called() {
    let world = World::new();
    let process = world.process().await;
    with_events(&world, &process);
    let parameters = json!({"ApiEndpoint": "https://localhost:1", "Method": "GET"});
    let missing = "arn:aws:events:us-east-1:000000000000:connection/none/x";
    let execution = started(&process, missing, parameters).await;
    let end = world.events.end_of(&execution).await;
    assert_eq!(end["error"], "Events.ConnectionResource.ResourceNotFound");
    let cause = "Failed to describe the connection(s). Connection 'none' does not exist.";
    assert_eq!(end["cause"], cause);
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_checked_before_the_task_is_scheduled() {
    let endpoint = "https://localhost:1";
    for (parameters, problem) in [
        (
            json!({"ApiEndpoint": "http://example.com", "Method": "GET"}),
            "The value of the field 'ApiEndpoint' has an invalid format",
        ),
        (
            json!({"ApiEndpoint": endpoint, "Method": "TRACE"}),
            "The value for the field 'Method' must be one of [DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT]",
        ),
        (
            json!({"ApiEndpoint": endpoint, "Method": "GET", "Headers": {"Host": "h"}}),
            "The header 'Host' is not supported by Step Functions",
        ),
        (
            json!({"ApiEndpoint": endpoint, "Method": "GET", "Transform": {"RequestBodyEncoding": "X"}}),
            "The value for the field 'RequestBodyEncoding' must be one of [NONE, URL_ENCODED]",
        ),
    ] {
        let world = World::new();
        let process = world.process().await;
        let execution =
            started(&process, "arn:aws:events:us-east-1:000000000000:connection/c/x", parameters).await;
        let end = world.events.end_of(&execution).await;
        assert_eq!(end["error"], "States.Runtime");
        let cause = end["cause"].as_str().unwrap();
        assert!(cause.ends_with(&format!("could not be used to start the Task: [{problem}]")), "{cause}");
        assert_eq!(process.event_types(&execution).await.len(), 3);
    }
}
