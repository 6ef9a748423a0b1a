//! What Parameter Store answers when it cannot serve a request.

use api::AwsError;

/// One variant per reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such parameter: AWS says nothing beside its code.
    #[error("")]
    ParameterNotFound,
    /// AWS's public parameters.
    #[error("Runwright has no public parameters: {0} is not served.")]
    PublicParameter(String),
    /// No such version.
    #[error("Systems Manager could not find version {version} of {name}. Verify the version and try again.")]
    VersionNotFound {
        /// The parameter's name.
        name: String,
        /// The version, as it was asked for.
        version: String,
    },
    /// No such label.
    #[error(
        "Systems Manager could not find label {label} for parameter {name}. Verify the label and try again."
    )]
    LabelNotFound {
        /// The parameter's name.
        name: String,
        /// The label.
        label: String,
    },
    /// The parameter is there already.
    #[error(
        "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
    )]
    AlreadyExists,
    /// Too many levels.
    #[error(
        "The hierarchy depth has exceeded the limit of 15 levels for a parameter name. For more information, see \
         Requirements and constraints for parameter names in the AWS Systems Manager User Guide."
    )]
    TooManyLevels,
    /// Another type than before.
    #[error(
        "Parameter Store does not support changing a parameter type in a hierarchy. For example, you can't change a \
         parameter from a String type to a SecureString type. You must create a new, unique parameter."
    )]
    TypeMismatch,
    /// The oldest version would have to go, and has a label.
    #[error(
        "You attempted to create a new version of {name} by calling the PutParameter API with the overwrite flag. Version \
         {version}, the oldest version, can't be deleted because it has a label associated with it. Move the label to \
         another version of the parameter, and try again."
    )]
    OldestIsLabelled {
        /// The parameter's name.
        name: String,
        /// The oldest version.
        version: u64,
    },
    /// The value does not match.
    #[error("Parameter value, cannot be validated against allowedPattern: {0}")]
    PatternMismatch(String),
    /// The pattern is no regular expression.
    #[error("The request does not meet the regular expression requirement: {0}")]
    InvalidAllowedPattern(String),
    /// A name that is AWS's own.
    #[error("No access to reserved parameter name: {0}.")]
    Reserved(String),
    /// Another key than AWS's own for this service.
    #[error("Runwright has no KMS: only alias/aws/ssm can be given as KeyId, not {0}.")]
    InvalidKeyId(String),
    /// A filter by something that cannot be filtered by.
    #[error("{0}")]
    InvalidFilterKey(String),
    /// An option that a filter does not have.
    #[error("{0}")]
    InvalidFilterOption(String),
    /// A value that a filter does not take.
    #[error("{0}")]
    InvalidFilterValue(String),
    /// A token that this service did not make.
    #[error("The specified token is not valid.")]
    InvalidNextToken,
    /// Tags of something else than a parameter.
    #[error("{0} is not a valid resource type. Valid resource types in Runwright are: Parameter.")]
    InvalidResourceType(String),
    /// Tags of a parameter that is not there.
    #[error("The resource ID is not valid. Verify that you entered the correct ID and try again.")]
    InvalidResourceId,
    /// Too many tags.
    #[error(
        "The Targets parameter includes too many tags. Remove one or more tags and try the command again."
    )]
    TooManyTags,
    /// Too many labels.
    #[error(
        "An error occurred (ParameterVersionLabelLimitExceeded) when calling the LabelParameterVersion operation: A \
         parameter version can have maximum 10 labels.Move one or more labels to another version and try again."
    )]
    TooManyLabels,
    /// Whatever else is wrong with the request; the whole text.
    #[error("{0}")]
    Invalid(String),
    /// What AWS has and Runwright refuses.
    #[error("Runwright does not serve {0} of Parameter Store.")]
    NotServed(&'static str),
    /// Others were faster again and again: the caller may try again.
    #[error("There are concurrent updates for a resource that supports one update at a time.")]
    TooManyUpdates,
    /// A value that the key does not open, or a system without random numbers.
    #[error("the value of a parameter cannot be {0}")]
    Sealing(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(store::Error),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Conflict { .. } => Self::TooManyUpdates,
            other => Self::Store(other),
        }
    }
}

impl From<Error> for AwsError {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::ParameterNotFound | Error::PublicParameter(_) => "ParameterNotFound",
            Error::VersionNotFound { .. } | Error::LabelNotFound { .. } => "ParameterVersionNotFound",
            Error::AlreadyExists => "ParameterAlreadyExists",
            Error::TooManyLevels => "HierarchyLevelLimitExceededException",
            Error::TypeMismatch => "HierarchyTypeMismatchException",
            Error::OldestIsLabelled { .. } => "ParameterMaxVersionLimitExceeded",
            Error::PatternMismatch(_) => "ParameterPatternMismatchException",
            Error::InvalidAllowedPattern(_) => "InvalidAllowedPatternException",
            Error::Reserved(_) => "AccessDeniedException",
            Error::InvalidKeyId(_) => "InvalidKeyId",
            Error::InvalidFilterKey(_) => "InvalidFilterKey",
            Error::InvalidFilterOption(_) => "InvalidFilterOption",
            Error::InvalidFilterValue(_) => "InvalidFilterValue",
            Error::InvalidNextToken => "InvalidNextToken",
            Error::InvalidResourceType(_) => "InvalidResourceType",
            Error::InvalidResourceId => "InvalidResourceId",
            Error::TooManyTags => "TooManyTagsError",
            Error::TooManyLabels => "ParameterVersionLabelLimitExceeded",
            Error::TooManyUpdates => "TooManyUpdates",
            Error::Invalid(_) | Error::NotServed(_) => "ValidationException",
            Error::Sealing(_) => return Self::internal("InternalServerError", &error),
            Error::Store(cause) => return Self::internal("InternalServerError", cause),
        };
        Self::new(code, error.to_string())
    }
}
