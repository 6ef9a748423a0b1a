//! Every file in `cases/api`: calls through the door, in sequence, at 2026-11-20T12:00:00Z, and what is answered.
//!
//! A step has an `operation`, an `input`, and the members of its `answer` or its `error` (code, message, status). In an
//! expectation `<>` is any value. `$schedule` in an input stands for a schedule `s` with these members on top.

use std::path::Path;

use cases::matches;
use serde_json::{Value, json};

use crate::world::{World, schedule};

#[tokio::test]
async fn every_case_is_as_its_file_says() {
    let mut failures = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/api");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in &files {
        let case: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert!(case["source"].is_string(), "{} names no source", file.display());
        let world = World::at("2026-11-20T12:00:00Z").await;
        for (at, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            if let Err(error) = run(&world, step).await {
                failures.push(format!("{}, step {at}: {error}", file.display()));
            }
        }
    }
    assert!(files.len() >= 8, "cases are missing");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

async fn run(world: &World, step: &Value) -> Result<(), String> {
    let input = match step["input"].get("$schedule") {
        Some(more) => schedule("rate(5 minutes)", more.clone()),
        None => step["input"].clone(),
    };
    match (world.call(step["operation"].as_str().unwrap(), input).await, step.get("error")) {
        (Ok(answer), None) => step.get("answer").map_or(Ok(()), |wanted| matches(wanted, &answer)),
        (Ok(answer), Some(wanted)) => Err(format!("answered {answer} instead of {wanted}")),
        (Err(error), None) => Err(format!("failed: {error}")),
        (Err(error), Some(wanted)) => {
            let found = json!({"code": error.code, "message": error.message, "status": error.status});
            matches(wanted, &found)
        }
    }
}
