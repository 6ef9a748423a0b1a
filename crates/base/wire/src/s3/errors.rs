//! S3's own words for what is wrong with a request before its operation sees it.
//!
//! Source: S3 API Reference, "Error responses"; texts as the service answers them.

use api::AwsError;

use super::chunked::FramingError;

/// A value that a header or parameter may not have.
pub fn invalid_argument(text: &str, name: &str, value: &str) -> AwsError {
    AwsError::new("InvalidArgument", text)
        .with_member("ArgumentName", name)
        .with_member("ArgumentValue", value)
}

/// What S3 has and Runwright has not.
pub fn not_implemented(header: &str) -> AwsError {
    AwsError::new("NotImplemented", "A header you provided implies functionality that is not implemented")
        .with_status(501)
        .with_member("Header", header)
}

/// A request that S3 cannot make sense of.
pub fn invalid_request(text: impl Into<String>) -> AwsError {
    AwsError::new("InvalidRequest", text)
}

/// No proof of who is asking, or a proof that is not good any more.
pub fn access_denied(text: &str) -> AwsError {
    AwsError::new("AccessDenied", text).with_status(403)
}

/// A signature that is not the one wanted. What follows it in the answer differs by the kind of signature.
pub fn signature_does_not_match() -> AwsError {
    let text = "The request signature we calculated does not match the signature you provided. Check your key and \
                signing method.";
    AwsError::new("SignatureDoesNotMatch", text).with_status(403)
}

/// A body that ended early, or is longer than was said.
pub fn incomplete_body() -> AwsError {
    let text = "You did not provide the number of bytes specified by the Content-Length HTTP header";
    AwsError::new("IncompleteBody", text)
}

/// A body without a length.
pub fn missing_content_length() -> AwsError {
    AwsError::new("MissingContentLength", "You must provide the Content-Length HTTP header.").with_status(411)
}

/// More bytes than an operation takes.
pub fn entity_too_large(proposed: u64, max: u64) -> AwsError {
    AwsError::new("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        .with_member("ProposedSize", proposed.to_string())
        .with_member("MaxSizeAllowed", max.to_string())
}

/// A document longer than any operation takes.
pub fn message_too_long() -> AwsError {
    AwsError::new("MaxMessageLengthExceeded", "Your request was too big.")
}

/// A client that has stopped sending.
pub fn request_timeout() -> AwsError {
    let text = "Your socket connection to the server was not read from or written to within the timeout period. Idle \
                connections will be closed.";
    AwsError::new("RequestTimeout", text)
}

/// An error of ours.
pub fn internal(cause: &dyn std::fmt::Display) -> AwsError {
    let error = AwsError::internal("InternalError", cause);
    AwsError { message: "We encountered an internal error. Please try again.".to_owned(), ..error }
}

/// Chunks that are not framed as they should be.
pub fn framing(error: FramingError) -> AwsError {
    match error {
        FramingError::Malformed | FramingError::Incomplete | FramingError::TooLong => incomplete_body(),
        FramingError::ChunkTooShort { number, size } => AwsError::new(
            "InvalidChunkSizeError",
            "Only the last chunk is allowed to have a size less than 8192 bytes",
        )
        .with_status(403)
        .with_member("Chunk", (number + 1).to_string())
        .with_member("BadChunkSize", size.to_string()),
        FramingError::MalformedTrailer => malformed_trailer(),
        FramingError::WrongSignature => signature_does_not_match(),
    }
}

/// Trailers other than those announced.
pub fn malformed_trailer() -> AwsError {
    AwsError::new(
        "MalformedTrailerError",
        "The request contained trailing data that was not well-formed or did not conform to our published schema.",
    )
}
