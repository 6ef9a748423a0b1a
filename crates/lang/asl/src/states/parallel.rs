//! Parallel states: branches run side by side, each on the same input.

use crate::definition::{State, StateId};
use crate::frame::{Parent, Phase};
use crate::history::FanOut;
use crate::ids::FrameId;
use crate::run::{ContextParts, Fault, Outcome, Run};

/// What a Parallel state has of its own.
#[derive(Debug)]
pub(crate) struct ParallelState {
    /// `StartAt` of each branch.
    pub(crate) branches: Vec<StateId>,
}

pub(crate) fn perform(
    run: &mut Run<'_>,
    frame: FrameId,
    state: &State,
    parallel: &ParallelState,
) -> Result<Outcome, Fault> {
    let raw = run.raw_input(frame);
    let input =
        run.evaluate(frame, &raw, ContextParts::default(), |scope| state.flow.effective_input(&raw, scope))?;
    let started = run.record_fan_out_started(frame, FanOut::Parallel);
    run.set_phase(frame, Phase::Branching);
    for (index, start) in (0..).zip(&parallel.branches) {
        run.begin_child(Parent { frame, index }, *start, input.clone(), started);
    }
    Ok(Outcome::Blocked)
}

/// A branch has ended well.
pub(crate) fn branch_done(
    run: &mut Run<'_>,
    parent: Parent,
    state: &State,
    parallel: &ParallelState,
    last_event: u64,
) {
    let frame = parent.frame;
    if run.execution.frames.progress(frame).done < parallel.branches.len() {
        return;
    }
    let result = run.collect(frame);
    run.record_fan_out_succeeded(frame, FanOut::Parallel, last_event);
    let outcome = run.left(frame, state, result, state.transition);
    run.conclude(frame, outcome);
}
