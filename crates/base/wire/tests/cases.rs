//! Runs the case files: a request as a client sends it, what the service sees and says, and the answer on the wire.
//!
//! `UPDATE=1` rewrites what is expected.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "harness/chunks.rs"]
mod chunks;
mod harness;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::{AwsError, Body};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::TempDir;

use chunks::Chunks;
use harness::Script;
use harness::signer::{Signer, sha256};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the case shows, and where that is known from.
    source: String,
    request: HttpRequest,
    /// What the service answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    /// The error that the service answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<ServiceError>,
    /// The bytes that the service answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sends: Option<String>,
    /// What the service was called with; absent where it must not be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<Value>,
    /// The bytes that the service was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    received: Option<Received>,
    answer: Option<Answer>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpRequest {
    #[serde(default = "post", skip_serializing_if = "is_post")]
    method: String,
    #[serde(default = "root", skip_serializing_if = "is_root")]
    uri: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Instead of `127.0.0.1:4566`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(default)]
    body: String,
    /// How often `body` is repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<usize>,
    /// The body in chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chunked: Option<Chunked>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sign: Option<Sign>,
}

/// A body framed by `aws-chunked`: `body` is one chunk, these are the others.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Chunked {
    #[serde(default)]
    more: Vec<String>,
    #[serde(default)]
    trailers: BTreeMap<String, String>,
    #[serde(default)]
    signed: bool,
    /// Texts to replace in the framed body.
    #[serde(default)]
    replace: BTreeMap<String, String>,
    /// How many bytes of it are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    truncated_to: Option<usize>,
}

/// Bytes that the service was given.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Received {
    /// The bytes, or how many they are.
    bytes: String,
    etag: String,
    checksum: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sign {
    #[serde(default = "root_key")]
    key: String,
    service: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// Instead of the time at which tests run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    /// What is signed in place of the body. For S3, its digest where this says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    /// The path and query in canonical form, where they differ from the request's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    canonical: Option<[String; 2]>,
    /// Headers that are added after signing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    unsigned: BTreeMap<String, String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct ServiceError {
    code: String,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    members: BTreeMap<String, Value>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Answer {
    status: u16,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    content_type: String,
    /// What other headers S3 answers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    /// The header `x-amzn-errortype`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_type: Option<String>,
    /// With `<request-id>` for the id.
    body: String,
}

fn post() -> String {
    "POST".to_owned()
}

fn is_post(method: &str) -> bool {
    method == "POST"
}

fn root() -> String {
    "/".to_owned()
}

fn is_root(uri: &str) -> bool {
    uri == "/"
}

fn root_key() -> String {
    "AKIDROOT".to_owned()
}

#[tokio::test]
async fn cases() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    let mut count = 0;
    for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")) {
        let name = path.display().to_string();
        let mut case: Case = serde_json::from_str(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let (input, received, answer) = run(&case).await;
        count += 1;
        if update {
            (case.input, case.received, case.answer) = (input, received, Some(answer));
            fs::write(&path, serde_json::to_string_pretty(&case).unwrap() + "\n").unwrap();
        } else if case.input != input || case.received != received || case.answer.as_ref() != Some(&answer) {
            wrong.push(format!("{name}:\n  input: {input:?}\n  {received:?}\n  answer: {answer:#?}"));
        }
    }
    assert!(count > 0);
    assert!(wrong.is_empty(), "{} of {count} cases fail:\n{}", wrong.len(), wrong.join("\n"));
}

