//! The document below the language: what JSON and YAML have in common, with positions.
//!
//! Nothing here knows sections or functions; short tags have become their long names by the time a node exists.

use indexmap::IndexMap;

/// A place in the text, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A value and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where the value starts.
    pub position: Position,
    /// The value.
    pub value: Value,
}

/// What a document is made of. Scalars keep the text that they were written with.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// JSON `null`; in YAML also `~` and nothing at all.
    Null,
    /// A scalar without quotes: a JSON number or boolean, or a YAML plain scalar.
    Plain(String),
    /// A scalar in quotes, or a YAML block scalar.
    Quoted(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order it was written.
    Map(IndexMap<String, Node>),
}

impl Node {
    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Plain(text) | Value::Quoted(text) => Some(text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The members of a map.
    pub fn map(&self) -> Option<&IndexMap<String, Node>> {
        match &self.value {
            Value::Map(members) => Some(members),
            _ => None,
        }
    }

    /// The elements of a list.
    pub fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// The value as JSON, as [`scalar`] reads plain scalars.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Plain(text) => scalar(text),
            Value::Quoted(text) => serde_json::Value::String(text.clone()),
            Value::List(elements) => elements.iter().map(Node::to_json).collect(),
            Value::Map(members) => members.iter().map(|(key, node)| (key.clone(), node.to_json())).collect(),
        }
    }

    /// Path of the first `null`, such as `/Outputs/X/Value`.
    pub(crate) fn path_of_null(&self) -> Option<String> {
        match &self.value {
            Value::Null => Some(String::new()),
            Value::Plain(_) | Value::Quoted(_) => None,
            Value::List(elements) => elements
                .iter()
                .enumerate()
                .find_map(|(index, node)| Some(format!("/{index}{}", node.path_of_null()?))),
            Value::Map(members) => {
                members.iter().find_map(|(key, node)| Some(format!("/{key}{}", node.path_of_null()?)))
            }
        }
    }
}

/// A plain scalar as JSON: a boolean or a number where its text comes back from that value unchanged, else a string.
///
/// So `7` is a number and `true` a boolean, while `0644`, `1.10`, `2012-10-17`, `yes` and `on` keep their text.
pub fn scalar(text: &str) -> serde_json::Value {
    match text {
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        _ => match serde_json::from_str::<serde_json::Number>(text) {
            Ok(number) if number.to_string() == text => number.into(),
            Ok(_) | Err(_) => text.into(),
        },
    }
}
