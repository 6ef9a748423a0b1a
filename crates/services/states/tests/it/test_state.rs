//! What real TestState answered, where the recordings are there. Cases of our own are in `cases/test_state`.

use std::path::Path;

use serde_json::{Map, Value};

use crate::conformance::check;
use crate::world::{Process, ROLE, World};

/// Recordings that pass. Raise it with what you make right.
const FLOOR: usize = 110;

#[tokio::test(flavor = "multi_thread")]
async fn answers_as_recorded() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../../shared/conformance/cases/stepfunctions/test_state.json");
    if !file.exists() {
        eprintln!("skipped: no recordings at {}", file.display());
        return;
    }
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.replace("${region}", "us-east-1").replace("${account}", "000000000000");
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    // Those with a setup call functions, which nobody plays here.
    let passed = drive(cases.iter().filter(|case| case["setup"].is_null())).await;
    assert!(passed >= FLOOR, "{passed} passed, {FLOOR} did before");
}

/// Plays cases and gives how many passed.
async fn drive(cases: impl Iterator<Item = &Value>) -> usize {
    let world = World::new();
    let process = world.process().await;
    let (mut passed, mut failed) = (0, 0);
    for case in cases {
        match play(&process, case).await {
            Ok(()) => passed += 1,
            Err(complaint) => {
                eprintln!("{}: {complaint}", case["name"]);
                failed += 1;
            }
        }
    }
    eprintln!("{passed} passed, {failed} failed");
    passed
}

async fn play(process: &Process, case: &Value) -> Result<(), String> {
    let tokens = case["tokens"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let tokens: Vec<&str> = tokens.chain(["snf_role_arn", "sfn_role_arn"]).collect();
    let answer = process.call("TestState", request(case)).await;
    check(&case["expect"], &answer, &tokens)
}

/// JSON texts stand in cases as JSON.
fn request(case: &Value) -> Value {
    let mut request = Map::new();
    for name in ["definition", "input", "context", "variables"] {
        match &case[name] {
            Value::Null => {}
            Value::String(text) => drop(request.insert(name.to_owned(), text.as_str().into())),
            value => drop(request.insert(name.to_owned(), value.to_string().into())),
        }
    }
    for name in ["inspectionLevel", "revealSecrets", "mock", "stateName", "stateConfiguration"] {
        if !case[name].is_null() {
            request.insert(name.to_owned(), case[name].clone());
        }
    }
    if case["has_role"] == true {
        request.insert("roleArn".to_owned(), ROLE.into());
    }
    Value::Object(request)
}
