//! Renders `model.rs`: the service, its operations, errors and shapes as static tables.

use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::model::{Model, Operation, Shape, ShapeRef};
use super::pattern::translate;
use super::{Service, imports, names, rest};

/// The text of `model.rs`.
pub fn render(model: &Model, service: &Service, header: &str) -> Result<String> {
    let mut text = String::from("/// The service.\n");
    text.push_str(&service_table(model, service)?);
    for (name, operation) in &model.operations {
        text.push_str(&operation_table(model, service, name, operation)?);
    }
    text.push_str("];\n\n");
    for (name, shape) in &model.shapes {
        if shape.is_error() {
            text.push_str(&error_table(service, name, shape)?);
        } else if shared(shape).is_none() {
            text.push_str(&shape_table(model, service, name, shape)?);
        }
    }
    text.push_str(&rest::table(model)?);
    Ok(format!(
        "{header}//! The model of the API: what `wire` converts and `api::validation` checks with.\n\n\
         use api::model::{{{}}};\n\n{text}",
        imports::of_tables(&text).join(", "),
    ))
}

fn service_table(model: &Model, service: &Service) -> Result<String> {
    let metadata = &model.metadata;
    let protocol = match (metadata.protocol.as_str(), metadata.json_version.as_deref()) {
        ("json", Some("1.0")) if metadata.aws_query_compatible.is_some() => "AwsQueryCompatible",
        ("json", Some("1.0")) => "AwsJson1_0",
        ("json", Some("1.1")) => "AwsJson1_1",
        ("query", _) => "AwsQuery",
        ("ec2", _) => "Ec2Query",
        ("rest-json", _) => "RestJson1(ROUTES)",
        ("rest-xml", _) => "RestXml(ROUTES)",
        other => bail!("unknown protocol {other:?}"),
    };
    Ok(format!(
        "pub static MODEL: ServiceModel = ServiceModel {{\n\
         service_id: {:?}, endpoint_prefix: {:?}, signing_name: {:?}, iam_prefix: {:?}, api_version: {:?},\n\
         protocol: Protocol::{protocol}, target_prefix: {:?}, xml_namespace: {:?}, prints_values: {},\n\
         operations: OPERATIONS,\n}};\n\n\
         static OPERATIONS: &[Operation] = &[\n",
        metadata.service_id,
        metadata.endpoint_prefix,
        metadata.signing_name(),
        service.iam_prefix,
        metadata.api_version,
        metadata.target_prefix.as_deref().unwrap_or_default(),
        metadata.xml_namespace.as_deref().or(service.xml_namespace.as_deref()).unwrap_or_default(),
        service.prints_values,
    ))
}

fn operation_table(model: &Model, service: &Service, name: &str, operation: &Operation) -> Result<String> {
    let output = operation.output.as_ref();
    // Services that spoke the query protocol before still do: there what is answered has an element around it.
    let spoke_query = model.metadata.aws_query_compatible.is_some() && !service.answers_only;
    let has_members = spoke_query && !model.shape(operation.output())?.members.is_empty();
    let former = has_members.then(|| format!("{name}Result"));
    let wrapper = output
        .and_then(|output| output.result_wrapper.as_ref())
        .or_else(|| service.result_wrappers.get(name))
        .or(former.as_ref())
        .map(String::as_str);
    let mut errors = String::new();
    for error in &operation.errors {
        write!(errors, "&ERROR_{}, ", names::constant(&error.shape))?;
    }
    Ok(format!(
        "Operation {{ name: {name:?}, action: \"{}:{name}\", input: &SHAPE_{}, output: &SHAPE_{}, result_wrapper: {wrapper:?}, \
         validation_code: {:?}, errors: &[{errors}] }},\n",
        service.iam_prefix,
        names::constant(operation.input()),
        names::constant(operation.output()),
        validation_code(service, operation),
    ))
}

/// Newer operations of a service may list `ValidationException` where the older ones have a code of their own.
fn validation_code<'a>(service: &'a Service, operation: &Operation) -> &'a str {
    let lists = |code: &str| operation.errors.iter().any(|error| error.shape == code);
    if lists("ValidationException") && !lists(&service.validation_code) {
        "ValidationException"
    } else {
        &service.validation_code
    }
}

fn error_table(service: &Service, name: &str, shape: &Shape) -> Result<String> {
    let error = service.errors.get(name).or(shape.error.as_ref());
    let code = error.and_then(|error| error.code.as_deref()).unwrap_or(name);
    let server_fault = shape.fault || error.is_some_and(|error| error.fault);
    let status =
        error.and_then(|error| error.http_status_code).unwrap_or(if server_fault { 500 } else { 400 });
    Ok(format!(
        "static ERROR_{}: ErrorShape = ErrorShape {{ name: {name:?}, code: {code:?}, status: {status}, \
         server_fault: {server_fault} }};\n",
        names::constant(name)
    ))
}

