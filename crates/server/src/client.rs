//! A client of a running server: AWS's JSON protocol, signed with the root key of its data directory.
//!
//! For commands that look at what a server does. Those that need no server go through the door in their own process.

use anyhow::{Context as _, anyhow, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::config::Config;
use crate::credentials::{self, Access};

/// Calls operations of the server that used the data directory last.
pub struct Client {
    access: Access,
    endpoint: Uri,
}

impl Client {
    /// A client of the server of `config`'s data directory.
    ///
    /// # Errors
    /// Where no server was started on the directory yet.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let access = credentials::read(&config.data_dir)?;
        let endpoint: Uri =
            access.endpoint_url.parse().context("the server's address cannot be understood")?;
        Ok(Self { access, endpoint })
    }

    /// The same client for another region.
    #[must_use]
    pub fn in_region(mut self, region: Option<String>) -> Self {
        if let Some(region) = region {
            self.access.region = region;
        }
        self
    }

    /// The region that is called.
    pub fn region(&self) -> &str {
        &self.access.region
    }

    /// Calls an operation of a service that speaks AWS's JSON 1.0; `target` is its prefix in `X-Amz-Target`.
    ///
    /// # Errors
    /// Where the server is not there, and whatever the operation answers.
    pub async fn call(
        &self,
        service: &str,
        target: &str,
        operation: &str,
        input: &Value,
    ) -> anyhow::Result<Value> {
        let request = self.request(service, &format!("{target}.{operation}"), input)?;
        let address = self.endpoint.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let stream = TcpStream::connect(address).await.with_context(|| {
            format!("no server answers at {}: is `runwright serve` running?", self.endpoint)
        })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let answer: Value = serde_json::from_slice(&body).context("the server's answer is not JSON")?;
        if status.is_success() { Ok(answer) } else { Err(refused(&answer)) }
    }

    fn request(&self, service: &str, target: &str, input: &Value) -> anyhow::Result<Request<Full<Bytes>>> {
        let Some(authority) = self.endpoint.authority() else { bail!("{} names no host", self.endpoint) };
        let body = input.to_string();
        let request = Request::post("/")
            .header(HOST, authority.as_str())
            .header(CONTENT_TYPE, "application/x-amz-json-1.0")
            .header("x-amz-target", target)
            .body(())?;
        let (mut parts, ()) = request.into_parts();
        let key = (self.access.access_key_id.as_str(), self.access.secret_access_key.as_str());
        let now = clock::Clock::Wall.now();
        wire::sign(&mut parts, body.as_bytes(), key, (&self.access.region, service), now)
            .map_err(|refusal| anyhow!("the request cannot be signed: {refusal:?}"))?;
        Ok(Request::from_parts(parts, Full::new(Bytes::from(body))))
    }
}

/// An error as AWS's JSON protocol has it.
fn refused(answer: &Value) -> anyhow::Error {
    let code = answer["__type"].as_str().unwrap_or("UnknownError");
    let code = code.rsplit('#').next().unwrap_or(code);
    let message = answer["message"].as_str().or_else(|| answer["Message"].as_str()).unwrap_or_default();
    anyhow!("{code}: {message}")
}
