//! What IAM and STS answer when they cannot serve a request.

use api::AwsError;

use crate::limits;
use crate::policy_document::Malformed;

/// One variant per reason, with AWS's text.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's text is its documentation")]
pub enum Error {
    #[error("Role with name {0} already exists.")]
    RoleExists(String),
    #[error("The role with name {0} cannot be found.")]
    RoleNotFound(String),
    #[error("The role policy with name {0} cannot be found.")]
    RolePolicyNotFound(String),
    #[error("The user with name {0} cannot be found.")]
    UserNotFound(String),
    #[error("The Access Key with id {0} cannot be found.")]
    AccessKeyNotFound(String),
    #[error("Scope ARN: {0} does not exist or is not attachable.")]
    BoundaryNotFound(String),
    #[error("Cannot delete entity, must delete policies first.")]
    RoleHasPolicies,
    #[error("{0}")]
    MalformedPolicy(#[from] Malformed),
    #[error("Cannot exceed quota for RolesPerAccount: {}", limits::ROLES_PER_ACCOUNT)]
    TooManyRoles,
    #[error("Cannot exceed quota for ACLSizePerRole: {}", limits::ACL_SIZE_PER_ROLE)]
    TrustPolicyTooLong,
    #[error("Maximum policy size of {max} bytes exceeded for role {role}", max = limits::INLINE_POLICY_SIZE_PER_ROLE)]
    PoliciesTooLong { role: String },
    #[error("Cannot exceed quota for TagsPerRole: {}", limits::TAGS_PER_ROLE)]
    TooManyTags,
    #[error("Cannot exceed quota for AccessKeysPerUser: {}", limits::ACCESS_KEYS_PER_USER)]
    TooManyAccessKeys,
    #[error("Duplicate tag keys found. Please note that Tag keys are case insensitive.")]
    DuplicateTagKeys,
    #[error("Tag keys that begin with aws: are reserved: {0}")]
    ReservedTagKey(String),
    #[error("ARN {0} is not valid.")]
    InvalidArn(String),
    #[error("Invalid Marker.")]
    InvalidMarker,
    #[error("Must specify userName when calling with non-User credentials")]
    UserNameRequired,
    #[error("The role was changed by other requests at the same time. Try again.")]
    ConcurrentModification,
    #[error("{0} is invalid")]
    InvalidRoleArn(String),
    #[error("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}")]
    MayNotAssume { caller: String, role: String },
    #[error("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")]
    SessionTooLong,
    #[error(
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
    )]
    ChainedSessionTooLong,
    #[error(
        "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is \
         valid and associated with this user."
    )]
    UnknownMfaDevice,
    #[error("Packed policy consumes {0}% of allotted space, please use smaller policy.")]
    SessionPolicyTooLong(usize),
    #[error("The specified transitive tag key must be included in the requested tags.")]
    TransitiveTagMissing,
    #[error("Runwright does not serve {0} of AssumeRole.")]
    NotServed(&'static str),
    #[error("The security token included in the request is invalid.")]
    RoleOfSessionGone,
    #[error("internal error")]
    Store(#[source] store::Error),
}

impl From<store::Error> for Error {
    /// Whoever can try again after a conflict looks for it before this.
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Conflict { .. } => Self::ConcurrentModification,
            error => Self::Store(error),
        }
    }
}

impl From<Error> for AwsError {
    fn from(error: Error) -> Self {
        let (code, status) = match &error {
            Error::RoleExists(_) => ("EntityAlreadyExists", 409),
            Error::RoleNotFound(_)
            | Error::RolePolicyNotFound(_)
            | Error::UserNotFound(_)
            | Error::AccessKeyNotFound(_)
            | Error::BoundaryNotFound(_) => ("NoSuchEntity", 404),
            Error::RoleHasPolicies => ("DeleteConflict", 409),
            Error::MalformedPolicy(_) => ("MalformedPolicyDocument", 400),
            Error::TooManyRoles
            | Error::TrustPolicyTooLong
            | Error::PoliciesTooLong { .. }
            | Error::TooManyTags
            | Error::TooManyAccessKeys => ("LimitExceeded", 409),
            Error::DuplicateTagKeys | Error::ReservedTagKey(_) | Error::InvalidArn(_) => {
                ("InvalidInput", 400)
            }
            Error::InvalidMarker
            | Error::UserNameRequired
            | Error::InvalidRoleArn(_)
            | Error::SessionTooLong
            | Error::ChainedSessionTooLong
            | Error::NotServed(_) => ("ValidationError", 400),
            Error::ConcurrentModification => ("ConcurrentModification", 409),
            Error::MayNotAssume { .. } | Error::UnknownMfaDevice => ("AccessDenied", 403),
            Error::SessionPolicyTooLong(_) => ("PackedPolicyTooLarge", 400),
            Error::TransitiveTagMissing => ("InvalidParameterValue", 400),
            Error::RoleOfSessionGone => ("InvalidClientTokenId", 403),
            Error::Store(cause) => return Self::internal("ServiceFailure", cause),
        };
        Self::new(code, error.to_string()).with_status(status)
    }
}
