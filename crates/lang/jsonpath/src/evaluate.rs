//! Selecting: a path applied to a document.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::{NotFound, Path, Segment};

/// What `path` selects in `document`.
pub(crate) fn find<'a>(path: &Path, document: &'a Value) -> Result<Cow<'a, Value>, NotFound> {
    if let Some(names) = merged_properties(&path.segments) {
        return merge(path, names, document).map(Cow::Owned);
    }
    if path.is_definite() {
        return follow(path, &path.segments, document).map(Cow::Borrowed);
    }
    let mut selection = Selection::new(STEPS);
    select(&path.segments, document, document, &mut selection);
    if selection.is_exhausted() {
        return Err(NotFound(format!("Too many values to search for path: {path}")));
    }
    Ok(Cow::Owned(selection.into_array()))
}

/// Values that one path looks at, at most: `$..*..*..*` would look at the document's size to the third power.
const STEPS: usize = 10_000_000;

/// The same, for a path in a filter, which is applied to every element.
pub(crate) const FILTER_STEPS: usize = 10_000;

/// What has been found, and how much may still be looked at.
pub(crate) struct Selection<'a> {
    pub(crate) found: Vec<Cow<'a, Value>>,
    steps_left: usize,
}

impl Selection<'_> {
    pub(crate) fn new(steps: usize) -> Self {
        Self { found: Vec::new(), steps_left: steps }
    }

    fn is_exhausted(&self) -> bool {
        self.steps_left == 0
    }

    /// The values found, as the array that an indefinite path gives.
    pub(crate) fn into_array(self) -> Value {
        self.found.into_iter().map(Cow::into_owned).collect()
    }
}

/// Everything that `segments` select below `value`, in the order of the document. What is not there selects nothing.
pub(crate) fn select<'a>(
    segments: &[Segment],
    value: &'a Value,
    root: &'a Value,
    selection: &mut Selection<'a>,
) {
    selection.steps_left = selection.steps_left.saturating_sub(1);
    if selection.is_exhausted() {
        return;
    }
    let Some((segment, rest)) = segments.split_first() else {
        selection.found.push(Cow::Borrowed(value));
        return;
    };
    match segment {
        Segment::Property(name) => {
            value.get(name).into_iter().for_each(|child| select(rest, child, root, selection));
        }
        Segment::Properties(names) if rest.is_empty() => {
            selection.found.extend(subset(names, value).map(Cow::Owned))
        }
        Segment::Properties(names) => {
            names
                .iter()
                .filter_map(|name| value.get(name))
                .for_each(|child| select(rest, child, root, selection));
        }
        Segment::Index(index) => {
            element(value, *index).into_iter().for_each(|child| select(rest, child, root, selection));
        }
        Segment::Indices(indices) => {
            let children = indices.iter().filter_map(|index| element(value, *index));
            children.for_each(|child| select(rest, child, root, selection));
        }
        Segment::Slice { from, to } => {
            slice(value, *from, *to).for_each(|child| select(rest, child, root, selection));
        }
        Segment::Wildcard => children(value).for_each(|child| select(rest, child, root, selection)),
        Segment::Descend => descend(rest, value, root, selection),
        // An object is tested itself; of an array, each element is.
        Segment::Filter(filter) => match value {
            Value::Object(_) if filter.accepts(value, root) => select(rest, value, root, selection),
            Value::Array(elements) => {
                let accepted = elements.iter().filter(|element| filter.accepts(element, root));
                accepted.for_each(|element| select(rest, element, root, selection));
            }
            _ => {}
        },
        Segment::Function(_) => {}
    }
}

fn descend<'a>(rest: &[Segment], value: &'a Value, root: &'a Value, selection: &mut Selection<'a>) {
    select(rest, value, root, selection);
    children(value).for_each(|child| descend(rest, child, root, selection));
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(elements) => Box::new(elements.iter()),
        Value::Object(members) => Box::new(members.values()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Box::new(std::iter::empty()),
    }
}

fn element(value: &Value, index: i64) -> Option<&Value> {
    let elements = value.as_array()?;
    elements.get(position(index, elements.len())?)
}

/// Where a negative index counts from the end.
pub(crate) fn position(index: i64, length: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(i64::try_from(length).ok()?)? } else { index };
    usize::try_from(index).ok()
}

