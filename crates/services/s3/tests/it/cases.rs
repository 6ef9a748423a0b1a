//! Runs the case files. `UPDATE=1` writes what was found into them.
//!
//! A case is a list of steps: an `operation` with its `input`, the `body` beside it, where given a `region` or an
//! `account`, and its `answer`, `answer_body` or `error`; or `advance_seconds`, which moves the clock from 1800000000. In
//! an expectation `<>` is any value. In an input `${N.A.B}` is a value of step N's answer. A body is a text, or
//! `{"repeat": ["text", count]}`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use api::{AwsError, Body};
use serde_json::{Map, Value, json};

use crate::world::{Process, World};

/// Members whose values differ from run to run.
const RANDOM: [&str; 9] = [
    "VersionId",
    "UploadId",
    "NextContinuationToken",
    "ContinuationToken",
    "NextUploadIdMarker",
    "NextVersionIdMarker",
    "DeleteMarkerVersionId",
    "UploadIdMarker",
    "VersionIdMarker",
];

async fn run(process: &Process, answers: &[Value], step: &Value) -> Value {
    let text = |name: &str, default: &str| step[name].as_str().unwrap_or(default).to_owned();
    let (region, account) = (text("region", "us-east-1"), text("account", "000000000000"));
    let operation = step["operation"].as_str().unwrap();
    let input = fill(&step["input"], answers);
    let reply = process.call_in(&region, &account, operation, input, body(&step["body"])).await;
    match reply {
        Ok(reply) => {
            let mut found = Map::from_iter([("answer".to_owned(), reply.output)]);
            if let Some(body) = reply.body {
                let bytes = body.collect(u64::MAX).await.unwrap();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                // What is long has its length for itself.
                let shown = if text.len() > 100 { json!({"length": text.len()}) } else { text.into() };
                found.insert("answer_body".to_owned(), shown);
            }
            found.into()
        }
        Err(error) => json!({"error": shown(&error)}),
    }
}

fn shown(error: &AwsError) -> Value {
    let mut shown = json!({"code": error.code, "message": error.message, "status": error.status});
    if !error.members.is_empty() {
        shown["members"] = error.members.clone().into();
    }
    shown
}

fn body(given: &Value) -> Option<Body> {
    match given {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into()),
        given => {
            let (text, count) = (given["repeat"][0].as_str().unwrap(), given["repeat"][1].as_u64().unwrap());
            Some(text.repeat(usize::try_from(count).unwrap()).into())
        }
    }
}

/// Puts values of earlier answers in.
fn fill(input: &Value, answers: &[Value]) -> Value {
    match input {
        Value::String(text) => match text.strip_prefix("${").and_then(|text| text.strip_suffix('}')) {
            Some(path) => {
                let (step, path) = path.split_once('.').unwrap();
                let answer = &answers[step.parse::<usize>().unwrap()]["answer"];
                answer.pointer(&format!("/{}", path.replace('.', "/"))).cloned().unwrap_or("absent".into())
            }
            None => input.clone(),
        },
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), fill(value, answers))).collect()
        }
        Value::Array(values) => values.iter().map(|value| fill(value, answers)).collect(),
        other => other.clone(),
    }
}

fn matches(expected: &Value, found: &Value) -> Result<(), String> {
    let same = match (expected, found) {
        (Value::String(any), found) if any == "<>" => !found.is_null(),
        (Value::Object(expected), Value::Object(found)) => {
            for (name, value) in expected {
                matches(value, found.get(name).unwrap_or(&Value::Null))
                    .map_err(|error| format!("{name}: {error}"))?;
            }
            found.keys().all(|name| expected.contains_key(name))
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            return expected.iter().zip(found).try_for_each(|(expected, found)| matches(expected, found));
        }
        (expected, found) => expected == found,
    };
    if same { Ok(()) } else { Err(format!("expected {expected}, found {found}")) }
}

/// An answer with the values that differ from run to run left out.
fn steady(found: Value) -> Value {
    match found {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let is_random = RANDOM.contains(&name.as_str())
                    && value.as_str().is_some_and(|text| !["", "null"].contains(&text));
                let value = if is_random { "<>".into() } else { steady(value) };
                (name, value)
            })
            .collect(),
        Value::Array(values) => values.into_iter().map(steady).collect(),
        other => other,
    }
}

fn expected(step: &Value) -> Value {
    let members = ["answer", "answer_body", "error"];
    members.iter().filter_map(|name| Some(((*name).to_owned(), step.get(*name)?.clone()))).collect()
}

fn update(step: &mut Value, found: Value) {
    let step = step.as_object_mut().unwrap();
    for name in ["answer", "answer_body", "error"] {
        step.remove(name);
    }
    if let Value::Object(found) = steady(found) {
        step.extend(found);
    }
}

async fn check(file: &Path, updates: bool) -> Vec<String> {
    let mut case: Value = serde_json::from_slice(&std::fs::read(file).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert!(case["source"].is_string(), "{} names no source", file.display());
    let world = World::new();
    let process = world.process().await;
    let (mut answers, mut failures) = (Vec::new(), Vec::new());
    for (at, step) in case["steps"].as_array_mut().unwrap().iter_mut().enumerate() {
        if let Some(seconds) = step["advance_seconds"].as_u64() {
            world.clock.advance(Duration::from_secs(seconds));
            answers.push(Value::Null);
            continue;
        }
        let found = run(&process, &answers, step).await;
        if let Err(error) = matches(&expected(step), &found) {
            failures.push(format!("{}, step {at}: {error}", file.display()));
        }
        if updates {
            update(step, found.clone());
        }
        answers.push(found);
    }
    if updates {
        std::fs::write(file, serde_json::to_string_pretty(&case).unwrap() + "\n").unwrap();
        return Vec::new();
    }
    failures
}

#[tokio::test]
async fn every_case_is_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let updates = std::env::var_os("UPDATE").is_some();
    let mut failures = Vec::new();
    for file in &files {
        failures.extend(check(file, updates).await);
    }
    assert!(files.len() >= 20, "cases are missing");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
