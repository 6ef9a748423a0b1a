//! What EventBridge answers when it cannot serve a request.

use api::AwsError;

/// One variant per reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such bus.
    #[error("Event bus {0} does not exist.")]
    BusNotFound(String),
    /// The bus is there already.
    #[error("Event bus {0} already exists.")]
    BusExists(String),
    /// The default bus is always there.
    #[error("Cannot delete event bus default.")]
    DefaultBus,
    /// The bus still has rules.
    #[error("EventBus can't be deleted since it has rules.")]
    BusHasRules,
    /// No such rule.
    #[error("Rule {rule} does not exist on EventBus {bus}.")]
    RuleNotFound {
        /// The rule's name.
        rule: String,
        /// The bus's name.
        bus: String,
    },
    /// A rule that a service owns.
    #[error("{0} is a managed rule.")]
    ManagedRule(String),
    /// A rule that a service owns, where `Force` would do.
    #[error("{0} is a managed rule. Set 'force' parameter to true to override.")]
    ManagedRuleUnforced(String),
    /// Targets come first.
    #[error("Rule can't be deleted since it has targets.")]
    RuleHasTargets,
    /// Neither a pattern nor a schedule.
    #[error("Parameter(s) EventPattern or ScheduleExpression must be specified.")]
    NothingToMatch,
    /// Schedules belong to the default bus.
    #[error("ScheduleExpression is supported only on the default event bus.")]
    ScheduleOnCustomBus,
    /// The schedule is none.
    #[error("Parameter ScheduleExpression is not valid.")]
    InvalidSchedule,
    /// The pattern is none.
    #[error("Event pattern is not valid. Reason: {0}")]
    InvalidPattern(String),
    /// `TestEventPattern` was given something else than an event.
    #[error("Parameter Event is not valid.")]
    InvalidEvent,
    /// Too many of something.
    #[error("The requested resource exceeds the maximum number allowed.")]
    LimitExceeded,
    /// More entries than a request can hold.
    #[error("Total size of the entries in the request is over the limit.")]
    EntriesTooLarge,
    /// Whatever else is wrong with a parameter; the whole text.
    #[error("{0}")]
    Invalid(String),
    /// No such connection.
    #[error("Failed to {purpose} the connection(s). Connection '{name}' does not exist.")]
    ConnectionNotFound {
        /// The connection's name.
        name: String,
        /// What was to be done with it.
        purpose: &'static str,
    },
    /// The connection is there already.
    #[error("Connection {0} already exists.")]
    ConnectionExists(String),
    /// No such API destination.
    #[error("Failed to {purpose} the api-destination(s). An api-destination '{name}' does not exist.")]
    DestinationNotFound {
        /// The API destination's name.
        name: String,
        /// What was to be done with it.
        purpose: &'static str,
    },
    /// The API destination is there already.
    #[error("An api-destination '{0}' already exists.")]
    DestinationExists(String),
    /// No such archive.
    #[error("Archive {0} does not exist.")]
    ArchiveNotFound(String),
    /// The archive is there already.
    #[error("Archive {0} already exists.")]
    ArchiveExists(String),
    /// Nothing about an archive is to be another.
    #[error("At least one of EventPattern, RetentionDays or Description must be provided.")]
    NothingToUpdate,
    /// No such replay.
    #[error("Replay {0} does not exist.")]
    ReplayNotFound(String),
    /// The replay is there already.
    #[error("Replay {0} already exists.")]
    ReplayExists(String),
    /// The replay has ended, or is about to.
    #[error("Replay {0} is not in a valid state for this operation.")]
    ReplayNotActive(String),
    /// No such statement in the policy of a bus.
    #[error("Statement with the provided id does not exist.")]
    StatementNotFound,
    /// The policy of a bus has become too long.
    #[error("The policy of the event bus exceeds the maximum length allowed.")]
    PolicyTooLong,
    /// No partner sends events.
    #[error("Event source {0} does not exist.")]
    EventSourceNotFound(String),
    /// There are no global endpoints.
    #[error("Endpoint {0} does not exist.")]
    EndpointNotFound(String),
    /// Secrets can be neither sealed nor opened: there is no key, or another one than they were sealed with.
    #[error("the secrets of connections cannot be read")]
    NoSecretKey,
    /// Secrets Manager does not keep the secret of a connection.
    #[error("the secret of the connection cannot be kept: {0}")]
    Secret(Box<AwsError>),
    /// Somebody else was faster: the caller may try again.
    #[error("{0} is being modified by another request.")]
    Concurrent(String),
    /// An internal operation that does not exist.
    #[error("Runwright does not serve events:internal:{0}.")]
    UnknownInternal(String),
    /// The store failed.
    #[error(transparent)]
    Store(store::Error),
}

impl Error {
    /// Whether the store failed in a way that may pass: a full disk may be freed.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Store(store::Error::Unavailable(_)) => true,
            Self::Secret(error) => error.may_pass(),
            _ => false,
        }
    }

    /// What Secrets Manager has answered.
    pub(crate) fn from_secrets(error: AwsError) -> Self {
        Self::Secret(Box::new(error))
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Conflict { key, .. } => Self::Concurrent(key),
            other => Self::Store(other),
        }
    }
}

impl From<Error> for AwsError {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::BusNotFound(_)
            | Error::RuleNotFound { .. }
            | Error::ConnectionNotFound { .. }
            | Error::DestinationNotFound { .. }
            | Error::ArchiveNotFound(_)
            | Error::ReplayNotFound(_)
            | Error::StatementNotFound
            | Error::EndpointNotFound(_)
            | Error::EventSourceNotFound(_) => "ResourceNotFoundException",
            Error::BusExists(_)
            | Error::ConnectionExists(_)
            | Error::DestinationExists(_)
            | Error::ArchiveExists(_)
            | Error::ReplayExists(_) => "ResourceAlreadyExistsException",
            Error::ReplayNotActive(_) => "IllegalStatusException",
            Error::PolicyTooLong => "PolicyLengthExceededException",
            Error::ManagedRule(_) | Error::ManagedRuleUnforced(_) => "ManagedRuleException",
            Error::InvalidPattern(_) => "InvalidEventPatternException",
            Error::LimitExceeded => "LimitExceededException",
            Error::Concurrent(_) => "ConcurrentModificationException",
            Error::UnknownInternal(_) => "UnknownOperationException",
            Error::NoSecretKey | Error::Secret(_) => return Self::internal("InternalException", &error),
            Error::Store(cause) => return Self::internal("InternalException", cause),
            Error::DefaultBus
            | Error::BusHasRules
            | Error::RuleHasTargets
            | Error::NothingToMatch
            | Error::ScheduleOnCustomBus
            | Error::InvalidSchedule
            | Error::InvalidEvent
            | Error::EntriesTooLarge
            | Error::NothingToUpdate
            | Error::Invalid(_) => "ValidationException",
        };
        Self::new(code, error.to_string())
    }
}
