//! Which state of a definition reads which variables, as `DescribeStateMachine` tells.
//!
//! This reads the definition's JSON on its own: what is compiled has forgotten how it was written. What is not valid is
//! passed over.
//!
//! Source: Step Functions API reference, "DescribeStateMachine", `variableReferences`; recordings.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::definition::QueryLanguage;
use crate::jsonata;

/// Fields that hold payload templates: names that end with `.$` have expressions, all else is itself.
const TEMPLATES: [&str; 7] =
    ["Arguments", "Assign", "BatchInput", "Credentials", "ItemSelector", "Parameters", "ResultSelector"];

/// Fields with machines of their own.
const MACHINES: [&str; 3] = ["Branches", "ItemProcessor", "Iterator"];

/// Fields that are never read for variables.
const LITERAL: [&str; 3] = ["Comment", "Result", "ResultPath"];

/// States by name with the variables that each reads, both in alphabetical order. States that read none are left out; what
/// inner states read is theirs.
pub fn variable_references(definition: &str) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    if let Ok(machine) = serde_json::from_str(definition) {
        read_machine(&machine, QueryLanguage::JsonPath, &mut found);
    }
    found
}

fn read_machine(machine: &Value, language: QueryLanguage, found: &mut BTreeMap<String, Vec<String>>) {
    let language = language_of(machine, language);
    for (name, state) in machine.get("States").and_then(Value::as_object).into_iter().flatten() {
        read_state(name, state, language, found);
    }
}

fn read_state(name: &str, state: &Value, language: QueryLanguage, found: &mut BTreeMap<String, Vec<String>>) {
    let Some(fields) = state.as_object() else { return };
    let mut names = BTreeSet::new();
    match language_of(state, language) {
        QueryLanguage::JsonPath => read_paths(fields, &mut names),
        QueryLanguage::Jsonata => read_queries(fields, &mut names),
    }
    if !names.is_empty() {
        found.insert(name.to_owned(), names.into_iter().collect());
    }
    for machine in MACHINES.iter().filter_map(|field| fields.get(*field)) {
        match machine {
            Value::Array(branches) => {
                branches.iter().for_each(|branch| read_machine(branch, language, found));
            }
            processor => read_machine(processor, language, found),
        }
    }
}

fn language_of(value: &Value, inherited: QueryLanguage) -> QueryLanguage {
    match value.get("QueryLanguage").and_then(Value::as_str) {
        Some("JSONata") => QueryLanguage::Jsonata,
        Some("JSONPath") => QueryLanguage::JsonPath,
        _ => inherited,
    }
}

/// Every text that is an expression, wherever it stands.
fn read_queries(fields: &Map<String, Value>, names: &mut BTreeSet<String>) {
    for (field, value) in fields {
        if !MACHINES.contains(&field.as_str()) && field != "Comment" {
            read_query(value, names);
        }
    }
}

