//! `InputPath`: the part of an event that a target receives.
//!
//! A subset of JSONPath: `$`, `.name`, `['name']`, `[0]`, `[*]` and `.*`. No filters, slices or recursive descent.

use std::borrow::Cow;

use serde_json::Value;

/// A compiled path into an event.
///
/// Source: shape `TargetInputPath`, EventBridge API 2015-10-07.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Element(usize),
    Every,
}

/// The text is not a path of the supported subset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid JSON path: {0}")]
pub struct InputPathError(pub String);

impl InputPath {
    /// Compiles a path.
    ///
    /// # Errors
    /// [`InputPathError`] with the text.
    pub fn parse(text: &str) -> Result<Self, InputPathError> {
        steps(text).map(|steps| Self { steps }).ok_or_else(|| InputPathError(text.to_owned()))
    }

    /// The value at this path, or `None` where the event has none. A path with `*` leads to an array of what it found.
    pub fn find<'e>(&self, event: &'e Value) -> Option<Cow<'e, Value>> {
        let mut found = vec![event];
        let mut is_definite = true;
        for step in &self.steps {
            is_definite &= *step != Step::Every;
            found = found.into_iter().flat_map(|value| step.follow(value)).collect();
        }
        if is_definite {
            return found.first().map(|value| Cow::Borrowed(*value));
        }
        Some(Cow::Owned(Value::Array(found.into_iter().cloned().collect())))
    }
}

impl Step {
    fn follow<'e>(&self, value: &'e Value) -> Vec<&'e Value> {
        match (self, value) {
            (Self::Field(name), Value::Object(object)) => object.get(name).into_iter().collect(),
            (Self::Element(index), Value::Array(array)) => array.get(*index).into_iter().collect(),
            (Self::Every, Value::Array(array)) => array.iter().collect(),
            (Self::Every, Value::Object(object)) => object.values().collect(),
            (Self::Field(_) | Self::Element(_) | Self::Every, _) => vec![],
        }
    }
}

fn steps(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.strip_prefix('$')?;
    let mut steps = vec![];
    while !rest.is_empty() {
        if let Some(after_dot) = rest.strip_prefix('.') {
            let end = after_dot.find(['.', '[']).unwrap_or(after_dot.len());
            let (name, after) = after_dot.split_at_checked(end)?;
            let is_name =
                !name.is_empty() && !name.contains([']', '*', '?', '@', '(', ')', '\'', '"', ' ', ',']);
            steps.push(match name {
                "*" => Step::Every,
                _ if is_name => Step::Field(name.to_owned()),
                _ => return None,
            });
            rest = after;
            continue;
        }
        let inside = rest.strip_prefix('[')?;
        let quoted = inside
            .strip_prefix('\'')
            .map(|text| (text, "']"))
            .or(inside.strip_prefix('"').map(|text| (text, "\"]")));
        if let Some((quoted, end)) = quoted {
            let (name, after) = quoted.split_once(end)?;
            steps.push(Step::Field(name.to_owned()));
            rest = after;
            continue;
        }
        let (index, after) = inside.split_once(']')?;
        steps.push(match index {
            "*" => Step::Every,
            _ if index.bytes().all(|b| b.is_ascii_digit()) => Step::Element(index.parse().ok()?),
            _ => return None,
        });
        rest = after;
    }
    Some(steps)
}
