//! What EventBridge Scheduler answers when it cannot serve a request.

use api::AwsError;

/// One variant per reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such schedule.
    #[error("Schedule {0} does not exist.")]
    ScheduleNotFound(String),
    /// No such group.
    #[error("Schedule group {0} does not exist.")]
    GroupNotFound(String),
    /// The schedule is there already.
    #[error("Schedule {0} already exists.")]
    ScheduleExists(String),
    /// The group is there already.
    #[error("Schedule group {0} already exists.")]
    GroupExists(String),
    /// The default group is always there.
    #[error("Cannot delete the default schedule group.")]
    DefaultGroup,
    /// The token of another request.
    #[error("The ClientToken {0} was used before with other parameters.")]
    ClientTokenReused(String),
    /// The expression is none.
    #[error(transparent)]
    InvalidExpression(#[from] ::schedule::ParseError),
    /// A tag asks for what there is not.
    #[error(transparent)]
    UnknownOverlap(#[from] ::schedule::UnknownOverlap),
    /// No such time zone.
    #[error("Invalid Schedule Expression Timezone {0}.")]
    InvalidTimezone(String),
    /// A start that has passed.
    #[error("The StartDate you specify cannot be earlier than 5 minutes ago.")]
    StartDatePassed,
    /// Nothing lies between start and end.
    #[error("The EndDate you specify must be later than the StartDate.")]
    EndDateBeforeStartDate,
    /// A flexible window without a length.
    #[error("MaximumWindowInMinutes must be specified when the FlexibleTimeWindow mode is FLEXIBLE.")]
    WindowMissing,
    /// A length without a flexible window.
    #[error("MaximumWindowInMinutes must not be specified when the FlexibleTimeWindow mode is OFF.")]
    WindowForbidden,
    /// The target's ARN is none.
    #[error("Provided Arn is not in correct format.")]
    InvalidTargetArn,
    /// The target's ARN is of a service that AWS's schedules do not invoke.
    #[error("{0} is not a supported service for a target.")]
    TargetServiceUnsupported(String),
    /// Whatever else is wrong with a parameter; the whole text.
    #[error("{0}")]
    Invalid(String),
    /// What AWS has and Runwright refuses.
    #[error("Runwright does not serve {0} of EventBridge Scheduler.")]
    NotServed(&'static str),
    /// A kind of target that AWS has and Runwright refuses.
    #[error("Runwright does not serve {0} as a target of EventBridge Scheduler.")]
    TargetNotServed(&'static str),
    /// An operation that AWS would call and Runwright does not serve.
    #[error("Runwright does not serve {0}.")]
    OperationNotServed(String),
    /// Too many schedules or groups.
    #[error("You have reached the maximum number of {0} that you can create in this account and region.")]
    QuotaExceeded(&'static str),
    /// Others were faster again and again: the caller may try again.
    #[error("{0} is being modified by another request.")]
    Concurrent(String),
    /// The store failed.
    #[error(transparent)]
    Store(store::Error),
}

impl Error {
    /// Whether the store failed in a way that may pass: a full disk may be freed.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Store(store::Error::Unavailable(_)))
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
        let (code, status) = match &error {
            Error::ScheduleNotFound(_) | Error::GroupNotFound(_) => ("ResourceNotFoundException", 404),
            Error::ScheduleExists(_)
            | Error::GroupExists(_)
            | Error::ClientTokenReused(_)
            | Error::Concurrent(_) => ("ConflictException", 409),
            Error::QuotaExceeded(_) => ("ServiceQuotaExceededException", 402),
            Error::Store(cause) => return Self::internal("InternalServerException", cause),
            Error::DefaultGroup
            | Error::InvalidExpression(_)
            | Error::UnknownOverlap(_)
            | Error::InvalidTimezone(_)
            | Error::StartDatePassed
            | Error::EndDateBeforeStartDate
            | Error::WindowMissing
            | Error::WindowForbidden
            | Error::InvalidTargetArn
            | Error::TargetServiceUnsupported(_)
            | Error::Invalid(_)
            | Error::NotServed(_)
            | Error::TargetNotServed(_)
            | Error::OperationNotServed(_) => ("ValidationException", 400),
        };
        Self::new(code, error.to_string()).with_status(status)
    }
}
