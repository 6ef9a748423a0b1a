//! From what a step did to the one batch that keeps it. Pure: the runner steps before and submits after.

use std::collections::{BTreeMap, BTreeSet};

use asl::{
    Changes, Effect, Execution, ExecutionSpec, HistoryEvent, MachineKind, Resource, ResourceTarget, Status,
    TaskId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::Batch;
use types::Timestamp;

use crate::execution::{ExecutionRecord, ExecutionStatus, Waiting};
use crate::integrations::{self, ecs_run_task};
use crate::logging::{self, Logging, Message};
use crate::map_runs::{self, ChildRecord};
use crate::retention::Retained;
use crate::status_change;
use crate::tables;

/// What a plan depends on besides the step itself.
pub(crate) struct Facts<'a> {
    pub(crate) spec: &'a ExecutionSpec,
    /// Key of the revision that it runs.
    pub(crate) revision: &'a str,
    pub(crate) logging: &'a Logging,
    /// Tasks whose service has been called, or may have been.
    pub(crate) called: &'a BTreeSet<TaskId>,
    /// Roles of tasks that have their own.
    pub(crate) credentials: &'a BTreeMap<TaskId, String>,
    /// Whether its ARN was made up for it, so that no other can have it.
    pub(crate) is_unique: bool,
    /// Its place among all that began.
    pub(crate) order: u64,
    /// Whether anybody may want the event that tells of a status.
    pub(crate) has_listeners: bool,
    pub(crate) now: Timestamp,
}

impl Facts<'_> {
    fn arn(&self) -> &str {
        &self.spec.arn
    }

    /// Whether what happens is kept for those who ask: it is of standard executions only.
    fn is_told(&self) -> bool {
        self.spec.kind == MachineKind::Standard
    }
}

/// What a step did.
pub(crate) struct Step<'a> {
    pub(crate) history: &'a [HistoryEvent],
    pub(crate) changes: Changes,
    pub(crate) effects: Vec<Effect>,
    pub(crate) fate: Fate,
    /// Whether the store has its head, as that of an open execution.
    pub(crate) has_head: bool,
}

/// What becomes of the state of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It runs, and is read at every start.
    Open,
    /// It has ended, and can be redriven.
    Redrivable,
    /// It has ended for good.
    Over,
}

impl Fate {
    pub(crate) fn of(execution: &Execution) -> Self {
        match execution.status() {
            Status::Running => Self::Open,
            _ if execution.is_redrivable() => Self::Redrivable,
            _ => Self::Over,
        }
    }
}

/// Something to do once the batch that holds it is durable: an entry of the queue `tables::EFFECT`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) execution: String,
    pub(crate) task: TaskId,
    pub(crate) work: Work,
}

/// What is to be done for a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Call its service. With what, the open execution knows.
    Invoke,
    /// Look whether the job that was submitted has ended already.
    Inspect,
    /// Let no worker of the activity take the task any more.
    Withdraw { activity: String },
    /// Stop the job. The execution knows nothing of the task any more, so everything is here.
    Cancel(Box<Cancellation>),
}

/// What is needed to stop a job whose task is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cancellation {
    pub(crate) resource: Resource,
    pub(crate) parameters: Value,
    pub(crate) submitted: Option<Value>,
    pub(crate) role_arn: String,
    pub(crate) seed: u64,
}

/// Events for one stream of one log group: an entry of the queue `tables::LOG`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LogEntry {
    pub(crate) log_group: String,
    pub(crate) log_stream: String,
    pub(crate) messages: Vec<Message>,
}

/// Adds to `batch` everything that the step did: state, history, timers, effects, log messages.
pub(crate) fn keep(batch: &mut Batch, facts: &Facts<'_>, step: Step<'_>) {
    let Step { history, changes, effects, fate, has_head } = step;
    keep_state(batch, facts.arn(), changes, fate, has_head);
    if facts.is_told() {
        crate::history::keep(batch, &tables::history(facts.order, &facts.spec.name), history);
    }
    for effect in effects {
        keep_effect(batch, facts, effect);
    }
    keep_messages(batch, facts.spec, facts.logging, history, facts.now);
}

