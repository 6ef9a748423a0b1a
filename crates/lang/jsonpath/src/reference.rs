//! Reference paths: those that name one place, and can be written to.

use std::fmt;

use serde_json::{Map, Value};

use crate::evaluate::position;
use crate::{NotFound, ParseError, Path, Segment};

/// A path that names a single place: properties and indices only.
///
/// Source: States Language specification, "Reference Paths".
#[derive(Clone, Debug)]
pub struct ReferencePath(Path);

/// The document has something in the way of a [`ReferencePath`]: a value that is no object, or an array that is too short.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unable to apply step \"{step}\" to input {input}")]
pub struct MatchFailure {
    step: String,
    input: String,
}

impl ReferencePath {
    /// Compiles a path that begins with `$`.
    ///
    /// # Errors
    /// [`ParseError`] where `text` is no path, or one with `@`, `,`, `:`, `?`, `*`, `..` or a function.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let path = Path::parse(text)?;
        if path.segments.iter().all(|segment| matches!(segment, Segment::Property(_) | Segment::Index(0..))) {
            return Ok(Self(path));
        }
        Err(ParseError {
            path: text.to_owned(),
            reason: "A reference path names a single place",
            position: 0,
        })
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the path is `$`.
    pub fn is_root(&self) -> bool {
        self.0.is_root()
    }

    /// The value that the path names.
    ///
    /// # Errors
    /// [`NotFound`] where there is none.
    pub fn find<'a>(&self, document: &'a Value) -> Result<&'a Value, NotFound> {
        match self.0.find(document)? {
            std::borrow::Cow::Borrowed(value) => Ok(value),
            std::borrow::Cow::Owned(_) => Err(NotFound(format!("No results for path: {}", self.0))),
        }
    }

    /// Puts `value` where the path leads, making the objects on the way that are missing.
    ///
    /// # Errors
    /// [`MatchFailure`] where something else is in the way; `document` may have gained empty objects then.
    pub fn insert(&self, document: &mut Value, value: Value) -> Result<(), MatchFailure> {
        let mut place = document;
        for segment in &self.0.segments {
            place = match segment {
                Segment::Index(index) => array_place(place, *index)?,
                Segment::Property(name) => object_place(place, name)?,
                _ => return Err(failure(segment, place)),
            };
        }
        *place = value;
        Ok(())
    }
}

impl fmt::Display for ReferencePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn object_place<'a>(place: &'a mut Value, name: &str) -> Result<&'a mut Value, MatchFailure> {
    // A place that was made on the way here has nothing in it yet.
    if place.is_null() {
        *place = Value::Object(Map::new());
    }
    if !place.is_object() {
        return Err(MatchFailure { step: name.to_owned(), input: place.to_string() });
    }
    match place {
        Value::Object(members) => Ok(members.entry(name).or_insert(Value::Null)),
        other => Ok(other),
    }
}

fn array_place(place: &mut Value, index: i64) -> Result<&mut Value, MatchFailure> {
    let length = place.as_array().map_or(0, Vec::len);
    let at = position(index, length).filter(|at| *at < length);
    match (at, place) {
        (Some(at), Value::Array(elements)) => Ok(&mut elements[at]),
        (_, place) => Err(failure(&Segment::Index(index), place)),
    }
}

fn failure(segment: &Segment, place: &Value) -> MatchFailure {
    let step = match segment {
        Segment::Property(name) => name.clone(),
        other => other.to_string(),
    };
    MatchFailure { step, input: place.to_string() }
}
