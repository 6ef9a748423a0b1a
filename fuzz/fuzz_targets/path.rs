#![no_main]
//! Paths: read, applied to a document, written to.

use jsonpath::{Path, ReferencePath};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|text: &str| {
    let (path, document) = text.split_once('\n').unwrap_or((text, ""));
    let mut document: Value = serde_json::from_str(document)
        .unwrap_or_else(|_| json!({"a": [1, {"b": "c", "d": [true, null, -1.5]}], "e": {"f": "g"}}));
    if let Ok(path) = Path::parse(path) {
        let _ = path.find(&document);
        let _ = path.to_string();
    }
    if let Ok(path) = ReferencePath::parse(path) {
        let _ = path.find(&document);
        let _ = path.insert(&mut document, json!(1));
    }
});
