//! Which operation of which service a request is for.

use api::AwsError;
use api::model::{Operation, Protocol, ServiceModel};
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};

use crate::protocol::query::{Dialect, Form};
use crate::protocol::{Input, Syntax, query_compatible, rest_json};
use crate::sigv4::{Refusal, SignedRequest, scope_service};

/// How to answer a request, and what it asks for.
pub struct Routed<'a> {
    pub syntax: Syntax,
    pub target: Result<Target<'a>, AwsError>,
}

/// An operation that is served, and its input as it was sent.
pub struct Target<'a> {
    pub model: &'static ServiceModel,
    pub operation: &'static Operation,
    pub input: Input<'a>,
}

/// Routes by `X-Amz-Target`, else by the service in the signature's scope and the path or, for services that speak
/// forms, the form's `Action`. The host says nothing: all services share it. `signed` is the request's signature as it
/// was found.
pub fn route<'a>(
    parts: &'a Parts,
    signed: &Result<SignedRequest<'_>, Refusal>,
    body: &'a [u8],
    models: &[&'static ServiceModel],
) -> Routed<'a> {
    if is_cross_origin(&parts.headers) {
        let error =
            AwsError::new("AccessDeniedException", "Cross-origin requests are not served.").with_status(403);
        return Routed { syntax: Syntax::guess(&parts.headers), target: Err(error) };
    }
    if let Some(target) = parts.headers.get("x-amz-target") {
        return by_target(target.to_str().unwrap_or_default(), &parts.headers, body, models);
    }
    let service = scope_service(parts, signed);
    if let Some((model, routes)) = service.as_deref().and_then(|service| rest_service(service, models)) {
        return by_path(model, routes, parts, body);
    }
    match form(parts, body) {
        Some(Ok(form)) if form.get("Action").is_some() => by_action(service.as_deref(), parts, form, models),
        Some(Err(error)) => Routed { syntax: Syntax::guess(&parts.headers), target: Err(error) },
        _ => Routed {
            syntax: Syntax::None,
            target: Err(AwsError::new("UnknownOperationException", "").with_status(404)),
        },
    }
}

fn by_target<'a>(
    target: &str,
    headers: &HeaderMap,
    body: &'a [u8],
    models: &[&'static ServiceModel],
) -> Routed<'a> {
    let (prefix, name) = target.rsplit_once('.').unwrap_or(("", target));
    let is_json = |model: &ServiceModel| {
        let protocol = model.protocol;
        matches!(protocol, Protocol::AwsJson1_0 | Protocol::AwsJson1_1 | Protocol::AwsQueryCompatible)
            && model.target_prefix == prefix
    };
    let Some(model) = models.iter().find(|model| is_json(model)) else {
        let error = format!("Runwright does not serve the operation {target}.");
        let error = AwsError::new("UnknownOperationException", error);
        return Routed { syntax: Syntax::guess(headers), target: Err(error) };
    };
    let target = match model.operation(name) {
        Some(operation) => Ok(Target { model, operation, input: Input::Json(body) }),
        None => Err(AwsError::new(
            "UnknownOperationException",
            format!("Runwright does not serve {}:{name}.", model.iam_prefix),
        )),
    };
    Routed { syntax: Syntax::of(model), target }
}

/// The REST service of that name in signatures.
fn rest_service(
    service: &str,
    models: &[&'static ServiceModel],
) -> Option<(&'static ServiceModel, &'static [api::model::Route])> {
    models.iter().filter(|model| model.signing_name == service).find_map(|model| match model.protocol {
        Protocol::RestJson1(routes) => Some((*model, routes)),
        Protocol::AwsJson1_0
        | Protocol::AwsJson1_1
        | Protocol::AwsQueryCompatible
        | Protocol::AwsQuery
        | Protocol::Ec2Query
        | Protocol::RestXml(_) => None,
    })
}

fn by_path<'a>(
    model: &'static ServiceModel,
    routes: &'static [api::model::Route],
    parts: &'a Parts,
    body: &'a [u8],
) -> Routed<'a> {
    let found = rest_json::Request::route(routes, parts, body)
        .and_then(|(route, request)| Some((route, model.operation(route.operation)?, request)));
    match found {
        Some((route, operation, request)) => Routed {
            syntax: Syntax::RestJson1 { success: route.status },
            target: Ok(Target { model, operation, input: Input::Rest(request) }),
        },
        None => {
            let (service, method, path) = (model.iam_prefix, &parts.method, parts.uri.path());
            let text = format!("Runwright does not serve {method} {path} of {service}.");
            let error = AwsError::new("UnknownOperationException", text).with_status(404);
            Routed { syntax: Syntax::of(model), target: Err(error) }
        }
    }
}

