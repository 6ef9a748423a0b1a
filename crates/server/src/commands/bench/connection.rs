//! One HTTP/1.1 connection that is kept open: a request out, its answer in.
//!
//! Small on purpose: what the client takes of the machine the server does not have. It reads answers with a length and
//! answers in chunks; it speaks no TLS and follows no redirects.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::request::{Credentials, RequestWriter, Service};

/// Longer answers are taken for a mistake.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Headers of an answer; more are taken for a mistake.
const HEADERS_MAX: usize = 64;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whom to connect to, and as whom.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `HOST:PORT`.
    pub authority: String,
    /// Whose requests they are.
    pub credentials: Credentials,
}

impl Endpoint {
    /// The endpoint under a URL.
    ///
    /// # Errors
    /// Where it is not `http://HOST[:PORT]`.
    pub fn parse(url: &str, credentials: Credentials) -> anyhow::Result<Self> {
        let Some(rest) = url.strip_prefix("http://") else {
            bail!("{url}: the bench speaks http:// only; for others put a proxy that ends TLS before them")
        };
        let authority = rest.trim_end_matches('/');
        if authority.is_empty() || authority.contains('/') {
            bail!("{url} is no http://HOST:PORT");
        }
        let port = if authority.rsplit(']').next().is_some_and(|end| end.contains(':')) { "" } else { ":80" };
        Ok(Self { authority: format!("{authority}{port}"), credentials })
    }
}

/// What was answered.
#[derive(Debug)]
pub struct Answer<'a> {
    /// HTTP's status.
    pub status: u16,
    /// The body, out of its chunks.
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// The body, or AWS's error in it.
    ///
    /// # Errors
    /// Every status but 200.
    pub fn body(&self) -> anyhow::Result<&[u8]> {
        match self.status {
            200 => Ok(self.body),
            status => Err(anyhow!("{status}: {}", String::from_utf8_lossy(self.body).trim())),
        }
    }
}

/// A connection. One that has been closed is opened again by the next call.
pub struct Connection {
    authority: String,
    writer: RequestWriter,
    stream: Option<TcpStream>,
    sent: Vec<u8>,
    received: Vec<u8>,
}

impl Connection {
    /// A connection to a service of `endpoint`, which the first call opens.
    pub fn new(endpoint: &Endpoint, service: Service) -> Self {
        let writer = RequestWriter::new(service, &endpoint.authority, &endpoint.credentials);
        Self {
            authority: endpoint.authority.clone(),
            writer,
            stream: None,
            sent: Vec::new(),
            received: Vec::new(),
        }
    }

    /// Calls an operation.
    ///
    /// # Errors
    /// Where no answer came; what AWS calls an error is an answer.
    pub async fn call(&mut self, operation: &str, body: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.writer.write(operation, body, &mut self.sent);
        // An idle connection may have been closed by the other side: where nothing was answered, a new one is tried.
        let was_open = self.stream.is_some();
        let outcome = match self.exchange().await {
            Ok(None) if was_open => {
                self.stream = None;
                self.exchange().await
            }
            outcome => outcome,
        };
        let head = match outcome {
            Ok(Some(head)) => head,
            Ok(None) => {
                self.stream = None;
                bail!("{} closed the connection without an answer", self.authority)
            }
            Err(error) => {
                self.stream = None;
                return Err(error);
            }
        };
        if head.closes {
            self.stream = None;
        }
        let body = self.received.get(head.body_from..head.body_to).unwrap_or_default();
        Ok(Answer { status: head.status, body })
    }

    /// Sends what is to be sent and receives its answer; `None` where the connection ended before its first byte.
    async fn exchange(&mut self) -> anyhow::Result<Option<Head>> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            closed => closed.insert(open(&self.authority).await?),
        };
        if stream.write_all(&self.sent).await.is_err() {
            return Ok(None);
        }
        self.received.clear();
        tokio::time::timeout(PATIENCE, receive(stream, &mut self.received))
            .await
            .with_context(|| format!("no answer within {} s", PATIENCE.as_secs()))?
    }
}

