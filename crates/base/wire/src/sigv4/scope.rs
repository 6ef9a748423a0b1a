//! The credential scope: whose key, which day, region and service.

use std::borrow::Cow;

use hyper::http::request::Parts;

use super::Refusal;
use super::signed_request::{SignedRequest, parameter};

/// `AKID/20261120/us-east-1/states/aws4_request`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    credential: String,
    /// Where the slashes are.
    slashes: [usize; 4],
}

impl Scope {
    /// Takes a credential apart. Access key ids may hold slashes; the rest does not.
    pub fn parse(credential: &str) -> Option<Self> {
        let mut slashes = credential.rmatch_indices('/').map(|(at, _)| at);
        let (d, c, b, a) = (slashes.next()?, slashes.next()?, slashes.next()?, slashes.next()?);
        Some(Self { credential: credential.to_owned(), slashes: [a, b, c, d] })
    }

    /// All of it.
    pub fn credential(&self) -> &str {
        &self.credential
    }

    /// The access key id.
    pub fn access_key_id(&self) -> &str {
        self.credential.get(..self.slashes[0]).unwrap_or_default()
    }

    /// What the string to sign carries: everything behind the access key id.
    pub fn text(&self) -> &str {
        self.credential.get(self.slashes[0] + 1..).unwrap_or_default()
    }

    /// The day, `YYYYMMDD`.
    pub fn date(&self) -> &str {
        self.between(self.slashes[0], self.slashes[1])
    }

    /// The region.
    pub fn region(&self) -> &str {
        self.between(self.slashes[1], self.slashes[2])
    }

    /// The service.
    pub fn service(&self) -> &str {
        self.between(self.slashes[2], self.slashes[3])
    }

    /// `aws4_request`, if all is well.
    pub fn terminator(&self) -> &str {
        self.credential.get(self.slashes[3] + 1..).unwrap_or_default()
    }

    fn between(&self, start: usize, end: usize) -> &str {
        self.credential.get(start + 1..end).unwrap_or_default()
    }
}

/// The service that a request claims to be signed for, before anything is verified. `signed` is its signature as it was
/// found.
pub fn scope_service<'a>(
    parts: &Parts,
    signed: &'a Result<SignedRequest<'_>, Refusal>,
) -> Option<Cow<'a, str>> {
    let service =
        |credential: &str| Scope::parse(credential).map(|scope| Cow::Owned(scope.service().to_owned()));
    match signed {
        Ok(signed) => Some(Cow::Borrowed(signed.scope.service())),
        // A signature that lacks other parts still says which service refuses it.
        Err(_) => match parts.headers.get("authorization").and_then(|value| value.to_str().ok()) {
            Some(header) => {
                let credential = header.split("Credential=").nth(1)?.split([',', ' ']).next()?;
                service(credential)
            }
            None => service(&parameter(parts, "X-Amz-Credential")?),
        },
    }
}
