//! Reads `cases/process`: which process a specification and an image make.
#![expect(clippy::unwrap_used, reason = "a test program")]

use container::process::Process;
use container::{ContainerSpec, Image};
use serde_json::{Map, Value, json};

#[test]
fn processes_are_as_the_cases_say() {
    let mut count = 0;
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/cases/process")).unwrap() {
        let path = entry.unwrap().path();
        let file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for case in file["cases"].as_array().unwrap() {
            check(&format!("{}: {}", path.display(), case["name"]), &file["image"], case);
            count += 1;
        }
    }
    assert!(count >= 15, "{count} cases");
}

fn check(name: &str, image: &Value, case: &Value) {
    let spec: ContainerSpec = over(&ContainerSpec::default(), &case["spec"]);
    let image: Image = over(&Image { working_directory: "/".to_owned(), ..Image::default() }, image);
    let found = match Process::resolve(&spec, &image, "here") {
        Ok(process) => json!({
            "arguments": process.arguments,
            "environment": process.environment,
            "working_directory": process.working_directory,
            "user": process.user,
            "stop_signal": process.stop_signal.to_string(),
        }),
        Err(error) => json!({ "error": error.to_string() }),
    };
    for (key, expected) in case.as_object().unwrap() {
        if !["name", "spec"].contains(&key.as_str()) {
            assert_eq!(&found[key], expected, "{name}: {key}");
        }
    }
    assert_eq!(found.get("error").is_some(), case.get("error").is_some(), "{name}: {found}");
}

/// `base` with the given fields replaced.
fn over<T: serde::Serialize + serde::de::DeserializeOwned>(base: &T, changes: &Value) -> T {
    let mut document: Map<String, Value> =
        serde_json::from_value(serde_json::to_value(base).unwrap()).unwrap();
    document.extend(changes.as_object().unwrap().clone());
    serde_json::from_value(Value::Object(document)).unwrap()
}
