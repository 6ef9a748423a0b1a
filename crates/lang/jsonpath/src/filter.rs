//! Filters: `[?(@.price < 10 && @.category in ['a','b'])]`.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex::Regex;
use serde_json::Value;

use crate::evaluate::{FILTER_STEPS, Selection, select};
use crate::parse::{Cursor, quoted, segments};
use crate::{ParseError, Segment};

/// What an element must meet.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    Or(Vec<Filter>),
    And(Vec<Filter>),
    Not(Box<Filter>),
    /// A path alone: it leads somewhere.
    Exists(Operand),
    Compare {
        left: Operand,
        operator: Operator,
        right: Operand,
    },
    Matches {
        left: Operand,
        pattern: Regex,
    },
}

/// One side of a comparison.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    /// `@.x`: from the element.
    Current(Vec<Segment>),
    /// `$.x`: from the document.
    Root(Vec<Segment>),
    Literal(Value),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Contains,
    SubsetOf,
    AnyOf,
    NoneOf,
    All,
    Size,
    Empty,
}

/// Longer ones first, where one begins as another.
const OPERATORS: [(&str, Operator); 15] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    ("<", Operator::Less),
    (">=", Operator::GreaterOrEqual),
    (">", Operator::Greater),
    ("in", Operator::In),
    ("nin", Operator::NotIn),
    ("contains", Operator::Contains),
    ("subsetof", Operator::SubsetOf),
    ("anyof", Operator::AnyOf),
    ("noneof", Operator::NoneOf),
    ("all", Operator::All),
    ("size", Operator::Size),
    ("empty", Operator::Empty),
];

impl Filter {
    /// Reads what stands between the parentheses of `?(…)`.
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        cursor.nested(|cursor| {
            let mut alternatives = vec![conjunction(cursor)?];
            while operator_follows(cursor, "||") {
                alternatives.push(conjunction(cursor)?);
            }
            Ok(one_or(alternatives, Self::Or))
        })
    }

    /// Whether `element` of the document `root` meets it.
    pub(crate) fn accepts(&self, element: &Value, root: &Value) -> bool {
        match self {
            Self::Or(filters) => filters.iter().any(|filter| filter.accepts(element, root)),
            Self::And(filters) => filters.iter().all(|filter| filter.accepts(element, root)),
            Self::Not(filter) => !filter.accepts(element, root),
            Self::Exists(operand) => operand.value(element, root).is_some(),
            Self::Compare { left, operator, right } => {
                operator.holds(left.value(element, root).as_ref(), right.value(element, root).as_ref())
            }
            Self::Matches { left, pattern } => match left.value(element, root) {
                Some(Value::String(text)) => pattern.is_match(&text),
                Some(Value::Number(number)) => pattern.is_match(&number.to_string()),
                _ => false,
            },
        }
    }
}

fn one_or(mut filters: Vec<Filter>, many: impl FnOnce(Vec<Filter>) -> Filter) -> Filter {
    if filters.len() == 1 { filters.remove(0) } else { many(filters) }
}

fn operator_follows(cursor: &mut Cursor<'_>, operator: &str) -> bool {
    cursor.blanks();
    cursor.eat(operator)
}

fn conjunction(cursor: &mut Cursor<'_>) -> Result<Filter, ParseError> {
    let mut conditions = vec![condition(cursor)?];
    while operator_follows(cursor, "&&") {
        conditions.push(condition(cursor)?);
    }
    Ok(one_or(conditions, Filter::And))
}

fn condition(cursor: &mut Cursor<'_>) -> Result<Filter, ParseError> {
    cursor.blanks();
    if cursor.eat("!") {
        return cursor.nested(condition).map(|filter| Filter::Not(Box::new(filter)));
    }
    if cursor.eat("(") {
        let filter = Filter::parse(cursor)?;
        cursor.blanks();
        cursor.expect(")", "A parenthesis is not closed")?;
        return Ok(filter);
    }
    let left = operand(cursor)?;
    cursor.blanks();
    if cursor.eat("=~") {
        cursor.blanks();
        return Ok(Filter::Matches { left, pattern: pattern(cursor)? });
    }
    match OPERATORS.iter().find(|(text, _)| cursor.eat(text)) {
        Some((_, operator)) => {
            cursor.blanks();
            Ok(Filter::Compare { left, operator: *operator, right: operand(cursor)? })
        }
        None if matches!(left, Operand::Literal(_)) => Err(cursor.error("An operator is missing")),
        None => Ok(Filter::Exists(left)),
    }
}

fn operand(cursor: &mut Cursor<'_>) -> Result<Operand, ParseError> {
    if cursor.eat("@") {
        return cursor.nested(segments).map(Operand::Current);
    }
    if cursor.eat("$") {
        return cursor.nested(segments).map(Operand::Root);
    }
    match cursor.peek() {
        Some('\'' | '"') => Ok(Operand::Literal(Value::String(quoted(cursor)?))),
        Some('[') => list(cursor).map(Operand::Literal),
        _ => scalar(cursor).map(Operand::Literal),
    }
}

