//! What a template would change of a stack. Pure.
//!
//! Values that depend on resources still to be made are not known: a property with such a value counts as changed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use template::{Evaluation, Expression, KNOWN_AFTER_APPLY, Reference, TemplateError, changed_properties};

use crate::blueprint::{self, Blueprint, World};
use crate::generated::types as model;
use crate::resources::{self, ResourceType, conform};
use crate::stack::{Definition, Policy, Resource, State};
use crate::stacks::Export;

/// What would change.
#[derive(Clone, Debug, PartialEq)]
pub struct Changes {
    /// The resources that would, by logical id, with property values.
    pub resources: Vec<model::Change>,
    /// Whether anything would: resources, their policies, outputs, tags.
    pub any: bool,
}

/// Compares a stack with what it is to become.
///
/// # Errors
/// Where a property or an output cannot be evaluated, whatever is known.
pub fn changes(
    state: &State,
    blueprint: &Blueprint,
    evaluation: &Evaluation<'_>,
    target: &Definition,
    exports: &BTreeMap<String, Export>,
) -> Result<Changes, TemplateError> {
    let order = blueprint::order(evaluation)?;
    let mut comparison =
        Comparison { state, blueprint, evaluation, target, exports, unknown: BTreeSet::new() };
    let mut found = BTreeMap::new();
    let mut any = target.tags != state.stack.definition.tags;
    for id in &order {
        let (change, quietly) = comparison.resource(id)?;
        any |= quietly;
        found.extend(change.map(|change| (id.clone(), change)));
    }
    for (id, resource) in &state.resources {
        if !order.contains(id) && !resource.status.is_gone() {
            found.insert(id.clone(), removal(resource));
        }
    }
    any |= !found.is_empty() || comparison.outputs_differ()?;
    let wrap = |change| model::Change {
        r#type: Some("Resource".to_owned()),
        resource_change: Some(change),
        ..Default::default()
    };
    Ok(Changes { resources: found.into_values().map(wrap).collect(), any })
}

struct Comparison<'c> {
    state: &'c State,
    blueprint: &'c Blueprint,
    evaluation: &'c Evaluation<'c>,
    target: &'c Definition,
    exports: &'c BTreeMap<String, Export>,
    /// Resources whose values will change.
    unknown: BTreeSet<String>,
}

