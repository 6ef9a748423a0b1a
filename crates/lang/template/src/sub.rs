//! The text of `Fn::Sub`: what stands for itself, and what is replaced.

use crate::TemplateError;
use crate::error::function_error;

/// A piece of a `Fn::Sub` text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text that stands for itself.
    Text(String),
    /// `${Name}`: a parameter, a pseudo parameter, a resource or a variable of the second argument.
    Variable(String),
    /// `${Resource.Attribute}`, unless the second argument has a variable of that name.
    Attribute {
        /// Before the first dot.
        resource: String,
        /// Behind it.
        attribute: String,
    },
}

impl Part {
    /// What stands between the braces.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Text(_) => None,
            Self::Variable(name) => Some(name.clone()),
            Self::Attribute { resource, attribute } => Some(format!("{resource}.{attribute}")),
        }
    }
}

/// Cuts a text into parts. A `$` without a brace, and a brace that is never closed, stand for themselves; `${!X}` gives
/// `${X}`.
pub(crate) fn parse(text: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some((before, inside, behind)) = next_variable(rest) {
        literal.push_str(before);
        match inside.strip_prefix('!') {
            Some(kept) => {
                literal.push_str("${");
                literal.push_str(kept);
                literal.push('}');
            }
            None => {
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                }
                parts.push(variable(inside)?);
            }
        }
        rest = behind;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(parts)
}

fn next_variable(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (inside, behind) = rest.split_once('}')?;
    Some((before, inside, behind))
}

fn variable(inside: &str) -> Result<Part, TemplateError> {
    let name = inside.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':');
    if name.is_empty() || !name.chars().all(fits) {
        return Err(function_error(
            "variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons",
        ));
    }
    Ok(match name.split_once('.') {
        Some((resource, attribute)) if !resource.is_empty() && !attribute.is_empty() => {
            Part::Attribute { resource: resource.to_owned(), attribute: attribute.to_owned() }
        }
        _ => Part::Variable(name.to_owned()),
    })
}
