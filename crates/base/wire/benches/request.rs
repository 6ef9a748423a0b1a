//! What one request costs between its bytes and its operation: routing, signature, model, answer. No socket, no service.
//!
//! `cargo bench -p wire`: CPU time of the one thread that does it, so that a busy machine does not matter.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench panics and prints")]

// The file alone, not the crate: what is below does not depend on what is above.
#[path = "../../../services/states/src/generated/model.rs"]
mod states;

use std::sync::Arc;

use api::model::ServiceModel;
use api::{AwsError, Context, Dispatcher, Principal, Service};
use clock::Clock;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use serde_json::{Value, json};
use types::AccountId;
use wire::{Credential, CredentialStore, Wire};

const REQUESTS: u32 = 100_000;

const BODY: &str =
    r#"{"stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:m10", "input": "{\"k\": 1}"}"#;

struct States;

impl Service for States {
    fn name(&self) -> &'static str {
        "states"
    }

    fn model(&self) -> &'static ServiceModel {
        &states::MODEL
    }

    fn serve<'a>(&'a self, _: &'a Context, _: &'a str, _: Value) -> BoxFuture<'a, Result<Value, AwsError>> {
        Box::pin(async {
            let arn =
                "arn:aws:states:us-east-1:000000000000:execution:m10:9f0c1b1c-6d21-4a8e-8f0f-5b2f1f9a7f52";
            Ok(json!({"executionArn": arn, "startDate": 1_795_219_200.123}))
        })
    }
}

struct Keys(Arc<Credential>);

impl CredentialStore for Keys {
    fn lookup<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Option<Arc<Credential>>> {
        Box::pin(async { Some(Arc::clone(&self.0)) })
    }
}

fn wire() -> Wire {
    let dispatcher = Dispatcher::new(Clock::Wall);
    dispatcher.install([Arc::new(States) as Arc<dyn Service>]);
    let principal = Principal::Root { account: AccountId::new("000000000000") };
    let secret_access_key = "1EuGvG8fP922fiDTS1znDp4WEl54rK2D6BOfzbhs".to_owned();
    let key = Credential { secret_access_key, session_token: None, expires: None, principal };
    Wire::new(dispatcher, Arc::new(Keys(Arc::new(key))), Clock::Wall)
}

/// As an SDK sends it.
fn parts() -> Parts {
    let request = Request::post("/")
        .header("host", "127.0.0.1:4566")
        .header("accept-encoding", "identity")
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "AWSStepFunctions.StartExecution")
        .header(
            "user-agent",
            "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux lang/python#3.12.3 cfg/retry-mode#legacy",
        )
        .header("amz-sdk-invocation-id", "a3c1f6f0-4a53-4a1f-8d6a-0dfb4d8f8b41")
        .header("amz-sdk-request", "attempt=1")
        .header("content-length", BODY.len());
    let mut parts = request.body(()).unwrap().into_parts().0;
    let key = ("AKIADE6X4QOWDAQLEGBC", "1EuGvG8fP922fiDTS1znDp4WEl54rK2D6BOfzbhs");
    wire::sign(&mut parts, BODY.as_bytes(), key, ("us-east-1", "states"), Clock::Wall.now()).unwrap();
    parts
}

/// Nanoseconds that this thread has run.
fn cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

async fn requests(wire: &Wire, parts: &Parts) {
    for _ in 0..REQUESTS {
        let request = Request::from_parts(parts.clone(), Full::new(Bytes::from_static(BODY.as_bytes())));
        let response = wire.handle(request).await;
        assert!(response.status() == 200);
        std::hint::black_box(response.into_body().collect().await.unwrap().to_bytes());
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (wire, parts) = (wire(), parts());
    let request = Request::from_parts(parts.clone(), Full::new(Bytes::new()));
    println!("the future of a request: {} bytes", size_of_val(&wire.handle(request)));
    for _ in 0..3 {
        let began = cpu();
        runtime.block_on(requests(&wire, &parts));
        println!("StartExecution: {} ns of CPU per request", (cpu() - began) / u64::from(REQUESTS));
    }
}