/// Jayway's slices: a lone bound may be negative; of two, only the first may.
fn slice(value: &Value, from: Option<i64>, to: Option<i64>) -> Box<dyn Iterator<Item = &Value> + '_> {
    let Some(elements) = value.as_array() else { return Box::new(std::iter::empty()) };
    let length = i64::try_from(elements.len()).unwrap_or(i64::MAX);
    let from_end = |bound: i64| if bound < 0 { bound.saturating_add(length) } else { bound };
    let (from, to) = match (from, to) {
        (Some(from), Some(to)) => (from.max(-length), to.min(length)),
        (Some(from), None) => (from_end(from).max(0), length),
        (None, to) => (0, from_end(to.unwrap_or(length)).min(length)),
    };
    Box::new((from..to).filter_map(|index| elements.get(position(index, elements.len())?)))
}

/// Follows definite segments to the one value that they name.
fn follow<'a>(path: &Path, segments: &[Segment], document: &'a Value) -> Result<&'a Value, NotFound> {
    let mut value = document;
    for (at, segment) in segments.iter().enumerate() {
        let child = match segment {
            Segment::Property(name) => property(path, segments, at, name, value)?,
            Segment::Index(index) => array_element(path, segments, at, *index, value)?,
            _ => None,
        };
        value = child.ok_or_else(|| NotFound(format!("No results for path: {path}")))?;
    }
    Ok(value)
}

fn property<'a>(
    path: &Path,
    segments: &[Segment],
    at: usize,
    name: &str,
    value: &'a Value,
) -> Result<Option<&'a Value>, NotFound> {
    let Some(members) = value.as_object() else {
        return Err(NotFound(format!(
            "Expected to find an object with property ['{name}'] in path {} but found '{}'. This is not a json \
             object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonNodeJsonProvider'.",
            prefix(segments, at),
            java_class(value),
        )));
    };
    let child = members.get(name);
    if child.is_none() && at + 1 < path.segments.len() {
        return Err(NotFound(format!("Missing property in path {}", prefix(segments, at + 1))));
    }
    Ok(child)
}

fn array_element<'a>(
    path: &Path,
    segments: &[Segment],
    at: usize,
    index: i64,
    value: &'a Value,
) -> Result<Option<&'a Value>, NotFound> {
    match value {
        Value::Array(_) => Ok(element(value, index)),
        Value::Null => Err(NotFound(format!("The path {} is null", prefix(segments, at)))),
        _ => {
            let filter: String = path.segments[at..].iter().map(ToString::to_string).collect();
            Err(NotFound(format!(
                "Filter: {filter} can only be applied to arrays. Current context is: {value}"
            )))
        }
    }
}

/// The canonical text of the first `count` segments.
fn prefix(segments: &[Segment], count: usize) -> String {
    std::iter::once("$".to_owned()).chain(segments.iter().take(count).map(ToString::to_string)).collect()
}

fn java_class(value: &Value) -> &'static str {
    match value {
        Value::Null => "com.fasterxml.jackson.databind.node.NullNode",
        Value::Bool(_) => "com.fasterxml.jackson.databind.node.BooleanNode",
        Value::Number(number) if number.is_f64() => "com.fasterxml.jackson.databind.node.DoubleNode",
        Value::Number(_) => "com.fasterxml.jackson.databind.node.IntNode",
        Value::String(_) => "com.fasterxml.jackson.databind.node.TextNode",
        Value::Array(_) => "com.fasterxml.jackson.databind.node.ArrayNode",
        Value::Object(_) => "com.fasterxml.jackson.databind.node.ObjectNode",
    }
}

/// The names of a definite path that ends with `['a','b']`.
fn merged_properties(segments: &[Segment]) -> Option<&[String]> {
    let (last, before) = segments.split_last()?;
    match last {
        Segment::Properties(names) if before.iter().all(|segment| segment.is_definite(false)) => Some(names),
        _ => None,
    }
}

fn merge(path: &Path, names: &[String], document: &Value) -> Result<Value, NotFound> {
    let before = &path.segments[..path.segments.len().saturating_sub(1)];
    let parent = follow(path, before, document)?;
    subset(names, parent).ok_or_else(|| NotFound(format!("No results for path: {path}")))
}

fn subset(names: &[String], value: &Value) -> Option<Value> {
    let members = value.as_object()?;
    let chosen = names.iter().filter_map(|name| Some((name.clone(), members.get(name)?.clone())));
    Some(Value::Object(chosen.collect::<Map<_, _>>()))
}
