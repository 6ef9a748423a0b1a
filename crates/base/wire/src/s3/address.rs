//! Which bucket a request names by its host, and which requests are S3's though nobody signed them.
//!
//! Source: S3 User Guide, "Virtual hosting of general purpose buckets".

use hyper::header::HOST;
use hyper::http::request::Parts;

/// Domains below which `s3` stands, with a region or without.
const DOMAINS: [&str; 4] = ["amazonaws.com", "amazonaws.com.cn", "localhost.localstack.cloud", "localhost"];

/// The bucket in the host, `None` for a request in path style; the path then begins with the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The path as it would be in path style, still encoded.
    pub path: String,
    /// The bucket, where the host names it.
    pub bucket: Option<String>,
}

impl Address {
    /// Where a request goes.
    pub fn of(parts: &Parts) -> Self {
        let bucket = host(parts).and_then(|host| bucket(&host));
        let path = match &bucket {
            Some(bucket) => format!("/{bucket}{}", parts.uri.path()),
            None => parts.uri.path().to_owned(),
        };
        // `/bucket/` is the bucket, not an object without a name.
        let path = match path.strip_suffix('/') {
            Some(shorter) if shorter.rfind('/') == Some(0) && shorter.len() > 1 => shorter.to_owned(),
            _ => path,
        };
        Self { path, bucket }
    }
}

/// Whether the host is one of S3's, whatever the signature says.
pub fn is_s3_host(parts: &Parts) -> bool {
    host(parts).and_then(|host| endpoint(&host).map(|_| ())).is_some()
}

/// The host in lower case without its port.
fn host(parts: &Parts) -> Option<String> {
    let header = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = header.or_else(|| parts.uri.authority().map(|authority| authority.as_str()))?;
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()));
    Some(name.map_or(host, |(name, _)| name).to_ascii_lowercase())
}

/// The bucket that a host names: before S3's endpoint, or before `.localhost`.
fn bucket(host: &str) -> Option<String> {
    let bucket = endpoint(host).unwrap_or_else(|| host.strip_suffix(".localhost").unwrap_or_default());
    (!bucket.is_empty()).then(|| bucket.to_owned())
}

/// What precedes S3's endpoint in a host, without the dot; `None` where the host is not S3's.
fn endpoint(host: &str) -> Option<&str> {
    let rest = DOMAINS.iter().find_map(|domain| host.strip_suffix(domain)?.strip_suffix('.'))?;
    let is_s3 = |label: &str| label == "s3" || label.starts_with("s3-");
    // `s3`, then nothing, a region, or `dualstack` and a region.
    let mut end = rest.len();
    for _ in 0..3 {
        let start = rest.get(..end)?.rfind('.').map_or(0, |dot| dot + 1);
        if rest.get(start..end).is_some_and(is_s3) {
            return rest.get(..start.saturating_sub(1));
        }
        end = start.checked_sub(1)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn address(host: &str, path: &str) -> Address {
        let request = Request::get(path).header("host", host).body(()).unwrap();
        Address::of(&request.into_parts().0)
    }

    #[test]
    fn hosts_name_buckets() {
        for (host, bucket) in [
            ("127.0.0.1:4566", None),
            ("[::1]:4566", None),
            ("localhost:4566", None),
            ("sync-localhost", None),
            ("b.localhost:4566", Some("b")),
            ("a.b.localhost", Some("a.b")),
            ("s3.localhost", None),
            ("b.s3.localhost:4566", Some("b")),
            ("s3.amazonaws.com", None),
            ("B.s3.amazonaws.com", Some("b")),
            ("a.b.s3.amazonaws.com", Some("a.b")),
            ("s3.eu-west-1.amazonaws.com", None),
            ("s3-eu-west-1.amazonaws.com", None),
            ("b.s3.eu-west-1.amazonaws.com:443", Some("b")),
            ("b.s3.dualstack.eu-west-1.amazonaws.com", Some("b")),
            ("b.s3.localhost.localstack.cloud:4566", Some("b")),
            ("s3.us-east-1.localhost.localstack.cloud", None),
            ("states.us-east-1.amazonaws.com", None),
            ("runwright:4566", None),
            ("", None),
        ] {
            let found = address(host, "/x").bucket;
            assert_eq!(found.as_deref(), bucket, "{host}");
        }
    }

    #[test]
    fn paths_are_those_of_path_style() {
        for (host, path, wanted) in [
            ("127.0.0.1", "/", "/"),
            ("127.0.0.1", "/b", "/b"),
            ("127.0.0.1", "/b/", "/b"),
            ("127.0.0.1", "/b//", "/b//"),
            ("127.0.0.1", "/b/k/", "/b/k/"),
            ("127.0.0.1", "//", "//"),
            ("b.localhost", "/", "/b"),
            ("b.localhost", "/k%20/", "/b/k%20/"),
            ("b.localhost", "//k", "/b//k"),
        ] {
            assert_eq!(address(host, path).path, wanted, "{host} {path}");
        }
    }
}
