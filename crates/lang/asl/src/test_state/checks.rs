//! What cannot be tested: mocks that do not suit the state, and states that need one.

use serde_json::Value;

use super::{Mock, Setup, TestedState};
use crate::definition::{Body, State, StateKind};
use crate::diagnostic::Diagnostic;
use crate::integrations::Pattern;

/// Why a state is not tested.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// `InvalidDefinition`: the definition cannot be read.
    Definition(Vec<Diagnostic>),
    /// `ValidationException`: the definition has no state of that name.
    StateNotFound,
    /// `InvalidDefinition`: a Map or Parallel state without a mock.
    NeedsMock,
    /// `ValidationException`, in words.
    Invalid(String),
}

pub(super) fn check(tested: &TestedState, setup: &Setup) -> Result<(), Refusal> {
    let state = tested.state().ok_or(Refusal::StateNotFound)?;
    match &setup.mock {
        None => check_unmocked(state, setup)?,
        Some(mock) => check_mock(state, mock)?,
    }
    check_context(state, setup)?;
    check_iterations(state, setup)?;
    if let Some(name) = &setup.configuration.error_caused_by_state
        && !tested.has_inner_state(name)
    {
        return Err(invalid(format!("State '{name}' in errorCausedByState not found in definition")));
    }
    Ok(())
}

fn check_unmocked(state: &State, setup: &Setup) -> Result<(), Refusal> {
    let configuration = &setup.configuration;
    let given = [
        ("RetrierRetryCount", configuration.retrier_retry_count.is_some()),
        ("ErrorCausedByState", configuration.error_caused_by_state.is_some()),
        ("MapIterationFailureCount", configuration.map_iteration_failure_count.is_some()),
        ("MapItemReaderData", configuration.map_item_reader_data.is_some()),
    ];
    if let Some((name, _)) = given.into_iter().find(|(_, given)| *given) {
        return Err(invalid(format!("TestState does not support {name} when a mock is not specified.")));
    }
    match state.kind() {
        StateKind::Map | StateKind::Parallel => Err(Refusal::NeedsMock),
        StateKind::Task if setup.place.role_arn.is_none() => {
            Err(invalid("RoleArn must be specified when testing a Task state"))
        }
        _ => Ok(()),
    }
}

fn check_mock(state: &State, mock: &Mock) -> Result<(), Refusal> {
    let kind = state.kind();
    if !kind.is_retryable() {
        let message = format!("State type '{}' is not supported when a mock is specified", kind.as_str());
        return Err(invalid(message));
    }
    let Mock::Result(result) = mock else { return Ok(()) };
    match (&state.body, result.value()) {
        (Body::Map(map), Value::Object(_)) if map.exports() => Ok(()),
        (Body::Map(map), _) if map.exports() => Err(invalid("Mocked result must be a JSON object.")),
        (Body::Parallel(parallel), Value::Array(results)) if results.len() != parallel.branches.len() => Err(
            invalid("Mocked result must contain the same number of items as number of Parallel branches."),
        ),
        (Body::Map(_) | Body::Parallel(_), Value::Array(_)) | (Body::Task(_), _) => Ok(()),
        _ => Err(invalid("Mocked result must be an array.")),
    }
}

fn check_context(state: &State, setup: &Setup) -> Result<(), Refusal> {
    let Some(context) = &setup.context else { return Ok(()) };
    let waits = match &state.body {
        Body::Task(task) => task.resource.pattern() != Pattern::RequestResponse,
        _ => false,
    };
    if context.contains_key("Task") && !waits {
        return Err(invalid(
            "Invalid Context object provided: Context object contains 'Task' when state is not a Task state with a \
             '.sync' or '.waitForTaskToken' service integration pattern",
        ));
    }
    Ok(())
}

fn check_iterations(state: &State, setup: &Setup) -> Result<(), Refusal> {
    let configuration = &setup.configuration;
    let given = [
        ("mapIterationFailureCount", configuration.map_iteration_failure_count.is_some()),
        ("mapItemReaderData", configuration.map_item_reader_data.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((name, _)) if state.kind() != StateKind::Map => {
            Err(invalid(format!("{name} can be specified for Map states only")))
        }
        _ => Ok(()),
    }
}

pub(super) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::Invalid(message.into())
}
