//! Every file in `cases/api`: calls through the door, in sequence, and what is answered.
//!
//! A case is a list of steps. A step is a call (`operation`, `input`) and its `answer` or `error`, or `advance_seconds`,
//! which moves the clock from 1800000000. In an expectation a text in angle brackets stands for any text that begins as
//! the rest of it says; `<>` is any value. In an input `${N.A.B}` is a value of step N's answer, and
//! `{"$events": [[seconds, "message"], ..]}` are events at so many seconds from the start of the clock.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod world;

use std::path::{Path, PathBuf};
use std::time::Duration;

use api::AwsError;
use serde_json::{Value, json};
use world::{START, World};

async fn run(world: &World, answers: &mut Vec<Value>, step: &Value) -> Result<(), String> {
    if let Some(seconds) = step["advance_seconds"].as_u64() {
        world.clock.advance(Duration::from_secs(seconds));
        answers.push(Value::Null);
        return Ok(());
    }
    let operation = step["operation"].as_str().unwrap();
    let answer = world.call(operation, fill(&step["input"], answers)).await;
    let outcome = compare(step, &answer);
    answers.push(answer.unwrap_or_default());
    outcome
}

/// Puts values of earlier answers, and times, in.
fn fill(input: &Value, answers: &[Value]) -> Value {
    match input {
        Value::String(text) => match text.strip_prefix("${").and_then(|text| text.strip_suffix('}')) {
            Some(path) => {
                let (step, path) = path.split_once('.').unwrap();
                let answer = &answers[step.parse::<usize>().unwrap()];
                answer.pointer(&format!("/{}", path.replace('.', "/"))).unwrap().clone()
            }
            None => input.clone(),
        },
        Value::Object(members) => match (members.get("$events"), members.get("$time")) {
            (Some(events), None) => events.as_array().unwrap().iter().map(event).collect(),
            (None, Some(seconds)) => time(seconds),
            _ => members.iter().map(|(name, value)| (name.clone(), fill(value, answers))).collect(),
        },
        Value::Array(values) => values.iter().map(|value| fill(value, answers)).collect(),
        other => other.clone(),
    }
}

fn event(event: &Value) -> Value {
    json!({"timestamp": time(&event[0]), "message": event[1]})
}

fn time(seconds: &Value) -> Value {
    (START + seconds.as_i64().unwrap() * 1000).into()
}

fn compare(step: &Value, answer: &Result<Value, AwsError>) -> Result<(), String> {
    match (answer, step.get("error")) {
        (Err(error), Some(expected)) => {
            matches(expected, &json!({"code": error.code, "message": error.message}))
        }
        (Ok(answer), None) => {
            step.get("answer").map_or(Ok(()), |expected| matches(&fill(expected, &[]), answer))
        }
        (Ok(answer), Some(expected)) => Err(format!("answered {answer} instead of {expected}")),
        (Err(error), None) => Err(format!("failed: {error}")),
    }
}

fn matches(expected: &Value, found: &Value) -> Result<(), String> {
    let wild = expected.as_str().and_then(|text| text.strip_prefix('<')?.strip_suffix('>'));
    let same = match (expected, found) {
        (_, Value::String(found)) if wild.is_some_and(|start| found.starts_with(start)) => true,
        (_, _) if wild == Some("") => true,
        // `[["message", ..]]` in short for events of which only the messages matter.
        (Value::Object(short), Value::Array(events)) if short.contains_key("$messages") => {
            let messages: Value = events.iter().map(|event| event["message"].clone()).collect();
            return matches(&short["$messages"], &messages);
        }
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

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn read(file: &Path) -> Value {
    let case: Value = serde_json::from_slice(&std::fs::read(file).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert!(case["source"].is_string(), "{} names no source", file.display());
    case
}

#[tokio::test]
async fn every_case_is_as_its_file_says() {
    let mut failures = Vec::new();
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/api"));
    for file in &files {
        let (world, mut answers) = (World::new(), Vec::new());
        for (at, step) in read(file)["steps"].as_array().unwrap().iter().enumerate() {
            if let Err(error) = run(&world, &mut answers, step).await {
                failures.push(format!("{}, step {at}: {error}", file.display()));
            }
        }
    }
    assert!(files.len() > 15, "cases are missing");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn every_filter_pattern_is_as_its_file_says() {
    let mut failures = Vec::new();
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/filter_pattern"));
    for file in &files {
        let case = read(file);
        let pattern = case["pattern"].as_str().unwrap();
        let parsed = logs::filter_pattern::FilterPattern::parse(pattern);
        match (parsed, case.get("error")) {
            (Err(error), Some(expected)) if error.to_string() == *expected.as_str().unwrap() => {}
            (Err(error), _) => failures.push(format!("{}: {error}", file.display())),
            (Ok(_), Some(_)) => failures.push(format!("{}: is not refused", file.display())),
            (Ok(parsed), None) => {
                for (list, wanted) in [("matches", true), ("rejects", false)] {
                    for message in case[list].as_array().into_iter().flatten() {
                        if parsed.matches(message.as_str().unwrap()) != wanted {
                            failures.push(format!("{}: {list} {message}", file.display()));
                        }
                    }
                }
            }
        }
    }
    assert!(files.len() > 20, "cases are missing");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
