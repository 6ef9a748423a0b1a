//! Case files of a service: calls through the door, in sequence, and what is answered.
//!
//! A file has its `source` (where the behaviour is known from) and `steps`. A step is one of
//!
//! - `operation` and `input`, with the members of its `answer` or of its `error` (`code`, `message`, and `status` where it
//!   matters); with neither, any answer that is no error. `keep` gives texts of the answer names, by their places
//!   (`/A/B`) or as members: later steps may use them as `${name}`.
//! - `seconds` or `days`, by which the clock moves on.
//!
//! `${x*N}` is a text of N letters. How expectations are read says [`matches`].

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so")]

mod matches;
mod odd_input;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::AwsError;
use serde_json::{Value, json};

pub use matches::matches;
pub use odd_input::OddInput;

/// What a case happens in: a service of its own with its store and its clock.
pub trait World {
    /// The service's answer to an operation's input.
    fn call(&self, operation: &str, input: Value) -> impl Future<Output = Result<Value, AwsError>>;

    /// Moves the clock, and lets happen what is due then.
    fn advance(&self, by: Duration) -> impl Future<Output = ()>;
}

/// Runs every file of `folder`, each in a world of its own, and panics with all steps that are not as their files say, or
/// where there are fewer files than `at_least`.
pub async fn run<W: World>(folder: impl AsRef<Path>, at_least: usize, world: impl AsyncFn() -> W) {
    let files = files(folder.as_ref());
    let mut failures = Vec::new();
    for file in &files {
        let (world, mut kept) = (world().await, BTreeMap::new());
        for (at, step) in steps(file).iter().enumerate() {
            if let Err(error) = take(&world, &filled_in(step, &kept), &mut kept).await {
                failures.push(format!("{}, step {at}: {error}", file.display()));
            }
        }
    }
    assert!(files.len() >= at_least, "cases are missing");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn steps(file: &Path) -> Vec<Value> {
    let case: Value = serde_json::from_slice(&std::fs::read(file).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert!(case["source"].is_string(), "{} names no source", file.display());
    case["steps"].as_array().unwrap_or_else(|| panic!("{} has no steps", file.display())).clone()
}

async fn take(world: &impl World, step: &Value, kept: &mut BTreeMap<String, String>) -> Result<(), String> {
    if let Some(time) = time(step) {
        world.advance(time).await;
        return Ok(());
    }
    let operation = step["operation"].as_str().ok_or("neither an operation nor a time")?;
    match (world.call(operation, step["input"].clone()).await, step.get("error")) {
        (Ok(answer), None) => {
            keep(step, &answer, kept)?;
            step.get("answer").map_or(Ok(()), |wanted| matches(wanted, &answer))
        }
        (Ok(answer), Some(wanted)) => Err(format!("answered {answer} instead of {wanted}")),
        (Err(error), None) => Err(format!("failed: {error}")),
        (Err(error), Some(wanted)) => matches(wanted, &shown(&error, wanted)),
    }
}

fn time(step: &Value) -> Option<Duration> {
    let days = step["days"].as_u64().map(|days| days * 24 * 60 * 60);
    days.or(step["seconds"].as_u64()).map(Duration::from_secs)
}

fn keep(step: &Value, answer: &Value, kept: &mut BTreeMap<String, String>) -> Result<(), String> {
    for (name, place) in step["keep"].as_object().into_iter().flatten() {
        let place = place.as_str().unwrap_or_default();
        let value = if place.starts_with('/') { answer.pointer(place) } else { answer.get(place) };
        let text = value.and_then(Value::as_str).ok_or_else(|| format!("no text at {place} in {answer}"))?;
        kept.insert(name.clone(), text.to_owned());
    }
    Ok(())
}

fn shown(error: &AwsError, wanted: &Value) -> Value {
    let mut shown = json!({"code": error.code, "message": error.message});
    if wanted.get("status").is_some() {
        shown["status"] = error.status.into();
    }
    shown
}

fn filled_in(step: &Value, kept: &BTreeMap<String, String>) -> Value {
    let mut text = step.to_string();
    for (name, value) in kept {
        text = text.replace(&format!("${{{name}}}"), value);
    }
    let letters = regex::Regex::new(r"\$\{x\*([0-9]+)\}").unwrap();
    let text =
        letters.replace_all(&text, |found: &regex::Captures<'_>| "x".repeat(found[1].parse().unwrap()));
    serde_json::from_str(&text).unwrap()
}
