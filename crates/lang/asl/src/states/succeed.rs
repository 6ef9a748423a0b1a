//! Succeed states: the machine, the branch or the iteration ends well.

use crate::definition::{State, Transition};
use crate::ids::FrameId;
use crate::run::{ContextParts, Fault, Outcome, Run};

pub(crate) fn perform(run: &mut Run<'_>, frame: FrameId, state: &State) -> Result<Outcome, Fault> {
    let raw = run.raw_input(frame);
    let input =
        run.evaluate(frame, &raw, ContextParts::default(), |scope| state.flow.effective_input(&raw, scope))?;
    run.left(frame, state, input, Transition::End)
}
