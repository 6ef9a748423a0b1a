//! What `http:invoke` sends: a task's parameters, and what its connection adds to them. Pure.
//!
//! Where both have the same header, query parameter or member of the body, the connection's is sent.
//!
//! Source: Step Functions Developer Guide, "Call HTTPS APIs in Step Functions workflows".

use http_client::Outgoing;
use http_client::connection::{Connection, Headers, authorization, pairs, plain, set, with_query};
use http_client::form::{self, ArrayFormat};
use serde_json::{Map, Value, json};

/// The request of a task.
///
/// # Errors
/// Why the connection's part cannot be merged into the task's.
pub(super) fn build(parameters: &Value, connection: &Connection, region: &str) -> Result<Outgoing, String> {
    let text = |field: &str| parameters.get(field).and_then(Value::as_str).unwrap_or_default();
    let added = connection.parameters.get("InvocationHttpParameters").unwrap_or(&Value::Null);
    let body = merged_body(parameters.get("RequestBody"), &pairs(added, "BodyParameters"))?;
    let mut headers = own_headers(parameters.get("Headers"));
    for (name, value) in pairs(added, "HeaderParameters") {
        set(&mut headers, &name, value);
    }
    if let Some((name, value)) = authorization(connection) {
        set(&mut headers, &name, value);
    }
    if body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("Content-Type".to_owned(), "application/json; charset=UTF-8".to_owned()));
    }
    set(&mut headers, "User-Agent", format!("Amazon|StepFunctions|HttpInvoke|{region}"));
    set(&mut headers, "Range", "bytes=0-262144".to_owned());
    // The body's own length is sent.
    headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
    Ok(Outgoing {
        method: text("Method").to_owned(),
        url: url(
            text("ApiEndpoint"),
            parameters.get("QueryParameters"),
            &pairs(added, "QueryStringParameters"),
        ),
        headers,
        body: body.map(|body| written(&body, parameters.get("Transform"))).unwrap_or_default(),
    })
}

/// `Headers`: a text for each, or several.
fn own_headers(headers: Option<&Value>) -> Headers {
    let mut own = Headers::new();
    for (name, value) in headers.and_then(Value::as_object).into_iter().flatten() {
        match value {
            Value::Array(values) => own.extend(values.iter().map(|value| (name.clone(), plain(value)))),
            value => own.push((name.clone(), plain(value))),
        }
    }
    own
}

fn merged_body(own: Option<&Value>, added: &[(String, String)]) -> Result<Option<Value>, String> {
    let own = own.filter(|body| !body.is_null());
    if added.is_empty() {
        return Ok(own.cloned());
    }
    let mut body = own.cloned().unwrap_or_else(|| json!({}));
    let Some(members) = body.as_object_mut() else {
        let problem = "The request body must be a JSON object, because the connection has body parameters";
        return Err(problem.to_owned());
    };
    members.extend(added.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
    Ok(Some(body))
}

/// A body's bytes: a form where that is wanted, else JSON; a text is sent as it is.
fn written(body: &Value, transform: Option<&Value>) -> Vec<u8> {
    let option =
        |pointer: &str| transform.and_then(|transform| transform.pointer(pointer)).and_then(Value::as_str);
    match body {
        Value::String(text) => text.clone().into_bytes(),
        body if option("/RequestBodyEncoding") == Some("URL_ENCODED") => {
            let format = ArrayFormat::of(option("/RequestEncodingOptions/ArrayFormat"));
            form::encode(body, format).into_bytes()
        }
        body => body.to_string().into_bytes(),
    }
}

/// The endpoint with its query. A query that is a text is taken as it is.
fn url(endpoint: &str, own: Option<&Value>, added: &[(String, String)]) -> String {
    let endpoint = endpoint.split('#').next().unwrap_or_default();
    let mut fields = match own {
        Some(Value::Object(fields)) => fields.clone(),
        Some(Value::Array(objects)) => {
            objects.iter().filter_map(Value::as_object).flat_map(Map::clone).collect()
        }
        _ => Map::new(),
    };
    fields.extend(added.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
    let text = own.and_then(Value::as_str).unwrap_or_default();
    let query = form::encode(&Value::Object(fields), ArrayFormat::Repeat);
    with_query(&with_query(endpoint, text), &query)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api_key(added: Value) -> Connection {
        let key = json!({"ApiKeyName": "ApiKey", "ApiKeyValue": "key_value"});
        Connection {
            authorization_type: "API_KEY".to_owned(),
            parameters: json!({"ApiKeyAuthParameters": key, "InvocationHttpParameters": added}),
            token: None,
        }
    }

    /// The guide's example.
    #[test]
    fn the_connection_wins() {
        let connection = api_key(json!({
            "BodyParameters": [{"Key": "BodyParam", "Value": "connection_body_param"}],
            "HeaderParameters": [{"Key": "header-Param", "Value": "connection_header_param"}],
            "QueryStringParameters": [{"Key": "QueryParam", "Value": "connection_query_param"}],
        }));
        let parameters = json!({
            "ApiEndpoint": "https://example.com/path",
            "Method": "POST",
            "Headers": {"Request-Id": "my_request_id", "Header-Param": "state_machine_header_param"},
            "RequestBody": {"Job": "Software Engineer", "BodyParam": "state_machine_body_param"},
            "QueryParameters": {"QueryParam": "state_machine_query_param"},
        });
        let outgoing = build(&parameters, &connection, "us-east-1").unwrap();
        assert_eq!(outgoing.url, "https://example.com/path?QueryParam=connection_query_param");
        let body = String::from_utf8(outgoing.body).unwrap();
        assert_eq!(body, r#"{"Job":"Software Engineer","BodyParam":"connection_body_param"}"#);
        let headers: Vec<String> =
            outgoing.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let expected = [
            "Request-Id: my_request_id",
            "header-Param: connection_header_param",
            "ApiKey: key_value",
            "Content-Type: application/json; charset=UTF-8",
            "User-Agent: Amazon|StepFunctions|HttpInvoke|us-east-1",
            "Range: bytes=0-262144",
        ];
        assert_eq!(headers, expected);
    }

    #[test]
    fn a_text_takes_no_parameters_of_the_connection() {
        let connection = api_key(json!({"BodyParameters": [{"Key": "k", "Value": "v"}]}));
        let parameters = json!({"ApiEndpoint": "https://h", "Method": "POST", "RequestBody": "text"});
        assert!(build(&parameters, &connection, "r").is_err());
        let outgoing = build(&parameters, &api_key(Value::Null), "r").unwrap();
        assert_eq!(outgoing.body, b"text");
    }

    #[test]
    fn forms_and_queries_are_encoded() {
        let parameters = json!({
            "ApiEndpoint": "https://h/p?a=1#x",
            "Method": "POST",
            "Headers": {"content-type": "application/x-www-form-urlencoded", "X-Many": ["a", 2]},
            "RequestBody": {"description": "Monthly subscription", "metadata": {"order_details": "a&b"}},
            "QueryParameters": {"b": ["c d", 2]},
            "Transform": {"RequestBodyEncoding": "URL_ENCODED"},
        });
        let outgoing = build(&parameters, &api_key(Value::Null), "r").unwrap();
        assert_eq!(outgoing.url, "https://h/p?a=1&b=c%20d&b=2");
        let body = String::from_utf8(outgoing.body).unwrap();
        assert_eq!(body, "description=Monthly%20subscription&metadata%5Border_details%5D=a%26b");
        assert_eq!(outgoing.headers[1..3].iter().map(|(_, value)| &**value).collect::<Vec<_>>(), ["a", "2"]);
    }
}
