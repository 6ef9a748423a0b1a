#![no_main]
//! Event patterns: read, matched with an event, and found by a matcher's indices as often as not.

use event_pattern::{Event, EventPattern, InputTransformer, Matcher, RuleVariables};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (pattern, event) = text.split_once('\n').unwrap_or((text, r#"{"a":["b",{"c":1}],"d.e":null}"#));
    let mut matcher = Matcher::new();
    if let Ok(pattern) = EventPattern::parse(pattern) {
        matcher.insert((), pattern.clone());
        match Event::parse(event) {
            Ok(read) => assert_eq!(matcher.matches(event).map(|rules| !rules.is_empty()), Ok(pattern.matches(&read))),
            Err(error) => assert_eq!(matcher.matches(event).map(drop), Err(error)),
        }
    }
    if let (Ok(transformer), Ok(event)) = (InputTransformer::compile(&[], pattern), serde_json::from_str(event)) {
        let _ = transformer.render(&event, &RuleVariables { rule_arn: "a", rule_name: "r", ingestion_time: "t" });
    }
});