/// Adds to `batch` the record of an execution that begins. Of one that has ended with its first step the end alone is kept,
/// and that it ran is told.
pub(crate) fn open(batch: &mut Batch, facts: &Facts<'_>, record: &ExecutionRecord, is_open: bool) {
    if !facts.is_unique {
        batch.require_absent(tables::EXECUTIONS, facts.arn());
    }
    if let Some(child) = &record.child
        && child.redrive_count == 0
    {
        batch.require_absent(tables::MAP_RUN_CHILDREN, tables::map_run_child(&child.map_run, child.index));
    }
    if is_open {
        keep_record(batch, facts, record, &Status::Running);
    } else {
        keep_status_change(batch, facts, record, &Status::Running);
    }
}

/// Adds to `batch` the record of an execution that is redriven, in the place of that of its end.
pub(crate) fn reopen(
    batch: &mut Batch,
    facts: &Facts<'_>,
    ended: &ExecutionRecord,
    record: &ExecutionRecord,
) {
    for entry in ended.index_keys(ended.status) {
        batch.delete(tables::EXECUTIONS_BY_MACHINE, entry);
    }
    batch.delete(tables::REDRIVABLE, facts.arn());
    Retained::Continuation.release(batch, facts.arn(), ended.stop_date.unwrap_or(facts.now));
    keep_record(batch, facts, record, &Status::Running);
}

/// Adds to `batch` the record of an execution that has ended; nothing stays of an express one. Tasks that wait for it are
/// to look at it. `was_running`: whether the store has its record, or `batch`.
pub(crate) fn close(
    batch: &mut Batch,
    facts: &Facts<'_>,
    record: &ExecutionRecord,
    status: &Status,
    fate: Fate,
    awaited_by: &[Waiting],
    was_running: bool,
) {
    tell(batch, awaited_by, facts.now);
    if !facts.is_told() {
        if was_running {
            batch.delete(tables::EXECUTIONS, facts.arn());
        }
        keep_child(batch, facts, record, status);
        return;
    }
    for entry in record.index_keys(ExecutionStatus::Running).filter(|_| was_running) {
        batch.delete(tables::EXECUTIONS_BY_MACHINE, entry);
    }
    keep_record(batch, facts, record, status);
    if record.child.is_some() {
        // Children are forgotten with their Map Run.
        return;
    }
    let kept = match fate {
        Fate::Redrivable => Retained::Continuation,
        Fate::Open | Fate::Over => Retained::Execution,
    };
    kept.keep(batch, facts.arn(), record.stop_date.unwrap_or(facts.now));
}

/// Adds to `batch` a look for each of the tasks that wait for an execution that has ended.
pub(crate) fn tell(batch: &mut Batch, awaited_by: &[Waiting], now: Timestamp) {
    for Waiting { execution, task } in awaited_by {
        let job = Job { execution: execution.clone(), task: *task, work: Work::Inspect };
        batch.set_timer(tables::EFFECT, tables::completion(execution, *task), now, json(&job));
    }
}

fn keep_record(batch: &mut Batch, facts: &Facts<'_>, record: &ExecutionRecord, status: &Status) {
    batch.put(tables::EXECUTIONS, facts.arn(), json(record));
    keep_child(batch, facts, record, status);
    if !facts.is_told() {
        return;
    }
    for entry in record.index_keys(record.status) {
        batch.put(tables::EXECUTIONS_BY_MACHINE, entry, json(&record.listed()));
    }
    keep_status_change(batch, facts, record, status);
}

/// Adds to `batch` the event that tells of the execution's status.
fn keep_status_change(batch: &mut Batch, facts: &Facts<'_>, record: &ExecutionRecord, status: &Status) {
    if !facts.has_listeners || !facts.is_told() || record.child.is_some() {
        // A Map Run has up to a hundred million children: their parent's events tell of all of them.
        return;
    }
    let state = record.status.as_str();
    let entry = status_change::entry(facts.arn(), record, &facts.spec.input, status);
    let key = tables::status_change(facts.arn(), state, record.redrives.count);
    batch.set_timer(tables::STATUS_CHANGE, key, facts.now, json(&entry));
}

/// Adds to `batch` what a Map Run knows of its child, if the execution is one.
fn keep_child(batch: &mut Batch, facts: &Facts<'_>, record: &ExecutionRecord, status: &Status) {
    let Some(place) = &record.child else { return };
    let dates = (record.start_date, record.stop_date);
    let child = ChildRecord::new(facts.arn(), place, &facts.spec.input, dates, status);
    batch.put(tables::MAP_RUN_CHILDREN, tables::map_run_child(&place.map_run, place.index), json(&child));
}

