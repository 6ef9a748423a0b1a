//! The test suite of JSONata's reference implementation, through the library alone and through what we put around it.

use std::cell::Cell;
use std::rc::Rc;

use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::value::JValue;
use serde_json::{Map, Value};
use types::Timestamp;

use super::{Script, bounds, result};
use crate::limits::JSONATA_MILLISECONDS;
use crate::random::Random;

/// Cases that the library passes. Raise it with the library.
const LIBRARY_FLOOR: usize = 1_595;

/// Cases that differ through us, and nothing else may.
const DIFFERENT: [&str; 11] = [
    // Step Functions has no `$eval`.
    "function-eval/case000",
    "function-eval/case001",
    "function-eval/case002",
    "function-eval/case003",
    "function-eval/case004",
    "function-eval/case005",
    "function-eval/case006",
    "function-eval/case007",
    // A sequence has a million elements at most, where the reference allows ten.
    "range-operator/case021",
    "range-operator/case024",
    // A time without a day is of today, which is the library's, beside `$now()`, which is the execution's.
    "function-tomillis/parseDateTime.40",
];

/// Levels enough for every case that ends.
const LEVELS: usize = 10_000;

/// What a case comes to: the value, or the code of the error.
type Outcome = Result<Value, String>;

#[test]
fn as_many_pass_as_in_the_library() {
    let cases: Value = serde_json::from_str(CASES).expect("cases");
    let datasets: Value = serde_json::from_str(DATASETS).expect("datasets");
    let (mut library, mut ours, mut lost) = (0, 0, Vec::new());
    for case in cases.as_array().expect("cases") {
        let name = case["name"].as_str().unwrap_or_default();
        let passes =
            [by_library(case, &datasets), by_us(case, &datasets)].map(|outcome| is_expected(case, &outcome));
        library += usize::from(passes[0]);
        ours += usize::from(passes[1]);
        if passes[0] && !passes[1] {
            lost.push(name);
        }
    }
    println!("JSONata suite: {library} pass in the library, {ours} through the adapter");
    lost.retain(|name| !DIFFERENT.contains(name));
    assert!(lost.is_empty(), "passed by the library alone: {lost:#?}");
    assert!(library >= LIBRARY_FLOOR, "{library} passed, {LIBRARY_FLOOR} did before");
}

const CASES: &str = include_str!("../../tests/jsonata-suite/cases.json");
const DATASETS: &str = include_str!("../../tests/jsonata-suite/datasets.json");

fn input(case: &Value, datasets: &Value) -> JValue {
    match (case.get("data"), case.get("dataset").and_then(Value::as_str)) {
        (Some(data), _) => JValue::from(data.clone()),
        (None, Some(name)) => JValue::from(datasets[name].clone()),
        (None, None) => JValue::Undefined,
    }
}

fn context(case: &Value) -> Context {
    let mut context = Context::new();
    for (name, value) in case.get("bindings").and_then(Value::as_object).unwrap_or(&Map::new()) {
        context.bind(name.clone(), JValue::from(value.clone()));
    }
    context
}

/// Long enough for a busy machine, but for the cases that never end.
fn milliseconds(case: &Value) -> u64 {
    let is_endless = matches!(case["code"].as_str(), Some("U1001" | "D1011" | "D1012"));
    if is_endless { JSONATA_MILLISECONDS } else { 20_000 }
}

fn by_library(case: &Value, datasets: &Value) -> Outcome {
    let text = case["expr"].as_str().unwrap_or_default();
    let evaluated = std::panic::catch_unwind(|| {
        let ast = jsonata_core::parser::parse(text).map_err(|error| error.to_string())?;
        // Some cases never end.
        let options =
            EvaluatorOptions { timeout_ms: Some(milliseconds(case)), ..EvaluatorOptions::default() };
        let mut evaluator = Evaluator::with_options(context(case), options);
        evaluator.evaluate(&ast, &input(case, datasets)).map_err(|error| error.message().to_owned())
    });
    outcome(evaluated.unwrap_or_else(|_| Err("panicked".to_owned())))
}

fn by_us(case: &Value, datasets: &Value) -> Outcome {
    let text = case["expr"].as_str().unwrap_or_default();
    // Not through `Script::parse`: nearly every case reads its input from the context, which Step Functions refuses.
    let ast = match jsonata_core::parser::parse(text.trim()) {
        Ok(ast) => bounds::bounded(ast),
        Err(error) => return Err(error.to_string()),
    };
    let script = Script { text: text.to_owned(), field: "Output".to_owned(), ast, levels: LEVELS };
    let random = Rc::new(Cell::new(Random::new(1)));
    let now = Timestamp::from_seconds(1_800_000_000);
    outcome(script.run(context(case), &input(case, datasets), &random, now, milliseconds(case)))
}

fn outcome(result: Result<JValue, String>) -> Outcome {
    let value = result?;
    if value.is_undefined() {
        return Err("undefined".to_owned());
    }
    result::plain(&value).map_err(str::to_owned)
}

fn is_expected(case: &Value, outcome: &Outcome) -> bool {
    match (case.get("result"), outcome) {
        (Some(expected), Ok(value)) if case["unordered"] == true => is_permutation(expected, value),
        (Some(expected), Ok(value)) => equal(expected, value),
        (Some(_), Err(_)) => false,
        (None, Err(text)) if case["undefinedResult"] == true => text == "undefined",
        // What never ends runs into one limit or another.
        (None, Err(text)) if case["code"] == "U1001" => {
            ["U1001", "D1012", "Stack overflow", "evaluation timeout"].iter().any(|code| text.contains(code))
        }
        (None, Err(text)) => case["code"].as_str().is_some_and(|code| text.contains(code)),
        (None, Ok(_)) => case.get("result_re").is_some(),
    }
}

fn is_permutation(expected: &Value, value: &Value) -> bool {
    let (Some(expected), Some(value)) = (expected.as_array(), value.as_array()) else { return false };
    expected.len() == value.len() && expected.iter().all(|one| value.iter().any(|other| equal(one, other)))
}

/// Whether two values are the same; `1` and `1.0` are.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| equal(value, other)))
        }
        _ => one == other,
    }
}
