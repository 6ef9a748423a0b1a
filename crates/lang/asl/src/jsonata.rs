//! JSONata: `{% … %}`, evaluated by the library `jsonata-core` behind this module, and nowhere else.
//!
//! What the library would take from the machine is replaced by what the execution brings: the time of `$now` and `$millis`,
//! the random numbers of `$random`, `$shuffle` and `$uuid`. `$eval` is refused, as Step Functions does.

mod bounds;
mod functions;
mod guards;
mod names;
mod references;
mod result;
#[cfg(test)]
mod suite;
mod syntax;
mod template;

use std::cell::Cell;
use std::rc::Rc;

use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{CancelToken, Context, Evaluator, EvaluatorOptions};
use jsonata_core::value::JValue;
use serde_json::{Map, Value};
use types::Timestamp;

pub(crate) use names::Offered;
pub(crate) use references::references;
pub(crate) use template::QueryTemplate;

use crate::error_name::{ErrorName, Failure};
use crate::expression::Scope;
use crate::limits::{JSONATA_LEVELS, JSONATA_MEMORY_BYTES, JSONATA_MILLISECONDS, JSONATA_SEQUENCE};
use crate::memory::watched;
use crate::run::Fault;

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Script {
    /// What stands between `{%` and `%}`.
    text: String,
    /// The field that it is in, such as `Output/result`.
    field: String,
    /// With its guards.
    ast: AstNode,
    /// Levels that it may nest while it is evaluated.
    levels: usize,
}

/// Why a text is no expression that can be evaluated.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The field that it is in, such as `Catch[0]/Output/result`.
    pub(crate) field: String,
    /// Whether it is JSONata, but refers to what is not there.
    pub(crate) unsupported: bool,
    /// What is wrong, in AWS's words.
    pub(crate) messages: Vec<String>,
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

    /// Compiles a text that [`is_expression`], for a field in which `$states` has what is offered.
    pub(crate) fn parse(text: &str, field: &str, offered: Offered) -> Result<Self, Refused> {
        let inner = inner(text);
        let refused = |unsupported, messages| Refused { field: field.to_owned(), unsupported, messages };
        let ast = tree(inner).map_err(|message| refused(false, vec![message]))?;
        let missing = names::missing(&ast, offered);
        if !missing.is_empty() {
            return Err(refused(true, missing));
        }
        let bounded = bounds::bounded(ast.clone());
        // The guards nest too.
        let levels = if bounded == ast { JSONATA_LEVELS } else { 3 * JSONATA_LEVELS };
        Ok(Self { text: inner.to_owned(), field: field.to_owned(), ast: bounded, levels })
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
        let random = Rc::new(Cell::new(scope.random.get()));
        let result = self.run(context, &JValue::Undefined, &random, scope.now, JSONATA_MILLISECONDS);
        scope.random.set(random.get());
        result.and_then(Self::checked).map_err(|what| self.fault(&what))
    }

    /// Runs the library within our limits; the error says what the expression did.
    fn run(
        &self,
        context: Context,
        input: &JValue,
        random: &functions::Numbers,
        now: Timestamp,
        milliseconds: u64,
    ) -> Result<JValue, String> {
        let stop = CancelToken::new();
        let options = EvaluatorOptions {
            timeout_ms: Some(milliseconds),
            max_stack_depth: Some(self.levels),
            max_sequence_length: Some(JSONATA_SEQUENCE),
            cancel: Some(stop.clone()),
        };
        let evaluated = guarded(|| {
            let mut evaluator = Evaluator::with_options(context, options);
            functions::register(&mut evaluator, random, now);
            guards::register(&mut evaluator);
            watched(JSONATA_MEMORY_BYTES, &|| stop.cancel(), || evaluator.evaluate(&self.ast, input))
        });
        match evaluated {
            Some(_) if stop.is_cancelled() => Err(thrown(guards::MEMORY)),
            Some(result) => result.map_err(|error| thrown(error.message())),
            None => Err(thrown("")),
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
            states.insert("input".to_owned(), self.input(scope.input, whole));
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

    /// `$states.input`, with no more in it than the members that the expression names: an `ItemSelector` sees the input of
    /// its Map state, with all the items, and is evaluated for each of them.
    fn input(&self, input: &Value, whole: bool) -> Value {
        let Some(members) = input.as_object().filter(|_| !whole) else { return input.clone() };
        let mut named = Map::new();
        for rest in self.text.split("$states.input").skip(1) {
            let name = rest.strip_prefix('.').map(|rest| {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                rest.split_at(end).0
            });
            // What is not a plain name may lead anywhere.
            let Some(name) = name.filter(|name| !name.is_empty()) else { return input.clone() };
            if let Some(value) = members.get(name) {
                named.insert(name.to_owned(), value.clone());
            }
        }
        Value::Object(named)
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

    fn checked(value: JValue) -> Result<Value, String> {
        if value.is_undefined() {
            return Err("returned nothing (undefined).".to_owned());
        }
        result::plain(&value).map_err(str::to_owned)
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

/// What stands between `{%` and `%}`.
fn inner(text: &str) -> &str {
    text.strip_prefix("{%").and_then(|text| text.strip_suffix("%}")).unwrap_or(text).trim()
}

/// The tree of an expression, as it is written; the error is AWS's message.
fn tree(text: &str) -> Result<AstNode, String> {
    match guarded(|| jsonata_core::parser::parse(text).map_err(|error| error.to_string())) {
        Some(Ok(tree)) => Ok(tree),
        Some(Err(message)) => Err(syntax::in_words(&message, text)),
        None => Err("The expression cannot be read".to_owned()),
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

/// What is said of an expression that failed. Limits have words of AWS's own.
fn thrown(message: &str) -> String {
    const STACK: &str = "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as \
                         tail-recursive";
    let code = message.split(':').next().unwrap_or_default();
    let limit = match code {
        "D1011" | "U1001" => STACK,
        "D1012" => "Expression evaluation timeout: Check for infinite loop",
        "D2015" => guards::MEMORY,
        _ if message == guards::MEMORY => guards::MEMORY,
        _ => return format!("threw an error during evaluation. {message}").trim_end().to_owned(),
    };
    format!("threw an error during evaluation: {limit}")
}
