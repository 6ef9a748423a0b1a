//! JSON in which texts may be expressions: `Arguments`, `Output`, `Assign`, `ItemSelector`.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Offered, Produced, Refused, Script, is_expression};
use crate::expression::Scope;
use crate::run::Fault;
use crate::variables::Assigned;

/// A compiled value. What has nothing to compute stays one value.
#[derive(Debug)]
pub(crate) enum QueryTemplate {
    Literal(Value),
    Script(Box<Script>),
    Array(Vec<QueryTemplate>),
    Object(Vec<(Arc<str>, QueryTemplate)>),
}

impl QueryTemplate {
    /// Compiles the value of a field; the error is what is wrong with each expression.
    pub(crate) fn parse(value: &Value, field: &str, offered: Offered) -> Result<Self, Vec<Refused>> {
        let mut refused = Vec::new();
        let template = Self::read(value, field.to_owned(), offered, &mut refused);
        if refused.is_empty() { Ok(template) } else { Err(refused) }
    }

    fn read(value: &Value, field: String, offered: Offered, refused: &mut Vec<Refused>) -> Self {
        match value {
            Value::String(text) if is_expression(text) => match Script::parse(text, &field, offered) {
                Ok(script) => Self::Script(Box::new(script)),
                Err(wrong) => {
                    refused.push(wrong);
                    Self::Literal(Value::Null)
                }
            },
            Value::Array(elements) if has_script(value) => {
                let element = |(at, value)| Self::read(value, format!("{field}[{at}]"), offered, refused);
                Self::Array(elements.iter().enumerate().map(element).collect())
            }
            Value::Object(members) if has_script(value) => {
                let member = |(name, value): (&String, &Value)| {
                    (name.as_str().into(), Self::read(value, format!("{field}/{name}"), offered, refused))
                };
                Self::Object(members.iter().map(member).collect())
            }
            literal => Self::Literal(literal.clone()),
        }
    }

    /// The value in `scope`.
    pub(crate) fn evaluate(&self, produced: Produced<'_>, scope: &Scope<'_>) -> Result<Value, Fault> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Script(script) => script.evaluate(produced, scope),
            Self::Array(elements) => {
                elements.iter().map(|element| element.evaluate(produced, scope)).collect()
            }
            Self::Object(members) => {
                let mut object = Map::with_capacity(members.len());
                for (name, member) in members {
                    object.insert(name.to_string(), member.evaluate(produced, scope)?);
                }
                Ok(Value::Object(object))
            }
        }
    }

    /// The members that `Assign` computes.
    pub(crate) fn evaluate_members(
        &self,
        produced: Produced<'_>,
        scope: &Scope<'_>,
    ) -> Result<Assigned, Fault> {
        match self.evaluate(produced, scope)? {
            Value::Object(members) => {
                Ok(members.into_iter().map(|(name, value)| (name.as_str().into(), value)).collect())
            }
            _ => Ok(Assigned::new()),
        }
    }

    /// The names of an object's members.
    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Self::Object(members) => members.iter().map(|(name, _)| name.to_string()).collect(),
            Self::Literal(Value::Object(members)) => members.keys().cloned().collect(),
            Self::Literal(_) | Self::Script(_) | Self::Array(_) => Vec::new(),
        }
    }
}

fn has_script(value: &Value) -> bool {
    match value {
        Value::String(text) => is_expression(text),
        Value::Array(elements) => elements.iter().any(has_script),
        Value::Object(members) => members.values().any(has_script),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
