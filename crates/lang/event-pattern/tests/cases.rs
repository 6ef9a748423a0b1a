//! Drives the case files, and shows that no text and no array can do harm.
#![expect(clippy::unwrap_used, reason = "a test stops at what should not be")]

use event_pattern::{Event, EventPattern, InputTransformer, Matcher, RuleVariables};
use proptest::prelude::{ProptestConfig, any, prop_oneof, proptest};
use serde_json::{Value, json};

fn cases(name: &str) -> Vec<Value> {
    let path = format!("{}/cases/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn matches_and_rejects() {
    for case in cases("matching") {
        let text = case["pattern_text"].as_str().map_or_else(|| case["pattern"].to_string(), str::to_owned);
        let pattern = EventPattern::parse(&text).unwrap();
        for (key, wanted) in [("matches", true), ("rejects", false)] {
            let mut matcher = Matcher::new();
            matcher.insert(1, pattern.clone());
            for event in case[key].as_array().unwrap() {
                let event = event.as_str().unwrap();
                assert_eq!(matcher.matches(event).unwrap().len(), usize::from(wanted), "{event}");
                assert_eq!(
                    pattern.matches(&Event::parse(event).unwrap()),
                    wanted,
                    "{}: {event}",
                    case["shows"]
                );
            }
        }
    }
}

#[test]
fn says_why_a_pattern_is_invalid() {
    for case in cases("invalid") {
        let error = EventPattern::parse(case["pattern"].as_str().unwrap()).unwrap_err();
        match case["reason"].as_str() {
            Some(reason) => assert_eq!(error.to_string(), reason),
            None => assert_eq!(case["first_line"], error.reason(), "{case}"),
        }
    }
}

#[test]
fn transforms() {
    let variables =
        RuleVariables { rule_arn: "arn:r", rule_name: "r", ingestion_time: "2026-11-20T00:00:00Z" };
    for case in cases("transform") {
        let paths: Vec<(String, String)> = case["paths"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, path)| (key.clone(), path.as_str().unwrap().to_owned()))
            .collect();
        let got = InputTransformer::compile(&paths, case["template"].as_str().unwrap());
        let got = match got {
            Ok(transformer) => json!(transformer.render(&case["event"], &variables)),
            Err(error) => json!({"error": error.for_target("t")}),
        };
        assert_eq!(got, case["delivers"], "{case}");
    }
}

#[test]
fn a_matcher_finds_rules_by_source_and_detail_type() {
    let mut matcher = Matcher::new();
    let patterns = [
        ("both", r#"{"source":["a","b"],"detail-type":["t"]}"#),
        ("source", r#"{"source":["a"],"detail":{"x":[1]}}"#),
        ("type", r#"{"detail-type":["t"]}"#),
        ("prefix", r#"{"source":[{"prefix":"a"}]}"#),
        ("or", r#"{"$or":[{"source":["a"]},{"x":["y"]}]}"#),
    ];
    for (key, pattern) in patterns {
        matcher.insert(key, EventPattern::parse(pattern).unwrap());
    }
    let found = |matcher: &Matcher<&'static str>, event: &str| {
        let mut keys: Vec<&str> = matcher.matches(event).unwrap().into_iter().copied().collect();
        keys.sort_unstable();
        keys
    };
    let event = r#"{"source":"a","detail-type":"t","detail":{"x":1}}"#;
    assert_eq!(found(&matcher, event), ["both", "or", "prefix", "source", "type"]);
    assert_eq!(found(&matcher, r#"{"source":"b","detail-type":"t"}"#), ["both", "type"]);
    assert!(matcher.remove(&"both") && !matcher.remove(&"both"));
    matcher.insert("source", EventPattern::parse(r#"{"source":["c"]}"#).unwrap());
    assert_eq!(found(&matcher, event), ["or", "prefix", "type"]);
}

#[test]
fn a_matcher_knows_which_events_no_rule_wants() {
    let mut matcher = Matcher::new();
    assert!(!matcher.may_match("a", "t"));
    matcher.insert("one", EventPattern::parse(r#"{"source":["a"],"detail-type":["t"]}"#).unwrap());
    assert!(matcher.may_match("a", "t") && !matcher.may_match("a", "u") && !matcher.may_match("b", "t"));
    matcher.insert("two", EventPattern::parse(r#"{"detail-type":[{"prefix":"u"}]}"#).unwrap());
    assert!(matcher.may_match("b", "anything"));
    matcher.remove(&"two");
    assert!(!matcher.may_match("b", "anything"));
}

#[test]
fn independent_arrays_are_not_multiplied() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let array: Vec<Value> = (0..200).map(|_| json!({"x": 1})).collect();
    let event: Value = names.iter().map(|name| ((*name).to_owned(), json!(array))).collect();
    let mut pattern: Value = names.iter().map(|name| ((*name).to_owned(), json!({"x": [1]}))).collect();
    pattern["z"] = json!(["never"]);
    let text = event.to_string();
    assert!(!EventPattern::parse(&pattern.to_string()).unwrap().matches(&Event::parse(&text).unwrap()));
}

#[test]
fn deep_nesting_is_read() {
    let event = format!("{}1{}", "{\"a\":[".repeat(50_000), "]}".repeat(50_000));
    let event = Event::parse(&event).unwrap();
    let nested = |depth: usize| format!("{}[1]{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert!(!EventPattern::parse(&nested(600)).unwrap().matches(&event));
    assert!(EventPattern::parse(&nested(5000)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(
        pattern in prop_oneof![any::<String>(), "[\\[\\]{}\":,a$or0-9.eE\\\\u* -]{0,60}", "\\{\"a\":\\[\\{\"(wildcard|cidr|prefix|anything-but|numeric)\":[\\[\\]{}\"a*/.:0-9,<>=\\\\]{0,20}\\}\\]\\}"],
        event in prop_oneof![any::<String>(), "\\{\"a\":[\\[\\]{}\":,a0-9.eE\\\\u-]{0,40}\\}"],
    ) {
        let parsed = Event::parse(&event);
        // Strict readers agree on what is JSON; lone surrogates and huge numbers aside, which these texts hardly have.
        if serde_json::from_str::<serde_json::Map<String, Value>>(&event).is_ok() {
            assert!(parsed.is_ok(), "{event}");
        }
        if let (Ok(pattern), Ok(event)) = (EventPattern::parse(&pattern), &parsed) {
            let _ = pattern.matches(event);
        }
        if let Ok(transformer) = InputTransformer::compile(&[], &pattern) {
            let _ = transformer.render(&Value::Null, &RuleVariables { rule_arn: "", rule_name: "", ingestion_time: "" });
        }
    }
}
