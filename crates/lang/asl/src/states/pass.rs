//! Pass states: the input, or `Result`, is the result.

use crate::definition::State;
use crate::ids::FrameId;
use crate::payload::Payload;
use crate::run::{ContextParts, Fault, Outcome, Run};

/// What a Pass state has of its own.
#[derive(Debug)]
pub(crate) struct PassState {
    /// `Result`: literal, no path in it is read.
    pub(crate) result: Option<Payload>,
}

pub(crate) fn perform(
    run: &mut Run<'_>,
    frame: FrameId,
    state: &State,
    pass: &PassState,
) -> Result<Outcome, Fault> {
    let raw = run.raw_input(frame);
    let input =
        run.evaluate(frame, &raw, ContextParts::default(), |scope| state.flow.effective_input(&raw, scope))?;
    let result = pass.result.clone().unwrap_or(input);
    run.left(frame, state, result, state.transition)
}
