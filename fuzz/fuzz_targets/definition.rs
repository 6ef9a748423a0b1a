#![no_main]
//! Definitions: read, refused with diagnostics or run until they wait.

mod running;

use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: asl::memory::Metered = asl::memory::Metered;

fuzz_target!(|text: &str| {
    if let Ok(machine) = asl::parse(text) {
        running::run(machine, r#"{"a": [1, {"b": "c"}], "d": 1.5, "e": null}"#);
    }
});
