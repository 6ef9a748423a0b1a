//! `Rules`: assertions about parameters' values.

use super::condition::{NoResources, equal};
use super::{Evaluation, Resolver};
use crate::TemplateError;
use crate::expression::Expression;

impl Evaluation<'_> {
    pub(super) fn assert_rules(&self) -> Result<(), TemplateError> {
        for (name, rule) in &self.template.rules {
            let applies = rule
                .condition
                .as_ref()
                .map_or(Ok(true), |condition| self.is_true(condition, &NoResources))?;
            if !applies {
                continue;
            }
            for (assertion, description) in &rule.assertions {
                if !self.is_true(assertion, &NoResources)? {
                    let description =
                        description.clone().unwrap_or_else(|| "an assertion does not hold".to_owned());
                    return Err(TemplateError::RuleFailed { rule: name.clone(), description });
                }
            }
        }
        Ok(())
    }

    /// The functions about lists. Source: CloudFormation User Guide, "Rule functions".
    pub(super) fn membership(
        &self,
        function: &Expression,
        resolver: &dyn Resolver,
    ) -> Result<bool, TemplateError> {
        const LISTS: &str = "rule functions require a list of strings as their first parameter.";
        match function {
            Expression::Contains(list, value) => {
                let value = self.value(value, resolver)?;
                let list = self.list(list, resolver, LISTS)?;
                Ok(list.iter().any(|element| equal(Some(element), value.as_ref())))
            }
            Expression::EachMemberEquals(list, value) => {
                let value = self.value(value, resolver)?;
                let list = self.list(list, resolver, LISTS)?;
                Ok(list.iter().all(|element| equal(Some(element), value.as_ref())))
            }
            Expression::EachMemberIn(list, allowed) => {
                let (list, allowed) =
                    (self.list(list, resolver, LISTS)?, self.list(allowed, resolver, LISTS)?);
                Ok(list.iter().all(|element| allowed.iter().any(|one| equal(Some(element), Some(one)))))
            }
            _ => Ok(false),
        }
    }
}
