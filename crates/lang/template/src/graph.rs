//! Which resource waits for which.

use std::collections::{BTreeMap, BTreeSet};

use crate::expression::Expression;
use crate::template::check::referenced;
use crate::{Resource, Template, TemplateError};

/// The resources of a template and what each needs before it can be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// In the template's order.
    order: Vec<String>,
    needs: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// The graph of those resources that `exists` keeps. `holds` gives a condition's value; where it gives none, both
    /// branches of `Fn::If` count.
    pub(crate) fn new(
        template: &Template,
        exists: impl Fn(&Resource) -> bool,
        holds: impl Fn(&str) -> Option<bool>,
    ) -> Self {
        let order: Vec<String> = template
            .resources
            .iter()
            .filter(|(_, resource)| exists(resource))
            .map(|(logical_id, _)| logical_id.clone())
            .collect();
        let known: BTreeSet<&String> = order.iter().collect();
        let mut needs = BTreeMap::new();
        for (logical_id, resource) in
            template.resources.iter().filter(|(logical_id, _)| known.contains(logical_id))
        {
            let mut names: BTreeSet<String> = resource.depends_on.iter().cloned().collect();
            for expression in resource.properties.values().chain(&resource.metadata) {
                collect(expression, &holds, &mut names);
            }
            names.retain(|name| known.contains(name));
            needs.insert(logical_id.clone(), names);
        }
        Self { order, needs }
    }

    /// The resources that one needs directly.
    pub fn needs(&self, logical_id: &str) -> impl Iterator<Item = &str> {
        self.needs.get(logical_id).into_iter().flatten().map(String::as_str)
    }

    /// Every resource behind those that it needs, in levels: those of one level do not wait for each other.
    ///
    /// # Errors
    ///
    /// `CircularDependency`, with the resources of the cycles in the template's order.
    pub fn levels(&self) -> Result<Vec<Vec<String>>, TemplateError> {
        let mut levels = Vec::new();
        let mut made: BTreeSet<&str> = BTreeSet::new();
        while made.len() < self.order.len() {
            let ready: Vec<&String> = self
                .order
                .iter()
                .filter(|id| !made.contains(id.as_str()) && self.needs(id).all(|need| made.contains(need)))
                .collect();
            if ready.is_empty() {
                return Err(TemplateError::CircularDependency(self.cycle(&made)));
            }
            made.extend(ready.iter().map(|id| id.as_str()));
            levels.push(ready.into_iter().cloned().collect());
        }
        Ok(levels)
    }

    /// What is left once everything is taken away that waits for nothing, or that nothing waits for.
    fn cycle(&self, made: &BTreeSet<&str>) -> Vec<String> {
        let mut left: BTreeSet<&str> =
            self.order.iter().map(String::as_str).filter(|id| !made.contains(id)).collect();
        loop {
            let needed: BTreeSet<&str> = left.iter().flat_map(|id| self.needs(id)).collect();
            let before = left.len();
            left.retain(|id| needed.contains(id));
            if left.len() == before {
                return self.order.iter().filter(|id| left.contains(id.as_str())).cloned().collect();
            }
        }
    }
}

fn collect(expression: &Expression, holds: &impl Fn(&str) -> Option<bool>, names: &mut BTreeSet<String>) {
    names.extend(referenced(expression).into_iter().map(str::to_owned));
    match expression {
        Expression::If(condition, then, otherwise) => match holds(condition) {
            Some(true) => collect(then, holds, names),
            Some(false) => collect(otherwise, holds, names),
            None => {
                collect(then, holds, names);
                collect(otherwise, holds, names);
            }
        },
        _ => {
            for child in expression.children() {
                collect(child, holds, names);
            }
        }
    }
}
