//! How a resource's action begins and ends, with AWS's events. Pure.

use types::Timestamp;

use super::change::{Change, Desired};
use super::plan::Slot;
use crate::event::Event;
use crate::resources::{Failure, Made};
use crate::stack::{
    Before, Failed, OperationKind, Phase, Policy, Request, Resource, ResourceStatus, Sighting, State, Work,
    WorkKind,
};

const INITIATED: &str = "Resource creation Initiated";
const REPLACING: &str =
    "Requested update requires the creation of a new physical resource; hence creating one.";

/// Records that a resource of the template is being made or changed.
pub(super) fn begin(
    state: &mut State,
    desired: &Desired,
    change: &Change,
    request: Request,
    now: Timestamp,
) -> Vec<Event> {
    let id = request.logical_id.clone();
    remember(state, &id);
    let kind = match change {
        Change::Create => WorkKind::Create,
        Change::Replace => WorkKind::Replace,
        Change::Update => WorkKind::Update,
        Change::Nothing | Change::Record => return record(state, &id, desired),
    };
    let mut resource = match (state.resources.get(&id).cloned(), kind) {
        (Some(existing), WorkKind::Update | WorkKind::Replace) => existing,
        (existing, _) => fresh(&request, desired, existing.and_then(|existing| existing.before), now),
    };
    resource.status = match kind {
        WorkKind::Create => ResourceStatus::CreateInProgress,
        WorkKind::Replace | WorkKind::Update | WorkKind::Delete => ResourceStatus::UpdateInProgress,
    };
    resource.status_reason = (kind == WorkKind::Replace).then(|| REPLACING.to_owned());
    resource.changed = now;
    keep(&mut resource, desired);
    resource.work = Some(Work { kind, request, sighting: None, tries: 0 });
    let event = Event::of_resource(&state.stack, &resource, now);
    state.resources.insert(id, resource);
    vec![event]
}

/// An update can only be rolled back to what was noted before it.
fn remember(state: &mut State, id: &str) {
    let Some(operation) = &state.stack.operation else { return };
    if operation.kind != OperationKind::Update || operation.phase != Phase::Working {
        return;
    }
    if let Some(resource) = state.resources.get_mut(id)
        && resource.before.is_none()
    {
        resource.before = Some(Before::Was(Box::new(resource.clone())));
    }
}

fn fresh(request: &Request, desired: &Desired, before: Option<Before>, now: Timestamp) -> Resource {
    Resource {
        logical_id: request.logical_id.clone(),
        order: usize::MAX,
        type_name: desired.type_name.clone(),
        status: ResourceStatus::CreateInProgress,
        status_reason: None,
        changed: now,
        physical_id: None,
        properties: serde_json::Map::new(),
        attributes: serde_json::Map::new(),
        tags: Vec::new(),
        metadata: None,
        deletion_policy: None,
        update_replace_policy: None,
        needs: Vec::new(),
        work: None,
        before: Some(before.unwrap_or(Before::Absent)),
    }
}

/// What CloudFormation keeps of a resource besides its properties.
fn keep(resource: &mut Resource, desired: &Desired) {
    resource.metadata.clone_from(&desired.metadata);
    resource.deletion_policy = desired.deletion_policy;
    resource.update_replace_policy = desired.update_replace_policy;
    resource.needs.clone_from(&desired.needs);
}

fn record(state: &mut State, id: &str, desired: &Desired) -> Vec<Event> {
    if let Some(resource) = state.resources.get_mut(id) {
        keep(resource, desired);
        resource.tags.clone_from(&desired.tags);
    }
    settle(state, id);
    Vec::new()
}

/// Records that a resource is being put back. Where nothing has to act, it is done with.
pub(super) fn begin_restore(state: &mut State, id: &str, token: String, now: Timestamp) -> Vec<Event> {
    let Some(resource) = state.resources.get(id).cloned() else {
        settle(state, id);
        return Vec::new();
    };
    let before = match &resource.before {
        Some(Before::Was(before)) => Resource::clone(before),
        Some(Before::Absent) | None => {
            settle(state, id);
            return Vec::new();
        }
    };
    if before.physical_id != resource.physical_id {
        return put_back(state, resource, before, now);
    }
    if before.properties == resource.properties && before.tags == resource.tags {
        let restored = Resource { before: resource.before, ..before };
        state.resources.insert(id.to_owned(), restored);
        settle(state, id);
        return Vec::new();
    }
    let request = Request {
        logical_id: id.to_owned(),
        name: before.physical_id.clone().unwrap_or_default(),
        properties: before.properties.clone(),
        tags: before.tags.clone(),
        token,
    };
    let mut resource = Resource {
        status: ResourceStatus::UpdateInProgress,
        status_reason: None,
        changed: now,
        metadata: before.metadata.clone(),
        deletion_policy: before.deletion_policy,
        update_replace_policy: before.update_replace_policy,
        needs: before.needs.clone(),
        ..resource
    };
    resource.work = Some(Work { kind: WorkKind::Update, request, sighting: None, tries: 0 });
    let event = Event::of_resource(&state.stack, &resource, now);
    state.resources.insert(id.to_owned(), resource);
    vec![event]
}

