//! Renders the routes of REST protocols, and refuses what `wire` does not convert yet.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

use super::model::{Model, Operation, Route, Shape, ShapeRef};

/// The routes of the model's operations: of `served` ones for `rest-json`, of all for `rest-xml`, whose requests differ
/// in query strings and headers; none for other protocols.
pub fn routes(model: &Model, served: &[String]) -> Result<Vec<Route>> {
    let is_json = model.metadata.protocol == "rest-json";
    if !is_json && model.metadata.protocol != "rest-xml" {
        return Ok(Vec::new());
    }
    let mut routes: Vec<Route> = Vec::new();
    for (name, operation) in &model.operations {
        if served.contains(name) {
            check(model, name, operation, is_json)?;
        }
        if served.contains(name) || !is_json {
            routes.push(route(model, name, operation)?);
        }
    }
    let all = routes.clone();
    let is_same = |one: &Route, other: &Route| {
        (&one.method, &one.path, &one.query, &one.parameters, &one.headers)
            == (&other.method, &other.path, &other.query, &other.parameters, &other.headers)
    };
    // S3 tells `ListDirectoryBuckets` from `ListBuckets` by its host only.
    routes.retain(|route| {
        let has_served_twin =
            all.iter().any(|other| served.contains(&other.operation) && is_same(route, other));
        served.contains(&route.operation) || !has_served_twin
    });
    Ok(routes)
}

/// Where the path has no query, the required parameters and headers tell an operation from others.
fn route(model: &Model, name: &str, operation: &Operation) -> Result<Route> {
    let (path, query) =
        operation.http.request_uri.split_once('?').unwrap_or((&operation.http.request_uri, ""));
    let mut route = Route {
        operation: name.to_owned(),
        method: operation.http.method.clone(),
        path: path.to_owned(),
        query: query.split('&').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
        parameters: Vec::new(),
        headers: Vec::new(),
        status: operation.http.response_code,
    };
    if model.metadata.protocol == "rest-json" || !route.query.is_empty() || operation.input().is_empty() {
        return Ok(route);
    }
    let input = model.shape(operation.input())?;
    for (member, reference) in model.members(input)? {
        let wire_name = reference.location_name.unwrap_or_else(|| member.clone());
        match reference.location.as_deref() {
            Some("querystring") if input.required.contains(&member) => route.parameters.push(wire_name),
            Some("header") if input.required.contains(&member) => route.headers.push(wire_name),
            _ => {}
        }
    }
    Ok(route)
}

/// The table of routes; nothing for protocols without.
pub fn table(model: &Model) -> Result<String> {
    if model.routes.is_empty() {
        return Ok(String::new());
    }
    let mut text = "\nstatic ROUTES: &[Route] = &[\n".to_owned();
    for Route { operation, method, path, query, parameters, headers, status } in &model.routes {
        write!(text, "Route::new({operation:?}, {method:?}, {path:?}, {status})")?;
        if !query.is_empty() {
            write!(text, ".with_query(&{query:?})")?;
        }
        if !parameters.is_empty() || !headers.is_empty() {
            write!(text, ".with_required(&{parameters:?}, &{headers:?})")?;
        }
        text.push_str(",\n");
    }
    Ok(text + "];\n")
}

fn check(model: &Model, name: &str, operation: &Operation, is_json: bool) -> Result<()> {
    if !operation.input().is_empty() {
        for (member, reference) in model.members(model.shape(operation.input())?)? {
            check_member(model.shape(&reference.shape)?, &reference)
                .map_err(|error| error.context(format!("{name}: {member}")))?;
        }
    }
    if is_json { check_json(model, name, operation) } else { Ok(()) }
}

fn check_json(model: &Model, name: &str, operation: &Operation) -> Result<()> {
    ensure!(!operation.http.request_uri.contains('?'), "{name}: paths with a query are not supported");
    for shape in [operation.input(), operation.output()].iter().filter(|name| !name.is_empty()) {
        ensure!(model.shape(shape)?.payload.is_none(), "{name}: a member that is the body is not supported");
    }
    if !operation.output().is_empty() {
        for (member, reference) in model.members(model.shape(operation.output())?)? {
            ensure!(
                reference.location.is_none(),
                "{name}: {member} outside the body of an answer is not supported"
            );
        }
    }
    Ok(())
}

/// What `restJson1` cannot write yet, of the shapes that the served operations reach.
pub fn check_shapes(model: &Model) -> Result<()> {
    if model.metadata.protocol != "rest-json" {
        return Ok(());
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

/// Members outside the body are texts, numbers, flags, times or lists of them, or maps where many headers are one.
fn check_member(shape: &Shape, reference: &ShapeRef) -> Result<()> {
    let Some(location) = reference.location.as_deref() else { return Ok(()) };
    let kind = shape.kind.as_str();
    ensure!(
        (kind == "map") == (location == "headers") && !matches!(kind, "structure" | "blob"),
        "a {kind} in the {location} is not supported"
    );
    Ok(())
}
