#![no_main]
//! JSONata: read and run within its limits.

mod running;

use libfuzzer_sys::fuzz_target;
use serde_json::json;

#[global_allocator]
static ALLOCATOR: asl::memory::Metered = asl::memory::Metered;

fuzz_target!(|expression: &str| {
    // A panic of the library is an error of the expression; only what gets past that is a finding.
    std::panic::set_hook(Box::new(|_| {}));
    let output = format!("{{% {expression} %}}");
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "A",
        "States": {"A": {"Type": "Pass", "Output": output, "End": true}}});
    if let Ok(machine) = asl::parse(&definition.to_string()) {
        running::run(machine, r#"{"a": [1, {"b": "c"}], "d": 1.5, "e": null}"#);
    }
});
