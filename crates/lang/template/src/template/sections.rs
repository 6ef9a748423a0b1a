//! Sections to the model: which members each has, and of which form.

use indexmap::IndexMap;

use super::{DeletionPolicy, Mapping, MappingValue, Output, Resource, Rule, Template};
use crate::error::{TemplateError, format_error};
use crate::expression::{Expression, Place};
use crate::limits::{DESCRIPTION_BYTES_MAX, MAPPINGS_MAX, OUTPUTS_MAX, PARAMETERS_MAX, RESOURCES_MAX};
use crate::node::{Node, Value};
use crate::parameter::Parameter;

type Members = IndexMap<String, Node>;

pub(super) fn template(node: &Node) -> Result<Template, TemplateError> {
    let sections = node.map().ok_or(TemplateError::UnsupportedStructure)?;
    known_sections(sections)?;
    version(sections)?;
    let description = text_member(sections, "Description")?;
    if description.as_ref().is_some_and(|text| text.len() > DESCRIPTION_BYTES_MAX) {
        return Err(format_error("Template Description must not be longer than 1024 bytes."));
    }
    Ok(Template {
        format_version: text_member(sections, "AWSTemplateFormatVersion")?,
        description,
        metadata: sections.get("Metadata").map(Node::to_json),
        transforms: transforms(sections.get("Transform"))?,
        parameters: section(sections, "Parameters", "Parameter", PARAMETERS_MAX, Parameter::parse)?,
        mappings: mappings(sections)?,
        conditions: section(sections, "Conditions", "Condition", usize::MAX, |_, node| {
            Expression::parse(node, Place::Condition)
        })?,
        rules: section(sections, "Rules", "Rule", usize::MAX, |_, node| rule(node))?,
        resources: resources(sections)?,
        outputs: section(sections, "Outputs", "Output", OUTPUTS_MAX, output)?,
    })
}

fn known_sections(sections: &Members) -> Result<(), TemplateError> {
    const KNOWN: [&str; 10] = [
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Rules",
        "Mappings",
        "Conditions",
        "Transform",
        "Resources",
        "Outputs",
    ];
    let unknown: Vec<String> =
        sections.keys().filter(|name| !KNOWN.contains(&name.as_str())).cloned().collect();
    if unknown.is_empty() { Ok(()) } else { Err(TemplateError::UnknownSections(unknown)) }
}

fn version(sections: &Members) -> Result<(), TemplateError> {
    match sections.get("AWSTemplateFormatVersion").map(Node::text) {
        None | Some(Some("2010-09-09")) => Ok(()),
        Some(Some(_)) => Err(format_error("Template format version not supported.")),
        Some(None) => Err(format_error("AWSTemplateFormatVersion must be a string.")),
    }
}

fn transforms(node: Option<&Node>) -> Result<Vec<String>, TemplateError> {
    let name = |node: &Node| match &node.value {
        Value::Map(members) => {
            members.get("Name").and_then(Node::text).map(str::to_owned).ok_or(TemplateError::TransformName)
        }
        _ => node.text().map(str::to_owned).ok_or(TemplateError::TransformName),
    };
    match node {
        None => Ok(Vec::new()),
        Some(node) => match node.list() {
            Some(elements) => elements.iter().map(name).collect(),
            None => Ok(vec![name(node)?]),
        },
    }
}

/// Reads a section whose members have alphanumeric names.
fn section<T>(
    sections: &Members,
    name: &str,
    singular: &str,
    count_max: usize,
    parse: impl Fn(&str, &Node) -> Result<T, TemplateError>,
) -> Result<IndexMap<String, T>, TemplateError> {
    let Some(node) = sections.get(name) else { return Ok(IndexMap::new()) };
    let members = node.map().ok_or_else(|| format_error(format!("{name} must be an object.")))?;
    if members.len() > count_max {
        return Err(format_error(format!(
            "Number of {}, {}, is greater than maximum allowed, {count_max}",
            name.to_lowercase(),
            members.len()
        )));
    }
    if let Some(odd) = members.keys().find(|key| !is_alphanumeric(key)) {
        return Err(format_error(format!("{singular} name {odd} is non alphanumeric.")));
    }
    members.iter().map(|(key, node)| Ok((key.clone(), parse(key, node)?))).collect()
}