fn list(cursor: &mut Cursor<'_>) -> Result<Value, ParseError> {
    cursor.expect("[", "A list is missing")?;
    let mut elements = Vec::new();
    loop {
        cursor.blanks();
        if cursor.eat("]") {
            return Ok(Value::Array(elements));
        }
        if !elements.is_empty() {
            cursor.expect(",", "A list is not closed")?;
            cursor.blanks();
        }
        elements.push(match cursor.peek() {
            Some('\'' | '"') => Value::String(quoted(cursor)?),
            Some('[') => cursor.nested(list)?,
            _ => scalar(cursor)?,
        });
    }
}

/// `true`, `false`, `null` or a number.
fn scalar(cursor: &mut Cursor<'_>) -> Result<Value, ParseError> {
    let text = cursor.take_while(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    serde_json::from_str(text).map_err(|_| cursor.error("A value is missing"))
}

/// `/regular expression/flags`, which must match the whole text.
fn pattern(cursor: &mut Cursor<'_>) -> Result<Regex, ParseError> {
    cursor.expect("/", "A regular expression begins with /")?;
    let start = cursor.position();
    let mut escaped = false;
    while let Some(c) = cursor.peek() {
        if c == '/' && !escaped {
            break;
        }
        escaped = c == '\\' && !escaped;
        cursor.next();
    }
    let body = cursor.since(start).replace("\\/", "/");
    cursor.expect("/", "A regular expression is not closed")?;
    let flags: String =
        cursor.take_while(|c| c.is_ascii_lowercase()).chars().filter(|c| "imsx".contains(*c)).collect();
    let flags = if flags.is_empty() { flags } else { format!("(?{flags})") };
    Regex::new(&format!("{flags}^(?:{body})$"))
        .map_err(|_| cursor.error("The regular expression is not valid"))
}

impl Operand {
    fn value(&self, element: &Value, root: &Value) -> Option<Value> {
        match self {
            Self::Literal(value) => Some(value.clone()),
            Self::Current(segments) => path_value(segments, element, root),
            Self::Root(segments) => path_value(segments, root, root),
        }
    }
}

fn path_value(segments: &[Segment], from: &Value, root: &Value) -> Option<Value> {
    let last = segments.len().saturating_sub(1);
    let definite = segments.iter().enumerate().all(|(at, segment)| segment.is_definite(at == last));
    let mut selection = Selection::new(FILTER_STEPS);
    select(segments, from, root, &mut selection);
    if definite {
        return selection.found.pop().map(Cow::into_owned);
    }
    Some(selection.into_array())
}

impl Operator {
    /// Whether the comparison holds; a side that leads nowhere equals nothing.
    fn holds(self, left: Option<&Value>, right: Option<&Value>) -> bool {
        let (Some(left), Some(right)) = (left, right) else { return self == Self::NotEqual };
        match self {
            Self::Equal => equal(left, right),
            Self::NotEqual => !equal(left, right),
            Self::Less => compare(left, right).is_some_and(Ordering::is_lt),
            Self::LessOrEqual => compare(left, right).is_some_and(Ordering::is_le),
            Self::Greater => compare(left, right).is_some_and(Ordering::is_gt),
            Self::GreaterOrEqual => compare(left, right).is_some_and(Ordering::is_ge),
            Self::In => right.as_array().is_some_and(|list| has(list, left)),
            Self::NotIn => right.as_array().is_some_and(|list| !has(list, left)),
            Self::Contains => contains(left, right),
            Self::SubsetOf => both(left, right, |left, right| left.iter().all(|value| has(right, value))),
            Self::AnyOf => both(left, right, |left, right| left.iter().any(|value| has(right, value))),
            Self::NoneOf => both(left, right, |left, right| !left.iter().any(|value| has(right, value))),
            Self::All => both(left, right, |left, right| right.iter().all(|value| has(left, value))),
            Self::Size => {
                length(left).zip(right.as_u64()).is_some_and(|(length, size)| length as u64 == size)
            }
            Self::Empty => {
                length(left).zip(right.as_bool()).is_some_and(|(length, empty)| (length == 0) == empty)
            }
        }
    }
}

/// Jayway compares a number with a text that looks like one.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Number(number), Value::String(text)) => text.parse::<f64>().ok() == number.as_f64(),
        (Value::String(text), Value::Number(number)) => *text == number.to_string(),
        _ => left == right,
    }
}

fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn has(list: &[Value], value: &Value) -> bool {
    list.iter().any(|element| equal(element, value))
}

fn contains(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        (Value::Array(list), value) => has(list, value),
        _ => false,
    }
}

fn both(left: &Value, right: &Value, holds: impl FnOnce(&[Value], &[Value]) -> bool) -> bool {
    left.as_array().zip(right.as_array()).is_some_and(|(left, right)| holds(left, right))
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(elements) => Some(elements.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}
