//! Every file in `cases/`: calls through the door, in sequence, and what is answered.
//!
//! A case is a list of steps. A step is a call (`service`, `operation`, `input`, by the root user unless `as` names a
//! role session) and its `answer` or `error`, or `advance_seconds`, which moves the clock. In an expectation a text in
//! angle brackets stands for any text that begins as the rest of it says: `<AROA>`; `<>` is any value. In an input
//! `${N.A.B}` is a value of step N's answer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use api::{AwsError, Call, Dispatcher, Principal, Service};
use clock::{Clock, VirtualClock};
use iam::{Configuration, Iam};
use serde_json::Value;
use store::SqliteStore;
use types::{AccountId, Region, Timestamp};

const ACCOUNT: &str = "000000000000";

struct World {
    dispatcher: Dispatcher,
    clock: VirtualClock,
    answers: Vec<Value>,
    _dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(dir.path()).unwrap());
        let clock = VirtualClock::new(Timestamp::from_seconds(1_800_000_000));
        let dispatcher = Dispatcher::new(Clock::Virtual(clock.clone()));
        let iam = Iam::new(store, &dispatcher, Configuration::default());
        let services: [Arc<dyn Service>; 2] = [Arc::new(iam.sts()), Arc::new(iam)];
        dispatcher.install(services);
        Self { dispatcher, clock, answers: Vec::new(), _dir: dir }
    }

    async fn run(&mut self, step: &Value) -> Result<(), String> {
        if let Some(seconds) = step["advance_seconds"].as_u64() {
            self.clock.advance(Duration::from_secs(seconds));
            self.answers.push(Value::Null);
            return Ok(());
        }
        let answer = self.dispatcher.call(self.call(step)).await;
        let outcome = compare(step, &answer);
        self.answers.push(answer.unwrap_or_default());
        outcome
    }

    fn call(&self, step: &Value) -> Call {
        let account = AccountId::new(ACCOUNT);
        let principal = match step["as"].as_array() {
            Some(role) => Principal::role(role[0].as_str().unwrap(), role[1].as_str().unwrap()),
            None => Principal::Root { account: account.clone() },
        };
        Call {
            principal,
            account,
            region: Region::new("us-east-1"),
            service: step["service"].as_str().unwrap_or("iam").to_owned(),
            operation: step["operation"].as_str().unwrap().to_owned(),
            input: self.fill(&step["input"]),
            request_id: api::ids::uuid(),
            idempotency_key: None,
        }
    }

    /// Puts values of earlier answers in.
    fn fill(&self, input: &Value) -> Value {
        match input {
            Value::String(text) => match text.strip_prefix("${").and_then(|text| text.strip_suffix('}')) {
                Some(path) => {
                    let (step, path) = path.split_once('.').unwrap();
                    let answer = &self.answers[step.parse::<usize>().unwrap()];
                    answer.pointer(&format!("/{}", path.replace('.', "/"))).unwrap().clone()
                }
                None => input.clone(),
            },
            // A document that is written out stands for its text.
            Value::Object(members) if members.len() == 1 && members.contains_key("$json") => {
                Value::String(members["$json"].to_string())
            }
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), self.fill(value))).collect()
            }
            Value::Array(values) => values.iter().map(|value| self.fill(value)).collect(),
            other => other.clone(),
        }
    }
}

fn compare(step: &Value, answer: &Result<Value, AwsError>) -> Result<(), String> {
    match (answer, step.get("error")) {
        (Err(error), Some(expected)) => {
            let found = serde_json::json!({
                "code": error.code, "message": error.message, "status": error.status
            });
            matches(expected, &found)
        }
        (Ok(answer), None) => step.get("answer").map_or(Ok(()), |expected| matches(expected, answer)),
        (Ok(answer), Some(expected)) => Err(format!("answered {answer} instead of {expected}")),
        (Err(error), None) => Err(format!("failed: {error}")),
    }
}

fn matches(expected: &Value, found: &Value) -> Result<(), String> {
    let wild = expected.as_str().and_then(|text| text.strip_prefix('<')?.strip_suffix('>'));
    let same = match (expected, found) {
        (_, Value::String(found)) if wild.is_some_and(|start| found.starts_with(start)) => true,
        (_, _) if wild == Some("") => true,
        (Value::Object(expected), Value::Object(found)) => {
            for (name, value) in expected {
                matches(value, found.get(name).unwrap_or(&Value::Null))
                    .map_err(|error| format!("{name}: {error}"))?;
            }
            found.keys().all(|name| expected.contains_key(name))
        }
        (Value::Array(expected), Value::Array(found)) => {
            for (expected, found) in expected.iter().zip(found) {
                matches(expected, found)?;
            }
            expected.len() == found.len()
        }
        (expected, found) => expected == found,
    };
    if same { Ok(()) } else { Err(format!("expected {expected}, found {found}")) }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

#[tokio::test]
async fn every_case_is_as_its_file_says() {
    let mut failures = Vec::new();
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"));
    for file in &files {
        let case: Value = serde_json::from_slice(&std::fs::read(file).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(case["source"].is_string(), "{} names no source", file.display());
        let mut world = World::new();
        for (at, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            if let Err(error) = world.run(step).await {
                failures.push(format!("{}, step {at}: {error}", file.display()));
            }
        }
    }
    assert!(files.len() > 20, "cases are missing");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
