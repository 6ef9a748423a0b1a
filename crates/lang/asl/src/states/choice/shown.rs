//! What a rule tests, in a line: for drawings.

use std::fmt;

use super::{Compared, Condition, Is, Operand, Relation, Test};

impl fmt::Display for Condition {
    /// `$.count > 5`, `not ($.name is present)`, or the JSONata expression.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(conditions) => joined(conditions, " and ", f),
            Self::Or(conditions) => joined(conditions, " or ", f),
            Self::Not(condition) => write!(f, "not ({condition})"),
            Self::Test { variable, test } => write!(f, "{} {test}", variable.text()),
            Self::Query(script) => f.write_str(script.text().trim()),
            Self::Literal(holds) => write!(f, "{holds}"),
        }
    }
}

fn joined(conditions: &[Condition], word: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, condition) in conditions.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        match (conditions.len(), condition) {
            (2.., Condition::And(_) | Condition::Or(_)) => write!(f, "({condition})")?,
            _ => write!(f, "{condition}")?,
        }
    }
    Ok(())
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compare { compared, relation, operand } => {
                write!(f, "{} {}", relation.sign(*compared), operand)
            }
            Self::Matches(pattern) => write!(f, "matches {:?}", pattern.text()),
            Self::Is { is, expected } => {
                write!(f, "{} {}", if *expected { "is" } else { "is not" }, is.word())
            }
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(value) => write!(f, "{value}"),
            Self::Path(path) => f.write_str(path.text()),
        }
    }
}

impl Relation {
    /// Timestamps come before and after each other; everything else is smaller or greater.
    fn sign(self, compared: Compared) -> &'static str {
        match (self, compared) {
            (Self::Equals, _) => "==",
            (Self::LessThan, Compared::Timestamp) => "before",
            (Self::GreaterThan, Compared::Timestamp) => "after",
            (Self::LessThan, _) => "<",
            (Self::GreaterThan, _) => ">",
            (Self::LessThanEquals, _) => "<=",
            (Self::GreaterThanEquals, _) => ">=",
        }
    }
}

impl Is {
    fn word(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Present => "present",
            Self::Numeric => "numeric",
            Self::String => "a string",
            Self::Boolean => "boolean",
            Self::Timestamp => "a timestamp",
        }
    }
}
