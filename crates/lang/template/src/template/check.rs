//! Whether every name that a template uses is one that it has.

use super::Template;
use crate::error::{TemplateError, format_error, function_error};
use crate::expression::Expression;
use crate::pseudo::is_pseudo_parameter;
use crate::sub::Part;

pub(super) fn references(template: &Template) -> Result<(), TemplateError> {
    conditions(template)?;
    condition_cycles(template)?;
    let resources = resources(template)?;
    if !resources.is_empty() {
        return Err(TemplateError::UnresolvedInResources(resources));
    }
    let outputs = outputs(template)?;
    if !outputs.is_empty() {
        return Err(TemplateError::UnresolvedInOutputs(outputs));
    }
    Ok(())
}

/// `Conditions` and `Rules` see parameters only.
fn conditions(template: &Template) -> Result<(), TemplateError> {
    let mut unresolved = Vec::new();
    let rules = template
        .rules
        .values()
        .flat_map(|rule| rule.condition.iter().chain(rule.assertions.iter().map(|(assertion, _)| assertion)));
    for expression in template.conditions.values().chain(rules) {
        visit(expression, &mut |expression| {
            condition_name(template, expression)?;
            for name in referenced(expression) {
                if !is_pseudo_parameter(name) && !template.parameters.contains_key(name) {
                    push_once(&mut unresolved, name);
                }
            }
            Ok(())
        })?;
    }
    if unresolved.is_empty() { Ok(()) } else { Err(TemplateError::ResourceInConditions(unresolved)) }
}

fn resources(template: &Template) -> Result<Vec<String>, TemplateError> {
    let mut unresolved = Vec::new();
    for resource in template.resources.values() {
        if let Some(name) =
            resource.condition.as_ref().filter(|name| !template.conditions.contains_key(*name))
        {
            return Err(format_error(format!(
                "Unresolved condition dependency {name} in the Resources block of the template"
            )));
        }
        for name in &resource.depends_on {
            if !template.resources.contains_key(name) {
                push_once(&mut unresolved, name);
            }
        }
        let others = [&resource.metadata, &resource.creation_policy, &resource.update_policy];
        for expression in resource.properties.values().chain(others.into_iter().flatten()) {
            names(template, expression, &mut unresolved)?;
        }
    }
    Ok(unresolved)
}

fn outputs(template: &Template) -> Result<Vec<String>, TemplateError> {
    let mut unresolved = Vec::new();
    for output in template.outputs.values() {
        if let Some(name) = output.condition.as_ref().filter(|name| !template.conditions.contains_key(*name))
        {
            return Err(format_error(format!(
                "Unresolved condition dependency {name} in the Outputs block of the template"
            )));
        }
        for expression in std::iter::once(&output.value).chain(&output.export) {
            names(template, expression, &mut unresolved)?;
        }
    }
    Ok(unresolved)
}

fn names(
    template: &Template,
    expression: &Expression,
    unresolved: &mut Vec<String>,
) -> Result<(), TemplateError> {
    visit(expression, &mut |expression| {
        condition_name(template, expression)?;
        if let Expression::GetAtt { resource, .. } = expression
            && !template.resources.contains_key(resource)
        {
            return Err(function_error(format!(
                "instance of Fn::GetAtt references undefined resource {resource}"
            )));
        }
        for name in referenced(expression) {
            let known = is_pseudo_parameter(name)
                || template.parameters.contains_key(name)
                || template.resources.contains_key(name);
            if !known {
                push_once(unresolved, name);
            }
        }
        Ok(())
    })
}

fn condition_name(template: &Template, expression: &Expression) -> Result<(), TemplateError> {
    let (name, function) = match expression {
        Expression::If(name, ..) => (name, "Fn::If"),
        Expression::Condition(name) => (name, "Condition"),
        _ => return Ok(()),
    };
    if template.conditions.contains_key(name) {
        return Ok(());
    }
    Err(function_error(format!("unresolved condition dependency {name} in {function}")))
}

/// What an expression names itself, its children aside: parameters, pseudo parameters, resources.
pub(crate) fn referenced(expression: &Expression) -> Vec<&str> {
    match expression {
        Expression::Ref(name) => vec![name],
        Expression::GetAtt { resource, .. } => vec![resource],
        Expression::Sub(parts, variables) => {
            let own =
                parts.iter().filter(|part| part.name().is_none_or(|name| !variables.contains_key(&name)));
            own.filter_map(|part| match part {
                Part::Text(_) => None,
                Part::Variable(name) => Some(name.as_str()),
                Part::Attribute { resource, .. } => Some(resource),
            })
            .collect()
        }
        _ => Vec::new(),
    }
}

fn visit(
    expression: &Expression,
    see: &mut impl FnMut(&Expression) -> Result<(), TemplateError>,
) -> Result<(), TemplateError> {
    see(expression)?;
    expression.children().into_iter().try_for_each(|child| visit(child, see))
}

/// Conditions that need each other could never be evaluated.
fn condition_cycles(template: &Template) -> Result<(), TemplateError> {
    let mut settled: Vec<&str> = Vec::new();
    loop {
        let before = settled.len();
        for (name, expression) in &template.conditions {
            if !settled.contains(&name.as_str())
                && needs(expression).iter().all(|name| settled.contains(name))
            {
                settled.push(name);
            }
        }
        if settled.len() == template.conditions.len() {
            return Ok(());
        }
        if settled.len() == before {
            let rest: Vec<&str> = template
                .conditions
                .keys()
                .map(String::as_str)
                .filter(|name| !settled.contains(name))
                .collect();
            return Err(format_error(format!(
                "Circular dependency between conditions: [{}]",
                rest.join(", ")
            )));
        }
    }
}

fn needs(expression: &Expression) -> Vec<&str> {
    match expression {
        Expression::Condition(name) => vec![name],
        _ => expression.children().into_iter().flat_map(needs).collect(),
    }
}

fn push_once(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}
