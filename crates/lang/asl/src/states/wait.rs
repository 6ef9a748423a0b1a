//! Wait states: nothing happens for a time, or until a time.

use std::time::Duration;

use serde_json::Value;
use types::Timestamp;

use crate::definition::State;
use crate::error_name::{ErrorName, Failure};
use crate::expression::{QueryPath, Scope};
use crate::frame::Phase;
use crate::ids::FrameId;
use crate::jsonata::{Produced, Script, value_fault};
use crate::limits::{SECONDS_MAX, WAIT_SECONDS_MAX};
use crate::run::{ContextParts, Fault, Outcome, Run};

/// What a Wait state has of its own: exactly one of four fields.
#[derive(Debug)]
pub(crate) enum WaitState {
    Seconds(u64),
    SecondsPath(QueryPath),
    Timestamp(Timestamp),
    TimestampPath(QueryPath),
    /// `Seconds` in JSONata.
    SecondsQuery(Script),
    /// `Timestamp` in JSONata.
    TimestampQuery(Script),
}

pub(crate) fn perform(
    run: &mut Run<'_>,
    frame: FrameId,
    state: &State,
    wait: &WaitState,
) -> Result<Outcome, Fault> {
    let raw = run.raw_input(frame);
    let now = run.now;
    let (input, due) = run.evaluate(frame, &raw, ContextParts::default(), |scope| {
        let input = state.flow.effective_input(&raw, scope)?;
        let due = wait.due(now, &scope.with_input(input.value()))?;
        Ok((input, due))
    })?;
    if due <= now {
        return run.left(frame, state, input, state.transition);
    }
    let timer = run.set_timer(frame, due);
    run.set_phase(frame, Phase::Waiting { timer, input });
    Ok(Outcome::Blocked)
}

/// The time has come.
pub(crate) fn over(run: &mut Run<'_>, frame: FrameId) {
    let Some(state) = run.state(frame) else { return };
    let Some(Phase::Waiting { input, .. }) = run.visit(frame).map(|visit| visit.phase.clone()) else {
        return;
    };
    let outcome = run.left(frame, state, input, state.transition);
    run.conclude(frame, outcome);
}

impl WaitState {
    fn due(&self, now: Timestamp, scope: &Scope<'_>) -> Result<Timestamp, Fault> {
        match self {
            Self::Seconds(seconds) => Ok(now + Duration::from_secs(*seconds)),
            Self::SecondsPath(path) => Ok(now + Duration::from_secs(seconds(path, scope)?)),
            Self::Timestamp(due) => Ok(not_too_far(now, *due)?),
            Self::TimestampPath(path) => Ok(not_too_far(now, timestamp(path, scope)?)?),
            Self::SecondsQuery(script) => Ok(now + Duration::from_secs(queried_seconds(script, scope)?)),
            Self::TimestampQuery(script) => Ok(not_too_far(now, queried_timestamp(script, scope)?)?),
        }
    }
}

fn seconds(path: &QueryPath, scope: &Scope<'_>) -> Result<u64, Failure> {
    let text = path.text();
    let value = path.find(scope).map_err(|_| {
        runtime(format!("The SecondsPath parameter does not reference an input value: {text}"))
    })?;
    let shown = shown(&value);
    match shown.parse::<i64>() {
        Err(_) => Err(runtime(format!(
            "The SecondsPath parameter cannot be parsed as a long value: {text} == {shown}"
        ))),
        Ok(seconds) => u64::try_from(seconds).map_err(|_| {
            runtime(format!("The SecondsPath parameter references a negative value: {text} == {shown}"))
        }),
    }
}

fn timestamp(path: &QueryPath, scope: &Scope<'_>) -> Result<Timestamp, Failure> {
    let text = path.text();
    let value = path.find(scope).map_err(|_| {
        runtime(format!("The TimestampPath parameter does not reference an input value: {text}"))
    })?;
    let shown = shown(&value);
    Timestamp::parse_rfc3339(&shown).map_err(|_| {
        runtime(format!(
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: \
             {text} == {shown}"
        ))
    })
}

fn queried_seconds(script: &Script, scope: &Scope<'_>) -> Result<u64, Fault> {
    let value = script.evaluate(Produced::Nothing, scope)?;
    value.as_u64().filter(|seconds| *seconds <= SECONDS_MAX).ok_or_else(|| match &value {
        Value::Number(_) => {
            let cause =
                format!("The Seconds field must be an integer from 0 to {SECONDS_MAX}, but was: {value}");
            value_fault(cause, script.field())
        }
        _ => script.unexpected("number", &value),
    })
}

fn queried_timestamp(script: &Script, scope: &Scope<'_>) -> Result<Timestamp, Fault> {
    let value = script.evaluate(Produced::Nothing, scope)?;
    let Some(text) = value.as_str() else { return Err(script.unexpected("string", &value)) };
    Timestamp::parse_rfc3339(text).map_err(|_| {
        let cause = format!(
            "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {text}"
        );
        value_fault(cause, script.field())
    })
}

fn not_too_far(now: Timestamp, due: Timestamp) -> Result<Timestamp, Failure> {
    if due.since(now) > Duration::from_secs(WAIT_SECONDS_MAX) {
        return Err(runtime("Wait state delay is too long."));
    }
    Ok(due)
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn runtime(cause: impl Into<String>) -> Failure {
    Failure::new(ErrorName::Runtime, cause)
}
