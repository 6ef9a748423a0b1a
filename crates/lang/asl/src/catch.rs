//! `Catch`: going on elsewhere after an error.

use serde_json::{Value, json};

use crate::data_flow::Flow;
use crate::definition::StateId;
use crate::error_name::{ErrorName, Failure};
use crate::payload::Payload;

/// One element of `Catch`.
#[derive(Debug)]
pub(crate) struct Catcher {
    pub(crate) errors: ErrorEquals,
    /// In JSONPath `ResultPath` and `Assign`, in JSONata `Output` and `Assign`.
    pub(crate) flow: Flow,
    pub(crate) next: StateId,
}

/// `ErrorEquals` of a retrier or a catcher.
#[derive(Debug)]
pub(crate) struct ErrorEquals(Vec<ErrorName>);

impl ErrorEquals {
    pub(crate) fn new(names: Vec<ErrorName>) -> Self {
        Self(names)
    }

    /// The names.
    pub(crate) fn names(&self) -> &[ErrorName] {
        &self.0
    }

    /// Whether one of the names is, or stands for, the failure's.
    pub(crate) fn matches(&self, failure: &Failure) -> bool {
        // Nothing matches States.Runtime, not even its own name.
        failure.error != Some(ErrorName::Runtime)
            && self.0.iter().any(|name| stands_for(name, failure.error.as_ref()))
    }
}

fn stands_for(name: &ErrorName, error: Option<&ErrorName>) -> bool {
    match name {
        ErrorName::All => true,
        ErrorName::TaskFailed => !matches!(error, Some(ErrorName::Timeout | ErrorName::HeartbeatTimeout)),
        ErrorName::Timeout => matches!(error, Some(ErrorName::Timeout | ErrorName::HeartbeatTimeout)),
        other => Some(other) == error,
    }
}

/// The first catcher that catches the failure, and its place.
pub(crate) fn catcher<'a>(catchers: &'a [Catcher], failure: &Failure) -> Option<(usize, &'a Catcher)> {
    catchers.iter().enumerate().find(|(_, catcher)| catcher.errors.matches(failure))
}

/// `{"Error": …, "Cause": …}`: what a catcher gives on. A callback that said neither gives two `null`s; otherwise a missing
/// cause is empty.
pub(crate) fn error_output(failure: &Failure) -> Payload {
    let error = failure.error.as_ref().map(|error| Value::from(error.shown()));
    let cause = match (&failure.error, &failure.cause) {
        (_, Some(cause)) => Value::from(cause.as_str()),
        (Some(_), None) => Value::from(""),
        (None, None) => Value::Null,
    };
    Payload::new(json!({"Error": error, "Cause": cause}))
}
