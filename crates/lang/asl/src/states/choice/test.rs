//! The operators of a choice rule: `StringEquals`, `NumericLessThanPath`, `IsPresent` and the others.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;
use types::Timestamp;

use super::Pattern;
use crate::error_name::{ErrorName, Failure};
use crate::expression::{QueryPath, Scope};

/// An operator with its operand.
#[derive(Debug)]
pub(crate) enum Test {
    Compare { compared: Compared, relation: Relation, operand: Operand },
    Matches(Pattern),
    Is { is: Is, expected: bool },
}

/// What both sides of a comparison must be. Where one is not, the comparison does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    String,
    Numeric,
    Timestamp,
    Boolean,
}

/// How the sides must stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Equals,
    LessThan,
    GreaterThan,
    LessThanEquals,
    GreaterThanEquals,
}

/// The right side: a value, or with `…Path` where to find it.
#[derive(Debug)]
pub(crate) enum Operand {
    Literal(Value),
    Path(QueryPath),
}

/// What a variable is tested to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Is {
    Null,
    Present,
    Numeric,
    String,
    Boolean,
    Timestamp,
}

impl Test {
    pub(super) fn holds(&self, variable: &QueryPath, scope: &Scope<'_>) -> Result<bool, Failure> {
        if let Self::Is { is: Is::Present, expected } = self {
            return Ok(variable.find(scope).is_ok() == *expected);
        }
        let value = find(variable, scope)?;
        match self {
            Self::Compare { compared, relation, operand } => {
                let operand = operand.value(scope)?;
                Ok(compared.order(&value, &operand).is_some_and(|order| relation.includes(order)))
            }
            Self::Matches(pattern) => Ok(value.as_str().is_some_and(|text| pattern.matches(text))),
            Self::Is { is, expected } => Ok(is.of(&value) == *expected),
        }
    }
}

fn find<'a>(path: &QueryPath, scope: &Scope<'a>) -> Result<Cow<'a, Value>, Failure> {
    path.find(scope).map_err(|_| {
        let cause = format!(
            "Invalid path '{}': The choice state's condition path references an invalid value.",
            path.text()
        );
        Failure::new(ErrorName::Runtime, cause)
    })
}

impl Operand {
    fn value<'a>(&'a self, scope: &Scope<'a>) -> Result<Cow<'a, Value>, Failure> {
        match self {
            Self::Literal(value) => Ok(Cow::Borrowed(value)),
            Self::Path(path) => find(path, scope),
        }
    }
}

impl Compared {
    fn order(self, left: &Value, right: &Value) -> Option<Ordering> {
        match self {
            // As Java compares texts: by UTF-16 code units.
            Self::String => Some(left.as_str()?.encode_utf16().cmp(right.as_str()?.encode_utf16())),
            Self::Numeric => numbers(left, right),
            Self::Timestamp => Some(time(left)?.cmp(&time(right)?)),
            Self::Boolean => Some(left.as_bool()?.cmp(&right.as_bool()?)),
        }
    }
}

/// Integers are compared as such: large ones differ where their floating-point neighbours are equal.
fn numbers(left: &Value, right: &Value) -> Option<Ordering> {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(value.as_str()?).ok()
}

impl Relation {
    fn includes(self, order: Ordering) -> bool {
        match self {
            Self::Equals => order.is_eq(),
            Self::LessThan => order.is_lt(),
            Self::GreaterThan => order.is_gt(),
            Self::LessThanEquals => order.is_le(),
            Self::GreaterThanEquals => order.is_ge(),
        }
    }
}

impl Is {
    fn of(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Present => true,
            Self::Numeric => value.is_number(),
            Self::String => value.is_string(),
            Self::Boolean => value.is_boolean(),
            Self::Timestamp => time(value).is_some(),
        }
    }
}
