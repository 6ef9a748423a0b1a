//! What an EventBridge connection adds to the requests of those who use it. Pure.
//!
//! Source: EventBridge User Guide, "Connections for HTTP endpoint targets".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::Outgoing;
use crate::form::{self, ArrayFormat};

/// What a connection gives to those who use it.
pub struct Connection {
    /// `BASIC`, `API_KEY` or `OAUTH_CLIENT_CREDENTIALS`.
    pub authorization_type: String,
    /// `AuthParameters`, with their secrets.
    pub parameters: Value,
    /// The token of an OAuth connection.
    pub token: Option<String>,
}

/// Names and values.
pub type Headers = Vec<(String, String)>;

/// The request for the token of an OAuth connection.
///
/// # Errors
/// Where the connection lacks what it takes.
pub fn token_request(connection: &Connection) -> Result<Outgoing, String> {
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
    let mut url = with_query(&endpoint, &query(&pairs(added, "QueryStringParameters")));
    let (method, mut body) = (method.to_uppercase(), String::new());
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
pub fn authorization(connection: &Connection) -> Option<(String, String)> {
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
pub fn pairs(parameters: &Value, field: &str) -> Vec<(String, String)> {
    let listed = parameters.get(field).and_then(Value::as_array).into_iter().flatten();
    let text = |pair: &Value, name: &str| pair.get(name).and_then(Value::as_str).map(str::to_owned);
    listed.filter_map(|pair| Some((text(pair, "Key")?, text(pair, "Value").unwrap_or_default()))).collect()
}

/// Names and values as a query.
pub fn query(parameters: &[(String, String)]) -> String {
    let fields: Map<String, Value> =
        parameters.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    form::encode(&Value::Object(fields), ArrayFormat::Repeat)
}

/// Sets a header, in place of those of that name.
pub fn set(headers: &mut Headers, name: &str, value: String) {
    headers.retain(|(present, _)| !present.eq_ignore_ascii_case(name));
    headers.push((name.to_owned(), value));
}

/// A URL with a query behind the one it may have.
pub fn with_query(url: &str, query: &str) -> String {
    if query.is_empty() {
        return url.to_owned();
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{query}")
}

/// A text without its quotes; anything else as JSON.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_asked_for_with_the_clients_secret() {
        let oauth = json!({
            "AuthorizationEndpoint": "https://h/token", "HttpMethod": "post",
            "ClientParameters": {"ClientID": "i", "ClientSecret": "s"},
            "OAuthHttpParameters": {"BodyParameters": [{"Key": "scope", "Value": "a b"}]},
        });
        let connection = Connection {
            authorization_type: "OAUTH_CLIENT_CREDENTIALS".to_owned(),
            parameters: json!({"OAuthParameters": oauth}),
            token: Some("t".to_owned()),
        };
        let outgoing = token_request(&connection).unwrap();
        assert_eq!(outgoing.method, "POST");
        let body = String::from_utf8(outgoing.body).unwrap();
        assert_eq!(body, "grant_type=client_credentials&client_id=i&client_secret=s&scope=a%20b");
        assert_eq!(authorization(&connection).unwrap().1, "Bearer t");
    }
}
