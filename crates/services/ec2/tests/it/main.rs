//! Every file in `cases`: calls through the door, in sequence, and what is answered.
//!
//! A step has an `operation`, an `input`, and its `answer` or its `error` (code and message; a status where it is not
//! 400). Objects of an expected answer may leave out members; `<any>` is any value, `<absent>` none, and a text that ends
//! with `*` any that begins so. In inputs and expectations `${N.a.b}` is a member of the answer to step N, also within a
//! text.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::{AwsError, Call, Dispatcher, Principal, Service};
use clock::{Clock, VirtualClock};
use ec2::Ec2;
use serde_json::{Value, json};
use store::{SqliteStore, Store};
use types::{AccountId, Region, Timestamp};

#[tokio::test]
async fn every_case_is_as_its_file_says() {
    let mut failures = Vec::new();
    for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")) {
        let case: Value = serde_json::from_slice(&std::fs::read(&file).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(case["source"].is_string(), "{} names no source", file.display());
        let folder = tempfile::tempdir().unwrap();
        let world = World::on(folder.path());
        let mut answers = Vec::new();
        for (at, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            match run(&world, step, &answers).await {
                Ok(answer) => answers.push(answer),
                Err(error) => {
                    failures.push(format!("{}, step {at}: {error}", file.display()));
                    break;
                }
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[tokio::test]
async fn what_a_region_has_from_the_beginning_is_the_same_everywhere_and_survives() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = World::on(one.path()).call("DescribeSubnets", json!({})).await.unwrap();
    let again = World::on(one.path()).call("DescribeSubnets", json!({})).await.unwrap();
    let elsewhere = World::on(other.path()).call("DescribeSubnets", json!({})).await.unwrap();
    assert_eq!((first["Subnets"].as_array().unwrap().len(), &first), (3, &again));
    assert_eq!(first, elsewhere);
}

#[tokio::test]
async fn changes_at_one_time_are_all_made() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::on(folder.path());
    let create = |number: usize| {
        world.call("CreateSecurityGroup", json!({"GroupName": format!("g{number}"), "Description": "d"}))
    };
    let created = futures_util::future::join_all((0..16).map(create)).await;
    assert!(created.iter().all(Result::is_ok), "{created:?}");
    let groups = world.call("DescribeSecurityGroups", json!({})).await.unwrap();
    assert_eq!(groups["SecurityGroups"].as_array().unwrap().len(), 17);
}

struct World {
    dispatcher: Dispatcher,
}

impl World {
    fn on(folder: &Path) -> Self {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder).unwrap());
        let clock = VirtualClock::new(Timestamp::from_seconds(1_700_000_000));
        let dispatcher = Dispatcher::new(Clock::Virtual(clock));
        dispatcher.install([Arc::new(Ec2::new(store)) as Arc<dyn Service>]);
        Self { dispatcher }
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        let account = AccountId::new("000000000000");
        let principal = Principal::Root { account: account.clone() };
        let call = Call::new(principal, &account, &Region::new("us-east-1"), "ec2", operation, input);
        self.dispatcher.call(call).await
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { self::files(&path) } else { vec![path] })
        .collect();
    files.sort();
    files
}

async fn run(world: &World, step: &Value, answers: &[Value]) -> Result<Value, String> {
    let input = filled(&step["input"], answers);
    let input = if input.is_null() { json!({}) } else { input };
    match (world.call(step["operation"].as_str().unwrap(), input).await, step.get("error")) {
        (Ok(answer), None) => {
            let wanted = filled(&step["answer"], answers);
            if wanted.is_null() { Ok(answer) } else { matches(&wanted, &answer).map(|()| answer) }
        }
        (Ok(answer), Some(wanted)) => Err(format!("answered {answer} instead of {wanted}")),
        (Err(error), None) => Err(format!("failed: {error}")),
        (Err(error), Some(wanted)) => {
            let mut wanted = filled(wanted, answers);
            wanted.as_object_mut().unwrap().entry("status").or_insert(json!(400));
            let found = json!({"code": error.code, "message": error.message, "status": error.status});
            matches(&wanted, &found).map(|()| Value::Null)
        }
    }
}

fn matches(wanted: &Value, found: &Value) -> Result<(), String> {
    match (wanted, found) {
        (Value::String(any), found) if any == "<any>" && !found.is_null() => Ok(()),
        (Value::String(absent), Value::Null) if absent == "<absent>" => Ok(()),
        (Value::String(text), Value::String(found)) if text.ends_with('*') => {
            match found.starts_with(text.trim_end_matches('*')) {
                true => Ok(()),
                false => Err(format!("expected {text}, found {found}")),
            }
        }
        (Value::Object(wanted), Value::Object(found)) => wanted.iter().try_for_each(|(name, value)| {
            matches(value, found.get(name).unwrap_or(&Value::Null))
                .map_err(|error| format!("{name}: {error}"))
        }),
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            wanted.iter().zip(found).try_for_each(|(wanted, found)| matches(wanted, found))
        }
        _ if wanted == found => Ok(()),
        _ => Err(format!("expected {wanted}, found {found}")),
    }
}

/// The value with members of earlier answers in it.
fn filled(value: &Value, answers: &[Value]) -> Value {
    match value {
        Value::String(text) => {
            let mut text = text.clone();
            while let Some((start, rest)) = text.split_once("${") {
                let (path, end) = rest.split_once('}').unwrap();
                let (at, path) = path.split_once('.').unwrap();
                let pointer = format!("/{}", path.replace('.', "/"));
                let found =
                    answers[at.parse::<usize>().unwrap()].pointer(&pointer).unwrap().as_str().unwrap();
                text = format!("{start}{found}{end}");
            }
            Value::String(text)
        }
        Value::Array(items) => items.iter().map(|item| filled(item, answers)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), filled(value, answers))).collect()
        }
        other => other.clone(),
    }
}
