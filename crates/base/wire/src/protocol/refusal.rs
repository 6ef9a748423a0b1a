//! What a caller is told whose signature is refused. Protocols differ in code and status, not in words.

use api::AwsError;

use crate::sigv4::Refusal;

const UNKNOWN_KEY: &str = "The security token included in the request is invalid.";
const EXPIRED_TOKEN: &str = "The security token included in the request is expired";

/// For the JSON protocols: always HTTP status 400.
pub fn json(refusal: &Refusal) -> AwsError {
    match refusal {
        Refusal::Missing => {
            AwsError::new("MissingAuthenticationTokenException", "Missing Authentication Token")
        }
        Refusal::Incomplete { text, .. } => AwsError::new("IncompleteSignatureException", text),
        Refusal::UnknownKey => AwsError::new("UnrecognizedClientException", UNKNOWN_KEY),
        Refusal::Invalid(text) => AwsError::new("InvalidSignatureException", text),
        Refusal::ExpiredToken => AwsError::new("ExpiredTokenException", EXPIRED_TOKEN),
    }
}

/// For the query protocol.
pub fn query(refusal: &Refusal) -> AwsError {
    match refusal {
        Refusal::Missing => {
            AwsError::new("MissingAuthenticationToken", "Request is missing Authentication Token")
                .with_status(403)
        }
        Refusal::Incomplete { text, .. } => AwsError::new("IncompleteSignature", text),
        Refusal::UnknownKey => AwsError::new("InvalidClientTokenId", UNKNOWN_KEY).with_status(403),
        Refusal::Invalid(text) => AwsError::new("SignatureDoesNotMatch", text).with_status(403),
        Refusal::ExpiredToken => AwsError::new("ExpiredToken", EXPIRED_TOKEN).with_status(403),
    }
}

/// For EC2.
pub fn ec2(refusal: &Refusal) -> AwsError {
    match refusal {
        Refusal::UnknownKey | Refusal::Invalid(_) => {
            AwsError::new("AuthFailure", "AWS was not able to validate the provided access credentials")
                .with_status(401)
        }
        Refusal::ExpiredToken => AwsError::new("RequestExpired", "Request has expired."),
        Refusal::Missing | Refusal::Incomplete { .. } => query(refusal),
    }
}
