//! The little of HTTP that pulling an image takes: GET, redirects, and two ways to say who one is.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, AUTHORIZATION, LOCATION, USER_AGENT, WWW_AUTHENTICATE};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

use super::registry::Credentials;

/// How long a registry may take to answer, or to go on with an answer.
const SILENCE_MAX: Duration = Duration::from_secs(60);
const REDIRECTS_MAX: usize = 5;
/// How long a connection may take: a host that is not there does not say so.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(20);
/// The largest answer of a token service, and what is shown of an error page.
const TOKEN_BYTES_MAX: u64 = 1024 * 1024;
const REASON_CHARACTERS_MAX: usize = 300;

/// Why something was not fetched.
#[derive(Debug)]
pub(super) enum Failure {
    /// 404.
    NotFound,
    /// 401, with what the registry wants.
    Challenge(String),
    /// The registry's token does not allow it.
    Denied(String),
    /// The registry, or who makes its tokens, does not know who we are, or does not want us; or its answer makes no sense.
    Refused(String),
    /// No connection, a broken one, or a registry that cannot do its work now: trying again may help.
    Transient(String),
    /// It was fetched, and is not what it should be.
    Unusable(String),
}

/// What to fetch.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) url: String,
    pub(super) accept: Option<&'static str>,
    pub(super) authorization: Option<String>,
}

/// Fetches.
pub(super) struct Fetcher {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    credentials: Option<Credentials>,
}

impl Fetcher {
    /// Makes one that may show `credentials` where a registry asks for them.
    pub(super) fn new(credentials: Option<Credentials>) -> Result<Self, Failure> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let connector = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider.clone());
        // A machine without certificates can still pull from itself.
        let connector = connector.or_else(|_| {
            let config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| Failure::Refused(error.to_string()))?
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
            Ok(HttpsConnectorBuilder::new().with_tls_config(config))
        })?;
        let mut plain = HttpConnector::new();
        plain.enforce_http(false);
        plain.set_connect_timeout(Some(CONNECT_TIME_MAX));
        let connector = connector.https_or_http().enable_http1().wrap_connector(plain);
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), credentials })
    }

    /// Fetches, following redirects.
    pub(super) async fn get(&self, target: Target) -> Result<Body, Failure> {
        let mut target = target;
        for _ in 0..REDIRECTS_MAX {
            let response = self.send(&target).await?;
            if !response.status().is_redirection() {
                return answer(response, &target).await;
            }
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            let url = location.and_then(|location| resolve(&target.url, location));
            let url = url.ok_or_else(|| Failure::Refused("a redirect to nowhere".to_owned()))?;
            if origin(&url) != origin(&target.url) {
                target.authorization = None; // It is for the registry, not for wherever it keeps its blobs.
            }
            if target.url.starts_with("https:") && !url.starts_with("https:") {
                return Err(Failure::Refused(format!("a redirect from HTTPS to {url}")));
            }
            target.url = url;
        }
        Err(Failure::Refused("too many redirects".to_owned()))
    }

    async fn send(&self, target: &Target) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::get(&target.url).header(USER_AGENT, "runwright");
        if let Some(accept) = target.accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(authorization) = &target.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Empty::new()).map_err(|error| Failure::Refused(error.to_string()))?;
        let failed = |reason: String| {
            Failure::Transient(format!("failed to do request: Get {:?}: {reason}", target.url))
        };
        match tokio::time::timeout(SILENCE_MAX, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(failed(in_gos_words(&error, &target.url))),
            Err(_) => Err(failed("net/http: timeout awaiting response headers".to_owned())),
        }
    }

    /// Turns the registry's challenge into the value of an `Authorization` header.
    pub(super) async fn authorize(&self, challenge: &str, scope: &str) -> Result<String, Failure> {
        let basic = self.credentials.as_ref().map(|credentials| {
            let pair = format!("{}:{}", credentials.username, credentials.password);
            format!("Basic {}", STANDARD.encode(pair))
        });
        let (scheme, rest) = challenge.split_once(' ').unwrap_or((challenge, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return basic.ok_or_else(|| Failure::Refused("no basic auth credentials".to_owned()));
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Failure::Refused(format!("unknown authentication scheme {scheme}")));
        }
        let parameters = parameters(rest);
        let find =
            |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let realm =
            find("realm").ok_or_else(|| Failure::Refused("a challenge without a realm".to_owned()))?;
        let separator = if realm.contains('?') { '&' } else { '?' };
        let mut url = format!("{realm}{separator}scope={}", encode(scope));
        if let Some(service) = find("service") {
            url.push_str(&format!("&service={}", encode(service)));
        }
        let kind = if basic.is_some() { "oauth" } else { "anonymous" };
        let refused = |reason: &str| format!("failed to authorize: failed to fetch {kind} token: {reason}");
        let status =
            |status: &str| refused(&format!("unexpected status from GET request to {url}: {status}"));
        let target = Target { url: url.clone(), accept: None, authorization: basic };
        let body = self.get(target).await.map_err(|failure| match failure {
            Failure::Challenge(_) => Failure::Refused(status("401 Unauthorized")),
            Failure::NotFound => Failure::Refused(status("404 Not Found")),
            Failure::Refused(reason) | Failure::Denied(reason) => Failure::Refused(refused(&reason)),
            Failure::Transient(reason) => Failure::Transient(refused(&reason)),
            unusable @ Failure::Unusable(_) => unusable,
        })?;
        let bytes = body.collect(TOKEN_BYTES_MAX).await?;
        let token: Token =
            serde_json::from_slice(&bytes).map_err(|error| Failure::Refused(refused(&error.to_string())))?;
        let token = token.token.or(token.access_token);
        let token = token.ok_or_else(|| {
            Failure::Refused(refused("authorization server did not include a token in the response"))
        })?;
        Ok(format!("Bearer {token}"))
    }
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// An answer's body.
pub(super) struct Body(Incoming);

