//! Drives the case files: what is accepted, what is refused, and when expressions are due.
#![expect(clippy::unwrap_used, reason = "a test stops at what should not be")]

use jiff::tz::TimeZone;
use schedule::Schedule;
use serde_json::Value;
use types::Timestamp;

fn case(name: &str) -> Value {
    let path = format!("{}/cases/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn accepts_and_refuses() {
    let case = case("expressions");
    for text in texts(&case["rule"]["valid"]) {
        assert!(Schedule::parse_rule(text).is_ok(), "{text}");
    }
    for text in texts(&case["rule"]["invalid"]) {
        let error = Schedule::parse_rule(text).expect_err(text);
        assert_eq!(error.to_string(), "Parameter ScheduleExpression is not valid.");
    }
    for text in texts(&case["scheduler"]["valid"]) {
        assert!(Schedule::parse_scheduler(text).is_ok(), "{text}");
    }
    for text in texts(&case["scheduler"]["invalid"]) {
        let error = Schedule::parse_scheduler(text).expect_err(text);
        assert_eq!(error.to_string(), format!("Invalid Schedule Expression {text}."));
    }
}

#[test]
fn is_due() {
    for case in case("due").as_array().unwrap() {
        let schedule = Schedule::parse_scheduler(case["expression"].as_str().unwrap()).unwrap();
        let zone = TimeZone::get(case["zone"].as_str().unwrap()).unwrap();
        let anchor =
            Timestamp::parse_rfc3339(case["anchor"].as_str().unwrap_or("2026-01-01T00:00:00Z")).unwrap();
        let mut after = Timestamp::parse_rfc3339(case["after"].as_str().unwrap()).unwrap();
        let mut due = vec![];
        let wanted = texts(&case["due"]);
        while due.len() < wanted.len() + usize::from(case["then_never"] == true) {
            let Some(next) = schedule.next_due(after, anchor, &zone) else { break };
            due.push(next.to_iso_seconds());
            after = next;
        }
        assert_eq!(due, wanted, "{case}");
    }
}
