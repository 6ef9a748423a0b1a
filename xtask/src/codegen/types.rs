//! Renders `types.rs`: one struct for each structure.

use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::docs;
use super::model::{Model, Shape, ShapeRef, contains_directly, type_name};
use super::names;

/// The text of `types.rs`.
pub fn render(model: &Model, header: &str) -> Result<String> {
    let mut structures = String::new();
    for (name, shape) in &model.shapes {
        if shape.kind == "structure" && !shape.document && !shape.is_error() {
            structures.push_str(&structure(model, name, shape)?);
        }
    }
    let mut text = format!(
        "{header}//! Requests, answers and what they are made of.\n\
         //!\n\
         //! A required member is its type, every other member an `Option`. Enumerations are `String`s: what they may\n\
         //! hold stands in `model`.\n\n"
    );
    if structures.contains("BTreeMap<") {
        text.push_str("use std::collections::BTreeMap;\n\n");
    }
    text.push_str("use serde::{Deserialize, Serialize};\n");
    let imports: Vec<&str> = ["Blob", "Timestamp"]
        .into_iter()
        .filter(|name| {
            structures.contains(&format!("<{name}>")) || structures.contains(&format!(": {name},"))
        })
        .collect();
    if !imports.is_empty() {
        writeln!(text, "use types::{{{}}};", imports.join(", "))?;
    }
    text.push('\n');
    text.push_str(&structures);
    Ok(text)
}

fn structure(model: &Model, name: &str, shape: &Shape) -> Result<String> {
    let mut members = model.members(shape)?;
    // What streams travels beside the structure.
    members.retain(|(_, member)| !member.streaming);
    let mut text = docs::lines(shape.documentation.as_deref(), &fallback(model, name));
    text.push_str("#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]\n");
    let style = style(&members);
    if let Some(style) = style {
        writeln!(text, "#[serde(rename_all = \"{style}\")]")?;
    }
    writeln!(text, "pub struct {} {{", type_name(name))?;
    for (member, reference) in &members {
        text.push_str(&field(model, name, shape, member, reference, style)?);
    }
    text.push_str("}\n\n");
    Ok(text)
}

fn fallback(model: &Model, name: &str) -> String {
    for (suffix, what) in [("Input", "Request of"), ("Output", "Answer of")] {
        if let Some(operation) = name.strip_suffix(suffix)
            && model.operations.contains_key(operation)
        {
            return format!("{what} {operation}.");
        }
    }
    format!("AWS's {name}.")
}

/// The case that serde can derive the most names in; none where there is nothing to derive.
fn style(members: &[(String, ShapeRef)]) -> Option<&'static str> {
    let count = |derive: fn(&str) -> String| {
        members.iter().filter(|(name, _)| derive(&names::snake(name)) == *name).count()
    };
    let (camel, pascal) = (count(names::serde_camel), count(names::serde_pascal));
    match (camel, pascal) {
        (0, 0) => None,
        (camel, pascal) if camel >= pascal => Some("camelCase"),
        _ => Some("PascalCase"),
    }
}

fn field(
    model: &Model,
    structure: &str,
    shape: &Shape,
    member: &str,
    reference: &ShapeRef,
    style: Option<&str>,
) -> Result<String> {
    let mut text = docs::lines(reference.documentation.as_deref(), &format!("{member}."));
    let snake = names::snake(member);
    let derived = match style {
        Some("camelCase") => names::serde_camel(&snake),
        Some("PascalCase") => names::serde_pascal(&snake),
        _ => snake,
    };
    let mut attributes = Vec::new();
    if derived != member {
        attributes.push(format!("rename = \"{member}\""));
    }
    let boxed = contains_directly(model, &reference.shape, structure)?;
    let mut kind = rust_type(model, &reference.shape)?;
    if boxed {
        kind = format!("Box<{kind}>");
    }
    if !shape.required.iter().any(|required| required == member) {
        attributes.push("skip_serializing_if = \"Option::is_none\"".to_owned());
        kind = format!("Option<{kind}>");
    }
    if !attributes.is_empty() {
        writeln!(text, "#[serde({})]", attributes.join(", "))?;
    }
    writeln!(text, "pub {}: {kind},", names::field(member))?;
    Ok(text)
}

fn rust_type(model: &Model, name: &str) -> Result<String> {
    let shape = model.shape(name)?;
    let part = |reference: &Option<ShapeRef>| match reference {
        Some(reference) => rust_type(model, &reference.shape),
        None => bail!("{name} has no element"),
    };
    Ok(match shape.kind.as_str() {
        "structure" if shape.document => "serde_json::Value".to_owned(),
        "structure" => type_name(name),
        "list" => format!("Vec<{}>", part(&shape.member)?),
        "map" => format!("BTreeMap<String, {}>", part(&shape.value)?),
        "string" | "character" => "String".to_owned(),
        "integer" | "long" => "i64".to_owned(),
        "float" | "double" => "f64".to_owned(),
        "boolean" => "bool".to_owned(),
        "timestamp" => "Timestamp".to_owned(),
        "blob" => "Blob".to_owned(),
        other => bail!("{name} is of unknown type {other}"),
    })
}