impl Body {
    /// The next piece.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            match tokio::time::timeout(SILENCE_MAX, self.0.frame()).await {
                Err(_) => return Err(Failure::Transient("failed to copy: i/o timeout".to_owned())),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => {
                    return Err(Failure::Transient(format!("failed to copy: {}", causes(&error))));
                }
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// All of it.
    pub(super) async fn collect(mut self, bytes_max: u64) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > bytes_max {
                return Err(Failure::Unusable(format!("a document is larger than {bytes_max} bytes")));
            }
        }
        Ok(bytes)
    }
}

async fn answer(response: Response<Incoming>, target: &Target) -> Result<Body, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(Body(response.into_body()));
    }
    let challenge = response.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    let challenge = challenge.map(str::to_owned);
    let unexpected = || format!("unexpected status from GET request to {}: {status}", target.url);
    match (status, challenge) {
        (StatusCode::NOT_FOUND, _) => Err(Failure::NotFound),
        (StatusCode::UNAUTHORIZED, Some(challenge)) if target.authorization.is_none() => {
            Err(Failure::Challenge(challenge))
        }
        // The registry says what is missing, as Docker Hub does for a repository that is private or not there.
        (StatusCode::UNAUTHORIZED, Some(challenge)) => Err(match server_message(&challenge) {
            Some(message) => Failure::Denied(format!("server message: {message}: authorization failed")),
            None => Failure::Refused(unexpected()),
        }),
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT, _) => {
            Err(Failure::Transient(reason(unexpected(), response).await))
        }
        _ if status.is_server_error() => Err(Failure::Transient(unexpected())),
        _ => Err(Failure::Refused(reason(unexpected(), response).await)),
    }
}

/// What a challenge says is wrong with the token that was shown.
fn server_message(challenge: &str) -> Option<String> {
    let (_, rest) = challenge.split_once(' ')?;
    parameters(rest).into_iter().find(|(name, _)| name == "error").map(|(_, value)| value)
}

/// What the registry says to it: the beginning of its answer.
async fn reason(unexpected: String, response: Response<Incoming>) -> String {
    let bytes = Body(response.into_body()).collect(TOKEN_BYTES_MAX).await.unwrap_or_default();
    let text: String = String::from_utf8_lossy(&bytes).chars().take(REASON_CHARACTERS_MAX).collect();
    match text.trim() {
        "" => unexpected,
        text => format!("{unexpected}: {text}"),
    }
}

/// Why no answer came, as ECS's agent, which is written in Go, says it.
fn in_gos_words(error: &(dyn std::error::Error + 'static), url: &str) -> String {
    let host =
        url.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string)).unwrap_or_default();
    let text = causes(error);
    let kind = io_error(error).map(std::io::Error::kind);
    if text.contains("dns error") || text.contains("failed to lookup address") {
        let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
        return format!("dial tcp: lookup {name}: no such host");
    }
    match kind {
        Some(std::io::ErrorKind::ConnectionRefused) => {
            format!("dial tcp {host}: connect: connection refused")
        }
        Some(std::io::ErrorKind::TimedOut) => format!("dial tcp {host}: i/o timeout"),
        Some(std::io::ErrorKind::ConnectionReset) => {
            format!("read tcp {host}: read: connection reset by peer")
        }
        _ if text.contains("connection closed before message completed") => "EOF".to_owned(),
        _ => text,
    }
}

fn io_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a std::io::Error> {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if let Some(found) = inner.downcast_ref::<std::io::Error>() {
            return Some(found);
        }
        cause = inner.source();
    }
    None
}

/// `key="value", key=value`.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([',', ' ']).to_ascii_lowercase();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.push((name, value.trim().to_owned()));
        rest = after;
    }
    found
}

/// Percent-encodes a query parameter.
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn resolve(base: &str, location: &str) -> Option<String> {
    if location.starts_with("http://") || location.starts_with("https://") {
        return Some(location.to_owned());
    }
    let path = location.strip_prefix('/')?;
    origin(base).map(|origin| format!("{origin}/{path}"))
}

/// Scheme, host and port.
fn origin(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

/// An error with its causes: the outermost one alone says "client error".
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_challenges() {
        let text =
            r#"realm="https://auth/token?x=1",service="reg, one", scope="repository:a:pull",error=invalid"#;
        let expected = [
            ("realm", "https://auth/token?x=1"),
            ("service", "reg, one"),
            ("scope", "repository:a:pull"),
            ("error", "invalid"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parameters(text), expected);
        assert!(parameters("").is_empty());
    }

    #[test]
    fn resolves_redirects() {
        assert_eq!(resolve("http://a:1/v2/x", "/y?z").as_deref(), Some("http://a:1/y?z"));
        assert_eq!(resolve("http://a:1/v2/x", "https://b/c").as_deref(), Some("https://b/c"));
        assert_eq!(resolve("http://a:1/v2/x", "y"), None);
    }
}
