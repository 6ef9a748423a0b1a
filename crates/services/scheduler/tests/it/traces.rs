//! What real AWS answered to sequences of calls, recorded: `../shared/conformance/cases`, where it is checked out.
//!
//! Roles are made up where a recording makes one: Scheduler does not ask whether they are there.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::world::World;

/// Answers that must be as recorded, at least: all there are.
const FLOOR: usize = 25;

const ACCOUNT: &str = "000000000000";

#[tokio::test]
async fn answers_are_those_that_aws_gave() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/conformance/cases");
    let Ok(traces) = std::fs::read_to_string(cases.join("scheduler/api.json")) else {
        eprintln!("skipped: {} is not there", cases.display());
        return;
    };
    let (mut passed, mut failures) = (0, Vec::new());
    for trace in serde_json::from_str::<Vec<Value>>(&traces).unwrap() {
        let world = World::at("2026-11-20T12:00:00Z").await;
        let mut answers = Vec::new();
        for step in trace["steps"].as_array().unwrap() {
            let answer = answer(&world, step, &answers).await;
            for expected in step["expect"].as_array().into_iter().flatten() {
                match is_like(&expected["aws"], &answer) {
                    true => passed += 1,
                    false => {
                        failures.push(format!("{}: want {}, got {answer}", trace["name"], expected["aws"]))
                    }
                }
            }
            answers.push(answer);
        }
    }
    eprintln!("{passed} passed, {} failed", failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(passed >= FLOOR, "only {passed} passed");
}

async fn answer(world: &World, step: &Value, answers: &[Value]) -> Value {
    let params = substituted(&step["params"], answers);
    let operation = step["op"].as_str().unwrap();
    match step["service"].as_str().unwrap() {
        "iam" => {
            let role = format!("arn:aws:iam::{ACCOUNT}:role/{}", params["RoleName"].as_str().unwrap());
            json!({"Role": {"Arn": role}})
        }
        _ => match world.call(operation, params).await {
            Ok(answer) => answer,
            Err(error) => json!({
                "Error": {"Code": error.code, "Message": error.message},
                "Message": error.message,
                "__http_status__": error.status,
            }),
        },
    }
}

/// Parameters with values of earlier answers in them.
fn substituted(params: &Value, answers: &[Value]) -> Value {
    match params {
        Value::String(text) => substituted_text(text, answers).into(),
        Value::Array(items) => items.iter().map(|item| substituted(item, answers)).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), substituted(value, answers)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn substituted_text(text: &str, answers: &[Value]) -> String {
    let mut text = text.replace("${account}", ACCOUNT).replace("${region}", "us-east-1");
    while let Some((before, rest)) = text.split_once("${step[") {
        let (variable, after) = rest.split_once('}').unwrap();
        let (number, path) = variable.split_once("].").unwrap();
        let answer = &answers[number.parse::<usize>().unwrap()];
        let value = answer.pointer(&format!("/{}", path.replace('.', "/"))).and_then(Value::as_str);
        text = format!("{before}{}{after}", value.unwrap());
    }
    text
}

/// Whether an answer is as recorded. What is in angle brackets was made up.
fn is_like(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::String(any), Value::String(found)) if any.starts_with('<') && any.ends_with('>') => {
            !found.is_empty()
        }
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.len() == found.len()
                && wanted
                    .iter()
                    .all(|(name, wanted)| found.get(name).is_some_and(|found| is_like(wanted, found)))
        }
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len()
                && wanted.iter().zip(found).all(|(wanted, found)| is_like(wanted, found))
        }
        _ => wanted == found,
    }
}
