//! Fail states: the machine, the branch or the iteration ends with an error.

use serde_json::Value;

use crate::definition::State;
use crate::error_name::{ErrorName, Failure};
use crate::expression::{Expression, Scope};
use crate::ids::FrameId;
use crate::jsonata::{Produced, Script};
use crate::run::{ContextParts, Fault, Outcome, Run};

/// What a Fail state has of its own.
#[derive(Debug, Default)]
pub(crate) struct FailState {
    pub(crate) error: FailText,
    pub(crate) cause: FailText,
}

/// `Error` or `ErrorPath`, `Cause` or `CausePath`.
#[derive(Debug, Default)]
pub(crate) enum FailText {
    #[default]
    Absent,
    Literal(String),
    Computed(Expression),
    Query(Script),
}

pub(crate) fn perform(
    run: &mut Run<'_>,
    frame: FrameId,
    _: &State,
    fail: &FailState,
) -> Result<Outcome, Fault> {
    let raw = run.raw_input(frame);
    let failure = run.evaluate(frame, &raw, ContextParts::default(), |scope| {
        let error = fail.error.text("ErrorPath", scope)?.map(ErrorName::from);
        Ok(Failure { error, cause: fail.cause.text("CausePath", scope)? })
    })?;
    Err(Fault::Passed(failure))
}

impl FailText {
    fn text(&self, field: &str, scope: &Scope<'_>) -> Result<Option<String>, Fault> {
        match self {
            Self::Absent => Ok(None),
            Self::Literal(text) => Ok(Some(text.clone())),
            Self::Computed(expression) => match expression.evaluate(field, scope)?.into_owned() {
                Value::String(text) => Ok(Some(text)),
                other => {
                    let cause = format!("The field '{field}' must be a string, but was: {other}");
                    Err(Failure::new(ErrorName::Runtime, cause).into())
                }
            },
            Self::Query(script) => match script.evaluate(Produced::Nothing, scope)? {
                Value::String(text) => Ok(Some(text)),
                other => Err(script.unexpected("string", &other)),
            },
        }
    }
}
