#![no_main]
//! Intrinsic functions: read and run in the parameters of a state.

mod running;

use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    let (call, input) = text.split_once('\n').unwrap_or((text, r#"{"a": [1, {"b": "c"}], "d": 1.5, "e": null}"#));
    let definition = json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"x.$": call}, "End": true}}});
    if let Ok(machine) = asl::parse(&definition.to_string()) {
        running::run(machine, input);
    }
});
