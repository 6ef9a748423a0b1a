//! The shell around the engine: load, decide, commit, and only then act.
//!
//! A stack with an operation has a timer. Whoever is given it takes the operation step by step to its end; after a restart
//! it is given again, and the steps go on where they were.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use store::Batch;
use template::{Evaluation, TemplateError};
use types::Timestamp;

use super::plan::{self, Next, Slot};
use super::work::Deleted;
use super::{Change, change, decide, desired, progress, transition, work};
use crate::blueprint::{self, Blueprint, World};
use crate::change_set::ExecutionStatus;
use crate::door::{Door, clock_stands};
use crate::event::Event;
use crate::limits::STABILISE_MS;
use crate::names::physical_name;
use crate::resources::{Failure, ResourceType};
use crate::stack::{
    Definition, Operation, OperationKind, Phase, Policy, Request, Resource, Stack, State, Status, WorkKind,
};
use crate::stacks::{Export, Loaded, QUEUE};
use crate::{Error, Inner};

/// How many random characters end a name that is made up.
const NAME_SUFFIX_CHARACTERS: usize = 12;

/// Begins to run operations, those left from before among them.
pub(crate) async fn start(inner: &Arc<Inner>) -> Result<(), Error> {
    let mut queue = inner.stacks.store().timers(QUEUE).await?;
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        let clock = inner.dispatcher.clock().clone();
        while let Some(timer) = queue.next(&clock).await {
            tokio::spawn(run(Arc::clone(&inner), timer.key));
        }
    });
    Ok(())
}

/// Takes a stack's operation to its end, or to where it has to wait.
async fn run(inner: Arc<Inner>, key: String) {
    loop {
        match step(&inner, &key).await {
            Ok(Step::Again) | Err(Error::Concurrent(_)) => {}
            Ok(Step::Stop) => return,
            Err(error) => {
                tracing::error!(stack = key, %error, "a stack operation cannot go on until the next start");
                return;
            }
        }
    }
}

/// What follows a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The next one.
    Again,
    /// The operation has ended, or waits for its timer.
    Stop,
}

/// Does the next thing for a stack.
pub(crate) async fn step(inner: &Inner, key: &str) -> Result<Step, Error> {
    let Some(mut loaded) = inner.stacks.load(key).await? else { return Ok(Step::Stop) };
    let Some(operation) = loaded.state.stack.operation.clone() else { return Ok(Step::Stop) };
    let now = inner.dispatcher.clock().now();
    let blueprint = blueprint(inner, &loaded.state.stack, &operation).await?;
    let evaluation = blueprint.as_ref().map(Blueprint::evaluation).transpose();
    let order = evaluation.as_ref().map_err(Clone::clone).and_then(|evaluation| match evaluation {
        Some(evaluation) => blueprint::order(evaluation),
        None => Ok(Vec::new()),
    });
    let (evaluation, order) = match (evaluation, order) {
        (Ok(evaluation), Ok(order)) => (evaluation, order),
        (Err(error), _) | (_, Err(error)) => {
            return fail_operation(inner, &mut loaded, &operation, &error, now).await;
        }
    };
    check_timeout(&mut loaded.state, now);
    let state = &mut loaded.state;
    let events = match plan::next(state, &order) {
        Next::Nothing => return Ok(Step::Stop),
        Next::Continue(slot) => return act(inner, key, &loaded, &operation, slot).await,
        Next::Make(id) => match &evaluation {
            Some(evaluation) => {
                let exports = inner.stacks.exports(&state.stack.account, &state.stack.region).await?;
                make(state, evaluation, &operation.target, &exports, &id, now)
            }
            None => Vec::new(),
        },
        Next::Restore(id) => progress::begin_restore(state, &id, api::ids::uuid(), now),
        Next::Delete(slot) => progress::begin_delete(state, &slot, api::ids::uuid(), now),
        Next::Advance => advance(inner, state, evaluation.as_ref(), &order, now).await?,
    };
    commit(inner, &mut loaded, events, now).await
}

/// The target's template with its values; a deletion needs none.
async fn blueprint(inner: &Inner, stack: &Stack, operation: &Operation) -> Result<Option<Blueprint>, Error> {
    if operation.kind == OperationKind::Delete {
        return Ok(None);
    }
    let id = &operation.target.template_id;
    let text = inner.stacks.template(id).await?.unwrap_or_default();
    Ok(Some(Blueprint::of(&text, stack, &operation.target)?))
}

