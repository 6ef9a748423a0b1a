//! What Step Functions answers when it cannot serve a request.

use api::AwsError;

/// One variant for each reason, with AWS's words.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say what there is to say")]
pub enum Error {
    #[error("Invalid Name: '{0}'")]
    InvalidName(String),
    #[error("Invalid Arn: 'Invalid ARN prefix: {0}'")]
    ArnPrefix(String),
    #[error("Invalid Arn: 'Resource type not valid in this context: {0}'")]
    ArnResourceType(String),
    #[error("Invalid Role Arn: '{0}'")]
    RoleArn(String),
    #[error("{0}")]
    InvalidDefinition(String),
    #[error("Invalid State Machine Execution Input: '{0}'")]
    InvalidExecutionInput(String),
    #[error("Invalid Output: '{0}'")]
    InvalidOutput(String),
    #[error("Invalid Logging Configuration: Must specify exactly one Log Destination.")]
    LogDestinations,
    #[error("Invalid Logging Configuration: Log Destination not found.")]
    LogDestinationNotFound,
    #[error(
        "Invalid Tracing Configuration: Runwright does not send traces to X-Ray; leave tracing disabled."
    )]
    TracingNotServed,
    #[error("Invalid Encryption Configuration: Runwright serves the encryption type AWS_OWNED_KEY only.")]
    EncryptionNotServed,
    #[error("Invalid Token: 'Invalid token'")]
    InvalidToken,
    #[error("State Machine Already Exists: '{0}'")]
    StateMachineAlreadyExists(String),
    #[error("State Machine Does Not Exist: '{0}'")]
    StateMachineDoesNotExist(String),
    #[error("State Machine is being deleted: '{0}'")]
    StateMachineDeleting(String),
    #[error(
        "The maximum number of state machines has been reached. Existing state machines must be deleted before a new \
         state machine can be created."
    )]
    StateMachineLimitExceeded,
    #[error("This operation is not supported by this type of state machine")]
    StateMachineTypeNotSupported,
    #[error(
        "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified"
    )]
    NothingToUpdate,
    #[error("Execution Already Exists: '{0}'")]
    ExecutionAlreadyExists(String),
    #[error("Execution Does Not Exist: '{0}'")]
    ExecutionDoesNotExist(String),
    #[error("Execution {execution} invalid for redrive as: {reason}")]
    ExecutionNotRedrivable { execution: String, reason: String },
    #[error("Labeled Execution ARNs are not supported for this API")]
    LabelledArn,
    #[error(
        "The maximum number of running executions has been reached. Running executions must end or be stopped before \
         a new execution can be started."
    )]
    ExecutionLimitExceeded,
    #[error("Resource not found: '{0}'")]
    ResourceNotFound(String),
    #[error("Activity Does Not Exist: '{0}'")]
    ActivityDoesNotExist(String),
    #[error(
        "The maximum number of activities has been reached. Existing activities must be deleted before a new activity \
         can be created."
    )]
    ActivityLimitExceeded,
    #[error("The maximum number of workers concurrently polling for activity tasks has been reached.")]
    ActivityWorkerLimitExceeded,
    #[error(
        "Failed to publish the State Machine version for revision {wanted}. The current State Machine revision is \
         {current}."
    )]
    OtherRevision { wanted: String, current: String },
    #[error(
        "The maximum number of versions of the state machine has been reached. Existing versions must be deleted before \
         a new version can be published."
    )]
    VersionLimitExceeded,
    #[error(
        "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: \
         [{}]", .0.join(", ")
    )]
    VersionInUse(Vec<String>),
    #[error(
        "Failed to create alias because an alias with the same name and a different routing configuration already \
         exists."
    )]
    OtherAlias,
    #[error(
        "The maximum number of aliases of the state machine has been reached. Existing aliases must be deleted before a \
         new alias can be created."
    )]
    AliasLimitExceeded,
    #[error("Routing configuration must contain state machine version ARNs. Received: [{}]", .0.join(", "))]
    RouteNoVersion(Vec<String>),
    #[error("Routing configuration must contain distinct state machine version ARNs. Received: [{}]", .0.join(", "))]
    RouteTwice(Vec<String>),
    #[error("Routing configuration must contain versions of one state machine. Received: [{}]", .0.join(", "))]
    RouteMachines(Vec<String>),
    #[error("Sum of routing configuration weights must equal 100. Received: {0:?}")]
    RouteWeights(Vec<u64>),
    #[error("Either the description or the routing configuration must be specified")]
    NothingToUpdateOfAlias,
    #[error("You've exceeded the number of tags allowed for a resource.")]
    TooManyTags(String),
    #[error("Tag keys that begin with 'aws:' are reserved.")]
    ReservedTag,
    #[error("Task Timed Out: 'Provided task does not exist anymore'")]
    TaskTimedOut,
    #[error("Task Does Not Exist: 'Provided task does not exist'")]
    TaskDoesNotExist,
    #[error("Version description can only be set when publish is true")]
    VersionDescription,
    #[error("Map Run {0} is not running.")]
    MapRunNotRunning(String),
    #[error("State machine ARN {0} refers to a Distributed Map state.")]
    DistributedMapState(String),
    #[error("Only one of a state machine ARN and a map run ARN can be specified.")]
    TooMuchToList,
    #[error("Either a state machine ARN or a map run ARN must be specified.")]
    NothingToList,
    #[error("RedriveFilter cannot be applied to ListExecutions call with StateMachine ARN")]
    RedriveFilterOfMachine,
    #[error("'{0}' is not authorized to create managed-rule.")]
    ManagedRule(String),
    #[error("The event has no task that has changed.")]
    NotATaskEvent,
    #[error("{0}")]
    InvalidTest(String),
    #[error("{0}")]
    Service(AwsError),
    #[error("internal error")]
    Store(#[from] store::Error),
    #[error("internal error")]
    Restore(#[from] asl::RestoreError),
    #[error("internal error: {0}")]
    Inconsistent(String),
}

impl Error {
    /// AWS's code.
    fn code(&self) -> &'static str {
        match self {
            Self::InvalidName(_) => "InvalidName",
            Self::ArnPrefix(_) | Self::ArnResourceType(_) | Self::RoleArn(_) => "InvalidArn",
            Self::InvalidDefinition(_) => "InvalidDefinition",
            Self::InvalidExecutionInput(_) => "InvalidExecutionInput",
            Self::InvalidOutput(_) => "InvalidOutput",
            Self::LogDestinations | Self::LogDestinationNotFound => "InvalidLoggingConfiguration",
            Self::TracingNotServed => "InvalidTracingConfiguration",
            Self::EncryptionNotServed => "InvalidEncryptionConfiguration",
            Self::InvalidToken => "InvalidToken",
            Self::StateMachineAlreadyExists(_) => "StateMachineAlreadyExists",
            Self::StateMachineDoesNotExist(_) => "StateMachineDoesNotExist",
            Self::StateMachineDeleting(_) => "StateMachineDeleting",
            Self::StateMachineLimitExceeded => "StateMachineLimitExceeded",
            Self::StateMachineTypeNotSupported => "StateMachineTypeNotSupported",
            Self::NothingToUpdate => "MissingRequiredParameter",
            Self::ExecutionAlreadyExists(_) => "ExecutionAlreadyExists",
            Self::ExecutionDoesNotExist(_) => "ExecutionDoesNotExist",
            Self::ExecutionNotRedrivable { .. } => "ExecutionNotRedrivable",
            Self::ExecutionLimitExceeded => "ExecutionLimitExceeded",
            Self::ResourceNotFound(_) => "ResourceNotFound",
            Self::ActivityDoesNotExist(_) => "ActivityDoesNotExist",
            Self::ActivityLimitExceeded => "ActivityLimitExceeded",
            Self::ActivityWorkerLimitExceeded => "ActivityWorkerLimitExceeded",
            Self::OtherRevision { .. } | Self::VersionInUse(_) | Self::OtherAlias => "ConflictException",
            Self::VersionLimitExceeded | Self::AliasLimitExceeded => "ServiceQuotaExceededException",
            Self::TooManyTags(_) => "TooManyTags",
            Self::TaskTimedOut => "TaskTimedOut",
            Self::TaskDoesNotExist => "TaskDoesNotExist",
            Self::ManagedRule(_) => "AccessDeniedException",
            Self::ReservedTag
            | Self::VersionDescription
            | Self::RouteNoVersion(_)
            | Self::RouteTwice(_)
            | Self::RouteMachines(_)
            | Self::RouteWeights(_)
            | Self::NothingToUpdateOfAlias
            | Self::MapRunNotRunning(_)
            | Self::DistributedMapState(_)
            | Self::TooMuchToList
            | Self::NothingToList
            | Self::RedriveFilterOfMachine
            | Self::LabelledArn
            | Self::NotATaskEvent
            | Self::InvalidTest(_) => "ValidationException",
            Self::Service(_) | Self::Store(_) | Self::Restore(_) | Self::Inconsistent(_) => "InternalFailure",
        }
    }
}

impl From<Error> for AwsError {
    fn from(error: Error) -> Self {
        match error {
            Error::Service(error) => error,
            Error::Store(cause) => Self::internal("InternalFailure", &cause),
            Error::Restore(cause) => Self::internal("InternalFailure", &cause),
            Error::Inconsistent(cause) => Self::internal("InternalFailure", &cause),
            Error::LabelledArn => Self::new(error.code(), error.to_string())
                .with_member("reason", "API_DOES_NOT_SUPPORT_LABELED_ARNS"),
            Error::ResourceNotFound(ref name) | Error::TooManyTags(ref name) => {
                Self::new(error.code(), error.to_string()).with_member("resourceName", name.as_str())
            }
            error => Self::new(error.code(), error.to_string()),
        }
    }
}
