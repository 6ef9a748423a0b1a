//! Runs every file of `cases/`: a template, the values given to it, and what comes of it.
//!
//! `UPDATE=1` rewrites the expectations. Resources answer with names made from their logical ids.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use std::fs;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde_json::{Value, json};
use template::{DynamicReference, Evaluation, Pseudo, Template, TemplateError};
use world::World;

const EXPECT: &str = "\nexpect: |\n";

#[test]
fn cases() {
    let mut files = Vec::new();
    collect(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/cases")), &mut files);
    assert!(files.len() > 50, "the cases are missing");
    let failures: Vec<String> = files.iter().filter_map(|file| run(file).err()).collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), files.len(), failures.join("\n"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() { collect(&entry, files) } else { files.push(entry) }
    }
}

fn run(file: &Path) -> Result<(), String> {
    let text = fs::read_to_string(file).unwrap();
    let case = template::read(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())).to_json();
    let actual = match outcome(&case) {
        Ok(outcome) => outcome,
        Err(error) => json!({"error": error.to_string()}),
    };
    if std::env::var_os("UPDATE").is_some() {
        let pretty = serde_json::to_string_pretty(&actual).unwrap().replace('\n', "\n  ");
        let head = text.split(EXPECT).next().unwrap();
        fs::write(file, format!("{}{EXPECT}  {pretty}\n", head.trim_end())).unwrap();
        return Ok(());
    }
    let expected: Value = serde_json::from_str(case["expect"].as_str().unwrap_or("null")).unwrap();
    if actual == expected {
        return Ok(());
    }
    Err(format!("{}\n  expected {expected}\n  got      {actual}", file.display()))
}

fn outcome(case: &Value) -> Result<Value, TemplateError> {
    let template = Template::parse(case["template"].as_str().unwrap())?;
    let given: IndexMap<String, String> = case
        .get("parameters")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.as_str().map_or(value.to_string(), str::to_owned)))
        .collect();
    let mut parameters = template.resolve_parameters(&given)?;
    let names: Vec<(String, String)> =
        parameters.unresolved().map(|(name, ssm)| (name.to_owned(), ssm.to_owned())).collect();
    for (name, ssm) in names {
        let value = case["ssm"][&ssm].as_str().unwrap_or("").to_owned();
        parameters.resolve(&name, value);
    }
    let world = World { case };
    let evaluation = Evaluation::new(&template, parameters, pseudo())?;
    let mut references = std::collections::BTreeMap::new();
    let mut open = Vec::new();
    for found in evaluation.texts(&world) {
        for reference in DynamicReference::all(&found.text)? {
            let key = reference.to_string();
            match case["references_hold"][&key].as_str() {
                Some(value) => drop(references.insert(key, value.to_owned())),
                None => open.push(format!("{key} in {}", found.path)),
            }
        }
    }
    let evaluation = evaluation.with_references(references);
    let mut resources = serde_json::Map::new();
    let levels = evaluation.graph().levels()?;
    for (logical_id, _) in evaluation.resources() {
        let read =
            if case.get("partly").is_some() { Evaluation::known_properties } else { Evaluation::properties };
        resources.insert(logical_id.to_owned(), read(&evaluation, logical_id, &world)?.into());
    }
    let outputs = evaluation.outputs(&world)?.into_iter().map(|output| {
        let value = match output.export_name {
            Some(export) => json!({"value": output.value, "export": export}),
            None => output.value.into(),
        };
        (output.name, value)
    });
    let outputs: serde_json::Map<String, Value> = outputs.collect();
    let mut outcome = json!({"resources": resources, "levels": levels});
    if !outputs.is_empty() {
        outcome["outputs"] = outputs.into();
    }
    if !open.is_empty() {
        outcome["open"] = open.into();
    }
    if let Some(reason) = template.required_capabilities().reason() {
        outcome["capability"] = template.required_capabilities().capability.into();
        outcome["reason"] = reason.into();
    }
    Ok(outcome)
}

fn pseudo() -> Pseudo {
    Pseudo {
        account_id: "111111111111".to_owned(),
        region: "eu-central-1".to_owned(),
        partition: "aws".to_owned(),
        url_suffix: "amazonaws.com".to_owned(),
        stack_id: "arn:aws:cloudformation:eu-central-1:111111111111:stack/s/1".to_owned(),
        stack_name: "s".to_owned(),
        notification_arns: Vec::new(),
    }
}
