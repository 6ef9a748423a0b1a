//! What SQS answers when it cannot serve a request.

use api::AwsError;

/// One variant per reason.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No such queue.
    #[error("The specified queue does not exist.")]
    QueueDoesNotExist,
    /// What cannot be the URL of a queue.
    #[error("The address {0} is not valid for this endpoint.")]
    InvalidAddress(String),
    /// A queue of that name was deleted within the last minute.
    #[error(
        "You must wait 60 seconds after deleting a queue before you can create another with the same name."
    )]
    QueueDeletedRecently,
    /// A queue of that name is there with another value of an attribute.
    #[error("A queue already exists with the same name and a different value for attribute {0}")]
    QueueNameExists(String),
    /// No attribute of that name, or not one that can be set.
    #[error("Unknown Attribute {0}.")]
    UnknownAttribute(String),
    /// Attributes that exclude each other.
    #[error(
        "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE."
    )]
    TwoEncryptions,
    /// A value that an attribute cannot have; what follows says why, or nothing.
    #[error("Invalid value for the parameter {name}.{reason}")]
    InvalidAttributeValue {
        /// The attribute.
        name: String,
        /// Empty, or a blank and ` Reason: ..`.
        reason: String,
    },
    /// A value that a parameter cannot have; the whole text.
    #[error("{0}")]
    InvalidParameterValue(String),
    /// A parameter that must be there.
    #[error("The request must contain the parameter {0}.")]
    MissingParameter(&'static str),
    /// Text that XML cannot hold.
    #[error(
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | \
         #x10000 to #x10FFFF"
    )]
    InvalidMessageContents,
    /// A receipt handle that this service did not make.
    #[error("The input receipt handle \"{0}\" is not a valid receipt handle.")]
    ReceiptHandleIsInvalid(String),
    /// Too many messages are in flight.
    #[error("The maximum number of in flight messages is reached.")]
    TooManyInFlight,
    /// Too many permissions.
    #[error("{0}")]
    OverLimit(String),
    /// Purged within the last minute.
    #[error("Only one PurgeQueue operation on {0} is allowed every 60 seconds.")]
    PurgeQueueInProgress(String),
    /// A batch without entries.
    #[error("There should be at least one {0} in the request.")]
    EmptyBatchRequest(&'static str),
    /// A batch with too many entries.
    #[error("Maximum number of entries per request are 10. You have sent {0}.")]
    TooManyEntriesInBatchRequest(usize),
    /// Two entries of one id.
    #[error("Id {0} repeated.")]
    BatchEntryIdsNotDistinct(String),
    /// An id that no entry can have.
    #[error(
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters \
         long."
    )]
    InvalidBatchEntryId,
    /// Messages that are too long together.
    #[error("Batch requests cannot be longer than {limit} bytes. You have sent {sent} bytes.")]
    BatchRequestTooLong {
        /// Bytes that are allowed.
        limit: u64,
        /// Bytes that were sent.
        sent: u64,
    },
    /// Something else that is not there; the whole text.
    #[error("{0}")]
    ResourceNotFound(String),
    /// What AWS has and Runwright refuses.
    #[error("{0}")]
    UnsupportedOperation(String),
    /// Others were faster again and again: the caller may try again.
    #[error("The request was throttled.")]
    RequestThrottled,
    /// The queue is read from the store again, after a write that failed: never answered.
    #[error("the queue is being read")]
    Stale,
    /// A message that the key does not open, or a system without random numbers.
    #[error("a message cannot be {0}")]
    Sealing(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// A value of a parameter with the reason why it cannot be.
    pub(crate) fn invalid_value(value: impl std::fmt::Display, parameter: &str, reason: &str) -> Self {
        let text = format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}");
        Self::InvalidParameterValue(text)
    }

    /// A value that an attribute cannot have.
    pub(crate) fn invalid_attribute(name: &str) -> Self {
        Self::InvalidAttributeValue { name: name.to_owned(), reason: String::new() }
    }

    fn code(&self) -> (&'static str, u16) {
        match self {
            Self::QueueDoesNotExist => ("QueueDoesNotExist", 400),
            Self::InvalidAddress(_) => ("InvalidAddress", 404),
            Self::QueueDeletedRecently => ("QueueDeletedRecently", 400),
            Self::QueueNameExists(_) => ("QueueNameExists", 400),
            Self::UnknownAttribute(_) | Self::TwoEncryptions => ("InvalidAttributeName", 400),
            Self::InvalidAttributeValue { .. } => ("InvalidAttributeValue", 400),
            Self::InvalidParameterValue(_) => ("InvalidParameterValue", 400),
            Self::MissingParameter(_) => ("MissingParameter", 400),
            Self::InvalidMessageContents => ("InvalidMessageContents", 400),
            Self::ReceiptHandleIsInvalid(_) => ("ReceiptHandleIsInvalid", 404),
            Self::TooManyInFlight | Self::OverLimit(_) => ("OverLimit", 403),
            Self::PurgeQueueInProgress(_) => ("PurgeQueueInProgress", 403),
            Self::EmptyBatchRequest(_) => ("EmptyBatchRequest", 400),
            Self::TooManyEntriesInBatchRequest(_) => ("TooManyEntriesInBatchRequest", 400),
            Self::BatchEntryIdsNotDistinct(_) => ("BatchEntryIdsNotDistinct", 400),
            Self::InvalidBatchEntryId => ("InvalidBatchEntryId", 400),
            Self::BatchRequestTooLong { .. } => ("BatchRequestTooLong", 400),
            Self::ResourceNotFound(_) => ("ResourceNotFoundException", 404),
            Self::UnsupportedOperation(_) => ("UnsupportedOperation", 400),
            Self::RequestThrottled => ("RequestThrottled", 403),
            Self::Stale | Self::Sealing(_) | Self::Store(_) => ("InternalError", 500),
        }
    }
}

impl From<Error> for AwsError {
    fn from(error: Error) -> Self {
        match (&error, error.code()) {
            (Error::Stale | Error::Sealing(_) | Error::Store(_), (code, _)) => Self::internal(code, &error),
            (_, (code, status)) => Self::new(code, error.to_string()).with_status(status),
        }
    }
}