/// A template that was accepted cannot fail to evaluate now; if one does, the operation fails, not the service.
async fn fail_operation(
    inner: &Inner,
    loaded: &mut Loaded,
    operation: &Operation,
    error: &TemplateError,
    now: Timestamp,
) -> Result<Step, Error> {
    if operation.failures.is_empty() && operation.phase == Phase::Working {
        transition::fail(&mut loaded.state, error.to_string());
    }
    let order: Vec<String> = loaded.state.resources.keys().cloned().collect();
    let events = match plan::next(&loaded.state, &order) {
        Next::Advance | Next::Make(_) => transition::advance(&mut loaded.state, &order, Vec::new(), now),
        Next::Restore(id) => progress::begin_restore(&mut loaded.state, &id, api::ids::uuid(), now),
        Next::Delete(slot) => progress::begin_delete(&mut loaded.state, &slot, api::ids::uuid(), now),
        Next::Continue(slot) => {
            let key = loaded.state.stack.key();
            return act(inner, &key, loaded, operation, slot).await;
        }
        Next::Nothing => return Ok(Step::Stop),
    };
    commit(inner, loaded, events, now).await
}

fn check_timeout(state: &mut State, now: Timestamp) {
    let (Some(operation), Some(minutes)) = (&state.stack.operation, state.stack.timeout_minutes) else {
        return;
    };
    let limit = Duration::from_secs(u64::try_from(minutes).unwrap_or(0).saturating_mul(60));
    let creating = operation.kind == OperationKind::Create && operation.phase == Phase::Working;
    if creating && operation.failures.is_empty() && now.since(operation.started) > limit {
        transition::fail(state, "Stack creation time exceeded the specified timeout".to_owned());
    }
}

/// Begins to make or change a resource of the template, or records why that cannot be.
fn make(
    state: &mut State,
    evaluation: &Evaluation<'_>,
    target: &Definition,
    exports: &BTreeMap<String, Export>,
    id: &str,
    now: Timestamp,
) -> Vec<Event> {
    let Some(declared) = evaluation.resources().find(|(name, _)| *name == id).map(|(_, declared)| declared)
    else {
        return Vec::new();
    };
    let none = BTreeSet::new();
    let world = World::new(&state.resources, &none, exports);
    let decided = crate::resources::of(&declared.type_name)
        .ok_or_else(|| Failure::plain(format!("Unrecognized resource type: {}", declared.type_name)))
        .and_then(|resource_type| {
            let desired = desired(resource_type, declared, evaluation, id, &target.tags, &world)?;
            let change = decide(resource_type, state.resources.get(id), &desired)?;
            let name = name(resource_type, &state.stack, id, &desired.properties);
            Ok((desired, change, name))
        });
    let imports = world.imports.take();
    if let Some(operation) = &mut state.stack.operation {
        operation.imports.extend(imports);
    }
    let request = |name, properties| Request {
        logical_id: id.to_owned(),
        name,
        properties,
        tags: target.tags.clone(),
        token: api::ids::uuid(),
    };
    match decided {
        Ok((desired, Change::Nothing | Change::Record, _)) => {
            let request = request(String::new(), desired.properties.clone());
            progress::begin(state, &desired, &Change::Record, request, now)
        }
        Ok((desired, change, name)) => {
            let request = request(name, desired.properties.clone());
            progress::begin(state, &desired, &change, request, now)
        }
        Err(failure) => {
            let desired = change::Desired {
                type_name: declared.type_name.clone(),
                properties: serde_json::Map::new(),
                metadata: None,
                deletion_policy: declared.deletion_policy.map(Policy::from),
                update_replace_policy: declared.update_replace_policy.map(Policy::from),
                tags: target.tags.clone(),
                needs: evaluation.graph().needs(id).map(str::to_owned).collect(),
            };
            let request = request(String::new(), serde_json::Map::new());
            progress::failed_before(state, id, &desired, &failure, request, now)
        }
    }
}

