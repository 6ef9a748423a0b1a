//! HTTP as it is on a socket: what a wire's `handle` alone cannot show.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use harness::Script;
use harness::signer::{Signer, sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wire::{Document, DocumentRequest, Documents, Front};

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

async fn start() -> Server {
    start_with(&Script::default()).await
}

async fn start_with(script: &Script) -> Server {
    start_front(Front::api(Arc::new(harness::wire(script)))).await
}

async fn start_front(front: Front) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(front.serve(listener, async {
        let _ = stopped.await;
    }));
    Server { address, stop, task }
}

/// A signed request, its body in one chunk or with its length.
fn request(chunked: bool) -> Vec<u8> {
    let body = r#"{"executionArn":"arn"}"#;
    let headers: BTreeMap<String, String> = [
        ("content-type", "application/x-amz-json-1.0"),
        ("host", "sync-states.us-east-1.example"),
        ("x-amz-date", "20261120T235207Z"),
        ("x-amz-target", "AWSStepFunctions.DescribeExecution"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let signer = Signer {
        access_key_id: "AKIDROOT",
        secret: "secret",
        time: "20261120T235207Z",
        region: "us-east-1",
        service: "states",
    };
    let authorization = signer.authorization("POST", "/", "", &headers, &sha256(body.as_bytes()));
    let mut text = format!("POST / HTTP/1.1\r\nauthorization: {authorization}\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if chunked {
        text += &format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    } else {
        text += &format!("content-length: {}\r\n\r\n{body}", body.len());
    }
    text.into_bytes()
}

/// Reads up to the end of one response with a body of `{}` or to the end of the stream.
async fn response(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while !text.ends_with("\r\n\r\n{}") {
        let count = stream.read(&mut bytes).await.unwrap();
        if count == 0 {
            break;
        }
        text += std::str::from_utf8(&bytes[..count]).unwrap();
    }
    text
}

#[tokio::test]
async fn connections_are_kept_and_bodies_may_be_chunked() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for chunked in [false, true, false] {
        stream.write_all(&request(chunked)).await.unwrap();
        let response = response(&mut stream).await;
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert_eq!(response.to_lowercase().matches("\r\ndate: ").count(), 1, "{response}");
        assert_eq!(response.to_lowercase().matches("\r\nx-amzn-requestid: ").count(), 1, "{response}");
        assert!(
            response.to_lowercase().contains("\r\ncontent-type: application/x-amz-json-1.0\r\n"),
            "{response}"
        );
    }
}

const EXPECT: &str = "expect: 100-continue\r\n";

/// The head of a PUT of an object, signed for a body that is not.
fn put_object(key: &str, length: usize, more: &str) -> Vec<u8> {
    let headers: BTreeMap<String, String> = [
        ("host", "127.0.0.1:4566"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-date", "20261120T235207Z"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let signer = Signer {
        access_key_id: key,
        secret: "secret",
        time: "20261120T235207Z",
        region: "us-east-1",
        service: "s3",
    };
    let authorization = signer.authorization("PUT", "/b/k", "", &headers, "UNSIGNED-PAYLOAD");
    let mut text =
        format!("PUT /b/k HTTP/1.1\r\nauthorization: {authorization}\r\ncontent-length: {length}\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    (text + more + "\r\n").into_bytes()
}

async fn line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(line).unwrap()
}

#[tokio::test]
async fn large_bodies_are_spooled_and_those_that_end_early_leave_nothing() {
    let folder = Arc::new(tempfile::TempDir::new().unwrap());
    let script = Script { folder: Some(Arc::clone(&folder)), ..Script::default() };
    let server = start_with(&script).await;
    let spooled = || std::fs::read_dir(folder.path()).unwrap().count();

    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&put_object("AKIDROOT", 20_000_000, EXPECT)).await.unwrap();
    assert_eq!(line(&mut stream).await, "HTTP/1.1 100 Continue\r\n");
    assert_eq!(line(&mut stream).await, "\r\n");
    stream.write_all(&vec![b'x'; 20_000_000]).await.unwrap();
    assert_eq!(line(&mut stream).await, "HTTP/1.1 200 OK\r\n");
    assert_eq!(spooled(), 1);
    assert_eq!(script.received.lock().unwrap().take().unwrap().len(), 20_000_000);
    assert_eq!(spooled(), 0);

    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&put_object("AKIDROOT", 20_000_000, EXPECT)).await.unwrap();
    stream.write_all(&vec![b'x'; 10_000_000]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap_or_default();
    server.stop.send(()).unwrap();
    server.task.await.unwrap().unwrap();
    assert!(script.received.lock().unwrap().is_none());
    // A batch may still be on its way to the disk; the file goes with it.
    while spooled() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_sends_before_it_is_refused_sees_the_error() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&put_object("AKIDNONE", 5_000_000, "")).await.unwrap();
    stream.write_all(&vec![b'x'; 5_000_000]).await.unwrap();
    assert_eq!(line(&mut stream).await, "HTTP/1.1 403 Forbidden\r\n");

    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&put_object("AKIDNONE", 5_000_000, EXPECT)).await.unwrap();
    assert_eq!(line(&mut stream).await, "HTTP/1.1 403 Forbidden\r\n");
}

