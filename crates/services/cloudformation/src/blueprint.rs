//! A template with a stack's values: what the stack is to be.
//!
//! And the world as its evaluation sees it: the stack's resources and what other stacks export.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde_json::Value;
use template::{Evaluation, Parameters, Pseudo, Resolver, Template, TemplateError};
use types::{AccountId, Region};

use crate::stack::{Definition, Resource, Stack, StackOutput, StackParameter};
use crate::stacks::Export;

/// A template with its parameters' values.
pub struct Blueprint {
    /// The template.
    pub template: Template,
    parameters: Parameters,
    pseudo: Pseudo,
    references: BTreeMap<String, String>,
}

impl Blueprint {
    /// The template `text` with the values of a definition.
    pub fn of(text: &str, stack: &Stack, definition: &Definition) -> Result<Self, TemplateError> {
        let template = Template::parse(text)?;
        let given =
            definition.parameters.iter().map(|(name, parameter)| (name.clone(), parameter.text.clone()));
        let mut parameters = template.resolve_parameters(&given.collect())?;
        for (name, parameter) in &definition.parameters {
            if let Some(resolved) = &parameter.resolved {
                parameters.resolve(name, resolved.clone());
            }
        }
        let references = definition.references.iter();
        let references = references.map(|(reference, value)| (reference.clone(), value.clone()));
        Ok(Self::new(template, parameters, pseudo(stack)).with_references(references.collect()))
    }

    /// The same of parts.
    pub fn new(template: Template, parameters: Parameters, pseudo: Pseudo) -> Self {
        Self { template, parameters, pseudo, references: BTreeMap::new() }
    }

    /// The same with the values of dynamic references.
    #[must_use]
    pub fn with_references(self, references: BTreeMap<String, String>) -> Self {
        Self { references, ..self }
    }

    /// Conditions and rules evaluated.
    pub fn evaluation(&self) -> Result<Evaluation<'_>, TemplateError> {
        let evaluation = Evaluation::new(&self.template, self.parameters.clone(), self.pseudo.clone())?;
        Ok(evaluation.with_references(self.references.clone()))
    }
}

/// Logical ids, each behind those that it needs.
pub fn order(evaluation: &Evaluation<'_>) -> Result<Vec<String>, TemplateError> {
    Ok(evaluation.graph().levels()?.into_iter().flatten().collect())
}

/// The parameters as a stack keeps them.
pub fn kept(parameters: &Parameters) -> IndexMap<String, StackParameter> {
    let kept = parameters.iter().map(|(name, value)| {
        let parameter = StackParameter {
            text: value.text.clone(),
            resolved: value.resolved.clone(),
            no_echo: value.no_echo,
        };
        (name.to_owned(), parameter)
    });
    kept.collect()
}

/// A stack's pseudo parameters.
pub fn pseudo(stack: &Stack) -> Pseudo {
    pseudo_of(&stack.account, &stack.region, &stack.name, stack.arn())
}

/// The same for a stack that is not there.
pub fn pseudo_of(account: &AccountId, region: &Region, name: &str, arn: String) -> Pseudo {
    let suffix = if region.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    Pseudo {
        account_id: account.to_string(),
        region: region.to_string(),
        partition: region.partition().to_owned(),
        url_suffix: suffix.to_owned(),
        stack_id: arn,
        stack_name: name.to_owned(),
        notification_arns: Vec::new(),
    }
}

/// What an evaluation can know.
pub struct World<'w> {
    /// The stack's resources.
    pub resources: &'w IndexMap<String, Resource>,
    /// Those of them whose values will change.
    pub unknown: &'w BTreeSet<String>,
    /// Everything that is exported.
    pub exports: &'w BTreeMap<String, Export>,
    /// Names that the evaluation has imported.
    pub imports: RefCell<BTreeSet<String>>,
}