impl Comparison<'_> {
    /// The change of one resource, and whether anything else of it differs.
    fn resource(&mut self, id: &str) -> Result<(Option<model::ResourceChange>, bool), TemplateError> {
        let Some(declared) = self.blueprint.template.resources.get(id) else { return Ok((None, false)) };
        let world = World::new(&self.state.resources, &self.unknown, self.exports);
        let properties = self.evaluation.known_properties(id, &world)?;
        let metadata = match self.evaluation.metadata(id, &world) {
            Err(TemplateError::NotYetKnown(_)) => None,
            other => other?,
        };
        let existing = self.state.resources.get(id).filter(|resource| resource.physical_id.is_some());
        let Some(existing) = existing else {
            self.unknown.insert(id.to_owned());
            return Ok((Some(addition(id, &declared.type_name, &properties)), false));
        };
        let Some(resource_type) = resources::of(&declared.type_name) else { return Ok((None, false)) };
        let properties = as_kept(resource_type, id, properties);
        let change = self.modification(existing, declared, resource_type, &properties, metadata.as_ref());
        if change.as_ref().is_some_and(|change| change.replacement.as_deref() != Some("False")) {
            self.unknown.insert(id.to_owned());
        }
        let quietly = existing.deletion_policy != declared.deletion_policy.map(Policy::from)
            || existing.update_replace_policy != declared.update_replace_policy.map(Policy::from);
        Ok((change, quietly))
    }

    fn modification(
        &self,
        existing: &Resource,
        declared: &template::Resource,
        resource_type: &dyn ResourceType,
        properties: &Map<String, Value>,
        metadata: Option<&Value>,
    ) -> Option<model::ResourceChange> {
        let changed = changed_properties(&existing.properties, properties);
        let mut scope = Vec::new();
        let mut details = Vec::new();
        let mut replacement = "False";
        for name in &changed {
            let replaces =
                resource_type.properties().iter().any(|property| property.name == name && property.replaces);
            let is_known = properties.get(name) != Some(&KNOWN_AFTER_APPLY.into());
            let recreation = match (replaces, is_known) {
                (false, _) => "Never",
                (true, true) => "Always",
                (true, false) => "Conditionally",
            };
            replacement = match (recreation, replacement) {
                ("Always", _) | (_, "True") => "True",
                ("Conditionally", _) | (_, "Conditional") => "Conditional",
                _ => "False",
            };
            let target = target(existing, properties, name, recreation);
            details.extend(self.causes(declared.properties.get(name), &target));
        }
        if !changed.is_empty() {
            scope.push("Properties".to_owned());
        }
        let own = |attribute: &str| {
            direct(model::ResourceTargetDefinition {
                attribute: Some(attribute.to_owned()),
                requires_recreation: Some("Never".to_owned()),
                ..Default::default()
            })
        };
        if resource_type.takes_tags() && existing.tags != self.target.tags {
            scope.push("Tags".to_owned());
            details.push(own("Tags"));
        }
        if existing.metadata.as_ref() != metadata {
            scope.push("Metadata".to_owned());
            details.push(own("Metadata"));
        }
        if scope.is_empty() {
            return None;
        }
        let policy = match existing.update_replace_policy {
            Some(Policy::Retain) => "ReplaceAndRetain",
            _ => "ReplaceAndDelete",
        };
        Some(model::ResourceChange {
            action: Some("Modify".to_owned()),
            logical_resource_id: Some(existing.logical_id.clone()),
            physical_resource_id: existing.physical_id.clone(),
            resource_type: Some(existing.type_name.clone()),
            policy_action: (replacement == "True").then(|| policy.to_owned()),
            replacement: Some(replacement.to_owned()),
            scope: Some(scope),
            details: Some(details),
            before_context: Some(context(&existing.properties)),
            after_context: Some(context(properties)),
            ..Default::default()
        })
    }

    /// Why a property changes: its text, a parameter, or another resource.
    fn causes(
        &self,
        expression: Option<&Expression>,
        target: &model::ResourceTargetDefinition,
    ) -> Vec<model::ResourceChangeDetail> {
        let detail = |source: &str, evaluation: &str, entity: Option<String>| model::ResourceChangeDetail {
            target: Some(target.clone()),
            evaluation: Some(evaluation.to_owned()),
            change_source: Some(source.to_owned()),
            causing_entity: entity,
        };
        let before = &self.state.stack.definition.parameters;
        let mut details = Vec::new();
        for reference in expression.map(Expression::references).unwrap_or_default() {
            match reference {
                Reference::Name(name) if self.target.parameters.get(name) != before.get(name) => {
                    details.push(detail("ParameterReference", "Static", Some(name.to_owned())));
                    details.push(detail("DirectModification", "Dynamic", None));
                }
                Reference::Name(name) if self.unknown.contains(name) => {
                    details.push(detail("ResourceReference", "Dynamic", Some(name.to_owned())));
                }
                Reference::Attribute { resource, attribute } if self.unknown.contains(resource) => {
                    let entity = format!("{resource}.{}", attribute.unwrap_or_default());
                    details.push(detail("ResourceAttribute", "Dynamic", Some(entity)));
                }
                Reference::Name(_) | Reference::Attribute { .. } => {}
            }
        }
        if details.is_empty() {
            details.push(direct(target.clone()));
        }
        details
    }

    fn outputs_differ(&self) -> Result<bool, TemplateError> {
        let world = World::new(&self.state.resources, &self.unknown, self.exports);
        match blueprint::outputs(self.evaluation, &world) {
            Ok(outputs) => Ok(outputs != self.state.stack.outputs),
            Err(TemplateError::NotYetKnown(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

/// Known values in the form in which a stack keeps them, so that `"7"` and `7` do not differ.
fn as_kept(resource_type: &dyn ResourceType, id: &str, properties: Map<String, Value>) -> Map<String, Value> {
    let known: Map<String, Value> = properties
        .iter()
        .filter(|(_, value)| **value != KNOWN_AFTER_APPLY)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    // A required property that is not known yet is not missing: only what is there is converted, one by one.
    let one = |name: &String, value: &Value| {
        let single = Map::from_iter([(name.clone(), value.clone())]);
        let mut full = known.clone();
        full.extend(single);
        conform(resource_type, id, &full).ok().and_then(|mut conformed| conformed.shift_remove(name))
    };
    properties
        .iter()
        .map(|(name, value)| {
            let kept = if *value == KNOWN_AFTER_APPLY { None } else { one(name, value) };
            (name.clone(), kept.unwrap_or_else(|| value.clone()))
        })
        .collect()
}

fn context(properties: &Map<String, Value>) -> String {
    json!({"Properties": properties}).to_string()
}

fn addition(id: &str, type_name: &str, properties: &Map<String, Value>) -> model::ResourceChange {
    model::ResourceChange {
        action: Some("Add".to_owned()),
        logical_resource_id: Some(id.to_owned()),
        resource_type: Some(type_name.to_owned()),
        scope: Some(Vec::new()),
        details: Some(Vec::new()),
        after_context: Some(context(properties)),
        ..Default::default()
    }
}

fn removal(resource: &Resource) -> model::ResourceChange {
    let policy = match resource.deletion_policy {
        Some(Policy::Retain | Policy::RetainExceptOnCreate) => "Retain",
        Some(Policy::Delete | Policy::Snapshot) | None => "Delete",
    };
    model::ResourceChange {
        action: Some("Remove".to_owned()),
        logical_resource_id: Some(resource.logical_id.clone()),
        physical_resource_id: resource.physical_id.clone(),
        resource_type: Some(resource.type_name.clone()),
        policy_action: Some(policy.to_owned()),
        scope: Some(Vec::new()),
        details: Some(Vec::new()),
        before_context: Some(context(&resource.properties)),
        ..Default::default()
    }
}

fn direct(target: model::ResourceTargetDefinition) -> model::ResourceChangeDetail {
    model::ResourceChangeDetail {
        target: Some(target),
        evaluation: Some("Static".to_owned()),
        change_source: Some("DirectModification".to_owned()),
        causing_entity: None,
    }
}

fn target(
    existing: &Resource,
    properties: &Map<String, Value>,
    name: &str,
    recreation: &str,
) -> model::ResourceTargetDefinition {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let (before, after) = (existing.properties.get(name).map(text), properties.get(name).map(text));
    let kind = match (&before, &after) {
        (None, _) => "Add",
        (_, None) => "Remove",
        (Some(_), Some(_)) => "Modify",
    };
    model::ResourceTargetDefinition {
        attribute: Some("Properties".to_owned()),
        name: Some(name.to_owned()),
        requires_recreation: Some(recreation.to_owned()),
        path: Some(format!("/Properties/{name}")),
        attribute_change_type: Some(kind.to_owned()),
        before_value: before,
        after_value: after,
        ..Default::default()
    }
}

/// A change as `DescribeChangeSet` shows it where property values were not asked for.
pub fn without_values(mut change: model::Change) -> model::Change {
    if let Some(change) = &mut change.resource_change {
        change.before_context = None;
        change.after_context = None;
        for detail in change.details.iter_mut().flatten() {
            if let Some(target) = &mut detail.target {
                target.path = None;
                target.attribute_change_type = None;
                target.before_value = None;
                target.after_value = None;
            }
        }
    }
    change
}

/// A change as `DescribeChangeSet` shows it with property values: what is added counts as replaced.
pub fn with_values(mut change: model::Change) -> model::Change {
    if let Some(change) = &mut change.resource_change
        && change.action.as_deref() == Some("Add")
    {
        change.replacement = Some("True".to_owned());
    }
    change
}
