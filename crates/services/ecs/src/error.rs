//! What ECS answers when it cannot serve a request.

use api::AwsError;

/// Why a request is refused. The text is AWS's wherever AWS's text is known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such cluster, or an inactive one where it must be active.
    #[error("Cluster not found.")]
    ClusterNotFound,
    /// A text that should name a cluster cannot.
    #[error("Invalid identifier: Identifier is for {0}. Your accountId is {1}")]
    ForeignIdentifier(String, String),
    /// The cluster still runs tasks.
    #[error("The Cluster cannot be deleted while Tasks are active.")]
    ClusterContainsTasks,
    /// The cluster still has services.
    #[error("The Cluster cannot be deleted while Services are active.")]
    ClusterContainsServices,
    /// No such service.
    #[error("Service not found.")]
    ServiceNotFound,
    /// A change of a service that was deleted.
    #[error("Service was not ACTIVE.")]
    ServiceNotActive,
    /// CreateService of a service that exists, and was made by another request.
    #[error("Creation of service was not idempotent.")]
    ServiceNotIdempotent,
    /// DeleteService of a service that is meant to have tasks, without force.
    #[error("The service cannot be stopped while it is scaled above 0.")]
    ServiceScaledAboveZero,
    /// DescribeTasks or DescribeClusters of nothing.
    #[error("Tasks cannot be empty.")]
    NoTasks,
    /// No such task.
    #[error("The referenced task was not found.")]
    TaskNotFound,
    /// ExecuteCommand in a task that was not run for it.
    #[error(
        "The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t running. Wait and try again or run a new task with execute command enabled and try again."
    )]
    ExecuteCommandNotEnabled,
    /// A task's id is of another length.
    #[error("taskId length should be one of [32,36]")]
    TaskIdLength,
    /// DescribeTaskDefinition of an unknown one.
    #[error("Unable to describe task definition.")]
    UnableToDescribeTaskDefinition,
    /// RunTask of an unknown task definition.
    #[error("TaskDefinition not found.")]
    TaskDefinitionNotFound,
    /// RunTask of a deregistered task definition.
    #[error("TaskDefinition is inactive")]
    TaskDefinitionInactive,
    /// DeregisterTaskDefinition of a family.
    #[error("Revision is missing.")]
    RevisionMissing,
    /// What follows the colon is no revision.
    #[error("Invalid revision number. Number: {0}")]
    InvalidRevision(String),
    /// DeregisterTaskDefinition of an unknown or already inactive one.
    #[error(
        "The specified task definition does not exist. Specify a valid account, family, revision and try again."
    )]
    TaskDefinitionDoesNotExist,
    /// The resource to tag does not exist.
    #[error("The specified resource ARN does not exist. Check your ARN and try again.")]
    ResourceNotFound,
    /// The token was used by a request that asked for something else.
    #[error(
        "The provided client token was used by an earlier RunTask request with different parameters: use another token, or the earlier parameters."
    )]
    ClientTokenReused {
        /// ARNs of the tasks that the earlier request started.
        resource_ids: Vec<String>,
    },
    /// The request as such makes no sense.
    #[error("{0}")]
    InvalidParameter(String),
    /// The request asks for something that cannot be.
    #[error("{0}")]
    Client(String),
    /// STS does not let ECS assume a task's role.
    #[error(
        "ECS was unable to assume the role '{0}' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role."
    )]
    RoleNotAssumed(String),
    /// STS failed.
    #[error("internal error")]
    Sts(#[source] AwsError),
    /// The platform version is unknown.
    #[error("The specified platform does not exist.")]
    PlatformUnknown,
    /// The store failed.
    #[error("internal error")]
    Store(#[from] store::Error),
    /// Another service could not be asked.
    #[error("internal error")]
    Neighbour(AwsError),
}

impl Error {
    /// An [`Error::InvalidParameter`].
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::InvalidParameter(text.into())
    }

    /// An [`Error::Client`].
    pub fn client(text: impl Into<String>) -> Self {
        Self::Client(text.into())
    }

    /// A feature that Runwright does not serve, by the name of its field in the request.
    pub fn unsupported(field: impl std::fmt::Display) -> Self {
        Self::Client(format!("{field} is not supported by Runwright."))
    }

    fn code(&self) -> &'static str {
        match self {
            Self::ClusterNotFound => "ClusterNotFoundException",
            Self::ClusterContainsTasks => "ClusterContainsTasksException",
            Self::ClusterContainsServices => "ClusterContainsServicesException",
            Self::ServiceNotFound => "ServiceNotFoundException",
            Self::ServiceNotActive => "ServiceNotActiveException",
            Self::ForeignIdentifier(..)
            | Self::ServiceNotIdempotent
            | Self::ServiceScaledAboveZero
            | Self::NoTasks
            | Self::TaskNotFound
            | Self::TaskIdLength
            | Self::ExecuteCommandNotEnabled
            | Self::ResourceNotFound
            | Self::InvalidParameter(_) => "InvalidParameterException",
            Self::UnableToDescribeTaskDefinition
            | Self::TaskDefinitionNotFound
            | Self::TaskDefinitionInactive
            | Self::RevisionMissing
            | Self::InvalidRevision(_)
            | Self::TaskDefinitionDoesNotExist
            | Self::RoleNotAssumed(_)
            | Self::Client(_) => "ClientException",
            Self::ClientTokenReused { .. } => "ConflictException",
            Self::PlatformUnknown => "PlatformUnknownException",
            Self::Sts(_) | Self::Store(_) | Self::Neighbour(_) => "ServerException",
        }
    }
}

impl From<Error> for AwsError {
    fn from(error: Error) -> Self {
        let answer = AwsError::new(error.code(), error.to_string());
        match error {
            Error::ClientTokenReused { resource_ids } => answer.with_member("resourceIds", resource_ids),
            Error::Sts(cause) => AwsError::internal("ServerException", &cause),
            Error::Store(cause) => AwsError::internal("ServerException", &cause),
            Error::Neighbour(cause) => AwsError::internal("ServerException", &cause),
            _ => answer,
        }
    }
}
