//! `= 4*`, `!= "a b"`, `>= 1.5`, `= %re[gx]+%`: what a value is compared with.

use regex::Regex;

use super::scanner::Scanner;
use super::{ParseError, regex as expression, syntax};

/// An operator and its right side.
#[derive(Debug)]
pub(super) enum Comparison {
    /// Equal, or with `false` not equal.
    Equal(Operand, bool),
    /// Greater or less than a number.
    Order(Order, f64),
}

/// What a value should be equal to.
#[derive(Debug)]
pub(super) enum Operand {
    /// A text in which each asterisk stands for any text, and the number that it is, if it is one.
    Text { glob: String, number: Option<f64> },
    /// An expression that is found in the value.
    Regex(Regex),
}

/// How a value compares with a number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Comparison {
    /// Reads an operator and its right side, which ends at a blank or at one of `ends`.
    pub(super) fn parse(scanner: &mut Scanner<'_>, ends: &str) -> Result<Self, ParseError> {
        let orders = [
            (">=", Order::GreaterOrEqual),
            ("<=", Order::LessOrEqual),
            (">", Order::Greater),
            ("<", Order::Less),
        ];
        if scanner.take("!=") {
            return Ok(Self::Equal(operand(scanner, ends)?, false));
        }
        for (token, order) in orders {
            if scanner.take(token) {
                let text = word(scanner, ends)?;
                let number = text.parse().map_err(|_| syntax(format!("'{text}' is not a number")))?;
                return Ok(Self::Order(order, number));
            }
        }
        scanner.expect("=")?;
        Ok(Self::Equal(operand(scanner, ends)?, true))
    }

    /// Whether a text meets the comparison; one that looks like a number is also compared as one.
    pub(super) fn matches_text(&self, text: &str) -> bool {
        self.matches(text, text.parse().ok())
    }

    /// Whether a number meets the comparison.
    pub(super) fn matches_number(&self, number: &serde_json::Number) -> bool {
        self.matches(&number.to_string(), number.as_f64())
    }

    fn matches(&self, text: &str, number: Option<f64>) -> bool {
        match self {
            Self::Equal(operand, wanted) => operand.equals(text, number) == *wanted,
            Self::Order(order, bound) => number.is_some_and(|number| order.holds(number, *bound)),
        }
    }
}

impl Operand {
    fn equals(&self, text: &str, number: Option<f64>) -> bool {
        match self {
            Self::Regex(regex) => regex.is_match(text),
            Self::Text { glob, number: wanted } => {
                glob_matches(glob, text) || (wanted.is_some() && *wanted == number)
            }
        }
    }
}

impl Order {
    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Greater => number > bound,
            Self::GreaterOrEqual => number >= bound,
            Self::Less => number < bound,
            Self::LessOrEqual => number <= bound,
        }
    }
}

fn operand(scanner: &mut Scanner<'_>, ends: &str) -> Result<Operand, ParseError> {
    scanner.skip_blanks();
    match scanner.peek() {
        Some('"') => Ok(Operand::Text { glob: scanner.delimited('"')?, number: None }),
        Some('%') => Ok(Operand::Regex(expression::compile(&scanner.delimited('%')?)?)),
        _ => {
            let glob = word(scanner, ends)?.to_owned();
            let number = glob.parse().ok();
            Ok(Operand::Text { glob, number })
        }
    }
}

fn word<'a>(scanner: &mut Scanner<'a>, ends: &str) -> Result<&'a str, ParseError> {
    scanner.skip_blanks();
    let word = scanner.take_while(|c| !c.is_whitespace() && !ends.contains(c));
    if word.is_empty() { Err(syntax("a value is missing")) } else { Ok(word) }
}

/// Whether `text` is `glob`, in which each asterisk stands for any text.
fn glob_matches(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}
