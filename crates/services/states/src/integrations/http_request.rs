//! What `http:invoke` sends: a task's parameters, and what its connection adds to them. Pure.
//!
//! Where both have the same header, query parameter or member of the body, the connection's is sent.
//!
//! Source: Step Functions Developer Guide, "Call HTTPS APIs in Step Functions workflows".

mod form;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_client::Outgoing;
use serde_json::{Map, Value, json};

use self::form::ArrayFormat;

/// What a connection gives to those who use it.
pub(super) struct Connection {
    /// `BASIC`, `API_KEY` or `OAUTH_CLIENT_CREDENTIALS`.
    pub(super) authorization_type: String,
    /// `AuthParameters`, with their secrets.
    pub(super) parameters: Value,
    /// The token of an OAuth connection.
    pub(super) token: Option<String>,
}

type Headers = Vec<(String, String)>;

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

/// The request for the token of an OAuth connection.
///
/// # Errors
/// Where the connection lacks what it takes.
pub(super) fn token_request(connection: &Connection) -> Result<Outgoing, String> {
    let oauth = connection.parameters.get("OAuthParameters").unwrap_or(&Value::Null);
    let text = |pointer: &str| oauth.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let (Some(endpoint), Some(method), Some(id), Some(secret)) = (
        text("/AuthorizationEndpoint"),
        text("/HttpMethod"),
        text("/ClientParameters/ClientID"),
        text("/ClientParameters/ClientSecret"),
    ) else {
        return Err("The connection has no OAuth parameters.".to_owned());
    };
    let added = oauth.get("OAuthHttpParameters").unwrap_or(&Value::Null);
    let mut fields = Map::new();
    for (name, value) in
        [("grant_type", "client_credentials"), ("client_id", &id), ("client_secret", &secret)]
    {
        fields.insert(name.to_owned(), value.into());
    }
    fields.extend(pairs(added, "BodyParameters").into_iter().map(|(name, value)| (name, value.into())));
    let form = form::encode(&Value::Object(fields), ArrayFormat::Indices);
    let mut headers: Headers = vec![("Accept".to_owned(), "application/json".to_owned())];
    let mut url = url(&endpoint, None, &pairs(added, "QueryStringParameters"));
    let mut body = String::new();
    if method == "GET" {
        url = with_query(&url, &form);
    } else {
        set(&mut headers, "Content-Type", "application/x-www-form-urlencoded".to_owned());
        body = form;
    }
    for (name, value) in pairs(added, "HeaderParameters") {
        set(&mut headers, &name, value);
    }
    Ok(Outgoing { method, url, headers, body: body.into_bytes() })
}

/// The header by which a connection shows who one is.
fn authorization(connection: &Connection) -> Option<(String, String)> {
    let text = |pointer: &str| connection.parameters.pointer(pointer).and_then(Value::as_str);
    match connection.authorization_type.as_str() {
        "BASIC" => {
            let user = text("/BasicAuthParameters/Username")?;
            let password = text("/BasicAuthParameters/Password")?;
            let pair = STANDARD.encode(format!("{user}:{password}"));
            Some(("Authorization".to_owned(), format!("Basic {pair}")))
        }
        "API_KEY" => {
            let name = text("/ApiKeyAuthParameters/ApiKeyName")?;
            Some((name.to_owned(), text("/ApiKeyAuthParameters/ApiKeyValue")?.to_owned()))
        }
        _ => Some(("Authorization".to_owned(), format!("Bearer {}", connection.token.as_deref()?))),
    }
}

/// `Key` and `Value` of a connection's parameters.
fn pairs(parameters: &Value, field: &str) -> Vec<(String, String)> {
    let listed = parameters.get(field).and_then(Value::as_array).into_iter().flatten();
    let text = |pair: &Value, name: &str| pair.get(name).and_then(Value::as_str).map(str::to_owned);
    listed.filter_map(|pair| Some((text(pair, "Key")?, text(pair, "Value").unwrap_or_default()))).collect()
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

fn set(headers: &mut Headers, name: &str, value: String) {
    headers.retain(|(present, _)| !present.eq_ignore_ascii_case(name));
    headers.push((name.to_owned(), value));
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

fn with_query(url: &str, query: &str) -> String {
    if query.is_empty() {
        return url.to_owned();
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{query}")
}

/// A text without its quotes; anything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
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

    #[test]
    fn a_token_is_asked_for_with_the_clients_secret() {
        let oauth = json!({
            "AuthorizationEndpoint": "https://h/token", "HttpMethod": "POST",
            "ClientParameters": {"ClientID": "i", "ClientSecret": "s"},
            "OAuthHttpParameters": {"BodyParameters": [{"Key": "scope", "Value": "a b"}]},
        });
        let connection = Connection {
            authorization_type: "OAUTH_CLIENT_CREDENTIALS".to_owned(),
            parameters: json!({"OAuthParameters": oauth}),
            token: Some("t".to_owned()),
        };
        let outgoing = token_request(&connection).unwrap();
        let body = String::from_utf8(outgoing.body).unwrap();
        assert_eq!(body, "grant_type=client_credentials&client_id=i&client_secret=s&scope=a%20b");
        assert_eq!(authorization(&connection).unwrap().1, "Bearer t");
    }
}
