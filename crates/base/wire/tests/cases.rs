//! Runs the case files: a request as a client sends it, what the service sees and says, and the answer on the wire.
//!
//! `UPDATE=1` rewrites what is expected.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use api::AwsError;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use harness::Script;
use harness::signer::Signer;

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
    /// What the service was called with; absent where it must not be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<Value>,
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
    #[serde(default)]
    body: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sign: Option<Sign>,
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
    content_type: String,
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
        let (input, answer) = run(&case).await;
        count += 1;
        if update {
            (case.input, case.answer) = (input, Some(answer));
            fs::write(&path, serde_json::to_string_pretty(&case).unwrap() + "\n").unwrap();
        } else if case.input != input || case.answer.as_ref() != Some(&answer) {
            wrong.push(format!("{name}:\n  input: {input:?}\n  answer: {answer:#?}"));
        }
    }
    assert!(count > 0);
    assert!(wrong.is_empty(), "{} of {count} cases fail:\n{}", wrong.len(), wrong.join("\n"));
}

async fn run(case: &Case) -> (Option<Value>, Answer) {
    let script = Script::default();
    *script.answer.lock().unwrap() = Some(match (&case.error, &case.output) {
        (Some(error), _) => Err(aws_error(error)),
        (None, output) => Ok(output.clone().unwrap_or(Value::Null)),
    });
    let response = harness::wire(&script).handle(request(&case.request)).await;
    let (parts, body) = response.into_parts();
    let id = parts.headers.get("x-amzn-requestid").unwrap().to_str().unwrap();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let answer = Answer {
        status: parts.status.as_u16(),
        content_type: parts.headers.get("content-type").unwrap().to_str().unwrap().to_owned(),
        error_type: parts.headers.get("x-amzn-errortype").map(|code| code.to_str().unwrap().to_owned()),
        body: body.replace(id, "<request-id>"),
    };
    let input = script.input.lock().unwrap().take();
    (input, answer)
}

fn aws_error(error: &ServiceError) -> AwsError {
    let mut aws = AwsError::new(error.code.clone(), error.message.clone());
    aws.members.extend(error.members.clone());
    aws.with_status(error.status.unwrap_or(400))
}

fn request(case: &HttpRequest) -> Request<Full<Bytes>> {
    let mut headers = case.headers.clone();
    headers.insert("host".to_owned(), "127.0.0.1:4566".to_owned());
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
        let (path, query) = case.uri.split_once('?').unwrap_or((&case.uri, ""));
        let canonical = sign.canonical.clone().unwrap_or([path.to_owned(), query.to_owned()]);
        let authorization =
            signer.authorization(&case.method, &canonical[0], &canonical[1], &headers, case.body.as_bytes());
        headers.insert("authorization".to_owned(), authorization);
        headers.extend(sign.unsigned.clone());
    }
    let mut request = Request::builder().method(case.method.as_str()).uri(case.uri.as_str());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(Full::new(Bytes::from(case.body.clone()))).unwrap()
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
