//! Payload templates: JSON in which the values of fields named `….$` are computed.
//!
//! Compiled once; what is literal below a point stays one value.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error_name::{ErrorName, Failure};
use crate::expression::{Expression, Scope};
use crate::limits::NESTING;
use crate::variables::Assigned;

/// A compiled payload template: `Parameters`, `ItemSelector`, `ResultSelector` or `Assign`.
#[derive(Debug)]
pub(crate) enum Template {
    /// Nothing to compute.
    Literal(Value),
    Object(Vec<Member>),
    Array(Vec<Template>),
}

/// A member of an object.
#[derive(Debug)]
pub(crate) struct Member {
    /// Without `.$`.
    pub(crate) name: Arc<str>,
    pub(crate) content: Content,
}

/// What a member holds.
#[derive(Debug)]
pub(crate) enum Content {
    Template(Template),
    Computed {
        /// The name with `.$`, for error texts.
        field: String,
        expression: Expression,
    },
}

impl Template {
    /// The value of the template in `scope`.
    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, Failure> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Array(elements) => elements.iter().map(|element| element.evaluate(scope)).collect(),
            Self::Object(members) => {
                let mut object = Map::with_capacity(members.len());
                for member in members {
                    object.insert(member.name.to_string(), member.content.evaluate(scope)?);
                }
                Ok(Value::Object(object))
            }
        }
    }

    /// The names of an object's members.
    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Self::Object(members) => members.iter().map(|member| member.name.to_string()).collect(),
            Self::Literal(Value::Object(members)) => members.keys().cloned().collect(),
            Self::Literal(_) | Self::Array(_) => Vec::new(),
        }
    }

    /// The members of an object that `Assign` computes, each under its name.
    pub(crate) fn evaluate_members(&self, scope: &Scope<'_>) -> Result<Assigned, Failure> {
        match self {
            Self::Literal(Value::Object(members)) => {
                Ok(members.iter().map(|(name, value)| (name.as_str().into(), value.clone())).collect())
            }
            Self::Object(members) => {
                let value = |member: &Member| Ok((Arc::clone(&member.name), member.content.evaluate(scope)?));
                members.iter().map(value).collect()
            }
            Self::Literal(_) | Self::Array(_) => Ok(Vec::new()),
        }
    }
}

impl Content {
    fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, Failure> {
        match self {
            Self::Template(template) => template.evaluate(scope),
            Self::Computed { field, expression } => Ok(expression.evaluate(field, scope)?.into_owned()),
        }
    }
}

/// Refuses a value that is nested so deep that others could not read it.
pub(crate) fn check_nesting(value: &Value) -> Result<(), Failure> {
    if nests_at_most(value, NESTING) {
        return Ok(());
    }
    Err(Failure::new(ErrorName::Runtime, format!("The result is nested deeper than {NESTING} levels.")))
}

fn nests_at_most(value: &Value, levels: usize) -> bool {
    match (value, levels.checked_sub(1)) {
        (Value::Array(elements), Some(below)) => elements.iter().all(|element| nests_at_most(element, below)),
        (Value::Object(members), Some(below)) => members.values().all(|member| nests_at_most(member, below)),
        (Value::Array(_) | Value::Object(_), None) => false,
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _) => true,
    }
}
