//! Requests that services send to the world outside: one is sent, its answer is read, and after a while that is over.
//!
//! What is in a request, and whether it is sent again, is its sender's business. Redirects are answers like any other.

pub mod connection;
pub mod form;

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clock::Clock;
use futures_util::future::{Either, select};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Such as `POST`.
    pub method: String,
    /// `http` or `https`.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// Empty for none.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// `200`.
    pub status: u16,
    /// `OK`, by the status.
    pub status_text: &'static str,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decoded from its transfer.
    pub body: Vec<u8>,
}

/// How much an exchange may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// From the first byte that is sent to the last one that is read.
    pub time: Duration,
    /// Bytes of the answer's body.
    pub answer_bytes: usize,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The request cannot be written.
    Request(String),
    /// No connection, or an answer that makes no sense.
    Socket(String),
    /// It took longer than it may.
    TimedOut,
    /// The answer is larger than it may be.
    TooLarge,
}

/// Sends requests, and keeps connections for those that follow. Cheap to clone. It belongs to the runtime it is used in.
#[derive(Clone, Debug)]
pub struct HttpClient {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl HttpClient {
    /// A client that trusts whom the machine trusts.
    ///
    /// # Errors
    /// Why TLS cannot be set up.
    pub fn new() -> Result<Self, String> {
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls()?).https_or_http().enable_http1().build();
        Ok(Self { pool: Pool::builder(TokioExecutor::new()).build(connector) })
    }

    /// Sends a request, and reads the answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn exchange(
        &self,
        clock: &Clock,
        outgoing: Outgoing,
        bounds: Bounds,
    ) -> Result<Answered, Failure> {
        let request = request(outgoing)?;
        let answered = pin!(self.send(request, bounds.answer_bytes));
        // The other side answers in the machine's time.
        let clock = clock.machine();
        let late = pin!(clock.sleep_until(clock.now() + bounds.time));
        match select(answered, late).await {
            Either::Left((answered, _)) => answered,
            Either::Right(_) => Err(Failure::TimedOut),
        }
    }

    async fn send(&self, request: Request<Full<Bytes>>, bytes_max: usize) -> Result<Answered, Failure> {
        let response = self.pool.request(request).await.map_err(|error| Failure::Socket(causes(&error)))?;
        read(response, bytes_max).await
    }
}

fn request(outgoing: Outgoing) -> Result<Request<Full<Bytes>>, Failure> {
    let mut request = Request::builder().method(outgoing.method.as_str()).uri(outgoing.url);
    for (name, value) in &outgoing.headers {
        request = request.header(name, value);
    }
    request.body(Full::from(outgoing.body)).map_err(|error| Failure::Request(error.to_string()))
}

async fn read(response: Response<Incoming>, bytes_max: usize) -> Result<Answered, Failure> {
    let status = response.status();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let body = match Limited::new(response.into_body(), bytes_max).collect().await {
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
