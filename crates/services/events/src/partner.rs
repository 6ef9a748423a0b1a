//! Partner event sources: there are none, as in an account to which no partner sends anything.

use crate::Error;
use crate::generated::types as model;

/// The list of partner event sources.
pub fn list() -> model::ListEventSourcesOutput {
    model::ListEventSourcesOutput { event_sources: Some(Vec::new()), next_token: None }
}

/// What is said of a partner event source.
///
/// # Errors
/// Always: it does not exist.
pub fn refuse<T>(name: String) -> Result<T, Error> {
    Err(Error::EventSourceNotFound(name))
}
