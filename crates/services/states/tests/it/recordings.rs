//! Executions of real Step Functions whose services are played here, event by event, where the recordings are there.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::conformance::{compare, fill, s3};
use crate::integrations::with_events;
use crate::world::{Process, ROLE, World};

/// Files of recordings, and how many of their cases are played: none may be lost unnoticed.
const FILES: [(&str, usize); 4] = [("services", 7), ("callback", 0), ("credentials", 5), ("scenarios", 12)];

/// Recorded in 2023 without the fields about redriving that later recordings of the same task have.
const SUPERSEDED: [&str; 1] = ["stepfunctions/callback/callback.start_execution_sync"];

/// What those services make that are behind the door here.
const PLAYED: [&str; 6] = [
    "states:startExecution",
    "events:putEvents",
    "aws-sdk:sfn:",
    "s3:getObject",
    "s3:listObjectsV2",
    "s3:putObject",
];

#[tokio::test(flavor = "multi_thread")]
async fn executions_go_as_recorded() {
    let root =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/conformance/cases/stepfunctions");
    if !root.is_dir() {
        return;
    }
    let mut complaints = Vec::new();
    for (file, at_least) in FILES {
        let text = std::fs::read_to_string(root.join(format!("{file}.json"))).unwrap();
        let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
        let mut played = 0;
        for case in cases.iter().filter(|case| is_played(case)) {
            if let Some(result) = play(case).await {
                played += 1;
                complaints.extend(result.err().map(|complaint| format!("{}: {complaint}", case["name"])));
            }
        }
        if played < at_least {
            complaints.push(format!("{file}: only {played} cases were played"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

fn is_played(case: &Value) -> bool {
    let name = case["name"].as_str().unwrap_or_default();
    let definition = case["definition"].to_string();
    let mut resources = definition.split("\"Resource\":\"arn:aws:states:::").skip(1).peekable();
    resources.peek().is_some()
        && resources.all(|resource| PLAYED.iter().any(|played| resource.starts_with(played)))
        && case["kind"] == "sfn-execution"
        && !SUPERSEDED.contains(&name)
}

/// Plays a case; `None` where it needs what is not here.
async fn play(case: &Value) -> Option<Result<(), String>> {
    let world = World::new();
    let process = world.process().await;
    with_events(&world, &process);
    let mut answers = Vec::new();
    for step in case["setup"].as_array().into_iter().flatten() {
        let answer = match step["service"].as_str() {
            Some("stepfunctions") => {
                let input = fill(&step["params"], &answers).ok()?;
                process.call(step["op"].as_str().unwrap(), input).await.ok()?
            }
            Some("s3") => {
                let input = fill(&step["params"], &answers).ok()?;
                s3(&world, step["op"].as_str().unwrap(), &input)
            }
            Some("iam") => json!({"Role": {"Arn": ROLE}, "Policy": {"Arn": "policy"}}),
            // They only watch.
            _ => Value::Null,
        };
        answers.push(answer);
    }
    let definition = fill(&case["definition"], &answers).ok()?;
    let input = fill(&case["input"], &answers).ok()?;
    let machine = process.create("statemachine", &definition).await;
    let execution = process.start(&machine, "e", &input).await;
    world.events.until_ended(&execution).await;
    Some(check(case, &process, &execution).await)
}

async fn check(case: &Value, process: &Process, execution: &str) -> Result<(), String> {
    let tokens: Vec<&str> =
        case["tokens"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let made_up = ["timestamp", "date", "<date>", "<start-date>", "<stop-date>"];
    let tokens: Vec<&str> = tokens.into_iter().chain(made_up).collect();
    let described = process.describe(execution).await;
    let expected = &case["expect"];
    for field in ["status", "output", "error", "cause"] {
        if let Some(expected) = expected.get(field) {
            compare(field, &without_lengths(expected), &without_lengths(&described[field]), &tokens)?;
        }
    }
    let history = Value::Array(process.history(execution).await);
    compare("history", &without_lengths(&expected["history"]), &without_lengths(&history), &tokens)
}

/// Lengths of answers depend on the names of what was called.
fn without_lengths(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(name, _)| *name != "Content-Length");
            Value::Object(fields.map(|(name, value)| (name.clone(), without_lengths(value))).collect())
        }
        Value::Array(elements) => elements.iter().map(without_lengths).collect(),
        Value::String(text) => match serde_json::from_str(text) {
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => without_lengths(&inner).to_string().into(),
            _ => value.clone(),
        },
        other => other.clone(),
    }
}
