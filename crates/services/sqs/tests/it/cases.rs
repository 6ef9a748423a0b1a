//! Every file in `cases/api`: calls through the door, in sequence, from 2026-11-20T12:00:00Z on, and what is answered.
//!
//! A step has an `operation`, an `input`, and the members of its `answer` or its `error` (code, message); or `seconds` by
//! which the clock moves on. A `QueueUrl` that is a name means the queue of that name. In an expectation `<>` is any
//! value, and `/^x/` a regular expression. `keep` gives a place in the answer a name, which later texts may use as
//! `${name}`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::world::{World, url};

#[tokio::test]
async fn every_case_is_as_its_file_says() {
    let mut failures = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/api");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in &files {
        let case: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert!(case["source"].is_string(), "{} names no source", file.display());
        let (world, mut kept) = (World::new().await, BTreeMap::new());
        for (at, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            let step = filled_in(step, &kept);
            if let Err(error) = run(&world, &step, &mut kept).await {
                failures.push(format!("{}, step {at}: {error}", file.display()));
            }
        }
    }
    assert!(files.len() >= CASES, "cases are missing");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

async fn run(world: &World, step: &Value, kept: &mut BTreeMap<String, String>) -> Result<(), String> {
    if let Some(seconds) = step["seconds"].as_u64() {
        world.advance(seconds).await;
        return Ok(());
    }
    let operation = step["operation"].as_str().unwrap();
    let mut input = step["input"].clone();
    if let Some(name) = input["QueueUrl"].as_str().filter(|name| !name.contains('/')).map(str::to_owned) {
        input["QueueUrl"] = url(&name).into();
    }
    match (world.call(operation, input).await, step.get("error")) {
        (Ok(answer), None) => {
            for (name, place) in step["keep"].as_object().into_iter().flatten() {
                let value = answer.pointer(place.as_str().unwrap()).and_then(Value::as_str);
                kept.insert(name.clone(), value.ok_or(format!("no {place} in {answer}"))?.to_owned());
            }
            step.get("answer").map_or(Ok(()), |wanted| matches(wanted, &answer))
        }
        (Ok(answer), Some(wanted)) => Err(format!("answered {answer} instead of {wanted}")),
        (Err(error), None) => Err(format!("failed: {error}")),
        (Err(error), Some(wanted)) => matches(wanted, &json!({"code": error.code, "message": error.message})),
    }
}

fn filled_in(step: &Value, kept: &BTreeMap<String, String>) -> Value {
    let mut text = step.to_string();
    for (name, value) in kept {
        text = text.replace(&format!("${{{name}}}"), value);
    }
    serde_json::from_str(&text).unwrap()
}

fn matches(wanted: &Value, found: &Value) -> Result<(), String> {
    match (wanted, found) {
        (Value::String(any), found) if any == "<>" && !found.is_null() => Ok(()),
        (Value::String(pattern), Value::String(found)) if pattern.len() > 2 && pattern.starts_with("/^") => {
            let whole = regex::Regex::new(pattern.trim_matches('/')).unwrap();
            if whole.is_match(found) { Ok(()) } else { Err(format!("{found} is not like {pattern}")) }
        }
        (Value::Object(wanted), Value::Object(found)) => {
            for (name, value) in wanted {
                matches(value, found.get(name).unwrap_or(&Value::Null))
                    .map_err(|error| format!("{name}: {error}"))?;
            }
            let extra: Vec<_> = found.keys().filter(|name| !wanted.contains_key(*name)).collect();
            if extra.is_empty() { Ok(()) } else { Err(format!("{extra:?} more than expected")) }
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            wanted.iter().zip(found).try_for_each(|(wanted, found)| matches(wanted, found))
        }
        _ if wanted == found => Ok(()),
        _ => Err(format!("expected {wanted}, found {found}")),
    }
}

/// At least so many files.
const CASES: usize = 10;
