//! Conditions on JSON messages: `{ $.a.b[0] = "x*" && ($.n > 1 || $.c IS NULL) }`.

use serde_json::Value;

use super::comparison::Comparison;
use super::scanner::Scanner;
use super::{ParseError, syntax};

/// Parentheses may be nested so deep.
const DEPTH_MAX: usize = 32;

/// What must hold for a message.
#[derive(Debug)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Test(Selector, Test),
}

/// What must hold for a value.
#[derive(Debug)]
pub(super) enum Test {
    Compare(Comparison),
    IsTrue,
    IsFalse,
    IsNull,
    NotExists,
}

/// `$.a.b[0]`: the way to a value.
#[derive(Debug)]
pub(super) struct Selector(Vec<Step>);

#[derive(Debug)]
enum Step {
    Member(String),
    Index(usize),
    /// `[*]`: any element.
    AnyElement,
}

impl Condition {
    pub(super) fn matches(&self, document: &Value) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.matches(document)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.matches(document)),
            Self::Test(selector, test) => test.holds(&selector.find(document)),
        }
    }
}

impl Test {
    /// Whether one of the values found meets the test. What does not exist meets none but `NOT EXISTS`.
    fn holds(&self, found: &[&Value]) -> bool {
        match self {
            Self::NotExists => found.is_empty(),
            Self::IsTrue => found.iter().any(|value| **value == Value::Bool(true)),
            Self::IsFalse => found.iter().any(|value| **value == Value::Bool(false)),
            Self::IsNull => found.iter().any(|value| value.is_null()),
            Self::Compare(comparison) => found.iter().any(|value| match value {
                Value::String(text) => comparison.matches_text(text),
                Value::Number(number) => comparison.matches_number(number),
                Value::Bool(bool) => comparison.matches_text(if *bool { "true" } else { "false" }),
                Value::Null | Value::Array(_) | Value::Object(_) => false,
            }),
        }
    }
}

impl Selector {
    fn find<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![document];
        for step in &self.0 {
            found = found
                .into_iter()
                .flat_map(|value| match step {
                    Step::Member(name) => value.get(name).into_iter().collect::<Vec<_>>(),
                    Step::Index(index) => value.get(index).into_iter().collect(),
                    Step::AnyElement => value.as_array().into_iter().flatten().collect(),
                })
                .collect();
        }
        found
    }
}

pub(super) fn parse(text: &str) -> Result<Condition, ParseError> {
    let mut scanner = Scanner::new(text);
    scanner.expect("{")?;
    let condition = any(&mut scanner, 0)?;
    scanner.expect("}")?;
    scanner.skip_blanks();
    if scanner.is_at_end() { Ok(condition) } else { Err(syntax("something follows the closing brace")) }
}

fn any(scanner: &mut Scanner<'_>, depth: usize) -> Result<Condition, ParseError> {
    let mut conditions = vec![all(scanner, depth)?];
    while scanner.take("||") {
        conditions.push(all(scanner, depth)?);
    }
    Ok(Condition::Any(conditions))
}

fn all(scanner: &mut Scanner<'_>, depth: usize) -> Result<Condition, ParseError> {
    let mut conditions = vec![one(scanner, depth)?];
    while scanner.take("&&") {
        conditions.push(one(scanner, depth)?);
    }
    Ok(Condition::All(conditions))
}

fn one(scanner: &mut Scanner<'_>, depth: usize) -> Result<Condition, ParseError> {
    if scanner.take("(") {
        if depth == DEPTH_MAX {
            return Err(syntax("parentheses are nested too deep"));
        }
        let condition = any(scanner, depth + 1)?;
        scanner.expect(")")?;
        return Ok(condition);
    }
    let selector = selector(scanner)?;
    Ok(Condition::Test(selector, test(scanner)?))
}

fn test(scanner: &mut Scanner<'_>) -> Result<Test, ParseError> {
    if scanner.take_word("IS") {
        for (word, test) in [("TRUE", Test::IsTrue), ("FALSE", Test::IsFalse), ("NULL", Test::IsNull)] {
            if scanner.take_word(word) {
                return Ok(test);
            }
        }
        return Err(syntax("IS stands before TRUE, FALSE or NULL"));
    }
    if scanner.take_word("NOT") {
        return if scanner.take_word("EXISTS") {
            Ok(Test::NotExists)
        } else {
            Err(syntax("NOT stands before EXISTS"))
        };
    }
    Ok(Test::Compare(Comparison::parse(scanner, "(){}&|")?))
}

fn selector(scanner: &mut Scanner<'_>) -> Result<Selector, ParseError> {
    scanner.expect("$")?;
    let mut steps = Vec::new();
    loop {
        match scanner.peek() {
            Some('.') => {
                scanner.take(".");
                if scanner.peek() != Some('[') {
                    steps.push(Step::Member(name(scanner)?));
                }
            }
            Some('[') => steps.push(bracket(scanner)?),
            _ => break,
        }
    }
    if steps.is_empty() { Err(syntax("a selector names no property")) } else { Ok(Selector(steps)) }
}

fn name(scanner: &mut Scanner<'_>) -> Result<String, ParseError> {
    let name = scanner.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '@'));
    if name.is_empty() { Err(syntax("a property has no name")) } else { Ok(name.to_owned()) }
}

/// `[0]`, `[*]`, `['a.b']` or `["a.b"]`.
fn bracket(scanner: &mut Scanner<'_>) -> Result<Step, ParseError> {
    scanner.expect("[")?;
    scanner.skip_blanks();
    let step = match scanner.peek() {
        Some(quote @ ('\'' | '"')) => Step::Member(scanner.delimited(quote)?),
        Some('*') => {
            scanner.take("*");
            Step::AnyElement
        }
        _ => {
            let digits = scanner.take_while(|c| c.is_ascii_digit());
            Step::Index(digits.parse().map_err(|_| syntax("an index is not a number"))?)
        }
    };
    scanner.expect("]")?;
    Ok(step)
}
