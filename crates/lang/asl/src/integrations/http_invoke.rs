//! The parameters of `http:invoke`, and which values they may have.
//!
//! Source: Step Functions Developer Guide, "Call HTTPS APIs in Step Functions workflows".

use serde_json::{Map, Value};

use super::parameters::{ParameterField as Field, ParameterKind as Kind};

/// The parameters.
pub(super) const PARAMETERS: &[Field] = &[
    Field::required("ApiEndpoint", Kind::Text),
    Field::optional("Authentication", Kind::Structure(CONNECTION)),
    Field::optional("Headers", Kind::Map(&Kind::Any)),
    Field::optional("InvocationConfig", Kind::Structure(CONNECTION)),
    Field::required("Method", Kind::Text),
    Field::optional("QueryParameters", Kind::Any),
    Field::optional("RequestBody", Kind::Any),
    Field::optional(
        "Transform",
        Kind::Structure(&[
            Field::optional("RequestBodyEncoding", Kind::Text),
            Field::optional(
                "RequestEncodingOptions",
                Kind::Structure(&[Field::optional("ArrayFormat", Kind::Text)]),
            ),
        ]),
    ),
];

const CONNECTION: &[Field] = &[Field::required("ConnectionArn", Kind::Text)];

const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// Headers that a definition may not set, in lower case: those of the connection itself, and those that Step Functions
/// sets.
const FORBIDDEN_HEADERS: [&str; 32] = [
    "a-im",
    "accept-charset",
    "accept-datetime",
    "accept-encoding",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-md5",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authorization",
    "referer",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "warning",
];

/// What begins the names of further headers that are Step Functions' own.
const FORBIDDEN_PREFIXES: [&str; 3] = ["x-forwarded-", "x-amz-", "x-amzn-"];

/// What is wrong with the values of parameters whose form is right.
pub(super) fn check_values(parameters: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let text = |field: &str| parameters.get(field).and_then(Value::as_str);
    if text("ApiEndpoint").is_some_and(|endpoint| !is_endpoint(endpoint)) {
        problems.push(wrong_format("ApiEndpoint"));
    }
    if text("Method").is_some_and(|method| !METHODS.contains(&method)) {
        problems.push(one_of("Method", &METHODS));
    }
    let connections = ["Authentication", "InvocationConfig"];
    if !connections.iter().any(|field| parameters.get(*field).is_some_and(Value::is_object)) {
        problems.push("The field 'InvocationConfig' is required but was missing".to_owned());
    }
    if let Some(Value::Object(headers)) = parameters.get("Headers") {
        check_headers(headers, &mut problems);
    }
    if let Some(transform) = parameters.get("Transform") {
        check_transform(transform, &mut problems);
    }
    problems
}

/// `https://`, and a host that is not empty. Plain HTTP is for services on the machine itself.
fn is_endpoint(endpoint: &str) -> bool {
    let host = |rest: &str| rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
    let legal = |host: &str| {
        !host.is_empty()
            && !host.contains('@')
            && !host.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    if endpoint.contains(|c: char| c.is_control() || c == ' ') {
        return false;
    }
    match (endpoint.strip_prefix("https://"), endpoint.strip_prefix("http://")) {
        (Some(rest), _) => legal(&host(rest)),
        (None, Some(rest)) => is_loopback(&host(rest)),
        (None, None) => false,
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

fn check_headers(headers: &Map<String, Value>, problems: &mut Vec<String>) {
    for (name, value) in headers {
        let lower = name.to_ascii_lowercase();
        let forbidden = FORBIDDEN_HEADERS.contains(&lower.as_str())
            || FORBIDDEN_PREFIXES.iter().any(|prefix| lower.starts_with(prefix));
        let legal_value = match value {
            Value::Array(values) => values.iter().all(is_header_value),
            value => is_header_value(value),
        };
        if forbidden {
            problems.push(format!("The header '{name}' is not supported by Step Functions"));
        } else if name.is_empty() || !name.bytes().all(is_token) || !legal_value {
            problems.push(wrong_format("Headers"));
        }
    }
}

fn is_header_value(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.contains(|c: char| c.is_control() && c != '\t'),
        Value::Number(_) | Value::Bool(_) => true,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// A character of a header's name.
///
/// Source: RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn check_transform(transform: &Value, problems: &mut Vec<String>) {
    const ENCODINGS: [&str; 2] = ["NONE", "URL_ENCODED"];
    const FORMATS: [&str; 4] = ["BRACKETS", "COMMAS", "INDICES", "REPEAT"];
    let is_other = |value: Option<&Value>, known: &[&str]| {
        value.and_then(Value::as_str).is_some_and(|value| !known.contains(&value))
    };
    if is_other(transform.get("RequestBodyEncoding"), &ENCODINGS) {
        problems.push(one_of("RequestBodyEncoding", &ENCODINGS));
    }
    if is_other(transform.pointer("/RequestEncodingOptions/ArrayFormat"), &FORMATS) {
        problems.push(one_of("ArrayFormat", &FORMATS));
    }
}

fn wrong_format(field: &str) -> String {
    format!("The value of the field '{field}' has an invalid format")
}

fn one_of(field: &str, values: &[&str]) -> String {
    format!("The value for the field '{field}' must be one of [{}]", values.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn endpoints_are_https_but_on_the_machine_itself() {
        for endpoint in
            ["https://a.example/x?y", "http://localhost:1/", "http://127.0.0.1", "http://[::1]:80/x"]
        {
            assert!(is_endpoint(endpoint), "{endpoint}");
        }
        for endpoint in
            ["", "a", "http://a.example", "https://", "https://u@h", "ftp://localhost", "https://a b"]
        {
            assert!(!is_endpoint(endpoint), "{endpoint}");
        }
    }

    #[test]
    fn headers_of_the_connection_itself_are_refused() {
        let with = |headers: Value| {
            check_values(&json!({
                "ApiEndpoint": "https://h", "Method": "GET", "InvocationConfig": {}, "Headers": headers,
            }))
        };
        assert_eq!(with(json!({"Content-Type": "a", "X-Many": ["a", "b"]})), Vec::<String>::new());
        assert_eq!(with(json!({"Host": "h"})), ["The header 'Host' is not supported by Step Functions"]);
        assert_eq!(with(json!({"a b": "h"})), ["The value of the field 'Headers' has an invalid format"]);
        assert_eq!(with(json!({"a": {}})), ["The value of the field 'Headers' has an invalid format"]);
    }
}