impl<'w> World<'w> {
    /// The world of a stack's resources.
    pub fn new(
        resources: &'w IndexMap<String, Resource>,
        unknown: &'w BTreeSet<String>,
        exports: &'w BTreeMap<String, Export>,
    ) -> Self {
        Self { resources, unknown, exports, imports: RefCell::default() }
    }

    fn made(&self, logical_id: &str) -> Result<&'w Resource, TemplateError> {
        let resource = self.resources.get(logical_id).filter(|resource| resource.physical_id.is_some());
        resource
            .filter(|_| !self.unknown.contains(logical_id))
            .ok_or_else(|| TemplateError::NotYetKnown(logical_id.to_owned()))
    }
}

impl Resolver for World<'_> {
    fn reference(&self, logical_id: &str) -> Result<Value, TemplateError> {
        Ok(self.made(logical_id)?.physical_id.clone().unwrap_or_default().into())
    }

    fn attribute(&self, logical_id: &str, attribute: &str) -> Result<Value, TemplateError> {
        let resource = self.made(logical_id)?;
        resource.attributes.get(attribute).cloned().ok_or_else(|| TemplateError::NoAttribute {
            type_name: resource.type_name.clone(),
            attribute: attribute.to_owned(),
        })
    }

    fn export(&self, name: &str) -> Result<String, TemplateError> {
        let export = self.exports.get(name).ok_or_else(|| TemplateError::NoExport(name.to_owned()))?;
        self.imports.borrow_mut().insert(name.to_owned());
        Ok(export.value.clone())
    }

    fn availability_zones(&self, region: &str) -> Result<Vec<String>, TemplateError> {
        Ok(availability_zones(region))
    }
}

/// The availability zones of a region: those that EC2 has.
pub fn availability_zones(region: &str) -> Vec<String> {
    ["a", "b", "c"].map(|zone| format!("{region}{zone}")).to_vec()
}

/// The outputs, where everything that they need is known.
pub fn outputs(evaluation: &Evaluation<'_>, world: &World<'_>) -> Result<Vec<StackOutput>, TemplateError> {
    let outputs = evaluation.outputs(world)?.into_iter().map(|output| StackOutput {
        key: output.name,
        value: output.value,
        description: output.description,
        export_name: output.export_name,
    });
    Ok(outputs.collect())
}

/// Why a stack may not have these outputs instead of the ones that it has: exports are unique, and stay while they are
/// imported.
pub fn export_conflict(
    stack: &Stack,
    outputs: &[StackOutput],
    exports: &BTreeMap<String, Export>,
    others: &[Stack],
) -> Option<String> {
    let value_of = |outputs: &[StackOutput], name: &str| {
        let output = outputs.iter().find(|output| output.export_name.as_deref() == Some(name));
        output.map(|output| output.value.clone())
    };
    for name in outputs.iter().filter_map(|output| output.export_name.as_ref()) {
        if let Some(export) = exports.get(name).filter(|export| export.stack_id != stack.arn()) {
            return Some(format!(
                "Export with name {name} is already exported by stack {}.",
                export.stack_name
            ));
        }
    }
    for name in stack.outputs.iter().filter_map(|output| output.export_name.as_ref()) {
        let Some(user) = importer(stack, name, others) else { continue };
        match value_of(outputs, name) {
            None => return Some(format!("Export {name} cannot be deleted as it is in use by {user}")),
            Some(value) if Some(&value) != value_of(&stack.outputs, name).as_ref() => {
                return Some(format!("Export {name} cannot be updated as it is in use by {user}"));
            }
            Some(_) => {}
        }
    }
    None
}

/// The name of another stack that imports an export.
pub fn importer<'s>(stack: &Stack, export: &str, others: &'s [Stack]) -> Option<&'s str> {
    let imports = |other: &&Stack| {
        let running = other.operation.as_ref().is_some_and(|operation| operation.imports.contains(export));
        other.uuid != stack.uuid && (running || other.imports.contains(export))
    };
    others.iter().find(imports).map(|other| other.name.as_str())
}