/// The replaced resource was never deleted: it takes its place again, and its replacement is to go.
fn put_back(state: &mut State, replacement: Resource, before: Resource, now: Timestamp) -> Vec<Event> {
    let id = before.logical_id.clone();
    let noted = replacement.before.clone();
    if let Some(operation) = &mut state.stack.operation
        && replacement.physical_id.is_some()
    {
        operation.obsolete.push(Resource { before: None, ..replacement });
    }
    let mut restored = Resource { before: noted, changed: now, ..before };
    let mut events = Vec::new();
    for status in [ResourceStatus::UpdateInProgress, ResourceStatus::UpdateComplete] {
        restored.status = status;
        restored.status_reason = None;
        events.push(Event::of_resource(&state.stack, &restored, now));
    }
    state.resources.insert(id.clone(), restored);
    settle(state, &id);
    events
}

/// Records what a creation saw before it acts.
pub(super) fn sighted(state: &mut State, slot: &Slot, sighting: Sighting) {
    if let Some(work) = state.slot_mut(slot).and_then(|resource| resource.work.as_mut()) {
        work.sighting = Some(sighting);
    }
}

/// Records that an action will have to be looked at again.
pub(super) fn unfinished(state: &mut State, slot: &Slot) {
    if let Some(work) = state.slot_mut(slot).and_then(|resource| resource.work.as_mut()) {
        work.tries += 1;
    }
}

/// Records that a resource was made or changed.
pub(super) fn made(state: &mut State, id: &str, made: Made, now: Timestamp) -> Vec<Event> {
    let Some(mut resource) = state.resources.get(id).cloned() else { return Vec::new() };
    let Some(work) = resource.work.take() else { return Vec::new() };
    resource.physical_id = Some(made.physical_id);
    resource.attributes = made.attributes;
    resource.properties = work.request.properties;
    resource.tags = work.request.tags;
    resource.changed = now;
    let mut events = Vec::new();
    if matches!(work.kind, WorkKind::Create | WorkKind::Replace) {
        resource.status_reason = Some(INITIATED.to_owned());
        events.push(Event::of_resource(&state.stack, &resource, now));
    }
    resource.status_reason = None;
    resource.status = match work.kind {
        WorkKind::Create => ResourceStatus::CreateComplete,
        WorkKind::Replace | WorkKind::Update | WorkKind::Delete => ResourceStatus::UpdateComplete,
    };
    events.push(Event::of_resource(&state.stack, &resource, now));
    state.resources.insert(id.to_owned(), resource);
    settle(state, id);
    events
}

/// Records that a resource could not be made or changed.
pub(super) fn failed(state: &mut State, id: &str, failure: &Failure, now: Timestamp) -> Vec<Event> {
    let Some(mut resource) = state.resources.get(id).cloned() else { return Vec::new() };
    let Some(work) = resource.work.take() else { return Vec::new() };
    resource.status = match work.kind {
        WorkKind::Create => ResourceStatus::CreateFailed,
        WorkKind::Replace | WorkKind::Update | WorkKind::Delete => ResourceStatus::UpdateFailed,
    };
    resource.status_reason = Some(failure.reason(&work.request.token));
    resource.changed = now;
    match work.kind {
        // What was begun has to be cleared away.
        WorkKind::Create => {
            resource.physical_id.clone_from(&failure.physical_id);
            resource.properties = work.request.properties;
        }
        WorkKind::Replace => {
            let left = failure.physical_id.clone().map(|physical_id| Resource {
                physical_id: Some(physical_id),
                properties: work.request.properties,
                before: None,
                ..resource.clone()
            });
            if let Some(operation) = &mut state.stack.operation {
                operation.obsolete.extend(left);
            }
        }
        // Some of it may have been done: putting it back has to assume that all of it was.
        WorkKind::Update => {
            resource.properties = work.request.properties;
            resource.tags = work.request.tags;
        }
        WorkKind::Delete => {}
    }
    let event = Event::of_resource(&state.stack, &resource, now);
    let verb = if work.kind == WorkKind::Create { "create" } else { "update" };
    note_failure(state, id, verb, resource.status_reason.clone().unwrap_or_default());
    state.resources.insert(id.to_owned(), resource);
    settle(state, id);
    vec![event]
}

