//! What CloudWatch Logs answers when it cannot serve a request.

use api::AwsError;

use crate::filter_pattern::ParseError;
use crate::limits;

/// One variant per reason, with AWS's text.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's text is its documentation")]
pub enum Error {
    #[error("The specified log group already exists")]
    GroupExists,
    #[error("The specified log stream already exists")]
    StreamExists,
    #[error("The specified log group does not exist.")]
    GroupNotFound,
    #[error("The specified log stream does not exist.")]
    StreamNotFound,
    #[error("The specified resource does not exist.")]
    ResourceNotFound,
    #[error("The specified nextToken is invalid.")]
    InvalidToken,
    #[error("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")]
    PrefixAndPattern,
    #[error("LogGroup name and LogGroup ARN are mutually exclusive parameters.")]
    NameAndIdentifier,
    #[error("Either LogGroup name or LogGroup ARN must be specified.")]
    NeitherNameNorIdentifier,
    #[error("Log group identifiers cannot be combined with {0}.")]
    IdentifiersAnd(&'static str),
    #[error("Cannot order by LastEventTime with a logStreamNamePrefix.")]
    OrderWithPrefix,
    #[error("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")]
    StreamNamesAndPrefix,
    #[error("Log events in a single PutLogEvents request must be in chronological order.")]
    NotChronological,
    #[error("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")]
    SpanTooLong,
    #[error("Upload too large: {0} bytes exceeds limit of {max}", max = limits::PUT_BYTES_MAX)]
    TooLarge(usize),
    #[error(
        "1 validation error detected: Value '{0}' at 'retentionInDays' failed to satisfy constraint: Member must \
         satisfy enum value set: {days:?}",
        days = limits::RETENTION_DAYS
    )]
    RetentionDays(i64),
    #[error("The specified KMS key does not exist or is not allowed to be used with LogGroup '{0}'")]
    KmsKey(String),
    #[error("Runwright does not serve log groups of class {0}.")]
    ClassNotServed(String),
    #[error("The log group cannot be deleted because deletion protection is enabled for it.")]
    DeletionProtected,
    #[error("{0}")]
    FilterPattern(#[from] ParseError),
    #[error("The resource {0} has too many tags: at most {max} are allowed.", max = limits::TAGS_MAX)]
    TooManyTags(String),
    #[error("aws: prefixed tag key names are not allowed for external use.")]
    ReservedTag,
    #[error("The policy document is not a JSON object.")]
    PolicyDocument,
    #[error("Policy with name [{0}] does not exist.")]
    PolicyNotFound(String),
    #[error("Resource limit exceeded.")]
    TooManyPolicies,
    #[error("Runwright does not serve resource policies of single log groups.")]
    PolicyOfGroup,
    #[error("{0} must be specified.")]
    Missing(&'static str),
    #[error("Multiple concurrent requests to update the same resource were in conflict.")]
    Aborted,
    #[error("internal error")]
    Store(#[source] store::Error),
}

impl From<store::Error> for Error {
    /// Whoever can try again after a conflict looks for it before this.
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Conflict { .. } => Self::Aborted,
            error => Self::Store(error),
        }
    }
}

impl From<Error> for AwsError {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::GroupExists | Error::StreamExists => "ResourceAlreadyExistsException",
            Error::GroupNotFound
            | Error::StreamNotFound
            | Error::ResourceNotFound
            | Error::PolicyNotFound(_) => "ResourceNotFoundException",
            Error::TooManyPolicies => "LimitExceededException",
            Error::NameAndIdentifier | Error::NeitherNameNorIdentifier | Error::DeletionProtected => {
                "ValidationException"
            }
            Error::InvalidToken
            | Error::PrefixAndPattern
            | Error::IdentifiersAnd(_)
            | Error::OrderWithPrefix
            | Error::StreamNamesAndPrefix
            | Error::NotChronological
            | Error::SpanTooLong
            | Error::TooLarge(_)
            | Error::RetentionDays(_)
            | Error::KmsKey(_)
            | Error::ClassNotServed(_)
            | Error::ReservedTag
            | Error::PolicyDocument
            | Error::PolicyOfGroup
            | Error::Missing(_)
            | Error::FilterPattern(_) => "InvalidParameterException",
            Error::TooManyTags(arn) => {
                return Self::new("TooManyTagsException", error.to_string())
                    .with_member("resourceName", arn.as_str());
            }
            Error::Aborted => "OperationAbortedException",
            Error::Store(cause) => return Self::internal("ServiceUnavailableException", cause),
        };
        Self::new(code, error.to_string())
    }
}
