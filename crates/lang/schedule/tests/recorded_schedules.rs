//! Compares with the expressions that AWS was seen to accept and refuse, where the recordings are beside the repository.

use schedule::Schedule;
use serde_json::Value;

#[test]
fn accepts_and_refuses_what_aws_does() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/conformance/cases/events/schedule.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: no recordings at {path}");
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    for case in &cases {
        let expression = case["expression"].as_str().unwrap();
        let got = match case["api"].as_str() {
            Some("events:PutRule") => Schedule::parse_rule(expression),
            _ => Schedule::parse_scheduler(expression),
        };
        let is_valid = case["expect"]["valid"] == true;
        // A valid expression on a bus that takes none: the service's business.
        if case["expect"]["message"] == "ScheduleExpression is supported only on the default event bus." {
            assert!(got.is_ok(), "{expression}");
            continue;
        }
        assert_eq!(got.is_ok(), is_valid, "{expression}");
        if let Err(error) = got {
            assert_eq!(case["expect"]["message"], error.to_string());
        }
    }
}
