//! `restJson1`: the method and the path name the operation; members stand in path, query string, headers and a JSON body.
//!
//! Source: Smithy 2.0, "AWS restJson1 protocol" and "HTTP bindings". What a model may ask for beyond this, code
//! generation refuses.

use std::borrow::Cow;

use api::AwsError;
use api::model::{Kind, Location, Member, Operation, Route, Shape};
use hyper::HeaderMap;
use hyper::http::request::Parts;
use serde_json::{Map, Value};

use super::{json, scalar};
use crate::sigv4::percent_decode;

/// A request that a route is for.
pub struct Request<'a> {
    /// The labels of the route's path with what stands in their place, still encoded.
    labels: Vec<(&'static str, &'a str)>,
    query: &'a str,
    headers: &'a HeaderMap,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    /// Finds the route that a request is for: the one with the most literal path, where several fit.
    pub fn route(
        routes: &'static [Route],
        parts: &'a Parts,
        body: &'a [u8],
    ) -> Option<(&'static Route, Self)> {
        let of_method = routes.iter().filter(|route| route.method == parts.method.as_str());
        let fitting = of_method.filter_map(|route| Some((route, labels(route.path, parts.uri.path())?)));
        let (route, labels) = fitting.max_by_key(|(route, _)| literalness(route.path))?;
        let query = parts.uri.query().unwrap_or_default();
        Some((route, Self { labels, query, headers: &parts.headers, body }))
    }

    /// Reads the input.
    ///
    /// # Errors
    /// `SerializationException` for a body that is no JSON object, and for what is not UTF-8.
    pub fn input(&self, shape: &Shape) -> Result<Value, AwsError> {
        let mut input = self.body(shape)?;
        for member in shape.members() {
            let value = match member.location {
                // Code generation gives no other location to a service that speaks JSON.
                Location::Body | Location::Headers | Location::Payload | Location::Stream => continue,
                Location::Uri => self.label(member)?,
                Location::QueryString => self.parameter(member)?,
                Location::Header => self.header(member)?,
            };
            input.extend(value.map(|value| (member.name.to_owned(), value)));
        }
        Ok(Value::Object(input))
    }

    /// The members that stand in the body. What stands elsewhere is not taken from there.
    fn body(&self, shape: &Shape) -> Result<Map<String, Value>, AwsError> {
        let is_elsewhere =
            |name: &str| shape.member(name).is_some_and(|member| !matches!(member.location, Location::Body));
        if self.body.is_empty() {
            return Ok(Map::new());
        }
        match json::input(self.body)? {
            Value::Object(mut members) => {
                members.retain(|name, _| !is_elsewhere(name));
                Ok(members)
            }
            _ => Ok(Map::new()),
        }
    }

    fn label(&self, member: &Member) -> Result<Option<Value>, AwsError> {
        let found = self.labels.iter().find(|(name, _)| *name == member.wire_name());
        found.map(|(_, text)| Ok(scalar::read(member.shape, &decode(text)?))).transpose()
    }

    /// A list is a parameter that is repeated.
    fn parameter(&self, member: &Member) -> Result<Option<Value>, AwsError> {
        let mut values = Vec::new();
        for pair in self.query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if decode(name)? == member.wire_name() {
                values.push(decode(value)?);
            }
        }
        if let Kind::List(list) = &member.shape.kind {
            let elements = values.iter().map(|value| scalar::read(list.element, value));
            return Ok((!values.is_empty()).then(|| elements.collect()));
        }
        Ok(values.first().map(|value| scalar::read(member.shape, value)))
    }

    /// A list is a header with commas.
    fn header(&self, member: &Member) -> Result<Option<Value>, AwsError> {
        let Some(header) = self.headers.get(member.wire_name()) else { return Ok(None) };
        let text = std::str::from_utf8(header.as_bytes()).map_err(|_| not_utf8())?;
        Ok(Some(match &member.shape.kind {
            Kind::List(list) => {
                text.split(',').map(|element| scalar::read(list.element, element.trim())).collect()
            }
            _ => scalar::read(member.shape, text),
        }))
    }
}

