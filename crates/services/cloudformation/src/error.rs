//! What CloudFormation answers when it cannot serve a request.

use api::AwsError;
use template::TemplateError;

/// One variant per reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The template, or the values for its parameters.
    #[error("{0}")]
    Template(#[from] TemplateError),
    /// `DescribeStacks` and its like, for a stack that is not there.
    #[error("Stack with id {0} does not exist")]
    StackWithId(String),
    /// Other operations, for a stack that is not there.
    #[error("Stack [{0}] does not exist")]
    StackNotFound(String),
    /// The name is taken.
    #[error("Stack [{0}] already exists")]
    StackExists(String),
    /// A change set that creates needs a new stack.
    #[error("Stack [{stack}] already exists and cannot be created again with the changeSet [{change_set}].")]
    StackExistsForChangeSet {
        /// The stack as it was named.
        stack: String,
        /// The change set's name.
        change_set: String,
    },
    /// The stack is busy, or beyond help.
    #[error("Stack:{id} is in {status} state and can not be {verb}.")]
    StackState {
        /// The stack's ARN.
        id: String,
        /// Its status.
        status: String,
        /// What was asked: `updated`, `deleted`.
        verb: &'static str,
    },
    /// Termination protection is on.
    #[error("Stack [{0}] cannot be deleted while TerminationProtection is enabled")]
    TerminationProtection(String),
    /// Another stack imports what this one exports.
    #[error("Export {export} cannot be deleted as it is in use by {stack}")]
    ExportInUse {
        /// The export's name.
        export: String,
        /// Who imports it.
        stack: String,
    },
    /// Nothing differs.
    #[error("No updates are to be performed.")]
    NoUpdates,
    /// The template wants an acknowledgement.
    #[error("Requires capabilities : [{0}]")]
    InsufficientCapabilities(&'static str),
    /// No such change set.
    #[error("ChangeSet [{0}] does not exist")]
    ChangeSetNotFound(String),
    /// The name is taken.
    #[error("ChangeSet {0} already exists")]
    ChangeSetExists(String),
    /// The change set cannot be executed, or deleted, now.
    #[error("ChangeSet [{id}] cannot be {verb} in its current status of [{status}]")]
    ChangeSetStatus {
        /// The change set's ARN.
        id: String,
        /// Its status.
        status: String,
        /// What was asked.
        verb: &'static str,
    },
    /// The role is not there.
    #[error("Role {0} is invalid or cannot be assumed")]
    Role(String),
    /// Types that nobody serves.
    #[error("Template format error: Unrecognized resource types: [{}]", .0.join(", "))]
    UnrecognizedTypes(Vec<String>),
    /// Another validation error, in AWS's words.
    #[error("{0}")]
    Validation(String),
    /// A feature of AWS that is not served.
    #[error("Runwright does not serve {0} of CloudFormation.")]
    NotServed(String),
    /// Somebody else changed the stack at the same time.
    #[error("Stack {0} is being modified by another request.")]
    Concurrent(String),
    /// The store failed.
    #[error("internal error")]
    Store(#[from] store::Error),
}

impl From<Error> for AwsError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::StackExists(_) | Error::ChangeSetExists(_) => Self::new("AlreadyExistsException", text),
            Error::InsufficientCapabilities(_) => Self::new("InsufficientCapabilitiesException", text),
            Error::ChangeSetNotFound(_) => Self::new("ChangeSetNotFound", text).with_status(404),
            Error::ChangeSetStatus { .. } => Self::new("InvalidChangeSetStatus", text),
            Error::Concurrent(_) => Self::new("OperationInProgressException", text),
            Error::Store(cause) => Self::internal("InternalFailure", &cause),
            Error::Template(_)
            | Error::StackWithId(_)
            | Error::StackNotFound(_)
            | Error::StackExistsForChangeSet { .. }
            | Error::StackState { .. }
            | Error::TerminationProtection(_)
            | Error::ExportInUse { .. }
            | Error::NoUpdates
            | Error::Role(_)
            | Error::UnrecognizedTypes(_)
            | Error::Validation(_)
            | Error::NotServed(_) => Self::new("ValidationError", text),
        }
    }
}
