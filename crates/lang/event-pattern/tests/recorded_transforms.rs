//! Compares with what targets received on AWS, where the recordings are beside the repository.
#![expect(clippy::unwrap_used, reason = "a test stops at what should not be")]

use event_pattern::{InputPath, InputTransformer, RuleVariables};
use serde_json::{Value, json};

const VARIABLES: RuleVariables<'_> =
    RuleVariables { rule_arn: "arn", rule_name: "rule", ingestion_time: "2026-11-20T00:00:00Z" };

#[test]
fn targets_receive_what_aws_delivered() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/conformance/cases/events/transform.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: no recordings at {path}");
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let (mut compared, mut failures) = (0, vec![]);
    for case in &cases {
        let wanted: Vec<Value> = case["snapshots"]
            .as_object()
            .unwrap()
            .values()
            .filter_map(|snapshot| snapshot.as_array())
            .flatten()
            .map(|message| message["Body"].clone())
            .collect();
        let got = deliveries(case);
        // One case records an error of PutTargets, which the service answers.
        let Some(got) = got else { continue };
        compared += 1;
        if !same(&wanted, &got) {
            failures.push(format!("{}\n  want {wanted:?}\n  got  {got:?}", case["name"]));
        }
    }
    println!("{compared} of {} compared", cases.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn deliveries(case: &Value) -> Option<Vec<String>> {
    let mut texts = vec![];
    for delivery in case["deliveries"].as_array()? {
        for entry in delivery["events"].as_array()? {
            let event = json!({"version": "0", "id": "<uuid:3>", "detail-type": entry["DetailType"], "source": entry["Source"],
                "account": "111111111111", "time": "date", "region": "<region>", "resources": [], "detail": entry["Detail"]});
            for target in delivery["targets"].as_array()? {
                texts.extend(delivered(target, &event));
            }
        }
    }
    (!texts.is_empty()).then_some(texts)
}

fn delivered(target: &Value, event: &Value) -> Option<String> {
    if let Some(path) = target["InputPath"].as_str() {
        return Some(InputPath::parse(path).unwrap().find(event)?.to_string());
    }
    let Some(transformer) = target.get("InputTransformer") else { return Some(event.to_string()) };
    let paths: Vec<(String, String)> = serde_json::from_value::<std::collections::BTreeMap<String, String>>(
        transformer["InputPathsMap"].clone(),
    )
    .unwrap()
    .into_iter()
    .collect();
    let template = transformer["InputTemplate"].as_str()?;
    InputTransformer::compile(&paths, template).unwrap().render(event, &VARIABLES)
}

/// Recorded bodies are texts, or JSON where the text was an object.
fn same(wanted: &[Value], got: &[String]) -> bool {
    wanted.len() == got.len()
        && wanted.iter().zip(got).all(|(wanted, got)| match wanted {
            Value::String(text) => text == got,
            _ => serde_json::from_str::<Value>(got).is_ok_and(|got| got == *wanted),
        })
}