/// The table that all shapes of a kind without constraints share.
fn shared(shape: &Shape) -> Option<&'static str> {
    let constrained = shape.min.is_some()
        || shape.max.is_some()
        || shape.pattern.is_some()
        || !shape.values.is_empty()
        || shape.sensitive
        || shape.timestamp_format.is_some();
    match shape.kind.as_str() {
        _ if constrained => None,
        "string" | "character" => Some("STRING"),
        "integer" | "long" => Some("INTEGER"),
        "float" | "double" => Some("DOUBLE"),
        "boolean" => Some("BOOLEAN"),
        "timestamp" => Some("TIMESTAMP"),
        "blob" => Some("BLOB"),
        _ => None,
    }
}

fn reference(model: &Model, name: &str) -> Result<String> {
    let constant = shared(model.shape(name)?)
        .map_or_else(|| format!("SHAPE_{}", names::constant(name)), |shared| shared.to_owned());
    Ok(format!("&{constant}"))
}

fn shape_table(model: &Model, service: &Service, name: &str, shape: &Shape) -> Result<String> {
    let part = |part: &Option<ShapeRef>| match part {
        Some(part) => reference(model, &part.shape),
        None => bail!("{name} has no element"),
    };
    let part_name = |part: &Option<ShapeRef>, default: &str| {
        part.as_ref().and_then(|part| part.location_name.clone()).unwrap_or_else(|| default.to_owned())
    };
    let [key, value] =
        service.entry_names.get(name).map_or(["key", "value"], |names| names.each_ref().map(String::as_str));
    let table = match shape.kind.as_str() {
        "structure" if shape.document => format!("Shape {{ name: {name:?}, kind: Kind::Document }}"),
        "structure" => {
            format!(
                "Shape::structure({name:?}, &[{}])",
                members(model, service, shape, is_unwrapped(service, name))?
            )
        }
        "list" => format!(
            "Shape::list({name:?}, {}, {:?}, {}, {})",
            part(&shape.member)?,
            part_name(&shape.member, "member"),
            shape.flattened,
            bounds("Size", shape),
        ),
        "map" => format!(
            "Shape::map({name:?}, Map {{ key: {}, value: {}, key_name: {:?}, value_name: {:?}, flattened: {}, size: {} }})",
            part(&shape.key)?,
            part(&shape.value)?,
            part_name(&shape.key, key),
            part_name(&shape.value, value),
            shape.flattened,
            bounds("Size", shape),
        ),
        "string" => format!("Shape::string({name:?}, {})", text(service, name, shape)),
        "integer" | "long" => format!("Shape::integer({name:?}, {})", bounds("Range", shape)),
        "float" | "double" => format!("Shape::double({name:?}, {})", bounds("Range", shape)),
        "blob" => format!("Shape::blob({name:?}, {})", bounds("Size", shape)),
        "boolean" => format!("Shape {{ name: {name:?}, kind: Kind::Boolean }}"),
        "timestamp" => format!("Shape::timestamp({name:?}, TimestampFormat::{})", timestamp_format(shape)?),
        other => bail!("{name} is of unknown type {other}"),
    };
    Ok(format!("static SHAPE_{}: Shape = {table};\n", names::constant(name)))
}

fn timestamp_format(shape: &Shape) -> Result<&'static str> {
    Ok(match shape.timestamp_format.as_deref() {
        None => "Default",
        Some("iso8601") => "Iso8601",
        Some("unixTimestamp") => "Epoch",
        Some("rfc822") => "Http",
        Some(other) => bail!("unknown timestamp format {other}"),
    })
}

/// Whether the shape is an output that is its only member.
fn is_unwrapped(service: &Service, shape: &str) -> bool {
    shape
        .strip_suffix("Output")
        .is_some_and(|name| service.unwrapped.iter().any(|unwrapped| unwrapped == name))
}

fn members(model: &Model, service: &Service, shape: &Shape, unwrapped: bool) -> Result<String> {
    let mut text = String::new();
    for (name, member) in model.members(shape)? {
        // JSON knows no elements around elements.
        let is_flattened = member.flattened && model.metadata.protocol != "json";
        if is_flattened || member.timestamp_format.is_some() || member.xml_attribute {
            bail!("member {name}: traits of members are not supported for lists, timestamps and attributes");
        }
        let constructor = if shape.required.contains(&name) { "required" } else { "optional" };
        write!(text, "Member::{constructor}({name:?}, {})", reference(model, &member.shape)?)?;
        let given = service.wire_names.get(&member.shape);
        if let Some(wire_name) = wire_name(model, &name, &member)?.or(given) {
            write!(text, ".named({wire_name:?})")?;
        }
        let is_payload = unwrapped || shape.payload.as_ref() == Some(&name);
        match member.location.as_deref() {
            None if member.streaming => text.push_str(".at(Location::Stream)"),
            None if is_payload => text.push_str(".at(Location::Payload)"),
            None => {}
            Some("headers") => text.push_str(".at(Location::Headers)"),
            Some("header") => text.push_str(".at(Location::Header)"),
            Some("uri") => text.push_str(".at(Location::Uri)"),
            Some("querystring") => text.push_str(".at(Location::QueryString)"),
            Some(other) => bail!("unknown location {other}"),
        }
        text.push_str(", ");
    }
    Ok(text)
}

