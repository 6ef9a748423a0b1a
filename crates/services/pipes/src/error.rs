//! What Pipes answers when it cannot serve a request.

use api::AwsError;

/// One variant per reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such pipe.
    #[error("Pipe {0} does not exist.")]
    NotFound(String),
    /// A pipe of that name is there, or is not as the request needs it; the whole text.
    #[error("{0}")]
    Conflict(String),
    /// Something is wrong with the request; the whole text.
    #[error("{0}")]
    Validation(String),
    /// Too many pipes.
    #[error("The requested operation exceeds the maximum number of pipes for your account.")]
    QuotaExceeded,
    /// The store failed.
    #[error(transparent)]
    Store(store::Error),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Conflict { .. } => {
                Self::Conflict("The pipe is being changed by another request.".to_owned())
            }
            other => Self::Store(other),
        }
    }
}

impl From<Error> for AwsError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::NotFound(_) => Self::new("NotFoundException", text).with_status(404),
            Error::Conflict(_) => Self::new("ConflictException", text).with_status(409),
            Error::Validation(_) => Self::new("ValidationException", text),
            Error::QuotaExceeded => Self::new("ServiceQuotaExceededException", text).with_status(402),
            Error::Store(cause) => Self::internal("InternalException", &cause),
        }
    }
}
