//! JSONPath as the Amazon States Language has it: the dialect of the Java library Jayway JsonPath, down to its texts.
//!
//! A [`Path`] selects from a document; a [`ReferencePath`] names one place in it, and can write there. Prefixes that are
//! not JSONPath (`$$` for the context object, `$name` for variables) are the caller's.
//!
//! Where Step Functions differs from Jayway, it is followed: an indefinite path that finds nothing gives `[]`, and
//! functions such as `$.items.length()` never find anything.

mod evaluate;
mod filter;
mod parse;
mod reference;

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

pub use reference::{MatchFailure, ReferencePath};

use crate::filter::Filter;

/// A compiled JSONPath.
#[derive(Clone, Debug)]
pub struct Path {
    text: String,
    segments: Vec<Segment>,
}

/// One step of a path.
#[derive(Clone, Debug)]
enum Segment {
    /// `.name` or `['name']`.
    Property(String),
    /// `['a','b']`: as the last step, one object with those that exist; before others, each of them.
    Properties(Vec<String>),
    /// `[0]`, `[-1]`.
    Index(i64),
    /// `[0,2]`.
    Indices(Vec<i64>),
    /// `[1:3]`, `[1:]`, `[:3]`.
    Slice {
        /// First index, counted from the end where negative.
        from: Option<i64>,
        /// Index behind the last.
        to: Option<i64>,
    },
    /// `.*` or `[*]`.
    Wildcard,
    /// `..`: the next step, applied to the document here and to everything below it.
    Descend,
    /// `[?(@.x == 1)]`.
    Filter(Filter),
    /// `.length()`, which finds nothing in Step Functions.
    Function(String),
}

/// The text is not a JSONPath.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} in path {path}, at character {position}")]
pub struct ParseError {
    path: String,
    reason: &'static str,
    position: usize,
}

/// A definite path that leads nowhere; shows Jayway's text, such as `No results for path: $['a']`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotFound(String);

impl Path {
    /// Compiles a path that begins with `$`.
    ///
    /// # Errors
    /// [`ParseError`] where `text` is not one.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::path(text)
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the path is `$`.
    pub fn is_root(&self) -> bool {
        self.segments.is_empty()
    }

    /// The name of the property that the step `at`, counted from 0, selects; `None` where it is another step.
    pub fn property(&self, at: usize) -> Option<&str> {
        match self.segments.get(at) {
            Some(Segment::Property(name)) => Some(name),
            _ => None,
        }
    }

    /// Whether the path selects one value, rather than an array of those that match.
    pub fn is_definite(&self) -> bool {
        let last = self.segments.len().saturating_sub(1);
        self.segments.iter().enumerate().all(|(at, segment)| segment.is_definite(at == last))
    }

    /// What the path selects in `document`: one value, or an array where the path is indefinite.
    ///
    /// # Errors
    /// [`NotFound`] where the path is definite and leads nowhere.
    pub fn find<'a>(&self, document: &'a Value) -> Result<Cow<'a, Value>, NotFound> {
        evaluate::find(self, document)
    }
}

impl Segment {
    fn is_definite(&self, is_last: bool) -> bool {
        match self {
            Self::Property(_) | Self::Index(_) | Self::Function(_) => true,
            Self::Properties(_) => is_last,
            Self::Indices(_) | Self::Slice { .. } | Self::Wildcard | Self::Descend | Self::Filter(_) => false,
        }
    }
}

impl fmt::Display for Path {
    /// Jayway's canonical form: `$['a'][0]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        self.segments.iter().try_for_each(|segment| segment.fmt(f))
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |items: Vec<String>| items.join(",");
        match self {
            Self::Property(name) => write!(f, "['{name}']"),
            Self::Properties(names) => {
                write!(f, "[{}]", joined(names.iter().map(|name| format!("'{name}'")).collect()))
            }
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Indices(indices) => {
                write!(f, "[{}]", joined(indices.iter().map(i64::to_string).collect()))
            }
            Self::Slice { from, to } => {
                let side = |bound: &Option<i64>| bound.map(|bound| bound.to_string()).unwrap_or_default();
                write!(f, "[{}:{}]", side(from), side(to))
            }
            Self::Wildcard => f.write_str("[*]"),
            Self::Descend => f.write_str(".."),
            Self::Filter(_) => f.write_str("[?]"),
            Self::Function(name) => write!(f, ".{name}()"),
        }
    }
}