fn is_alphanumeric(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric())
}

fn mappings(sections: &Members) -> Result<IndexMap<String, Mapping>, TemplateError> {
    section(sections, "Mappings", "Mapping", MAPPINGS_MAX, |name, node| {
        let first =
            node.map().ok_or_else(|| format_error(format!("Every Mappings object must be a map: {name}")))?;
        first
            .iter()
            .map(|(key, node)| {
                let second = node
                    .map()
                    .ok_or_else(|| format_error(format!("Every Mappings member {key} must be a map")))?;
                let values = second.iter().map(|(key, node)| Ok((key.clone(), mapping_value(node)?)));
                Ok((key.clone(), values.collect::<Result<_, TemplateError>>()?))
            })
            .collect()
    })
}

fn mapping_value(node: &Node) -> Result<MappingValue, TemplateError> {
    let scalars = match &node.value {
        Value::Plain(_) | Value::Quoted(_) => true,
        Value::List(elements) => elements.iter().all(|element| element.text().is_some()),
        Value::Null | Value::Map(_) => false,
    };
    if !scalars {
        return Err(format_error("Every Mappings attribute must be a String or a List."));
    }
    Ok(node.to_json())
}

fn resources(sections: &Members) -> Result<IndexMap<String, Resource>, TemplateError> {
    let none = || format_error("At least one Resources member must be defined.");
    let members = sections.get("Resources").and_then(Node::map).ok_or_else(none)?;
    if members.is_empty() {
        return Err(none());
    }
    section(sections, "Resources", "Resource", RESOURCES_MAX, resource)
}

fn resource(name: &str, node: &Node) -> Result<Resource, TemplateError> {
    let members = node.map().ok_or_else(|| format_error("Any Resources member must be an object."))?;
    let type_node = members.get("Type").ok_or_else(|| {
        format_error(format!("[/Resources/{name}] Every Resources object must contain a Type member."))
    })?;
    let type_name = type_node.text().ok_or_else(|| {
        format_error(format!("[/Resources/{name}/Type] Every Type member must be a string."))
    })?;
    const KNOWN: [&str; 9] = [
        "Type",
        "Properties",
        "DependsOn",
        "Condition",
        "DeletionPolicy",
        "UpdateReplacePolicy",
        "UpdatePolicy",
        "CreationPolicy",
        "Metadata",
    ];
    if let Some(unknown) = members.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(TemplateError::UnknownResourceMember(unknown.clone()));
    }
    let expression =
        |key: &str| members.get(key).map(|node| Expression::parse(node, Place::Value)).transpose();
    Ok(Resource {
        type_name: type_name.to_owned(),
        properties: properties(name, members.get("Properties"))?,
        depends_on: depends_on(members.get("DependsOn"))?,
        condition: condition(members)?,
        deletion_policy: policy(members, "DeletionPolicy")?,
        update_replace_policy: policy(members, "UpdateReplacePolicy")?,
        metadata: expression("Metadata")?,
        creation_policy: expression("CreationPolicy")?,
        update_policy: expression("UpdatePolicy")?,
    })
}

fn properties(name: &str, node: Option<&Node>) -> Result<IndexMap<String, Expression>, TemplateError> {
    let Some(node) = node else { return Ok(IndexMap::new()) };
    let members = node.map().ok_or_else(|| {
        format_error(format!("[/Resources/{name}/Properties] Properties must be an object."))
    })?;
    members.iter().map(|(key, node)| Ok((key.clone(), Expression::parse(node, Place::Value)?))).collect()
}

