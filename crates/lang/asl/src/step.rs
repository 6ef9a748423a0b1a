//! Advances an execution from one wake to the point where it waits again.

use std::sync::Arc;

use types::Timestamp;

use crate::effect::Effect;
use crate::error_name::{ErrorName, Failure};
use crate::execution::{Execution, Status};
use crate::frame::Phase;
use crate::ids::{FrameId, TaskId, TimerId};
use crate::limits::TRANSITIONS_PER_STEP;
use crate::run::Run;
use crate::states::map::distributed;
use crate::states::{task, wait};
use crate::wake::Wake;

/// Advances one execution: applies `wake`, then runs every state that needs nothing from outside, until the execution
/// waits or ends. Deterministic: equal arguments give equal histories, changes and effects.
///
/// `effects` is appended to, in the order in which they are wanted. They may be performed only after the history and the
/// changes are stored. A wake for what is closed, or was never open, changes nothing.
pub fn step(execution: &mut Execution, wake: Wake, now: Timestamp, effects: &mut Vec<Effect>) {
    if *execution.status() != Status::Running {
        return;
    }
    let machine = Arc::clone(&execution.machine);
    let mut run = Run::new(&machine, execution, now, effects);
    apply(&mut run, wake);
    until_blocked(&mut run);
}

/// Lets an execution that has ended without success go on, until it waits or ends again.
pub(crate) fn redrive(execution: &mut Execution, now: Timestamp, effects: &mut Vec<Effect>) {
    let machine = Arc::clone(&execution.machine);
    let mut run = Run::new(&machine, execution, now, effects);
    run.redrive();
    until_blocked(&mut run);
}

fn apply(run: &mut Run<'_>, wake: Wake) {
    match wake {
        Wake::Start => run.start(),
        Wake::TimerFired { timer } => timer_fired(run, timer),
        Wake::TaskStarted { task, worker_name } => with_task(run, task, |run, frame| {
            task::started(run, frame, worker_name);
        }),
        Wake::TaskSubmitted { task, output } => with_task(run, task, |run, frame| {
            task::submitted(run, frame, output);
        }),
        Wake::TaskSucceeded { task, output } => with_task(run, task, |run, frame| {
            if runs_map(run, frame) {
                distributed::run_succeeded(run, frame, output);
            } else {
                task::succeeded(run, frame, output);
            }
        }),
        Wake::TaskFailed { task, failure } => with_task(run, task, |run, frame| {
            if runs_map(run, frame) {
                distributed::run_failed(run, frame, failure.failure);
            } else {
                task::failed(run, frame, failure);
            }
        }),
        Wake::TaskHeartbeat { task } => with_task(run, task, task::heartbeat),
        Wake::Stop { error, cause } => {
            run.abort(Failure { error: error.as_deref().map(ErrorName::from), cause });
        }
    }
}

/// Nothing happens to a task that is over: the same thing may be reported twice after a crash.
fn with_task(run: &mut Run<'_>, task: TaskId, act: impl FnOnce(&mut Run<'_>, FrameId)) {
    if let Some(frame) = run.execution.frames.of_task(task) {
        act(run, frame);
    }
}

fn runs_map(run: &Run<'_>, frame: FrameId) -> bool {
    run.visit(frame).is_some_and(|visit| visit.map_run().is_some())
}

fn timer_fired(run: &mut Run<'_>, timer: TimerId) {
    if run.execution.head.deadline == Some(timer) {
        return run.time_out();
    }
    if run.execution.head.continuation == Some(timer) {
        run.execution.head.continuation = None;
        return;
    }
    // A late timer: cleared, or fired twice after a crash.
    let Some(frame) = run.execution.frames.take_timer(timer) else { return };
    match run.visit(frame).map(|visit| &visit.phase) {
        Some(Phase::Waiting { .. }) => wait::over(run, frame),
        Some(Phase::BackingOff { .. }) => run.perform(frame),
        Some(Phase::Calling(_)) => task::timed_out(run, frame, timer),
        Some(
            Phase::Running
            | Phase::Branching
            | Phase::Mapping { .. }
            | Phase::MapRunning(_)
            | Phase::MapRunEnded { .. },
        )
        | None => {}
    }
}

/// Every frame that is ready moves on by one state, in turn, as if they ran side by side.
fn until_blocked(run: &mut Run<'_>) {
    for _ in 0..TRANSITIONS_PER_STEP {
        if run.is_over() {
            return;
        }
        match run.execution.head.ready.pop_front() {
            Some(frame) => run.enter(frame),
            None => return run.wait(),
        }
    }
    run.give_way();
}
