//! Every file in `cases`. At 2026-11-20T12:00:00Z, `<>` is any value.
//!
//! In `api`: calls in sequence. A step has an `operation`, an `input`, and an `answer`, an `error` (code, message, status) or
//! a state that it `comes_to`, with what is `described` then. `$pipe` in an input stands for a pipe `p` with these members
//! on top.
//!
//! In `flow`: a `pipe` with these members on top of a queue and a queue, the `messages` that are sent to it (bodies, or
//! messages), what operations `answer` the first times, and the `calls` that follow; a call's `input` names what is looked
//! at. `left` is how many messages stay.

use std::path::{Path, PathBuf};

use api::AwsError;
use serde_json::{Value, json};

use crate::world::{Given, World, message, pipe};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
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
async fn the_api_is_as_its_files_say() {
    let mut failures = Vec::new();
    for file in files("api") {
        let (case, world) = (read(&file), World::new().await);
        for answer in case["answers"].as_array().into_iter().flatten() {
            world.around.answer(answer["operation"].as_str().unwrap(), scripted(answer));
        }
        for (at, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            if let Err(error) = run(&world, step).await {
                failures.push(format!("{}, step {at}: {error}", file.display()));
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

async fn run(world: &World, step: &Value) -> Result<(), String> {
    if let Some(state) = step["comes_to"].as_str() {
        if state == "deleted" {
            world.is_gone().await;
            return Ok(());
        }
        let described = world.comes_to(state).await;
        return step.get("described").map_or(Ok(()), |wanted| contains(wanted, &described));
    }
    let input = match step["input"].get("$pipe") {
        Some(more) => pipe(more.clone()),
        None => step["input"].clone(),
    };
    match (world.call(step["operation"].as_str().unwrap(), input).await, step.get("error")) {
        (Ok(answer), None) => step.get("answer").map_or(Ok(()), |wanted| contains(wanted, &answer)),
        (Ok(answer), Some(wanted)) => Err(format!("answered {answer} instead of {wanted}")),
        (Err(error), None) => Err(format!("failed: {error}")),
        (Err(error), Some(wanted)) => {
            let found = json!({"code": error.code, "message": error.message, "status": error.status});
            contains(wanted, &found)
        }
    }
}

#[tokio::test]
async fn messages_go_their_way_as_the_files_say() {
    let mut failures = Vec::new();
    for file in files("flow") {
        if let Err(error) = flow(&read(&file)).await {
            failures.push(format!("{}: {error}", file.display()));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

async fn flow(case: &Value) -> Result<(), String> {
    let world = World::new().await;
    let given = case["messages"].as_array().unwrap().iter().enumerate();
    let messages: Vec<Value> = given
        .map(|(at, given)| match given.as_str() {
            Some(body) => message(at, body),
            None => {
                let mut message = message(at, "");
                message.as_object_mut().unwrap().extend(given.as_object().cloned().unwrap());
                message
            }
        })
        .collect();
    for answer in case["answers"].as_array().into_iter().flatten() {
        world.around.answer(answer["operation"].as_str().unwrap(), scripted(answer));
    }
    world.around.send(&messages);
    world.create(case["pipe"].clone()).await;
    let calls = case["calls"].as_array().unwrap();
    let given = world.around.given(calls.len()).await;
    // What comes too much comes before the pipe stops.
    world.comes_to("RUNNING").await;
    world.call("StopPipe", json!({"Name": "p"})).await.map_err(|error| error.to_string())?;
    world.comes_to("STOPPED").await;
    let given = if given.len() == calls.len() { world.around.given(calls.len()).await } else { given };
    let operations = |given: &[Given]| given.iter().map(|one| one.operation.clone()).collect::<Vec<_>>();
    if given.len() != calls.len() {
        return Err(format!("{:?} more than expected", operations(&given[calls.len()..])));
    }
    for (at, (wanted, given)) in calls.iter().zip(&given).enumerate() {
        let found = json!({"operation": given.operation, "input": given.input});
        contains(wanted, &found).map_err(|error| format!("call {at}: {error}"))?;
    }
    let left = case["left"].as_u64().unwrap_or(0);
    match u64::try_from(world.around.left()).unwrap() {
        found if found == left => Ok(()),
        found => Err(format!("{found} messages are left")),
    }
}

fn scripted(answer: &Value) -> Result<Value, AwsError> {
    match answer.get("error") {
        None => Ok(answer["answer"].clone()),
        Some(error) => {
            let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
            Err(AwsError::new(text("code"), text("message")))
        }
    }
}

/// Whether what is wanted is found; members that are not named are not looked at.
fn contains(wanted: &Value, found: &Value) -> Result<(), String> {
    match (wanted, found) {
        (Value::String(any), found) if any == "<>" && !found.is_null() => Ok(()),
        (Value::Object(wanted), Value::Object(found)) => wanted.iter().try_for_each(|(name, value)| {
            contains(value, found.get(name).unwrap_or(&Value::Null))
                .map_err(|error| format!("{name}: {error}"))
        }),
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            wanted.iter().zip(found).try_for_each(|(wanted, found)| contains(wanted, found))
        }
        _ if wanted == found => Ok(()),
        _ => Err(format!("expected {wanted}, found {found}")),
    }
}
