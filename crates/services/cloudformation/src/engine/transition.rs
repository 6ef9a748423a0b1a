//! A stack from phase to phase, with AWS's statuses and reasons. Pure.

use api::Principal;
use types::Timestamp;

use super::plan::deletion_order;
use crate::event::Event;
use crate::stack::{
    Before, Definition, Failed, OnFailure, Operation, OperationKind, Phase, Resource, Stack, StackOutput,
    State, Status,
};

/// Why an operation was begun that somebody asked for.
const USER_INITIATED: &str = "User Initiated";

/// What somebody asks of a stack.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub kind: OperationKind,
    pub target: Definition,
    pub principal: Principal,
    pub token: Option<String>,
    pub on_failure: OnFailure,
    pub retain_except_on_create: bool,
    pub retain: Vec<String>,
}

/// Begins an operation. One that is running gives way; what it has in flight is ended first.
pub(crate) fn begin(stack: &mut Stack, asked: Asked, now: Timestamp) -> Event {
    let Asked { kind, target, principal, token, on_failure, retain_except_on_create, retain } = asked;
    let mut obsolete = std::mem::take(&mut stack.leftover);
    obsolete.extend(stack.operation.take().map(|operation| operation.obsolete).unwrap_or_default());
    stack.status = match kind {
        OperationKind::Create => Status::CreateInProgress,
        OperationKind::Update => Status::UpdateInProgress,
        OperationKind::Delete => Status::DeleteInProgress,
    };
    stack.status_reason = Some(USER_INITIATED.to_owned());
    stack.operation = Some(Operation {
        kind,
        phase: Phase::Working,
        principal,
        token,
        target,
        done: Vec::new(),
        failures: Vec::new(),
        obsolete,
        on_failure,
        retain_except_on_create,
        retain,
        imports: Default::default(),
        started: now,
    });
    Event::of_stack(stack, now)
}

/// Notes that the operation as a whole has failed, not one of its resources.
pub(super) fn fail(state: &mut State, reason: String) {
    if let Some(operation) = &mut state.stack.operation {
        operation.failures.push(Failed { logical_id: None, verb: String::new(), reason });
    }
}

/// Ends a phase and begins the next, or ends the operation. `outputs` are those of the target; `order` as in the plan.
pub(super) fn advance(
    state: &mut State,
    order: &[String],
    outputs: Vec<StackOutput>,
    now: Timestamp,
) -> Vec<Event> {
    let Some(operation) = &state.stack.operation else { return Vec::new() };
    let failed = !operation.failures.is_empty();
    match (operation.kind, operation.phase, failed) {
        (OperationKind::Create | OperationKind::Update, Phase::Working, true) => give_up(state, now),
        (OperationKind::Create, Phase::Working, false) => {
            succeed(state, outputs);
            finish(state, Status::CreateComplete, None, now)
        }
        (OperationKind::Create, Phase::RollingBack | Phase::Cleanup | Phase::RollbackCleanup, true) => {
            let reason = reason(state);
            finish(state, Status::RollbackFailed, Some(reason), now)
        }
        (OperationKind::Create, Phase::RollingBack | Phase::Cleanup | Phase::RollbackCleanup, false) => {
            finish(state, Status::RollbackComplete, None, now)
        }
        (OperationKind::Update, Phase::Working, false) => {
            succeed(state, outputs);
            drop_replaced(state, order);
            enter(state, Phase::Cleanup, Status::UpdateCompleteCleanupInProgress, None, now)
        }
        (OperationKind::Update, Phase::Cleanup, failed) => {
            let reason =
                failed.then(|| "Update successful. One or more resources could not be deleted.".to_owned());
            finish(state, Status::UpdateComplete, reason, now)
        }
        (OperationKind::Update, Phase::RollingBack, true) => {
            let reason = reason(state);
            finish(state, Status::UpdateRollbackFailed, Some(reason), now)
        }
        (OperationKind::Update, Phase::RollingBack, false) => {
            drop_made(state);
            let status = Status::UpdateRollbackCompleteCleanupInProgress;
            enter(state, Phase::RollbackCleanup, status, None, now)
        }
        (OperationKind::Update, Phase::RollbackCleanup, _) => {
            finish(state, Status::UpdateRollbackComplete, None, now)
        }
        (OperationKind::Delete, _, true) => {
            let reason = reason(state);
            finish(state, Status::DeleteFailed, Some(reason), now)
        }
        (OperationKind::Delete, _, false) => {
            state.stack.deleted = Some(now);
            state.stack.outputs.clear();
            state.stack.imports.clear();
            finish(state, Status::DeleteComplete, None, now)
        }
    }
}

