//! Runs the files of `cases/`: calls in sequence, what they answer, and what becomes of the tasks that they start.
//!
//! In an expected answer objects may leave out members, and `<any>` stands for any text. In an input, `${N.a.b}` is the
//! member `a.b` of the answer to call N. `UPDATE=1` rewrites the expected errors and timelines.
//!
//! A step may wait first: `after` an event with this status, or one that looks like this; or until somebody is
//! `sleeping` no longer than it will `advance` the clock by seconds. It may `open` the gate that scripted containers wait
//! at. A call with `until` is repeated until it is answered like this.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{Process, World, within};
use serde_json::{Value, json};

#[tokio::test]
async fn cases() {
    let mut failures = Vec::new();
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"));
    assert!(!files.is_empty());
    for file in files {
        println!("{}", file.display());
        let mut case: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let found = run(&mut case).await;
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&case).unwrap())).unwrap();
        }
        failures.extend(found.into_iter().map(|failure| format!("{}: {failure}", file.display())));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { self::files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files
}

/// Runs a case, notes in it what was found, and returns what differs.
async fn run(case: &mut Value) -> Vec<String> {
    let world = World::new();
    for group in case["logGroups"].as_array().into_iter().flatten() {
        world.logs.create_group(group.as_str().unwrap());
    }
    if case["pullsHang"] == true {
        world.driver.hang_pulls();
    }
    let process = world.start().await;
    let mut failures = Vec::new();
    let mut answers: Vec<Value> = Vec::new();
    for (at, step) in case["calls"].as_array_mut().unwrap().iter_mut().enumerate() {
        prepare(&world, step).await;
        if step["call"].is_null() {
            answers.push(Value::Null);
            continue;
        }
        let input = filled(&step["input"], &answers);
        if !step["until"].is_null() {
            within(answered(&process, step, &input)).await;
        }
        let (answer, failure) = call(&process, step, input).await;
        failures.extend(failure.map(|failure| format!("call {at}: {failure}")));
        answers.push(answer);
    }
    if !case["timeline"].is_null() {
        failures.extend(check_timeline(&world, case).await);
    }
    process.kill();
    failures
}

/// Does what a step says that comes before its call.
async fn prepare(world: &World, step: &Value) {
    match &step["after"] {
        Value::String(status) => drop(world.event(|detail| detail["lastStatus"] == **status).await),
        Value::Null => {}
        wanted => drop(world.event(|detail| difference("", wanted, detail).is_none()).await),
    }
    let seconds = Duration::from_secs(step["advance"].as_u64().unwrap_or(0));
    if step["sleeping"] == true {
        within(world.sleeper(seconds)).await;
    }
    world.hand.advance(seconds);
    if step["open"] == true {
        world.driver.open_gate();
    }
}

/// Waits until a call is answered as its step says.
async fn answered(process: &Process, step: &Value, input: &Value) {
    let operation = step["call"].as_str().unwrap();
    loop {
        let answer = process.call(operation, input.clone()).await.unwrap();
        if difference("", &step["until"], &answer).is_none() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn call(process: &Process, step: &mut Value, input: Value) -> (Value, Option<String>) {
    match process.call(step["call"].as_str().unwrap(), input).await {
        Ok(answer) => {
            let failure = if step["error"].is_null() {
                difference("", &step["answer"], &answer)
            } else {
                Some(format!("expected {}, got {answer}", step["error"]))
            };
            (answer, failure)
        }
        Err(error) => {
            let found = json!({"code": error.code, "message": error.message});
            let failure =
                (step["error"] != found).then(|| format!("expected {}, got {found}", step["error"]));
            step["error"] = found;
            (Value::Null, failure)
        }
    }
}

/// Compares the changes that were announced, and the last one in detail.
async fn check_timeline(world: &World, case: &mut Value) -> Vec<String> {
    let stopped = world.stopped().await;
    let timeline: Vec<String> = world
        .events
        .details()
        .iter()
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or_default();
            format!("{} {} {}", one["version"], text("lastStatus"), text("desiredStatus"))
        })
        .collect();
    let mut failures = Vec::new();
    if case["timeline"] != json!(timeline) {
        failures.push(format!("timeline {} is {timeline:?}", case["timeline"]));
        case["timeline"] = json!(timeline);
    }
    failures.extend(difference("stopped", &case["stopped"], &stopped));
    for (name, expected) in case["started"].as_object().into_iter().flatten() {
        let found = serde_json::to_value(world.driver.spec(name)).unwrap();
        failures.extend(difference(name, expected, &found));
    }
    for (name, expected) in case["launches"].as_object().into_iter().flatten() {
        let found = world.driver.launches().get(name).copied().unwrap_or_default();
        failures.extend(difference(name, expected, &json!(found)));
    }
    failures.extend(difference("stops", &case["stops"], &json!(world.driver.stops())));
    failures.extend((world.driver.left() > 0).then(|| "containers are left over".to_owned()));
    for (group, expected) in case["logs"].as_object().into_iter().flatten() {
        let (stream, lines) = world.logs.stream(group);
        let callers = world.logs.callers();
        let found = json!({"stream": stream, "lines": lines, "caller": callers.last()});
        failures.extend(difference(group, expected, &found));
    }
    failures
}

/// Where `found` is not as `expected` says.
fn difference(path: &str, expected: &Value, found: &Value) -> Option<String> {
    match (expected, found) {
        (Value::Null, _) => None,
        (Value::String(any), Value::String(_)) if any == "<any>" => None,
        (Value::String(absent), found) if absent == "<absent>" => {
            (!found.is_null()).then(|| format!("{path} is {found}"))
        }
        (Value::String(text), Value::String(found)) if text.ends_with('*') => {
            let prefix = text.trim_end_matches('*');
            (!found.starts_with(prefix)).then(|| format!("{path} is {found}, not {text}"))
        }
        (Value::Object(expected), Value::Object(found)) => expected.iter().find_map(|(name, expected)| {
            difference(&format!("{path}.{name}"), expected, found.get(name).unwrap_or(&Value::Null))
        }),
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => expected
            .iter()
            .zip(found)
            .enumerate()
            .find_map(|(at, (expected, found))| difference(&format!("{path}[{at}]"), expected, found)),
        (expected, found) if expected == found => None,
        (expected, found) => Some(format!("{path} is {found}, not {expected}")),
    }
}

/// The input with answers of earlier calls in it.
fn filled(input: &Value, answers: &[Value]) -> Value {
    match input {
        Value::String(text) => match text.strip_prefix("${").and_then(|text| text.strip_suffix('}')) {
            None => input.clone(),
            Some(path) => {
                let (at, path) = path.split_once('.').unwrap();
                let pointer = format!("/{}", path.replace('.', "/"));
                answers[at.parse::<usize>().unwrap()].pointer(&pointer).unwrap().clone()
            }
        },
        Value::Array(items) => items.iter().map(|item| filled(item, answers)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), filled(value, answers))).collect()
        }
        other => other.clone(),
    }
}