/// What stands in the place of the labels of `template`; `None` where the path is another one.
pub(super) fn labels<'a>(template: &'static str, path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
    let mut labels = Vec::new();
    let (mut template, mut path) = (template.strip_prefix('/')?, path.strip_prefix('/')?);
    loop {
        let (pattern, patterns) = head(template);
        let (segment, segments) = head(path);
        match pattern.strip_prefix('{').and_then(|label| label.strip_suffix('}')) {
            Some(label) => match label.strip_suffix('+') {
                Some(label) if !path.is_empty() => {
                    labels.push((label, path));
                    return Some(labels);
                }
                None if !segment.is_empty() => labels.push((label, segment)),
                _ => return None,
            },
            None if pattern == segment => {}
            None => return None,
        }
        match (patterns, segments) {
            (None, None) => return Some(labels),
            (Some(patterns), Some(segments)) => (template, path) = (patterns, segments),
            _ => return None,
        }
    }
}

/// The first segment of a path, and the rest where there is one.
fn head(path: &str) -> (&str, Option<&str>) {
    path.split_once('/').map_or((path, None), |(segment, rest)| (segment, Some(rest)))
}

/// Segment by segment: a literal before a label, a label before the rest of a path.
pub(super) fn literalness(template: &str) -> Vec<u8> {
    let of_segment = |segment: &str| match (segment.starts_with('{'), segment.ends_with("+}")) {
        (false, _) => 2,
        (true, false) => 1,
        (true, true) => 0,
    };
    template.split('/').map(of_segment).collect()
}

pub(super) fn decode(text: &str) -> Result<String, AwsError> {
    String::from_utf8(percent_decode(text)).map_err(|_| not_utf8())
}

fn not_utf8() -> AwsError {
    AwsError::new("SerializationException", "The request is not UTF-8.")
}

/// Writes an error's text and members. Its code stands in the header `x-amzn-errortype`.
pub fn error(error: &AwsError, operation: Option<&Operation>) -> Vec<u8> {
    // The services' own errors have a member `Message`; what answers before them writes `message`.
    let name = if is_listed(error, operation) { "Message" } else { "message" };
    let mut body = Map::new();
    body.insert(name.to_owned(), error.message.as_str().into());
    body.extend(error.members.clone());
    json::output(&Value::Object(body))
}

/// The error with the status that this protocol gives it.
pub fn translate<'a>(error: &'a AwsError, operation: Option<&Operation>) -> Cow<'a, AwsError> {
    let listed = operation
        .and_then(|operation| operation.errors.iter().find(|listed| listed.name == error.code))
        .map(|listed| listed.status);
    let status = listed.unwrap_or(match error.code.as_ref() {
        "AccessDeniedException" => 403,
        "UnknownOperationException" => 404,
        "ThrottlingException" => 429,
        _ => error.status,
    });
    Cow::Owned(error.clone().with_status(status))
}

fn is_listed(error: &AwsError, operation: Option<&Operation>) -> bool {
    operation.is_some_and(|operation| operation.errors.iter().any(|listed| listed.name == error.code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_take_a_segment_or_the_rest() {
        assert_eq!(labels("/schedules", "/schedules"), Some(vec![]));
        assert_eq!(labels("/schedules/{Name}", "/schedules/a%2Fb"), Some(vec![("Name", "a%2Fb")]));
        assert_eq!(labels("/a/{X}/b/{Y}", "/a/1/b/2"), Some(vec![("X", "1"), ("Y", "2")]));
        assert_eq!(labels("/{Bucket}/{Key+}", "/b/k/e/y"), Some(vec![("Bucket", "b"), ("Key", "k/e/y")]));
        assert_eq!(labels("/functions/", "/functions/"), Some(vec![]));
        for other in ["/", "/schedules", "/schedules/", "/schedules/a/", "/schedules/a/b", "/tags/a", "", "*"]
        {
            assert_eq!(labels("/schedules/{Name}", other), None, "{other}");
        }
    }

    #[test]
    fn the_most_literal_path_wins() {
        let route = |operation, path| Route::new(operation, "GET", path, 200);
        let mut routes = [route("rest", "/a/{X+}"), route("label", "/a/{X}"), route("literal", "/a/b")];
        routes.sort_by_key(|route| literalness(route.path));
        assert_eq!(routes.map(|route| route.operation), ["rest", "label", "literal"]);
    }
}