fn keep_state(batch: &mut Batch, arn: &str, changes: Changes, fate: Fate, has_head: bool) {
    if has_head && fate != Fate::Open {
        batch.delete(tables::HEADS, arn);
    }
    let heads = match fate {
        Fate::Open => Some(tables::HEADS),
        // Where nobody looks at the start.
        Fate::Redrivable => Some(tables::REDRIVABLE),
        Fate::Over => None,
    };
    if let (Some(heads), Some(head)) = (heads, changes.head) {
        batch.put(heads, arn, head);
    }
    for (frame, row) in changes.frames_put {
        batch.put(tables::FRAMES, tables::frame(arn, frame), row);
    }
    for frame in changes.frames_deleted {
        batch.delete(tables::FRAMES, tables::frame(arn, frame));
    }
}

fn keep_effect(batch: &mut Batch, facts: &Facts<'_>, effect: Effect) {
    match effect {
        Effect::SetTimer { timer, due } => {
            batch.set_timer(tables::WAKE, tables::timer(facts.arn(), timer), due, Vec::new());
        }
        Effect::ClearTimer { timer } => {
            batch.clear_timer(tables::WAKE, tables::timer(facts.arn(), timer));
        }
        Effect::Invoke { task, .. } => {
            let job = job(facts, task, Work::Invoke);
            batch.set_timer(tables::EFFECT, tables::invocation(facts.arn(), task), facts.now, json(&job));
        }
        Effect::StartMapRun { task, run } => map_runs::start(batch, facts, task, &run),
        Effect::StopMapRun { map_run_arn, .. } => map_runs::stop(batch, &map_run_arn, facts.now),
        Effect::RedriveMapRun { task, map_run_arn } => {
            map_runs::redrive(batch, &map_run_arn, task, facts.now);
        }
        Effect::CancelTask { task, resource, parameters, submitted } => {
            batch.clear_timer(tables::EFFECT, tables::invocation(facts.arn(), task));
            batch.clear_timer(tables::EFFECT, tables::inspection(facts.arn(), task));
            batch.clear_timer(tables::EFFECT, tables::completion(facts.arn(), task));
            if *resource.target() == ResourceTarget::Activity {
                let job = job(facts, task, Work::Withdraw { activity: resource.arn().to_owned() });
                let key = tables::cancellation(facts.arn(), task);
                batch.set_timer(tables::EFFECT, key, facts.now, json(&job));
                return;
            }
            for (ecs_task, _) in submitted.iter().flat_map(|output| ecs_run_task::tasks(output.value())) {
                batch.delete(tables::ECS_TASKS, ecs_task);
            }
            // Where the service was never called, there is nothing to stop. A job that nobody waits for is nobody's.
            if !facts.called.contains(&task) || !integrations::is_job(&resource) {
                return;
            }
            let cancellation = Cancellation {
                resource,
                parameters: parameters.value().clone(),
                submitted: submitted.map(|output| output.value().clone()),
                role_arn: facts
                    .credentials
                    .get(&task)
                    .map_or(&*facts.spec.role_arn, String::as_str)
                    .to_owned(),
                seed: facts.spec.seed,
            };
            let job = job(facts, task, Work::Cancel(Box::new(cancellation)));
            batch.set_timer(tables::EFFECT, tables::cancellation(facts.arn(), task), facts.now, json(&job));
        }
    }
}

/// Adds to `batch` the events that the machine's logging wants.
pub(crate) fn keep_messages(
    batch: &mut Batch,
    spec: &ExecutionSpec,
    logging: &Logging,
    history: &[HistoryEvent],
    now: Timestamp,
) {
    let (Some(log_group), Some(first)) = (logging.log_group(), history.first()) else { return };
    let messages = logging.messages(spec, history);
    if messages.is_empty() {
        return;
    }
    let log_stream = logging::stream(&spec.state_machine_arn, &spec.state_machine_name, first.timestamp);
    let entry = LogEntry { log_group, log_stream, messages };
    batch.set_timer(tables::LOG, format!("{}#{:08}", spec.arn, first.id), now, json(&entry));
}

fn job(facts: &Facts<'_>, task: TaskId, work: Work) -> Job {
    Job { execution: facts.arn().to_owned(), task, work }
}

/// A value as JSON. What is kept here is plain data with text keys: writing it cannot fail.
pub(crate) fn json<T: Serialize>(value: &T) -> Vec<u8> {
    match serde_json::to_vec(value) {
        Ok(bytes) => bytes,
        Err(error) => unreachable!("plain data cannot be written: {error}"),
    }
}