/// The physical name that a resource is given, or one that is made up.
fn name(
    resource_type: &dyn ResourceType,
    stack: &Stack,
    id: &str,
    properties: &serde_json::Map<String, serde_json::Value>,
) -> String {
    let naming = resource_type.naming();
    let given = naming.property.and_then(|property| properties.get(property)).and_then(|name| name.as_str());
    match given {
        Some(given) => given.to_owned(),
        None => {
            let suffix = api::ids::alphanumeric(NAME_SUFFIX_CHARACTERS);
            let with_stack = [stack.name.as_str(), id];
            let prefixes = if naming.with_stack { &with_stack[..] } else { &with_stack[1..] };
            let name = physical_name(prefixes, &suffix, naming.length_max);
            if resource_type.is_named_in_lower_case() { name.to_ascii_lowercase() } else { name }
        }
    }
}

/// Ends a phase. Outputs are evaluated when everything is made; their failure is the operation's.
async fn advance(
    inner: &Inner,
    state: &mut State,
    evaluation: Option<&Evaluation<'_>>,
    order: &[String],
    now: Timestamp,
) -> Result<Vec<Event>, Error> {
    let working = state
        .stack
        .operation
        .as_ref()
        .is_some_and(|operation| operation.phase == Phase::Working && operation.failures.is_empty());
    let mut outputs = Vec::new();
    if let (true, Some(evaluation)) = (working, evaluation) {
        let exports = inner.stacks.exports(&state.stack.account, &state.stack.region).await?;
        let others = inner.stacks.all(&state.stack.account, &state.stack.region).await?;
        let none = BTreeSet::new();
        let world = World::new(&state.resources, &none, &exports);
        let evaluated = blueprint::outputs(evaluation, &world);
        let imports = world.imports.take();
        if let Some(operation) = &mut state.stack.operation {
            operation.imports.extend(imports);
        }
        match evaluated {
            Ok(evaluated) => match blueprint::export_conflict(&state.stack, &evaluated, &exports, &others) {
                Some(conflict) => transition::fail(state, conflict),
                None => outputs = evaluated,
            },
            Err(error) => transition::fail(state, error.to_string()),
        }
    }
    Ok(transition::advance(state, order, outputs, now))
}

/// Writes a step. With the end of an operation its change set has ended too.
async fn commit(
    inner: &Inner,
    loaded: &mut Loaded,
    events: Vec<Event>,
    now: Timestamp,
) -> Result<Step, Error> {
    let mut batch = Batch::new();
    inner.stacks.change(&mut batch, loaded, events, now);
    let ended = loaded.state.stack.operation.is_none();
    if ended {
        end_change_sets(inner, &mut batch, &loaded.state.stack).await?;
    }
    inner.stacks.commit(batch, &loaded.state.stack.name).await?;
    Ok(if ended { Step::Stop } else { Step::Again })
}

async fn end_change_sets(inner: &Inner, batch: &mut Batch, stack: &Stack) -> Result<(), Error> {
    let mut templates = vec![stack.definition.template_id.clone()];
    for mut record in inner.stacks.change_sets_of(stack).await? {
        if stack.status == Status::DeleteComplete {
            inner.stacks.change_sets().delete(batch, &record.key);
            continue;
        }
        templates.push(record.value.definition.template_id.clone());
        if record.value.execution_status == ExecutionStatus::ExecuteInProgress {
            let succeeded = matches!(stack.status, Status::CreateComplete | Status::UpdateComplete);
            record.value.execution_status =
                if succeeded { ExecutionStatus::ExecuteComplete } else { ExecutionStatus::ExecuteFailed };
            inner.stacks.change_sets().put(batch, &record.key, &record.value);
        }
    }
    let kept: Vec<&str> = templates.iter().map(String::as_str).collect();
    Ok(inner.stacks.sweep_templates(batch, stack, &kept).await?)
}

/// Acts on a resource, and records how that ended.
async fn act(
    inner: &Inner,
    key: &str,
    loaded: &Loaded,
    operation: &Operation,
    slot: Slot,
) -> Result<Step, Error> {
    let stack = &loaded.state.stack;
    let Some(resource) = loaded.state.slot(&slot).cloned() else { return Ok(Step::Again) };
    let Some(work) = resource.work.clone() else { return Ok(Step::Again) };
    let door = Door {
        dispatcher: inner.dispatcher.clone(),
        principal: stack.principal(operation),
        account: stack.account.clone(),
        region: stack.region.clone(),
    };
    let id = resource.logical_id.clone();
    let (resource, work) = match work::revealed(&door, &resource, &work).await {
        Ok(revealed) => revealed,
        Err(failure) => {
            record(inner, key, |state, now| progress::failed(state, &id, &failure, now)).await?;
            return Ok(Step::Again);
        }
    };
    let made = match work.kind {
        WorkKind::Create | WorkKind::Replace => {
            create(inner, key, stack, &door, &resource, &work, &slot).await?
        }
        WorkKind::Update => work::update(&door, &resource, &work).await,
        WorkKind::Delete => {
            let outcome = work::delete(&door, &resource, &work).await;
            return delete(inner, key, &slot, outcome).await;
        }
    };
    let made = match made {
        Ok(made) => match work::is_stable(&door, &resource, &work, &made).await {
            Ok(true) => Ok(made),
            Ok(false) => return wait(inner, key, &slot).await,
            Err(failure) => Err(failure),
        },
        Err(failure) => Err(failure),
    };
    record(inner, key, |state, now| match &made {
        Ok(made) => progress::made(state, &id, made.clone(), now),
        Err(failure) => progress::failed(state, &id, failure, now),
    })
    .await?;
    Ok(Step::Again)
}

