//! What SNS answers when it cannot serve a request.

use api::AwsError;

/// One variant per code, and one per reason where the text is always the same.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something of the request is not as it must be; what follows AWS's beginning.
    #[error("Invalid parameter: {0}")]
    Parameter(String),
    /// The same without AWS's beginning.
    #[error("{0}")]
    Invalid(String),
    /// A message attribute is not as it must be.
    #[error("{0}")]
    AttributeValue(String),
    /// No such topic.
    #[error("Topic does not exist")]
    TopicNotFound,
    /// No such subscription.
    #[error("Subscription does not exist")]
    SubscriptionNotFound,
    /// Tags of a topic that is not there.
    #[error("Resource does not exist")]
    ResourceNotFound,
    /// A subscription whose owner alone may end it.
    #[error("This subscription can only be ended by an authenticated request.")]
    Unauthenticated,
    /// Too many tags.
    #[error("Could not complete request: tag quota of per resource exceeded")]
    TooManyTags,
    /// Too many topics.
    #[error("Could not create topic: the limit of topics in this account has been reached.")]
    TooManyTopics,
    /// Too many filter policies.
    #[error("Filter policy limit exceeded for the topic.")]
    TooManyFilterPolicies,
    /// No messages in a batch.
    #[error("The batch request doesn't contain any entries.")]
    EmptyBatch,
    /// Too many messages in a batch.
    #[error("The batch request contains more entries than permissible.")]
    TooManyEntries,
    /// A batch that is too large as a whole.
    #[error("The length of all the messages put together is more than the limit.")]
    BatchTooLong,
    /// Messages of a batch that cannot be told apart.
    #[error("Two or more batch entries in the request have the same Id.")]
    EntryIdsNotDistinct,
    /// The id of a batch entry is not as it must be.
    #[error("{0}")]
    EntryId(String),
    /// A system without random numbers.
    #[error("a message cannot be sealed")]
    Sealing(#[from] std::io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// A parameter that is wrong for a reason.
    pub(crate) fn reason(parameter: &str, reason: impl std::fmt::Display) -> Self {
        Self::Parameter(format!("{parameter} Reason: {reason}"))
    }

    /// Something that AWS has and Runwright has not.
    pub(crate) fn not_served(parameter: &str, what: &str) -> Self {
        Self::reason(parameter, format!("Runwright does not serve {what}."))
    }

    /// Whether the store may take later what it could not take now.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Store(store::Error::Unavailable { .. }))
    }
}

impl From<Error> for AwsError {
    fn from(error: Error) -> Self {
        let (code, status) = match &error {
            Error::Parameter(_) | Error::Invalid(_) => ("InvalidParameter", 400),
            Error::AttributeValue(_) => ("ParameterValueInvalid", 400),
            Error::TopicNotFound | Error::SubscriptionNotFound => ("NotFound", 404),
            Error::ResourceNotFound => ("ResourceNotFound", 404),
            Error::Unauthenticated => ("AuthorizationError", 403),
            Error::TooManyTags => ("TagLimitExceeded", 400),
            Error::TooManyTopics => ("TopicLimitExceeded", 403),
            Error::TooManyFilterPolicies => ("FilterPolicyLimitExceeded", 403),
            Error::EmptyBatch => ("EmptyBatchRequest", 400),
            Error::TooManyEntries => ("TooManyEntriesInBatchRequest", 400),
            Error::BatchTooLong => ("BatchRequestTooLong", 400),
            Error::EntryIdsNotDistinct => ("BatchEntryIdsNotDistinct", 400),
            Error::EntryId(_) => ("InvalidBatchEntryId", 400),
            Error::Store(cause) => return Self::internal("InternalError", cause),
            Error::Sealing(cause) => return Self::internal("InternalError", cause),
        };
        Self::new(code, error.to_string()).with_status(status)
    }
}

/// Which request gives an attribute; AWS's words differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Giver {
    /// The one that makes what has it, with all the others.
    Creation,
    /// The one that sets it.
    Change,
}

impl Giver {
    /// The error about an attribute.
    pub(crate) fn refuse(self, reason: impl std::fmt::Display) -> Error {
        match self {
            Self::Creation => Error::reason("Attributes", reason),
            Self::Change => Error::Parameter(reason.to_string()),
        }
    }

    /// The error about an attribute that AWS has and Runwright has not.
    pub(crate) fn not_served(self, attribute: &str, what: &str) -> Error {
        self.refuse(format!("{attribute}: Runwright does not serve {what}."))
    }
}
