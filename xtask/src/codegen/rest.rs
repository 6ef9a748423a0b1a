//! Renders the routes of REST protocols, and refuses what `wire` does not convert yet.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

use super::model::{Model, Operation, Shape, ShapeRef};

/// The table of routes; nothing for protocols without.
pub fn routes(model: &Model) -> Result<String> {
    if model.metadata.protocol != "rest-json" {
        return Ok(String::new());
    }
    let mut text = "\nstatic ROUTES: &[Route] = &[\n".to_owned();
    for (name, operation) in &model.operations {
        check(model, name, operation)?;
        let http = &operation.http;
        writeln!(
            text,
            "Route {{ operation: {name:?}, method: {:?}, path: {:?}, status: {} }},",
            http.method, http.request_uri, http.response_code
        )?;
    }
    Ok(text + "];\n")
}

fn check(model: &Model, name: &str, operation: &Operation) -> Result<()> {
    ensure!(!operation.http.request_uri.contains('?'), "{name}: paths with a query are not supported");
    let (input, output) = (model.shape(operation.input())?, model.shape(operation.output())?);
    for shape in [input, output] {
        ensure!(shape.payload.is_none(), "{name}: a member that is the body is not supported");
    }
    for (member, reference) in model.members(output)? {
        ensure!(
            reference.location.is_none(),
            "{name}: {member} outside the body of an answer is not supported"
        );
    }
    for (member, reference) in model.members(input)? {
        check_member(model.shape(&reference.shape)?, &reference).map_err(|error| error.context(member))?;
    }
    for (structure, shape) in &model.shapes {
        for (member, reference) in model.members(shape)? {
            let renamed = reference.location_name.as_ref().is_some_and(|other| *other != member);
            let in_body = reference.location.is_none();
            ensure!(!(in_body && renamed), "{structure}.{member}: another name in the body is not supported");
        }
        let format = shape.timestamp_format.as_deref();
        ensure!(
            format.is_none_or(|format| format == "unixTimestamp"),
            "{structure}: {format:?} is not supported"
        );
    }
    Ok(())
}

/// Members outside the body are texts, numbers, flags or lists of them; times only in the query string.
fn check_member(shape: &Shape, reference: &ShapeRef) -> Result<()> {
    let Some(location) = reference.location.as_deref() else { return Ok(()) };
    let kind = shape.kind.as_str();
    ensure!(!matches!(kind, "map" | "structure" | "blob"), "a {kind} in the {location} is not supported");
    ensure!(kind != "timestamp" || location == "querystring", "a time in the {location} is not supported");
    Ok(())
}