async fn run(case: &Case) -> (Option<Value>, Option<Received>, Answer) {
    let script = Script { folder: Some(Arc::new(TempDir::new().unwrap())), ..Script::default() };
    *script.sends.lock().unwrap() = case.sends.clone().map(Into::into);
    *script.answer.lock().unwrap() = Some(match (&case.error, &case.output) {
        (Some(error), _) => Err(aws_error(error)),
        (None, output) => Ok(output.clone().unwrap_or(Value::Null)),
    });
    let response = harness::wire(&script).handle(request(&case.request)).await;
    let (parts, body) = response.into_parts();
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let id = header("x-amzn-requestid").or_else(|| header("x-amz-request-id")).unwrap();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let body = header("x-amz-id-2").map_or(body.clone(), |id| body.replace(&id, "<host-id>"));
    let answer = Answer {
        status: parts.status.as_u16(),
        content_type: header("content-type").unwrap_or_default(),
        error_type: header("x-amzn-errortype"),
        headers: other_headers(&parts.headers),
        body: body.replace(&id, "<request-id>"),
    };
    let input = script.input.lock().unwrap().take();
    let received = script.received.lock().unwrap().take();
    let received = match received {
        Some(body) => Some(describe(&body).await),
        None => None,
    };
    (input, received, answer)
}

fn other_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    const KNOWN: [&str; 6] =
        ["content-type", "server", "x-amz-id-2", "x-amz-request-id", "x-amzn-errortype", "x-amzn-requestid"];
    let others = headers.iter().filter(|(name, _)| !KNOWN.contains(&name.as_str()));
    others.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
}

async fn describe(body: &Body) -> Received {
    let bytes = body.collect(u64::MAX).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let digests = body.known_digests().unwrap();
    Received {
        bytes: if text.len() > 100 { format!("{} bytes", text.len()) } else { text },
        etag: digests.etag(),
        checksum: format!("{:?}", digests.checksum),
    }
}

fn aws_error(error: &ServiceError) -> AwsError {
    let mut aws = AwsError::new(error.code.clone(), error.message.clone());
    aws.members.extend(error.members.clone());
    aws.with_status(error.status.unwrap_or(400))
}

fn request(case: &HttpRequest) -> Request<Full<Bytes>> {
    let mut headers = case.headers.clone();
    let host = case.host.as_deref().unwrap_or("127.0.0.1:4566");
    headers.insert("host".to_owned(), host.to_owned());
    let text = case.body.repeat(case.times.unwrap_or(1));
    let mut body = text.clone().into_bytes();
    if let Some(sign) = &case.sign {
        let time = sign.time.as_deref().unwrap_or("20261120T235207Z");
        headers.insert("x-amz-date".to_owned(), time.to_owned());
        let signer = Signer {
            access_key_id: &sign.key,
            secret: sign.secret.as_deref().unwrap_or("secret"),
            time,
            region: sign.region.as_deref().unwrap_or("us-east-1"),
            service: &sign.service,
        };
        let payload = sign.payload.clone().unwrap_or_else(|| sha256(&body));
        if sign.service == "s3" {
            headers.entry("x-amz-content-sha256".to_owned()).or_insert(payload.clone());
        }
        let (path, query) = case.uri.split_once('?').unwrap_or((&case.uri, ""));
        let canonical = sign.canonical.clone().unwrap_or([path.to_owned(), query.to_owned()]);
        let authorization =
            signer.authorization(&case.method, &canonical[0], &canonical[1], &headers, &payload);
        if let Some(chunked) = &case.chunked {
            body = framed(&signer, &authorization, &text, chunked);
        }
        headers.insert("authorization".to_owned(), authorization);
        headers.extend(sign.unsigned.clone());
    }
    if case.method == "PUT" && !headers.contains_key("content-length") {
        headers.insert("content-length".to_owned(), body.len().to_string());
    }
    let mut request = Request::builder().method(case.method.as_str()).uri(case.uri.as_str());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(Full::new(Bytes::from(body))).unwrap()
}

fn framed(signer: &Signer<'_>, authorization: &str, text: &str, chunked: &Chunked) -> Vec<u8> {
    let chunks: Vec<String> = [text.to_owned()].into_iter().chain(chunked.more.clone()).collect();
    let seed = authorization.rsplit_once('=').unwrap().1;
    let seed = chunked.signed.then(|| seed.to_owned());
    let mut body = Chunks { chunks: &chunks, trailers: &chunked.trailers, seed }.framed(signer);
    for (old, new) in &chunked.replace {
        assert!(body.contains(old), "nothing to replace: {old}");
        body = body.replace(old, new);
    }
    body.truncate(chunked.truncated_to.unwrap_or(body.len()));
    body.into_bytes()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}
