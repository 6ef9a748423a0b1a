//! One HTTP exchange: a request is sent, its answer is read, and sixty seconds later at most that is over.
//!
//! What is in the request is `http_request`'s business. Redirects are answers like any other.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clock::Clock;
use futures_util::future::{Either, select};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};

use crate::limits::PAYLOAD_BYTES;

/// How long an exchange may take.
///
/// Source: Step Functions Developer Guide, "Call HTTPS APIs in Step Functions workflows".
const TIME: Duration = Duration::from_secs(60);

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outgoing {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) status: u16,
    /// `OK`, by the status.
    pub(super) status_text: &'static str,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The request cannot be written.
    Request(String),
    /// No connection, no time, or an answer that makes no sense.
    Socket(String),
    /// The answer is larger than a state may have.
    TooLarge,
}

/// Sends a request, and reads the answer.
pub(super) async fn exchange(clock: &Clock, outgoing: Outgoing) -> Result<Answered, Failure> {
    let request = request(outgoing)?;
    let answered = pin!(send(request));
    let clock = clock.machine();
    let late = pin!(clock.sleep_until(clock.now() + TIME));
    match select(answered, late).await {
        Either::Left((answered, _)) => answered,
        Either::Right(_) => Err(Failure::Socket("The HTTP request timed out after 60 seconds.".to_owned())),
    }
}

fn request(outgoing: Outgoing) -> Result<Request<Full<Bytes>>, Failure> {
    let mut request = Request::builder().method(outgoing.method.as_str()).uri(outgoing.url);
    for (name, value) in &outgoing.headers {
        request = request.header(name, value);
    }
    request.body(Full::from(outgoing.body)).map_err(|error| Failure::Request(error.to_string()))
}

async fn send(request: Request<Full<Bytes>>) -> Result<Answered, Failure> {
    let tls = tls().map_err(Failure::Socket)?;
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let response = client.request(request).await.map_err(|error| Failure::Socket(causes(&error)))?;
    read(response).await
}

async fn read(response: Response<Incoming>) -> Result<Answered, Failure> {
    let status = response.status();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let body = match Limited::new(response.into_body(), PAYLOAD_BYTES).collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(error) if error.is::<LengthLimitError>() => return Err(Failure::TooLarge),
        Err(error) => return Err(Failure::Socket(causes(&*error))),
    };
    let status_text = status.canonical_reason().unwrap_or_default();
    Ok(Answered { status: status.as_u16(), status_text, headers, body })
}

/// What TLS trusts: the machine's own certificates, read once. A machine without any can still reach itself.
fn tls() -> Result<ClientConfig, String> {
    static TRUSTED: OnceLock<Result<ClientConfig, String>> = OnceLock::new();
    let read = || {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| error.to_string())?;
        Ok(match builder.clone().with_native_roots() {
            Ok(builder) => builder.with_no_client_auth(),
            Err(error) => {
                tracing::warn!(%error, "the machine has no certificates to trust");
                builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
            }
        })
    };
    TRUSTED.get_or_init(read).clone()
}

/// An error with its causes: the outermost one alone says "client error".
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