/// After a failure: roll back, delete, or leave everything as it is.
fn give_up(state: &mut State, now: Timestamp) -> Vec<Event> {
    let reason = reason(state);
    let Some(operation) = &mut state.stack.operation else { return Vec::new() };
    match (operation.kind, operation.on_failure) {
        (OperationKind::Create, OnFailure::Rollback) => {
            let reason = format!("{}. Rollback requested by user.", reason.trim_end_matches(['.', ' ']));
            enter(state, Phase::RollingBack, Status::RollbackInProgress, Some(reason), now)
        }
        (OperationKind::Create, OnFailure::Delete) => {
            operation.kind = OperationKind::Delete;
            let reason = format!("{}. Delete requested by user.", reason.trim_end_matches(['.', ' ']));
            enter(state, Phase::Working, Status::DeleteInProgress, Some(reason), now)
        }
        (OperationKind::Create, OnFailure::DoNothing) => {
            finish(state, Status::CreateFailed, Some(reason), now)
        }
        (_, OnFailure::DoNothing) => finish(state, Status::UpdateFailed, Some(reason), now),
        (_, OnFailure::Rollback | OnFailure::Delete) => {
            enter(state, Phase::RollingBack, Status::UpdateRollbackInProgress, Some(reason), now)
        }
    }
}

/// `The following resource(s) failed to create: [A, B]. ` and its like, or the stack's own reason.
fn reason(state: &State) -> String {
    let failures = state.stack.operation.iter().flat_map(|operation| &operation.failures);
    let (of_resources, of_stack): (Vec<&Failed>, Vec<&Failed>) =
        failures.partition(|failed| failed.logical_id.is_some());
    if let Some(failed) = of_stack.first() {
        return failed.reason.clone();
    }
    ["create", "update", "delete"]
        .into_iter()
        .filter_map(|verb| {
            let failed = of_resources.iter().filter(|failed| failed.verb == verb);
            let ids: Vec<&str> = failed.filter_map(|failed| failed.logical_id.as_deref()).collect();
            (!ids.is_empty())
                .then(|| format!("The following resource(s) failed to {verb}: [{}]. ", ids.join(", ")))
        })
        .collect()
}

fn succeed(state: &mut State, outputs: Vec<StackOutput>) {
    let stack = &mut state.stack;
    stack.outputs = outputs;
    if let Some(operation) = &stack.operation {
        stack.definition = operation.target.clone();
        stack.imports.clone_from(&operation.imports);
    }
}

/// What an update has replaced, and what its template no longer has, is to go.
fn drop_replaced(state: &mut State, order: &[String]) {
    let mut obsolete: Vec<Resource> = Vec::new();
    for resource in state.resources.values_mut() {
        if let Some(Before::Was(before)) = resource.before.take()
            && before.physical_id.is_some()
            && before.physical_id != resource.physical_id
        {
            let deletion_policy = resource.update_replace_policy;
            obsolete.push(Resource { deletion_policy, before: None, work: None, ..*before });
        }
    }
    let dropped: Vec<String> = state.resources.keys().filter(|id| !order.contains(id)).cloned().collect();
    obsolete.extend(dropped.iter().filter_map(|id| state.resources.shift_remove(id)));
    hand_over(state, obsolete);
}

/// What a rolled-back update has made is to go.
fn drop_made(state: &mut State) {
    let made: Vec<String> = state
        .resources
        .iter()
        .filter(|(_, resource)| matches!(resource.before, Some(Before::Absent)))
        .map(|(id, _)| id.clone())
        .collect();
    let obsolete = made.iter().filter_map(|id| state.resources.shift_remove(id)).collect();
    hand_over(state, obsolete);
}

fn hand_over(state: &mut State, obsolete: Vec<Resource>) {
    if let Some(operation) = &mut state.stack.operation {
        let mut all = std::mem::take(&mut operation.obsolete);
        all.extend(obsolete);
        operation.obsolete = deletion_order(all);
    }
}

fn enter(
    state: &mut State,
    phase: Phase,
    status: Status,
    reason: Option<String>,
    now: Timestamp,
) -> Vec<Event> {
    if let Some(operation) = &mut state.stack.operation {
        operation.phase = phase;
        operation.done.clear();
        operation.failures.clear();
    }
    state.stack.status = status;
    state.stack.status_reason = reason;
    vec![Event::of_stack(&state.stack, now)]
}

fn finish(state: &mut State, status: Status, reason: Option<String>, now: Timestamp) -> Vec<Event> {
    state.stack.status = status;
    state.stack.status_reason = reason;
    for resource in state.resources.values_mut() {
        // Only where an update could neither end nor be rolled back is there anything left to take care of.
        if let Some(Before::Was(before)) = resource.before.take()
            && before.physical_id.is_some()
            && before.physical_id != resource.physical_id
        {
            state.stack.leftover.push(Resource { before: None, work: None, ..*before });
        }
    }
    let event = Event::of_stack(&state.stack, now);
    if let Some(operation) = state.stack.operation.take() {
        state.stack.leftover.extend(operation.obsolete);
    }
    vec![event]
}
