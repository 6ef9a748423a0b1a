//! `Conditions`: evaluated before everything else, from parameters alone.

use serde_json::Value;

use super::{Evaluation, Resolver, functions::as_text};
use crate::error::function_error;
use crate::expression::Expression;
use crate::{Template, TemplateError};

/// Sees no resource: conditions and rules are evaluated before there are any.
pub(super) struct NoResources;

impl Resolver for NoResources {
    fn reference(&self, logical_id: &str) -> Result<Value, TemplateError> {
        Err(TemplateError::ResourceInConditions(vec![logical_id.to_owned()]))
    }

    fn attribute(&self, logical_id: &str, _: &str) -> Result<Value, TemplateError> {
        Err(TemplateError::ResourceInConditions(vec![logical_id.to_owned()]))
    }

    fn export(&self, name: &str) -> Result<String, TemplateError> {
        Err(TemplateError::NoExport(name.to_owned()))
    }

    fn availability_zones(&self, _: &str) -> Result<Vec<String>, TemplateError> {
        Err(function_error("Fn::GetAZs is not supported in the Conditions block of the template"))
    }
}

impl Evaluation<'_> {
    /// Each condition once those that it names have values. Cycles were refused when the template was parsed.
    pub(super) fn evaluate_conditions(&mut self) -> Result<(), TemplateError> {
        let template: &Template = self.template;
        let mut open: Vec<(&String, &Expression)> = template.conditions.iter().collect();
        while !open.is_empty() {
            let before = open.len();
            let mut later = Vec::new();
            for (name, expression) in open {
                if self.is_ready(expression) {
                    let value = self.is_true(expression, &NoResources)?;
                    self.conditions.insert(name.clone(), value);
                } else {
                    later.push((name, expression));
                }
            }
            if later.len() == before {
                let names: Vec<&str> = later.iter().map(|(name, _)| name.as_str()).collect();
                return Err(function_error(format!(
                    "Circular dependency between conditions: [{}]",
                    names.join(", ")
                )));
            }
            open = later;
        }
        Ok(())
    }

    fn is_ready(&self, expression: &Expression) -> bool {
        match expression {
            Expression::Condition(name) => self.conditions.contains_key(name),
            _ => expression.children().into_iter().all(|child| self.is_ready(child)),
        }
    }

    /// What a condition function gives. A text counts by what it says.
    pub(super) fn is_true(
        &self,
        expression: &Expression,
        resolver: &dyn Resolver,
    ) -> Result<bool, TemplateError> {
        let is_true = |expression: &Expression| self.is_true(expression, resolver);
        match expression {
            Expression::Condition(name) => Ok(self.condition(name)),
            Expression::Not(one) => Ok(!is_true(one)?),
            // All are evaluated, so that a mistake shows whatever the others say.
            Expression::And(all) => {
                Ok(!all.iter().map(is_true).collect::<Result<Vec<_>, _>>()?.contains(&false))
            }
            Expression::Or(any) => {
                Ok(any.iter().map(is_true).collect::<Result<Vec<_>, _>>()?.contains(&true))
            }
            Expression::Equals(one, two) => {
                let (one, two) = (self.value(one, resolver)?, self.value(two, resolver)?);
                Ok(equal(one.as_ref(), two.as_ref()))
            }
            Expression::Contains(..) | Expression::EachMemberEquals(..) | Expression::EachMemberIn(..) => {
                self.membership(expression, resolver)
            }
            other => match self.value(other, resolver)?.as_ref().and_then(as_text).as_deref() {
                Some("true") => Ok(true),
                Some("false") => Ok(false),
                _ => Err(function_error("every condition must evaluate to true or false.")),
            },
        }
    }
}

/// Numbers and booleans equal the texts that they are written as.
pub(super) fn equal(one: Option<&Value>, two: Option<&Value>) -> bool {
    match (one.and_then(as_text), two.and_then(as_text)) {
        (Some(one), Some(two)) => one == two,
        _ => one == two,
    }
}