async fn open(authority: &str) -> anyhow::Result<TcpStream> {
    let stream =
        TcpStream::connect(authority).await.with_context(|| format!("nobody listens on {authority}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn receive(stream: &mut TcpStream, received: &mut Vec<u8>) -> anyhow::Result<Option<Head>> {
    received.reserve(4096);
    loop {
        match stream.read_buf(received).await {
            Ok(0) | Err(_) if received.is_empty() => return Ok(None),
            Ok(0) => bail!("the connection ended within an answer"),
            Ok(_) => {}
            Err(error) => return Err(error).context("the connection failed within an answer"),
        }
        if let Some(head) = complete(received)? {
            return Ok(Some(head));
        }
        if received.len() > ANSWER_BYTES_MAX {
            bail!("an answer of more than {ANSWER_BYTES_MAX} bytes");
        }
    }
}

/// Where the parts of a whole answer are.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    body_from: usize,
    body_to: usize,
    /// Whether the other side closes the connection after it.
    closes: bool,
}

/// The answer, once all of it was received. Chunks are joined in place.
fn complete(received: &mut [u8]) -> anyhow::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(body_from) = response.parse(received)? else { return Ok(None) };
    let value = |name: &str| {
        let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let status = response.code.unwrap_or_default();
    let closes = value("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let chunked = value("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    let length: Option<usize> = value("content-length").map(str::parse).transpose()?;
    let length = match length {
        _ if chunked => received.get_mut(body_from..).map(join_chunks).transpose()?.flatten(),
        Some(length) => (received.len() >= body_from + length).then_some(length),
        None => bail!("an answer with neither a length nor chunks"),
    };
    Ok(length.map(|length| Head { status, body_from, body_to: body_from + length, closes }))
}

/// Moves what is in chunks to the front; the length of it, or `None` where the last chunk is not there yet.
fn join_chunks(body: &mut [u8]) -> anyhow::Result<Option<usize>> {
    let mut chunks = Vec::new();
    let mut at = 0;
    loop {
        let rest = body.get(at..).unwrap_or_default();
        let size = httparse::parse_chunk_size(rest).map_err(|_| anyhow!("a chunk without a size"))?;
        let httparse::Status::Complete((digits, size)) = size else { return Ok(None) };
        let (from, size) = (at + digits, usize::try_from(size)?);
        at = from.saturating_add(size).saturating_add(2);
        if body.len() < at {
            return Ok(None);
        }
        if size == 0 {
            break;
        }
        chunks.push(from..from + size);
    }
    let mut length = 0;
    for chunk in chunks {
        let size = chunk.len();
        body.copy_within(chunk, length);
        length += size;
    }
    Ok(Some(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status and body of an answer that came byte for byte.
    fn read(text: &str) -> (u16, String, bool) {
        for length in 1..text.len() {
            assert_eq!(complete(&mut text.as_bytes()[..length].to_vec()).unwrap(), None, "{length}");
        }
        let mut bytes = text.as_bytes().to_vec();
        let head = complete(&mut bytes).unwrap().unwrap();
        let body = String::from_utf8(bytes[head.body_from..head.body_to].to_vec()).unwrap();
        (head.status, body, head.closes)
    }

    #[test]
    fn answers_have_a_length_or_chunks() {
        let plain = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(read(plain), (200, "hello".to_owned(), false));
        let chunked = "HTTP/1.1 400 Bad Request\r\ntransfer-encoding: chunked\r\nConnection: close\r\n\r\n\
                       3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
        assert_eq!(read(chunked), (400, "hello".to_owned(), true));
        assert!(complete(&mut b"HTTP/1.1 200 OK\r\n\r\n".to_vec()).is_err());
        assert!(
            complete(&mut b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n".to_vec()).is_err()
        );
    }

    #[test]
    fn endpoints() {
        let credentials = Credentials {
            access_key_id: String::new(),
            secret_access_key: String::new(),
            region: String::new(),
        };
        let parse =
            |url| Endpoint::parse(url, credentials.clone()).map(|endpoint| endpoint.authority).map_err(drop);
        assert_eq!(parse("http://localhost:4566/"), Ok("localhost:4566".to_owned()));
        assert_eq!(parse("http://[::1]"), Ok("[::1]:80".to_owned()));
        assert_eq!(parse("https://states.us-east-1.amazonaws.com"), Err(()));
        assert_eq!(parse("http://host/path"), Err(()));
    }
}
