//! What Secrets Manager answers when it cannot serve a request.

use api::AwsError;

/// One variant per reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such secret.
    #[error("Secrets Manager can't find the specified secret.")]
    NotFound,
    /// The secret has no such version, or no version with such a label.
    #[error("Secrets Manager can't find the specified secret value for {0}")]
    NoValue(String),
    /// The secret waits for its end.
    #[error("You can't perform this operation on the secret because it was marked for deletion.")]
    MarkedForDeletion,
    /// A service has made the secret for itself.
    #[error("The secret is managed by another service, and you must use that service to update it.")]
    OfAnotherService,
    /// A secret of that name waits for its end.
    #[error(
        "You can't create this secret because a secret with this name is already scheduled for deletion."
    )]
    NameMarkedForDeletion,
    /// The name is taken.
    #[error("The operation failed because the secret {0} already exists.")]
    Exists(String),
    /// The token of another version.
    #[error(
        "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {arn}."
    )]
    TokenReused {
        /// The token.
        token: String,
        /// The secret.
        arn: String,
    },
    /// What does not fit the secret as it is; the whole text.
    #[error("{0}")]
    InvalidRequest(String),
    /// What is wrong with a parameter; the whole text.
    #[error("{0}")]
    InvalidParameter(String),
    /// A name that is none.
    #[error(
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
    )]
    InvalidName,
    /// A token that this service did not make.
    #[error("Invalid token.")]
    InvalidNextToken,
    /// What AWS has and Runwright refuses.
    #[error("Runwright does not serve {0} of Secrets Manager.")]
    NotServed(&'static str),
    /// A key other than AWS's own for this service.
    #[error("Runwright has no KMS: only alias/aws/secretsmanager can be given as KmsKeyId, not {0}.")]
    KmsKey(String),
    /// Others were faster again and again: the caller may try again.
    #[error("The secret is being changed by another request.")]
    Concurrent,
    /// A value that the key does not open, or a system without random numbers.
    #[error("the value of a secret cannot be {0}")]
    Sealing(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(store::Error),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Conflict { .. } => Self::Concurrent,
            other => Self::Store(other),
        }
    }
}

impl From<Error> for AwsError {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::NotFound | Error::NoValue(_) => "ResourceNotFoundException",
            Error::Exists(_) | Error::TokenReused { .. } => "ResourceExistsException",
            Error::MarkedForDeletion
            | Error::NameMarkedForDeletion
            | Error::OfAnotherService
            | Error::InvalidRequest(_) => "InvalidRequestException",
            Error::InvalidParameter(_) | Error::NotServed(_) => "InvalidParameterException",
            Error::InvalidNextToken => "InvalidNextTokenException",
            Error::KmsKey(_) => "EncryptionFailure",
            Error::InvalidName => "ValidationException",
            Error::Concurrent => return Self::internal("InternalServiceError", &error),
            Error::Sealing(_) => return Self::internal("DecryptionFailure", &error),
            Error::Store(cause) => return Self::internal("InternalServiceError", cause),
        };
        Self::new(code, error.to_string())
    }
}
