//! What to do next. Pure: equal states give equal plans.

use crate::stack::{OperationKind, Phase, Resource, State};

/// The next thing to do for a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// An action that has begun goes on.
    Continue(Slot),
    /// A resource of the template is made, or changed where it differs.
    Make(String),
    /// A resource is put back to what it was before the operation.
    Restore(String),
    /// A resource is deleted.
    Delete(Slot),
    /// The phase is through.
    Advance,
    /// There is no operation.
    Nothing,
}

/// Where a resource is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// Among the stack's resources.
    Current(String),
    /// First of those to be deleted.
    Obsolete,
}

/// Decides by the state alone; `order` are the logical ids of the target's resources, each behind those that it needs.
pub(super) fn next(state: &State, order: &[String]) -> Next {
    let Some(operation) = &state.stack.operation else { return Next::Nothing };
    if let Some(resource) = state.resources.values().find(|resource| resource.work.is_some()) {
        return Next::Continue(Slot::Current(resource.logical_id.clone()));
    }
    if operation.obsolete.first().is_some_and(|resource| resource.work.is_some()) {
        return Next::Continue(Slot::Obsolete);
    }
    let is_open = |id: &&String| !operation.done.contains(id);
    let next = match (operation.kind, operation.phase) {
        (OperationKind::Create | OperationKind::Update, Phase::Working) => {
            let failed = !operation.failures.is_empty();
            order.iter().find(|id| !failed && is_open(id)).cloned().map(Next::Make)
        }
        (OperationKind::Delete, _) if !operation.obsolete.is_empty() => Some(Next::Delete(Slot::Obsolete)),
        (OperationKind::Create, Phase::RollingBack) | (OperationKind::Delete, _) => {
            deletable(state, &operation.done).map(|id| Next::Delete(Slot::Current(id)))
        }
        (OperationKind::Update, Phase::RollingBack) => {
            let touched =
                |id: &&String| state.resources.get(*id).is_some_and(|resource| resource.before.is_some());
            order.iter().rev().filter(touched).find(is_open).cloned().map(Next::Restore)
        }
        (OperationKind::Create | OperationKind::Update, Phase::Cleanup | Phase::RollbackCleanup) => {
            operation.obsolete.first().map(|_| Next::Delete(Slot::Obsolete))
        }
    };
    next.unwrap_or(Next::Advance)
}

/// The last resource that nothing else needs which is still there. What could not be deleted keeps what it needs.
fn deletable(state: &State, done: &[String]) -> Option<String> {
    let left: Vec<&Resource> =
        state.resources.values().filter(|resource| !resource.status.is_gone()).collect();
    let needed = |id: &String| left.iter().any(|other| other.logical_id != *id && other.needs.contains(id));
    let open = left.iter().rev().filter(|resource| !done.contains(&resource.logical_id));
    open.map(|resource| &resource.logical_id).find(|id| !needed(id)).cloned()
}

/// The same order for resources that are to be deleted all: those that others need come last.
pub(super) fn deletion_order(mut resources: Vec<Resource>) -> Vec<Resource> {
    let mut ordered = Vec::with_capacity(resources.len());
    while !resources.is_empty() {
        let needed =
            |id: &String| resources.iter().any(|other| other.logical_id != *id && other.needs.contains(id));
        let free = resources.iter().rposition(|resource| !needed(&resource.logical_id));
        // A circle cannot be, since a template with one is refused; if it were, any order is as good.
        ordered.push(resources.remove(free.unwrap_or(resources.len() - 1)));
    }
    ordered
}

impl State {
    pub(super) fn slot(&self, slot: &Slot) -> Option<&Resource> {
        match slot {
            Slot::Current(id) => self.resources.get(id),
            Slot::Obsolete => self.stack.operation.as_ref()?.obsolete.first(),
        }
    }

    pub(super) fn slot_mut(&mut self, slot: &Slot) -> Option<&mut Resource> {
        match slot {
            Slot::Current(id) => self.resources.get_mut(id),
            Slot::Obsolete => self.stack.operation.as_mut()?.obsolete.first_mut(),
        }
    }
}