fn by_action<'a>(
    service: Option<&str>,
    parts: &Parts,
    form: Form<'a>,
    models: &[&'static ServiceModel],
) -> Routed<'a> {
    let Some(service) = service.or_else(|| open_service(&form, models)) else {
        // Who does not sign does not say which service is meant.
        let error = AwsError::new("MissingAuthenticationToken", "Request is missing Authentication Token");
        return Routed { syntax: Syntax::Query { namespace: "" }, target: Err(error.with_status(403)) };
    };
    let action = form.get("Action").unwrap_or_default();
    let mut named = models.iter().copied().filter(|model| model.signing_name == service);
    let Some((model, syntax)) = named.find_map(|model| Some((model, syntax_of_forms(model)?))) else {
        let version = form.get("Version").unwrap_or_default();
        return Routed {
            syntax: Syntax::Query { namespace: "" },
            target: Err(invalid_action(action, version)),
        };
    };
    let version = form.get("Version").unwrap_or(model.api_version);
    let operation = model.operation(action).filter(|_| version == model.api_version);
    let target = match (operation, syntax) {
        (Some(operation), syntax) => {
            Ok(Target { model, operation, input: input_of(syntax, parts, operation, form) })
        }
        (None, Syntax::Ec2 { .. }) => Err(AwsError::new(
            "InvalidAction",
            format!("The action {action} is not valid for this web service."),
        )),
        (None, Syntax::FormerQuery { .. }) => Err(AwsError::new(
            "InvalidAction",
            format!("The action {action} is not valid for this endpoint."),
        )),
        (None, _) => Err(invalid_action(action, version)),
    };
    Routed { syntax, target }
}

/// How a service answers forms; `None` for one that takes none.
fn syntax_of_forms(model: &ServiceModel) -> Option<Syntax> {
    match model.protocol {
        Protocol::AwsQuery | Protocol::Ec2Query => Some(Syntax::of(model)),
        Protocol::AwsQueryCompatible => Some(Syntax::FormerQuery { namespace: model.xml_namespace }),
        Protocol::AwsJson1_0 | Protocol::AwsJson1_1 | Protocol::RestJson1(_) | Protocol::RestXml(_) => None,
    }
}

fn input_of<'a>(syntax: Syntax, parts: &Parts, operation: &Operation, form: Form<'a>) -> Input<'a> {
    match syntax {
        Syntax::Ec2 { .. } => Input::Form(form, Dialect::Ec2),
        Syntax::FormerQuery { .. } => {
            Input::FormerForm(match query_compatible::queue_of(parts, operation, &form) {
                Some((name, url)) => form.with(name, url),
                None => form,
            })
        }
        _ => Input::Form(form, Dialect::Aws),
    }
}

/// The service of a form that needs no signature.
fn open_service(form: &Form<'_>, models: &[&'static ServiceModel]) -> Option<&'static str> {
    let action = form.get("Action").unwrap_or_default();
    models.iter().map(|model| model.signing_name).find(|service| api::is_open_to_all(service, action))
}

fn invalid_action(action: &str, version: &str) -> AwsError {
    AwsError::new("InvalidAction", format!("Could not find operation {action} for version {version}"))
}

/// The parameters of a POSTed form or, for GET, of the query string.
fn form<'a>(parts: &'a Parts, body: &'a [u8]) -> Option<Result<Form<'a>, AwsError>> {
    let query = parts.uri.query().unwrap_or_default();
    match parts.method {
        Method::GET => Some(Form::parse(query.as_bytes(), b"")),
        Method::POST if is_form(&parts.headers) => Some(Form::parse(query.as_bytes(), body)),
        _ => None,
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
}

/// Whether a browser sends the request for a page of another origin. Such a page may know the well-known key of a
/// developer's server, and a presigned form needs no permission to be sent.
pub fn is_cross_origin(headers: &HeaderMap) -> bool {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let is_foreign_site =
        header("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let is_foreign_origin = header("origin").is_some_and(|origin| {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_none() || authority != header("host")
    });
    is_foreign_site || is_foreign_origin
}