/// Records that a resource could not even be begun with: its properties do not evaluate, or are none.
pub(super) fn failed_before(
    state: &mut State,
    id: &str,
    desired: &Desired,
    failure: &Failure,
    request: Request,
    now: Timestamp,
) -> Vec<Event> {
    let exists = state.resources.get(id).is_some_and(|resource| resource.physical_id.is_some());
    let change = if exists { Change::Update } else { Change::Create };
    let mut events = begin(state, desired, &change, request, now);
    let unchanged =
        state.resources.get(id).map(|resource| (resource.properties.clone(), resource.tags.clone()));
    events.extend(failed(state, id, failure, now));
    // Nothing has acted: the properties are still the old ones.
    if let (Some(resource), Some((properties, tags))) = (state.resources.get_mut(id), unchanged) {
        (resource.properties, resource.tags) = (properties, tags);
    }
    events
}

/// Records that a resource is being deleted, or that it stays.
pub(super) fn begin_delete(state: &mut State, slot: &Slot, token: String, now: Timestamp) -> Vec<Event> {
    let stays = state.slot(slot).is_some_and(|resource| is_retained(state, resource));
    let Some(resource) = state.slot_mut(slot) else { return Vec::new() };
    resource.changed = now;
    resource.status_reason = None;
    if stays {
        resource.status = ResourceStatus::DeleteSkipped;
        let event = state.slot(slot).map(|resource| Event::of_resource(&state.stack, resource, now));
        gone(state, slot);
        return event.into_iter().collect();
    }
    if resource.physical_id.is_none() {
        return deleted(state, slot, now);
    }
    resource.status = ResourceStatus::DeleteInProgress;
    let request = Request {
        logical_id: resource.logical_id.clone(),
        name: resource.physical_id.clone().unwrap_or_default(),
        properties: resource.properties.clone(),
        tags: resource.tags.clone(),
        token,
    };
    resource.work = Some(Work { kind: WorkKind::Delete, request, sighting: None, tries: 0 });
    state.slot(slot).map(|resource| Event::of_resource(&state.stack, resource, now)).into_iter().collect()
}

fn is_retained(state: &State, resource: &Resource) -> bool {
    let Some(operation) = &state.stack.operation else { return false };
    if operation.retain.contains(&resource.logical_id) {
        return true;
    }
    // What a failed creation made has never been in use.
    let unused = operation.phase == Phase::RollingBack || operation.phase == Phase::RollbackCleanup;
    match resource.deletion_policy {
        Some(Policy::Retain) => !(unused && operation.retain_except_on_create),
        Some(Policy::RetainExceptOnCreate) => !unused,
        Some(Policy::Delete | Policy::Snapshot) | None => false,
    }
}

/// Records that a resource is gone.
pub(super) fn deleted(state: &mut State, slot: &Slot, now: Timestamp) -> Vec<Event> {
    let Some(resource) = state.slot_mut(slot) else { return Vec::new() };
    resource.work = None;
    resource.status = ResourceStatus::DeleteComplete;
    resource.status_reason = None;
    resource.changed = now;
    let event = state.slot(slot).map(|resource| Event::of_resource(&state.stack, resource, now));
    gone(state, slot);
    event.into_iter().collect()
}

/// Records that a resource could not be deleted.
pub(super) fn delete_failed(state: &mut State, slot: &Slot, failure: &Failure, now: Timestamp) -> Vec<Event> {
    let Some(resource) = state.slot_mut(slot) else { return Vec::new() };
    let token = resource.work.take().map(|work| work.request.token).unwrap_or_default();
    let reason = failure.reason(&token);
    resource.status = ResourceStatus::DeleteFailed;
    resource.status_reason = Some(reason.clone());
    resource.changed = now;
    let id = resource.logical_id.clone();
    let event = state.slot(slot).map(|resource| Event::of_resource(&state.stack, resource, now));
    note_failure(state, &id, "delete", reason);
    gone(state, slot);
    event.into_iter().collect()
}

fn note_failure(state: &mut State, id: &str, verb: &str, reason: String) {
    let Some(operation) = &mut state.stack.operation else { return };
    // A creation that a deletion has overtaken is none of the deletion's failures.
    if operation.kind == OperationKind::Delete && verb != "delete" {
        return;
    }
    let verb = verb.to_owned();
    operation.failures.push(Failed { logical_id: Some(id.to_owned()), verb, reason });
}

/// The resource is done with in this phase.
fn settle(state: &mut State, id: &str) {
    if let Some(operation) = &mut state.stack.operation
        && operation.kind != OperationKind::Delete
    {
        operation.done.push(id.to_owned());
    }
}

fn gone(state: &mut State, slot: &Slot) {
    let Some(operation) = &mut state.stack.operation else { return };
    match slot {
        Slot::Current(id) => operation.done.push(id.clone()),
        Slot::Obsolete => {
            if !operation.obsolete.is_empty() {
                operation.obsolete.remove(0);
            }
        }
    }
}