/// A creation looks before it acts, and records what it saw: after a crash it knows its own traces.
async fn create(
    inner: &Inner,
    key: &str,
    stack: &Stack,
    door: &Door,
    resource: &Resource,
    work: &crate::stack::Work,
    slot: &Slot,
) -> Result<Result<crate::resources::Made, Failure>, Error> {
    let (sighting, resumed) = match &work.sighting {
        Some(sighting) => (sighting.clone(), true),
        None => match work::look(door, resource, work).await {
            Err(failure) => return Ok(Err(failure)),
            Ok(sighting) => {
                record(inner, key, |state, _| {
                    progress::sighted(state, slot, sighting.clone());
                    Vec::new()
                })
                .await?;
                (sighting, false)
            }
        },
    };
    Ok(work::create(door, stack, resource, work, &sighting, resumed).await)
}

async fn delete(
    inner: &Inner,
    key: &str,
    slot: &Slot,
    outcome: Result<Deleted, Failure>,
) -> Result<Step, Error> {
    match outcome {
        Ok(Deleted::Done) => record(inner, key, |state, now| progress::deleted(state, slot, now)).await?,
        Err(failure) => {
            record(inner, key, |state, now| progress::delete_failed(state, slot, &failure, now)).await?;
        }
        Ok(Deleted::Pending) => return wait(inner, key, slot).await,
    }
    Ok(Step::Again)
}

/// Looks at a resource again after a while.
async fn wait(inner: &Inner, key: &str, slot: &Slot) -> Result<Step, Error> {
    record(inner, key, |state, _| {
        progress::unfinished(state, slot);
        Vec::new()
    })
    .await?;
    let (clock, pause) = (inner.dispatcher.clock(), Duration::from_millis(STABILISE_MS));
    if clock_stands(clock) {
        look_again_in_real_time(inner, key.to_owned(), pause);
        return Ok(Step::Stop);
    }
    let mut batch = Batch::new();
    batch.set_timer(QUEUE, key, clock.now() + pause, Vec::new());
    inner.stacks.commit(batch, key).await?;
    Ok(Step::Stop)
}

/// Has the stack's timer given again after a while of real time: what is waited for are containers, which live by it.
/// The timer that stands is due: whoever moves the clock waits for the stack, and the next start takes it up.
fn look_again_in_real_time(inner: &Inner, key: String, pause: Duration) {
    let (clock, store) = (inner.dispatcher.clock().clone(), Arc::clone(inner.stacks.store()));
    tokio::spawn(async move {
        let machine = clock.machine();
        machine.sleep_until(machine.now() + pause).await;
        let mut batch = Batch::new();
        batch.set_timer(QUEUE, key, clock.now(), Vec::new());
        // Where it cannot be written, the timer is given again at the next start.
        drop(store.submit(batch));
    });
}

/// Changes a stack as it is by now: what has happened must be recorded, whoever else changed the stack meanwhile.
async fn record(
    inner: &Inner,
    key: &str,
    change: impl Fn(&mut State, Timestamp) -> Vec<Event>,
) -> Result<(), Error> {
    loop {
        let Some(mut loaded) = inner.stacks.load(key).await? else { return Ok(()) };
        let now = inner.dispatcher.clock().now();
        let events = change(&mut loaded.state, now);
        let mut batch = Batch::new();
        inner.stacks.change(&mut batch, &mut loaded, events, now);
        match inner.stacks.commit(batch, key).await {
            Err(Error::Concurrent(_)) => {}
            other => return other,
        }
    }
}
