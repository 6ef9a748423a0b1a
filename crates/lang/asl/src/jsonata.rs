//! JSONata: `{% … %}`, evaluated by the library `jsonata-core` behind this module, and nowhere else.
//!
//! What the library would take from the machine is replaced by what the execution brings: the time of `$now` and `$millis`,
//! the random numbers of `$random`, `$shuffle` and `$uuid`. `$eval` is refused, as Step Functions does.

mod functions;
mod references;
mod template;

use std::rc::Rc;

use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions};
use jsonata_core::value::JValue;
use serde_json::{Map, Number, Value};

pub(crate) use references::references;
pub(crate) use template::QueryTemplate;

use crate::error_name::{ErrorName, Failure};
use crate::expression::Scope;
use crate::run::Fault;

/// Levels that an expression may nest while it is evaluated.
const DEPTH: usize = 10_000;

/// Milliseconds after which an expression that does not end is given up. Only then does the result depend on a clock.
const TIMEOUT_MS: u64 = 500;

/// Elements in a sequence that an expression makes.
const SEQUENCE: usize = 1_000_000;

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Script {
    /// What stands between `{%` and `%}`.
    text: String,
    /// The field that it is in, such as `Output/result`.
    field: String,
    ast: AstNode,
}

/// `$states` beside its input and context: what the state, or the task in it, gave.
#[derive(Clone, Copy)]
pub(crate) enum Produced<'a> {
    Nothing,
    /// `$states.result`.
    Result(&'a Value),
    /// `$states.errorOutput`.
    Error(&'a Value),
}

/// Whether a text is an expression rather than itself.
pub(crate) fn is_expression(text: &str) -> bool {
    text.starts_with("{%") && text.ends_with("%}") && text.len() >= 4
}

impl Script {
    /// What stands between `{%` and `%}`.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Compiles a text that [`is_expression`]; `None` where it is not JSONata.
    pub(crate) fn parse(text: &str, field: &str) -> Option<Self> {
        let inner = text.strip_prefix("{%")?.strip_suffix("%}")?.trim();
        let ast = guarded(|| jsonata_core::parser::parse(inner).ok()).flatten()?;
        Some(Self { text: inner.to_owned(), field: field.to_owned(), ast })
    }

    /// The field that the expression is in.
    pub(crate) fn field(&self) -> &str {
        &self.field
    }

    /// The value.
    pub(crate) fn evaluate(&self, produced: Produced<'_>, scope: &Scope<'_>) -> Result<Value, Fault> {
        let mut context = Context::new();
        context.bind("states".to_owned(), self.states(produced, scope));
        for (name, value) in scope.variables.all() {
            if self.mentions(name) {
                context.bind(name.to_owned(), JValue::from(value.clone()));
            }
        }
        let options = EvaluatorOptions {
            timeout_ms: Some(TIMEOUT_MS),
            max_stack_depth: Some(DEPTH),
            max_sequence_length: Some(SEQUENCE),
            ..EvaluatorOptions::default()
        };
        let mut evaluator = Evaluator::with_options(context, options);
        let random = Rc::new(std::cell::Cell::new(scope.random.get()));
        functions::register(&mut evaluator, &random, scope.now);
        let result = guarded(|| evaluator.evaluate(&self.ast, &JValue::Undefined));
        scope.random.set(random.get());
        match result {
            Some(result) => self.checked(result),
            None => Err(self.fault("threw an error during evaluation.")),
        }
    }

    fn mentions(&self, name: &str) -> bool {
        self.text.contains(&format!("${name}"))
    }

    /// `$states`, with the parts that the expression can ask for.
    fn states(&self, produced: Produced<'_>, scope: &Scope<'_>) -> JValue {
        let mut states = Map::new();
        let whole = self.text.matches("$states").count() != self.text.matches("$states.").count();
        let wanted = |name: &str| whole || self.text.contains(name);
        if wanted("input") {
            states.insert("input".to_owned(), scope.input.clone());
        }
        if wanted("context") {
            let context = if whole { scope.context.part(None, None) } else { self.context(scope) };
            states.insert("context".to_owned(), context);
        }
        match produced {
            Produced::Nothing => {}
            Produced::Result(result) => drop(states.insert("result".to_owned(), result.clone())),
            Produced::Error(error) => drop(states.insert("errorOutput".to_owned(), error.clone())),
        }
        JValue::from(Value::Object(states))
    }

    /// `$states.context`, with no more in it than the expression names: the input of the execution that a Map state
    /// iterates over may be large.
    fn context(&self, scope: &Scope<'_>) -> Value {
        let mut context = Map::new();
        for rest in self.text.split("$states.context").skip(1) {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '.').unwrap_or(rest.len());
            let mut names = rest[..end].split('.').skip(1).filter(|name| !name.is_empty());
            let (Some(first), second) = (names.next(), names.next()) else {
                return scope.context.part(None, None);
            };
            if let Some(part) = scope.context.part(Some(first), second).get(first) {
                merge(context.entry(first).or_insert(Value::Null), part.clone());
            }
        }
        Value::Object(context)
    }

    fn checked(&self, result: Result<JValue, EvaluatorError>) -> Result<Value, Fault> {
        match result {
            Ok(JValue::Undefined) => Err(self.fault("returned nothing (undefined).")),
            Ok(value) => plain(&value).ok_or_else(|| self.fault("returned an unsupported result type.")),
            Err(error) => Err(self.fault(&format!("threw an error during evaluation. {}", error.message()))),
        }
    }

    /// The fault of a result of another type than the field's.
    pub(crate) fn unexpected(&self, expected: &str, value: &Value) -> Fault {
        let kind = kind(value);
        self.fault(&format!(
            "returned an unexpected result type. Expected '{expected}', but was '{kind}' for value: {value}"
        ))
    }

    fn fault(&self, what: &str) -> Fault {
        let cause =
            format!("The JSONata expression '{}' specified for the field '{}' {what}", self.text, self.field);
        query_fault(cause, &self.field, false)
    }
}

/// Adds the members of `more` to an object that is there already.
fn merge(value: &mut Value, more: Value) {
    match (value, more) {
        (Value::Object(members), Value::Object(more)) => members.extend(more),
        (value, more) => *value = more,
    }
}

/// Runs the library, which is large and not ours: a panic in it must not end the process.
fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).ok()
}

/// The fault of a value that is none for its field.
pub(crate) fn value_fault(cause: impl Into<String>, field: &str) -> Fault {
    query_fault(cause.into(), field, true)
}

fn query_fault(cause: String, field: &str, of_value: bool) -> Fault {
    let failure = Failure::new(ErrorName::QueryEvaluationError, cause);
    Fault::Query { failure, location: field.to_owned(), of_value }
}

/// JSONata's name of a value's type.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The JSON of a result; `None` for functions and regular expressions, also inside of arrays and objects.
fn plain(value: &JValue) -> Option<Value> {
    match value {
        JValue::Null | JValue::Undefined => Some(Value::Null),
        JValue::Bool(value) => Some(Value::Bool(*value)),
        JValue::Number(number) => Some(number_of(*number)),
        JValue::String(text) => Some(Value::String(text.to_string())),
        JValue::Array(elements) => elements.iter().map(plain).collect(),
        JValue::Object(members) => members
            .iter()
            .map(|(name, value)| Some((name.clone(), plain(value)?)))
            .collect::<Option<Map<_, _>>>()
            .map(Value::Object),
        _ => None,
    }
}

/// Numbers without a fraction are integers in JSON, as JavaScript writes them.
#[expect(clippy::cast_possible_truncation, reason = "within the integers that an f64 holds exactly")]
fn number_of(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}