#[tokio::test]
async fn too_large_a_body_or_head_is_refused() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 999999999\r\n\r\n").await.unwrap();
    stream.write_all(&vec![b'x'; 9 << 20]).await.unwrap_or_default();
    let mut bytes = [0; 12];
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"HTTP/1.1 413");

    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    stream.write_all(head.as_bytes()).await.unwrap_or_default();
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"HTTP/1.1 431");
}

#[tokio::test]
async fn what_is_not_http_gets_no_answer_that_looks_like_success() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").await.unwrap();
    assert!(!response(&mut stream).await.contains(" 200 "));
}

#[tokio::test]
async fn stopping_ends_idle_connections() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&request(false)).await.unwrap();
    response(&mut stream).await;
    server.stop.send(()).unwrap();
    server.task.await.unwrap().unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    assert!(TcpStream::connect(server.address).await.is_err());
}

/// Answers what it was asked.
struct Echo;

impl Documents for Echo {
    fn own(&self, path: &str) -> bool {
        path.starts_with("/v4/")
    }

    fn document<'a>(&'a self, request: DocumentRequest<'a>) -> BoxFuture<'a, Document> {
        let body = format!("{{\"{}\":{:?}}}", request.path, request.authorization.unwrap_or_default());
        Box::pin(async move { Document { status: 200, body } })
    }
}

/// The answer to a request on a connection of its own.
async fn ask(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn documents_are_served_beside_the_api_or_alone() {
    let get = b"GET /v4/a?b HTTP/1.1\r\nhost: x\r\nauthorization: token\r\n\r\n";
    let beside = Front::api(Arc::new(harness::wire(&Script::default()))).with_documents(Arc::new(Echo));
    for front in [beside.clone(), Front::documents(Arc::new(Echo)).for_a_task()] {
        let answer = ask(&start_front(front).await, get).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("content-type: application/json\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n{\"/v4/a\":\"token\"}"), "{answer}");
    }
    let server = start_front(beside).await;
    assert!(ask(&server, &request(false)).await.starts_with("HTTP/1.1 200 OK\r\n"));
    let alone = start_front(Front::documents(Arc::new(Echo))).await;
    for other in [&request(false)[..], b"GET /v5/a HTTP/1.1\r\nhost: x\r\n\r\n"] {
        let answer = ask(&alone, other).await;
        assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn dropping_a_front_ends_its_connections() {
    let server = start_front(Front::documents(Arc::new(Echo))).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /v4/a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
    server.task.abort();
    assert!(server.task.await.unwrap_err().is_cancelled());
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or_default(), 0);
}