fn depends_on(node: Option<&Node>) -> Result<Vec<String>, TemplateError> {
    let wrong = || format_error("Every DependsOn value must be a string.");
    match node {
        None => Ok(Vec::new()),
        Some(node) => match node.list() {
            Some(elements) => {
                elements.iter().map(|node| node.text().map(str::to_owned).ok_or_else(wrong)).collect()
            }
            None => Ok(vec![node.text().map(str::to_owned).ok_or_else(wrong)?]),
        },
    }
}

fn condition(members: &Members) -> Result<Option<String>, TemplateError> {
    match members.get("Condition") {
        None => Ok(None),
        Some(node) => match node.text() {
            Some(name) => Ok(Some(name.to_owned())),
            None => Err(format_error("Every Condition member must be a string.")),
        },
    }
}

fn policy(members: &Members, key: &str) -> Result<Option<DeletionPolicy>, TemplateError> {
    match (members.get(key).map(Node::text), key) {
        (None, _) => Ok(None),
        (Some(Some("Delete")), _) => Ok(Some(DeletionPolicy::Delete)),
        (Some(Some("Retain")), _) => Ok(Some(DeletionPolicy::Retain)),
        (Some(Some("Snapshot")), _) => Ok(Some(DeletionPolicy::Snapshot)),
        (Some(Some("RetainExceptOnCreate")), "DeletionPolicy") => {
            Ok(Some(DeletionPolicy::RetainExceptOnCreate))
        }
        (Some(Some(other)), _) => Err(format_error(format!("Unrecognized {key} {other} for resource"))),
        (Some(None), _) => Err(format_error(format!("Every {key} member must be a string."))),
    }
}

fn output(name: &str, node: &Node) -> Result<Output, TemplateError> {
    let members = node.map().ok_or_else(|| format_error("Any Outputs member must be an object."))?;
    let value = members
        .get("Value")
        .ok_or_else(|| format_error("Every Outputs member must contain a Value object"))?;
    if let Some(unknown) =
        members.keys().find(|key| !["Value", "Description", "Export", "Condition"].contains(&key.as_str()))
    {
        return Err(TemplateError::UnknownOutputMember(unknown.clone()));
    }
    let export = match members.get("Export").map(Node::map) {
        None => None,
        Some(Some(export)) if export.len() == 1 && export.contains_key("Name") => {
            export.get("Name").map(|node| Expression::parse(node, Place::Value)).transpose()?
        }
        Some(_) => {
            return Err(format_error(format!(
                "Output {name} is malformed. The Export member must contain a Name."
            )));
        }
    };
    Ok(Output {
        value: Expression::parse(value, Place::Value)?,
        description: text_member(members, "Description")?,
        export,
        condition: condition(members)?,
    })
}

fn rule(node: &Node) -> Result<Rule, TemplateError> {
    let members = node.map().ok_or_else(|| format_error("Any Rules member must be an object."))?;
    if let Some(unknown) = members.keys().find(|key| !["RuleCondition", "Assertions"].contains(&key.as_str()))
    {
        return Err(format_error(format!("Invalid template rule property '{unknown}'")));
    }
    let assertions = members
        .get("Assertions")
        .and_then(Node::list)
        .ok_or_else(|| format_error("Every Rules object must contain an Assertions member."))?;
    let assertion = |node: &Node| {
        let members = node.map().ok_or_else(|| format_error("Any Assertions member must be an object."))?;
        let assert = members
            .get("Assert")
            .ok_or_else(|| format_error("Every Assertions member must contain an Assert object."))?;
        Ok((Expression::parse(assert, Place::Rule)?, text_member(members, "AssertDescription")?))
    };
    Ok(Rule {
        condition: members
            .get("RuleCondition")
            .map(|node| Expression::parse(node, Place::Rule))
            .transpose()?,
        assertions: assertions.iter().map(assertion).collect::<Result<_, TemplateError>>()?,
    })
}

pub(crate) fn text_member(members: &Members, key: &str) -> Result<Option<String>, TemplateError> {
    match members.get(key) {
        None => Ok(None),
        Some(node) => match node.text() {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(format_error(format!("Every {key} member must be a string."))),
        },
    }
}