/// A member's name in forms and XML, where the model gives one.
///
/// In EC2's forms the same name begins with a capital letter, so that one table serves forms and XML.
fn wire_name<'a>(model: &Model, name: &str, member: &'a ShapeRef) -> Result<Option<&'a String>> {
    if model.metadata.protocol != "ec2" {
        return Ok(member.query_name.as_ref().or(member.location_name.as_ref()));
    }
    let in_xml = member.location_name.as_deref().unwrap_or(name);
    if member.query_name.as_ref().is_some_and(|query_name| *query_name != names::upper_first(in_xml)) {
        bail!("member {name}: a queryName of its own is not supported");
    }
    Ok(member.location_name.as_ref())
}

fn text(service: &Service, name: &str, shape: &Shape) -> String {
    let mut text = "Text::new()".to_owned();
    if shape.min.is_some() || shape.max.is_some() {
        text.push_str(&format!(".sized({})", bounds("Size", shape)));
    }
    if let Some(pattern) = &shape.pattern {
        let table = match translate(pattern) {
            Some(translated) => {
                let lookaheads: Vec<String> = translated
                    .lookaheads
                    .iter()
                    .map(|(kind, text)| format!("Lookahead::{kind}({})", raw(text)))
                    .collect();
                format!(
                    "Pattern::new({}, {}, &[{}])",
                    raw(pattern),
                    raw(&translated.expression),
                    lookaheads.join(", ")
                )
            }
            None => {
                eprintln!("{name}: not checked, the regex crate cannot express {pattern}");
                format!("Pattern::unchecked({})", raw(pattern))
            }
        };
        text.push_str(&format!(".matching({table})"));
    }
    if !shape.values.is_empty() {
        text.push_str(&format!(".one_of(&{:?})", java_order(&shape.values)));
        if service.any_case.iter().any(|any_case| any_case == name) {
            text.push_str(".in_any_case()");
        }
    }
    if shape.sensitive {
        text.push_str(".sensitive()");
    }
    text
}

/// The values in the order in which AWS's messages list them: that of a Java hash table of at least 32 buckets.
///
/// Recorded for `ExecutionStatus`, `ApiDestinationHttpMethod`, `ConnectionAuthorizationType` and `OutputFormat`.
fn java_order(values: &[String]) -> Vec<&String> {
    let mut buckets: u32 = 32;
    while values.len() * 4 > buckets as usize * 3 {
        buckets *= 2;
    }
    // Within a bucket, the last one in comes first: so recorded of `ABORTED` and `PENDING_REDRIVE`.
    let mut ordered: Vec<&String> = values.iter().rev().collect();
    ordered.sort_by_key(|value| {
        value.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
            % buckets
    });
    ordered
}

fn raw(text: &str) -> String {
    if text.contains(['\\', '"']) { format!("r#\"{text}\"#") } else { format!("{text:?}") }
}

fn bounds(kind: &str, shape: &Shape) -> String {
    let (min, max) = (shape.min.map(whole), shape.max.map(whole));
    match (min, max) {
        // A length of at least zero says nothing.
        (Some(0), max) if kind == "Size" => {
            max.map_or("Size::NONE".to_owned(), |max| format!("Size::at_most({max})"))
        }
        (None, None) => format!("{kind}::NONE"),
        (Some(min), None) => format!("{kind}::at_least({min})"),
        (None, Some(max)) => format!("{kind}::at_most({max})"),
        (Some(min), Some(max)) => format!("{kind}::between({min}, {max})"),
    }
}

/// Bounds are whole numbers in all models.
#[expect(clippy::cast_possible_truncation, reason = "model bounds are whole numbers below 2^63")]
fn whole(bound: f64) -> i64 {
    bound as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The right-hand sides are quoted from messages of AWS.
    #[test]
    fn enumerations_are_listed_as_aws_lists_them() {
        for (model, message) in [
            (
                "RUNNING SUCCEEDED FAILED TIMED_OUT ABORTED PENDING_REDRIVE",
                "SUCCEEDED TIMED_OUT PENDING_REDRIVE ABORTED FAILED RUNNING",
            ),
            ("POST GET HEAD OPTIONS PUT PATCH DELETE", "HEAD POST PATCH DELETE PUT GET OPTIONS"),
            ("BASIC OAUTH_CLIENT_CREDENTIALS API_KEY", "BASIC OAUTH_CLIENT_CREDENTIALS API_KEY"),
            ("json plain w3c raw parquet", "w3c raw json plain parquet"),
        ] {
            let values: Vec<String> = model.split(' ').map(str::to_owned).collect();
            let listed: Vec<&str> = java_order(&values).into_iter().map(String::as_str).collect();
            assert_eq!(listed.join(" "), message);
        }
    }
}
