//! Text to [`Node`]: JSON where the text starts with a brace, YAML otherwise.

mod json;
mod yaml;

use crate::TemplateError;
use crate::node::{Node, Value};

/// Reads a template's text, whatever its sections say.
///
/// # Errors
///
/// `JsonNotWellFormed`, `YamlNotWellFormed`, `DuplicateKey`, `TooDeep`, `TooManyAliases`; `UnsupportedStructure` where
/// the document is not a map; `NullValue`.
pub fn read(text: &str) -> Result<Node, TemplateError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let node = if text.trim_start().starts_with('{') { json::read(text)? } else { yaml::read(text)? };
    if !matches!(node.value, Value::Map(_)) {
        return Err(TemplateError::UnsupportedStructure);
    }
    match node.path_of_null() {
        Some(path) => Err(TemplateError::NullValue(path)),
        None => Ok(node),
    }
}
