//! What a field can hold instead of a value: a path into the input, the context object or a variable, or an intrinsic
//! function. Compiled when the definition is parsed, evaluated against a [`Scope`].
//!
//! This is the JSONPath side of the language; expressions of another query language would stand beside it.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use jsonpath::Path;
use serde_json::Value;
use types::Timestamp;

use crate::context_object::ContextObject;
use crate::error_name::{ErrorName, Failure};
use crate::intrinsics::Call;
use crate::random::Random;
use crate::variables::Visible;

/// What an expression can see while it is evaluated.
pub(crate) struct Scope<'a> {
    /// `$`.
    pub(crate) input: &'a Value,
    /// `$$`.
    pub(crate) context: &'a ContextObject<'a>,
    /// `$name`.
    pub(crate) variables: &'a Visible,
    /// For `$now` and `$millis` of JSONata.
    pub(crate) now: Timestamp,
    /// For `States.UUID` and `States.MathRandom`.
    pub(crate) random: &'a Cell<Random>,
}

impl<'a> Scope<'a> {
    /// The same scope with another `$`.
    pub(crate) fn with_input(&self, input: &'a Value) -> Self {
        Self { input, ..*self }
    }
}

/// A path or an intrinsic function.
#[derive(Debug)]
pub(crate) enum Expression {
    Path(QueryPath),
    Call(Call),
}

/// A JSONPath, and what it is applied to.
#[derive(Debug)]
pub(crate) struct QueryPath {
    text: Arc<str>,
    origin: Origin,
    path: Path,
}

/// What a [`QueryPath`] is applied to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `$`.
    Input,
    /// `$$`.
    Context,
    /// `$name`.
    Variable(Arc<str>),
}

/// Why a path gave nothing.
#[derive(Debug)]
pub(crate) struct PathFailure {
    /// Jayway's words.
    pub(crate) reason: String,
}

impl Expression {
    /// Reads a path or a call of an intrinsic function, or gives `None`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.starts_with('$') {
            return QueryPath::parse(text).map(Self::Path);
        }
        Call::parse(text).map(Self::Call)
    }

    /// The value, for the field `field` of a payload template.
    pub(crate) fn evaluate<'a>(&self, field: &str, scope: &Scope<'a>) -> Result<Cow<'a, Value>, Failure> {
        match self {
            Self::Path(path) => path.find(scope).map_err(|_| path.missing_in(field, scope)),
            Self::Call(call) => call.evaluate(scope).map(Cow::Owned),
        }
    }
}

impl QueryPath {
    /// Reads `$…`, `$$…` or `$name…`, or gives `None`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('$')?;
        let (origin, path) = if let Some(rest) = rest.strip_prefix('$') {
            (Origin::Context, format!("${rest}"))
        } else if rest.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            (Origin::Variable(name.into()), format!("${rest}"))
        } else {
            (Origin::Input, text.to_owned())
        };
        Some(Self { text: text.into(), origin, path: Path::parse(&path).ok()? })
    }

    /// The path as it is written in the definition.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is `$`: the whole input.
    pub(crate) fn is_input(&self) -> bool {
        self.origin == Origin::Input && self.path.is_root()
    }

    /// What it is applied to.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The path without `$$` or the variable's name, as error texts about references show it.
    pub(crate) fn path_text(&self) -> &str {
        self.path.as_str()
    }

    /// What the path selects.
    pub(crate) fn find<'a>(&self, scope: &Scope<'a>) -> Result<Cow<'a, Value>, PathFailure> {
        match &self.origin {
            Origin::Input => self.find_in(scope.input),
            Origin::Context => self.find_in_context(scope),
            Origin::Variable(name) => {
                let unassigned = || PathFailure { reason: format!("The variable '{name}' is not assigned") };
                self.find_in(scope.variables.get(name).ok_or_else(unassigned)?)
            }
        }
    }

    fn find_in<'a>(&self, document: &'a Value) -> Result<Cow<'a, Value>, PathFailure> {
        self.path.find(document).map_err(|error| PathFailure { reason: error.to_string() })
    }

    /// Only the part of the context object that the path leads into is built: the execution's input and the items of a
    /// Map state may be large.
    fn find_in_context<'a>(&self, scope: &Scope<'a>) -> Result<Cow<'a, Value>, PathFailure> {
        let names = [0, 1, 2].map(|at| self.path.property(at));
        let part = scope.context.narrowed(names);
        match self.path.find(&part) {
            Ok(found) => Ok(Cow::Owned(found.into_owned())),
            Err(error) => Err(PathFailure { reason: error.to_string() }),
        }
    }

    /// What the path selects, for a field such as `InputPath` that holds a path alone.
    pub(crate) fn resolve<'a>(&self, scope: &Scope<'a>) -> Result<Cow<'a, Value>, Failure> {
        self.find(scope).map_err(|failure| {
            let cause = format!("Invalid path '{}' : {}", self.text, failure.reason);
            Failure::new(ErrorName::Runtime, cause)
        })
    }

    /// What was searched, as error texts show it.
    pub(crate) fn searched<'a>(&self, scope: &Scope<'a>) -> Cow<'a, Value> {
        match self.origin {
            Origin::Context => Cow::Owned(scope.context.part(None, None)),
            Origin::Input | Origin::Variable(_) => Cow::Borrowed(scope.input),
        }
    }

    /// The failure of a payload template's field.
    fn missing_in(&self, field: &str, scope: &Scope<'_>) -> Failure {
        let (text, searched) = (&self.text, self.searched(scope));
        let cause = match (&self.origin, searched.as_ref()) {
            (Origin::Input, Value::Null) => {
                "Unable to apply Path transformation to null or empty input.".to_owned()
            }
            _ => format!(
                "The JSONPath '{text}' specified for the field '{field}' could not be found in the input '{searched}'"
            ),
        };
        Failure::new(ErrorName::Runtime, cause)
    }
}
