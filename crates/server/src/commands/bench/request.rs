//! Requests of AWS's JSON protocol, written and signed into a buffer that is used again and again.
//!
//! The signature is the one that [`wire::sign`] makes, with fewer allocations: a client that shares a machine with the
//! server that it measures must cost little. Each request is signed for itself, as an SDK does it.

use clock::Clock;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use types::Timestamp;

const SIGNED_HEADERS: &str = "content-type;host;x-amz-date;x-amz-target";

/// A service, as requests name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// In the scope of signatures.
    signing_name: &'static str,
    /// What stands before an operation's name in `X-Amz-Target`.
    target: &'static str,
    content_type: &'static str,
}

/// Step Functions.
pub const STATES: Service = Service {
    signing_name: "states",
    target: "AWSStepFunctions.",
    content_type: "application/x-amz-json-1.0",
};

/// EventBridge.
pub const EVENTS: Service =
    Service { signing_name: "events", target: "AWSEvents.", content_type: "application/x-amz-json-1.1" };

/// SQS.
pub const SQS: Service =
    Service { signing_name: "sqs", target: "AmazonSQS.", content_type: "application/x-amz-json-1.0" };

/// Who calls, and from where.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The access key's id.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// The region that is signed for.
    pub region: String,
}

/// Writes requests to one service of one host.
#[derive(Clone)]
pub struct RequestWriter {
    service: Service,
    host: String,
    credentials: Credentials,
    /// What holds for all requests of one second.
    dated: Dated,
}

#[derive(Clone)]
struct Dated {
    second: i64,
    /// `20261120T235207Z`.
    time: String,
    /// `20261120/us-east-1/states/aws4_request`.
    scope: String,
    key: Hmac<Sha256>,
}

impl RequestWriter {
    /// A writer of requests to `host`, which is what stands in their `Host`.
    pub fn new(service: Service, host: &str, credentials: &Credentials) -> Self {
        let dated = Dated::at(Clock::Wall.now(), service, credentials);
        Self { service, host: host.to_owned(), credentials: credentials.clone(), dated }
    }

    /// Replaces what is in `out` by a request of an operation, signed for now.
    pub fn write(&mut self, operation: &str, body: &[u8], out: &mut Vec<u8>) {
        self.write_at(operation, body, Clock::Wall.now(), out);
    }

    fn write_at(&mut self, operation: &str, body: &[u8], now: Timestamp, out: &mut Vec<u8>) {
        if now.as_millis().div_euclid(1000) != self.dated.second {
            self.dated = Dated::at(now, self.service, &self.credentials);
        }
        let signature = self.signature(operation, body);
        out.clear();
        let mut length = [0; 20];
        for part in [
            "POST / HTTP/1.1\r\nhost: ",
            &self.host,
            "\r\ncontent-type: ",
            self.service.content_type,
            "\r\nx-amz-target: ",
            self.service.target,
            operation,
            "\r\nx-amz-date: ",
            &self.dated.time,
            "\r\nauthorization: AWS4-HMAC-SHA256 Credential=",
            &self.credentials.access_key_id,
            "/",
            &self.dated.scope,
            ", SignedHeaders=",
            SIGNED_HEADERS,
            ", Signature=",
        ] {
            out.extend_from_slice(part.as_bytes());
        }
        out.extend_from_slice(&signature);
        out.extend_from_slice(b"\r\ncontent-length: ");
        out.extend_from_slice(decimal(body.len(), &mut length));
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(body);
    }

    fn signature(&self, operation: &str, body: &[u8]) -> [u8; 64] {
        let mut canonical = Sha256::new();
        for part in [
            "POST\n/\n\ncontent-type:",
            self.service.content_type,
            "\nhost:",
            &self.host,
            "\nx-amz-date:",
            &self.dated.time,
            "\nx-amz-target:",
            self.service.target,
            operation,
            "\n\n",
            SIGNED_HEADERS,
            "\n",
        ] {
            canonical.update(part.as_bytes());
        }
        canonical.update(hex(&Sha256::digest(body).into()));
        let mut mac = self.dated.key.clone();
        for part in ["AWS4-HMAC-SHA256\n", &self.dated.time, "\n", &self.dated.scope, "\n"] {
            mac.update(part.as_bytes());
        }
        mac.update(&hex(&canonical.finalize().into()));
        hex(&mac.finalize().into_bytes().into())
    }
}

impl Dated {
    fn at(now: Timestamp, service: Service, credentials: &Credentials) -> Self {
        let time = now.format("%Y%m%dT%H%M%SZ");
        let day = now.format("%Y%m%d");
        let mut key = keyed(format!("AWS4{}", credentials.secret_access_key).as_bytes());
        for part in [day.as_str(), &credentials.region, service.signing_name, "aws4_request"] {
            key.update(part.as_bytes());
            key = keyed(&key.finalize().into_bytes());
        }
        let scope = format!("{day}/{}/{}/aws4_request", credentials.region, service.signing_name);
        Self { second: now.as_millis().div_euclid(1000), time, scope, key }
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length; the type cannot say so")]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn hex(digest: &[u8; 32]) -> [u8; 64] {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(digest) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    text
}

/// The digits of `number`, written to the end of `digits`.
fn decimal(mut number: usize, digits: &mut [u8; 20]) -> &[u8] {
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        (number, used) = (number / 10, used + 1);
        if number == 0 {
            break;
        }
    }
    digits.get(20 - used..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_every_other_client() {
        let credentials = Credentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            region: "eu-central-1".to_owned(),
        };
        let now = Timestamp::from_millis(1_795_000_000_123);
        let body = br#"{"stateMachineArn": "m"}"#;
        let mut out = Vec::new();
        RequestWriter::new(STATES, "localhost:4566", &credentials).write_at(
            "StartExecution",
            body,
            now,
            &mut out,
        );

        let request = hyper::Request::post("/")
            .header("host", "localhost:4566")
            .header("content-type", STATES.content_type)
            .header("x-amz-target", "AWSStepFunctions.StartExecution");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let key = (credentials.access_key_id.as_str(), credentials.secret_access_key.as_str());
        wire::sign(&mut parts, body, key, (&credentials.region, "states"), now).unwrap();
        let expected = parts.headers["authorization"].to_str().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(&format!("\r\nauthorization: {expected}\r\n")), "{text}\n{expected}");
        assert!(text.ends_with("\r\ncontent-length: 24\r\n\r\n{\"stateMachineArn\": \"m\"}"), "{text}");
    }

    #[test]
    fn decimals() {
        let digits = |number| String::from_utf8(decimal(number, &mut [0; 20]).to_vec()).unwrap();
        assert_eq!(digits(0), "0");
        assert_eq!(digits(1_234_567), "1234567");
        assert_eq!(digits(usize::MAX), usize::MAX.to_string());
    }
}
