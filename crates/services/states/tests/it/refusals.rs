//! The case files of `cases/`: calls in sequence, and what each answers.
//!
//! A step has `operation`, `input` and either `error` (`Code: message`) or `answer` (members that must be so). With
//! `UPDATE=1` the expectations are rewritten.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn case_files_hold() {
    let mut files = Vec::new();
    collect(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("cases"), &mut files);
    assert!(!files.is_empty());
    let mut complaints = Vec::new();
    for file in files {
        if let Err(complaint) = play(&file).await {
            complaints.push(format!("{}: {complaint}", file.display()));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
}

async fn play(file: &Path) -> Result<(), String> {
    let mut case: Value =
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).map_err(|error| error.to_string())?;
    let world = World::new();
    let process = world.process().await;
    let update = std::env::var_os("UPDATE").is_some();
    for (number, step) in case["steps"].as_array_mut().ok_or("no steps")?.iter_mut().enumerate() {
        let answer =
            process.call(step["operation"].as_str().ok_or("no operation")?, step["input"].clone()).await;
        let (found, expected) = match &answer {
            Err(error) => (json!(error.to_string()), step.get("error").cloned().unwrap_or_default()),
            Ok(answer) => {
                let wanted = step.get("answer").and_then(Value::as_object).cloned().unwrap_or_default();
                let found = wanted.keys().map(|name| (name.clone(), answer[name].clone()));
                (Value::Object(found.collect()), Value::Object(wanted))
            }
        };
        if update {
            step[if answer.is_ok() { "answer" } else { "error" }] = found;
        } else if found != expected || answer.is_ok() == step.get("error").is_some() {
            return Err(format!("step {number}: expected {expected}, was {found}"));
        }
    }
    if update {
        std::fs::write(file, serde_json::to_string_pretty(&case).unwrap() + "\n").unwrap();
    }
    Ok(())
}
