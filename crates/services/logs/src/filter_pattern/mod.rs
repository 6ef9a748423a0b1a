//! Filter patterns: which messages a reader asks for.
//!
//! Three languages share one field. Terms (`ERROR -debug "an exact phrase"`, `?either ?or`), conditions on JSON
//! messages (`{ $.status = 5* && $.user.name NOT EXISTS }`), and conditions on fields between blanks
//! (`[ip, ..., status = 4*, bytes > 1000]`). All of it is pure: text in, a decision out.
//!
//! Source: CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters, filter log
//! events, and Live Tail".

mod comparison;
mod fields;
mod json;
mod regex;
mod scanner;
mod terms;

use fields::Fields;
use json::Condition;
use terms::Terms;

/// A pattern that was understood.
#[derive(Debug)]
pub struct FilterPattern(Kind);

#[derive(Debug)]
enum Kind {
    Terms(Terms),
    Json(Condition),
    Fields(Fields),
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A term with other characters than letters, digits and underscores that is not in quotes.
    #[error("Invalid character(s) in term '{0}'")]
    Term(String),
    /// Anything else.
    #[error("Invalid filter pattern: {0}")]
    Syntax(String),
}

impl FilterPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`ParseError`] where the text is none.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        Ok(Self(match text.chars().next() {
            Some('{') => Kind::Json(json::parse(text)?),
            Some('[') => Kind::Fields(fields::parse(text)?),
            _ => Kind::Terms(terms::parse(text)?),
        }))
    }

    /// Whether `message` is one that the pattern asks for.
    pub fn matches(&self, message: &str) -> bool {
        match &self.0 {
            Kind::Terms(terms) => terms.match_message(message),
            Kind::Json(condition) => {
                serde_json::from_str(message).is_ok_and(|document| condition.matches(&document))
            }
            Kind::Fields(fields) => fields.match_message(message),
        }
    }
}

fn syntax(what: impl Into<String>) -> ParseError {
    ParseError::Syntax(what.into())
}
