//! A wire with services that answer what a test wants, keys that a test knows, and a clock that stands still.

pub mod model;
// The file alone, not the crate: what is below does not depend on what is above.
#[path = "../../../../services/s3/src/generated/model.rs"]
pub mod s3;
pub mod signer;

use std::path::Path;
use std::sync::{Arc, Mutex};

use api::model::ServiceModel;
use api::{AwsError, Body, Context, Dispatcher, Principal, Reply, Service};
use clock::{Clock, VirtualClock};
use futures_util::future::BoxFuture;
use serde_json::Value;
use tempfile::TempDir;
use types::{AccountId, Timestamp};
use wire::{Credential, CredentialStore, Wire};

/// What the services answer, and the input they were last called with.
#[derive(Clone, Default)]
pub struct Script {
    pub answer: Arc<Mutex<Option<Result<Value, AwsError>>>>,
    pub input: Arc<Mutex<Option<Value>>>,
    /// The bytes that are answered, and those that came with the input.
    pub sends: Arc<Mutex<Option<Body>>>,
    pub received: Arc<Mutex<Option<Body>>>,
    /// Where large bodies are spooled.
    pub folder: Option<Arc<TempDir>>,
}

/// The time at which all tests run.
pub fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-20T23:52:07Z").unwrap()
}

/// A wire to the services of [`model`].
pub fn wire(script: &Script) -> Wire {
    let clock = Clock::Virtual(VirtualClock::new(now()));
    let dispatcher = Dispatcher::new(clock.clone());
    let models = [
        &model::STATES,
        &model::EVENTS,
        &model::SQS,
        &model::IAM,
        &model::EC2,
        &model::SCHEDULER,
        &s3::MODEL,
    ];
    dispatcher.install(
        models.map(|model| Arc::new(Scripted { model, script: script.clone() }) as Arc<dyn Service>),
    );
    Wire::new(dispatcher, Arc::new(Keys), clock)
}

struct Scripted {
    model: &'static ServiceModel,
    script: Script,
}

impl Service for Scripted {
    fn name(&self) -> &'static str {
        self.model.signing_name
    }

    fn model(&self) -> &'static ServiceModel {
        self.model
    }

    fn serve<'a>(
        &'a self,
        _: &'a Context,
        _: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        *self.script.input.lock().unwrap() = Some(input);
        let answer = self.script.answer.lock().unwrap().clone();
        Box::pin(async move { answer.unwrap_or(Ok(Value::Null)) })
    }

    fn serve_streaming<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
        body: Option<Body>,
    ) -> BoxFuture<'a, Result<Reply, AwsError>> {
        *self.script.received.lock().unwrap() = body;
        let sends = self.script.sends.lock().unwrap().clone();
        Box::pin(async move { Ok(Reply { output: self.serve(cx, operation, input).await?, body: sends }) })
    }

    fn spool_folder(&self) -> Option<&Path> {
        self.script.folder.as_deref().map(TempDir::path)
    }
}

/// `AKIDROOT`, `ASIAROLE` with the token `token`, and `ASIAOLD`, which has ended. All secrets are `secret`.
struct Keys;

impl CredentialStore for Keys {
    fn lookup<'a>(&'a self, access_key_id: &'a str) -> BoxFuture<'a, Option<Arc<Credential>>> {
        let root = Principal::Root { account: AccountId::new("000000000000") };
        let role = Principal::role("arn:aws:iam::000000000000:role/path/name", "session");
        let (token, expires, principal) = match access_key_id {
            "AKIDROOT" => (None, None, root),
            "ASIAROLE" => (Some("token"), Some(now() + std::time::Duration::from_secs(1)), role),
            "ASIAOLD" => (Some("token"), Some(now()), role),
            _ => return Box::pin(async { None }),
        };
        let credential = Credential {
            secret_access_key: "secret".to_owned(),
            session_token: token.map(str::to_owned),
            expires,
            principal,
        };
        Box::pin(async { Some(Arc::new(credential)) })
    }
}
