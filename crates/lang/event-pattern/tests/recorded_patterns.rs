//! Compares with what AWS answered to TestEventPattern, where the recordings are beside the repository.

use event_pattern::{Event, EventPattern};
use serde_json::Value;

#[test]
fn answers_what_aws_recorded() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/conformance/cases/events/patterns.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: no recordings at {path}");
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let failures: Vec<String> = cases.iter().filter_map(failure).collect();
    assert!(failures.is_empty(), "{} of {} failed:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

fn failure(case: &Value) -> Option<String> {
    let expect = &case["expect"];
    let event = Event::parse(case["event_raw"].as_str()?);
    let pattern = EventPattern::parse(case["pattern_raw"].as_str()?);
    let (got, message) = match (&event, &pattern) {
        (Err(_), _) => ("exception", "Parameter Event is not valid.".to_owned()),
        (_, Err(error)) => ("exception", format!("Event pattern is not valid. Reason: {error}")),
        (Ok(event), Ok(pattern)) => {
            (if pattern.matches(event) { "match" } else { "no-match" }, String::new())
        }
    };
    if got != expect["result"].as_str()? {
        return Some(format!("{}: got {got} {message}", case["name"]));
    }
    let wanted = expect["message_raw"].as_str().or(expect["message"].as_str()).unwrap_or_default();
    let wanted = wanted.replace("<partition>", "aws").replace("<region>", "us-east-1");
    (wanted != message).then(|| format!("{}:\n  want {wanted}\n  got  {message}", case["name"]))
}
