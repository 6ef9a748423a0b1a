//! What Pipes answers when it cannot serve a request.

use api::AwsError;
use serde_json::json;

/// One variant per reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such pipe.
    #[error("Pipe {0} does not exist.")]
    NotFound(String),
    /// A pipe of that name is there.
    #[error("Pipe {0} already exists.")]
    Exists(String),
    /// The pipe is not as the request needs it.
    #[error("Pipe {name} is {state}.")]
    InState {
        /// The pipe.
        name: String,
        /// Its `CurrentState`.
        state: &'static str,
    },
    /// Another request was faster; the whole text.
    #[error("{0}")]
    Conflict(String),
    /// A member is wrong, for a reason that the model does not state.
    #[error("{}", json!({"ValidationErrorFields": [{"Name": name, "Message": message}]}))]
    Field {
        /// The member, with those that it is in: `SourceParameters.FilterCriteria`.
        name: &'static str,
        /// What is wrong.
        message: String,
    },
    /// Something else is wrong with the request; the whole text.
    #[error("{0}")]
    Validation(String),
    /// What AWS has and Runwright refuses.
    #[error("Runwright does not serve {0} of pipes.")]
    NotServed(String),
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
            Error::Exists(name) | Error::InState { name, .. } => {
                let conflict = Self::new("ConflictException", text).with_status(409);
                conflict.with_member("resourceId", name).with_member("resourceType", "pipe")
            }
            Error::Conflict(_) => Self::new("ConflictException", text).with_status(409),
            Error::Field { name, message } => {
                let fields = json!([{"name": name, "message": message}]);
                Self::new("ValidationException", text).with_member("fieldList", fields)
            }
            Error::Validation(_) | Error::NotServed(_) => Self::new("ValidationException", text),
            Error::QuotaExceeded => Self::new("ServiceQuotaExceededException", text).with_status(402),
            Error::Store(cause) => Self::internal("InternalException", &cause),
        }
    }
}