fn read_query(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => jsonata::references(text, names),
        Value::Array(values) => values.iter().for_each(|value| read_query(value, names)),
        Value::Object(fields) => fields.values().for_each(|value| read_query(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Fields that hold a path, and templates.
fn read_paths(fields: &Map<String, Value>, names: &mut BTreeSet<String>) {
    for (field, value) in fields {
        match (field.as_str(), value) {
            (field, _) if MACHINES.contains(&field) || LITERAL.contains(&field) => {}
            (field, value) if TEMPLATES.contains(&field) => read_template(value, names),
            (field, Value::String(path)) if field == "Variable" || field.ends_with("Path") => {
                read_path(path, names);
            }
            (_, Value::Object(fields)) => read_paths(fields, names),
            (_, Value::Array(values)) => {
                values.iter().filter_map(Value::as_object).for_each(|fields| read_paths(fields, names));
            }
            _ => {}
        }
    }
}

fn read_template(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name.ends_with(".$") => read_path(text, names),
                    value => read_template(value, names),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| read_template(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The variables in a path, or in the arguments of an intrinsic function: `$name`, not within quotes.
fn read_path(text: &str, names: &mut BTreeSet<String>) {
    let mut rest = text;
    while let Some(at) = rest.find(['$', '\'', '"']) {
        let (_, from) = rest.split_at(at);
        rest = match from.strip_prefix('$') {
            Some(after) => read_name(after, names),
            None => after_quotes(from),
        };
    }
}

/// What follows a `$` and the name behind it. A second `$` is the context object's.
fn read_name<'t>(after: &'t str, names: &mut BTreeSet<String>) -> &'t str {
    if let Some(context) = after.strip_prefix('$') {
        return context;
    }
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
    let (name, rest) = after.split_at(end);
    if name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        names.insert(name.to_owned());
    }
    rest
}

/// What follows a text in quotes; nothing where they do not close.
fn after_quotes(from: &str) -> &str {
    let mut characters = from.chars();
    let quote = characters.next();
    while let Some(character) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if Some(character) == quote {
            return characters.as_str();
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(states: &Value) -> Value {
        json!(variable_references(&json!({"StartAt": "S", "States": states}).to_string()))
    }

    fn path(text: &str) -> Vec<String> {
        let mut names = BTreeSet::new();
        read_path(text, &mut names);
        names.into_iter().collect()
    }

    #[test]
    fn paths() {
        assert_eq!(path("$a.b[0]"), ["a"]);
        assert_eq!(path("$.a"), Vec::<String>::new());
        assert_eq!(path("$$.Execution.Id"), Vec::<String>::new());
        assert_eq!(path("$['$x'].y"), Vec::<String>::new());
        assert_eq!(path("States.Format('it\\'s $no {}', $yes, States.Array($_2, $.x))"), ["_2", "yes"]);
        assert_eq!(path("States.Format('open $x"), Vec::<String>::new());
    }

    #[test]
    fn fields_and_templates() {
        let found = of(&json!({
            "Pass": {
                "Type": "Pass", "InputPath": "$in", "Result": {"x.$": "$no"}, "ResultPath": "$.no",
                "Parameters": {"InputPath": "$no", "deep": [{"a.$": "$one"}], "lit": "$no"},
                "Assign": {"v.$": "States.MathAdd($two, 1)"},
            },
            "Task": {
                "Type": "Task", "Resource": "r", "TimeoutSecondsPath": "$t", "HeartbeatSecondsPath": "$h",
                "Credentials": {"RoleArn.$": "$role"}, "Comment": "$no",
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.no", "Assign": {"e.$": "$seen"}}],
            },
            "Choice": {"Type": "Choice", "Choices": [
                {"And": [{"Variable": "$x", "NumericLessThanPath": "$y"}, {"Not": {"Variable": "$z"}}], "Next": "N",
                 "Assign": {"w.$": "$chosen"}},
            ]},
            "Free": {"Type": "Succeed"},
        }));
        let expected = json!({
            "Pass": ["in", "one", "two"],
            "Task": ["h", "role", "seen", "t"],
            "Choice": ["chosen", "x", "y", "z"],
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn inner_states_and_languages() {
        let found = of(&json!({
            "Map": {
                "Type": "Map", "ItemsPath": "$items",
                "ItemReader": {"Parameters": {"Key.$": "$key"}, "ReaderConfig": {"MaxItemsPath": "$max"}},
                "ItemBatcher": {"BatchInput": {"b.$": "$batch"}, "MaxItemsPerBatchPath": "$per"},
                "ItemProcessor": {"StartAt": "In", "States": {
                    "In": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"a": ["{% $q %}"]}},
                }},
            },
            "Parallel": {"Type": "Parallel", "QueryLanguage": "JSONata", "Arguments": "{% $args %}", "Branches": [
                {"StartAt": "B", "States": {"B": {"Type": "Pass", "Parameters": {"x.$": "$b"}}}},
            ]},
        }));
        let expected = json!({
            "Map": ["batch", "items", "key", "max", "per"], "In": ["q"], "Parallel": ["args"], "B": ["b"],
        });
        assert_eq!(found, expected);
        assert_eq!(of(&json!("nonsense")), json!({}));
        assert!(variable_references("{").is_empty());
    }
}
