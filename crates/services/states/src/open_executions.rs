//! The executions that run, each behind its own lock, written through to the store. Those that took a step last are in memory;
//! of others there is a place only, until they are woken (`slots`).
//!
//! A wake runs an execution to where it waits again and submits one batch; the lock is held until the submission only.
//! Effects are entries of queues in that batch, so that none is performed before the batch is durable. Every batch
//! requires the version of the head that the last one left: if one fails, those behind it fail too, the execution is
//! forgotten here and read anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use api::Dispatcher;
use asl::{Effect, Execution, MachineKind, OpenTask, TaskId, Wake};
use clock::Clock;
use store::{Batch, Collection, Store, Ticket};
use types::{AccountId, Region, Timestamp};

use crate::Error;
use crate::awaited::Awaited;
use crate::begin::Begin;
use crate::execution::{ExecutionRecord, ExecutionStatus, Waiting};
use crate::fair_queue::Limits;
use crate::integrations::{self, Called};
use crate::limits::{STEPS_AT_A_TIME, STEPS_OF_A_MACHINE};
use crate::map_runs::{BeginChild, Ended, Inboxes, Notice};
use crate::name::executions_of_machine;
use crate::plan::{self, Facts, Fate, Step};
use crate::redrive::Redrives;
use crate::state_machine::{Compiled, StateMachines, Target};
use crate::status_change;
use crate::tables;

mod gate;
mod redrive;
mod restore;
mod slots;
mod wakes;

use gate::Gate;
use slots::{Kept, Place, Slot, Slots};

/// All open executions.
pub(crate) struct OpenExecutions {
    store: Arc<dyn Store>,
    dispatcher: Dispatcher,
    machines: Arc<StateMachines>,
    records: Collection<ExecutionRecord>,
    pub(crate) awaited: Awaited,
    slots: Slots,
    gate: Gate,
    /// Number of the last step, of whichever execution.
    last_step: AtomicU64,
    last_order: AtomicU64,
    /// Where Map Runs are told of the ends of their children.
    map_runs: Arc<Inboxes>,
}

/// An open execution.
struct Open {
    execution: Execution,
    record: ExecutionRecord,
    compiled: Arc<Compiled>,
    /// Version of the head that the last batch left; 0 before the first.
    head_version: u64,
    /// Whether its ARN was made up for it, so that no other can have it.
    is_unique: bool,
    /// Number of its last step.
    step: u64,
    /// The first step since it was read from the store has a greater number.
    read_before: u64,
    /// Tasks whose service has been called, or may have been.
    called: BTreeSet<TaskId>,
    /// Roles of open tasks that have their own.
    credentials: BTreeMap<TaskId, String>,
}

/// A submitted batch.
#[must_use]
pub(crate) struct Commit {
    /// None where there was nothing to submit; an error where it could not come to that.
    ticket: Result<Option<Ticket>, Error>,
    arn: String,
    /// Number of the step.
    step: u64,
    /// The execution, where it goes on.
    kept: Option<Kept>,
    /// The Map Run whose child has ended with it.
    ended: Option<(String, Ended)>,
}

impl Commit {
    /// Nothing was to be submitted.
    fn nothing(arn: String) -> Self {
        Self { ticket: Ok(None), arn, step: 0, kept: None, ended: None }
    }

    /// The step `step` of the execution in `slot`.
    fn of(advanced: Advanced, arn: String, slot: Arc<Slot>, step: u64) -> Self {
        let Advanced { ticket, is_open, ended } = advanced;
        let kept = is_open.then_some(Kept { slot, step });
        Self { ticket: Ok(Some(ticket)), arn, step, kept, ended }
    }
}

/// What a step did to an execution.
struct Advanced {
    ticket: Ticket,
    is_open: bool,
    /// The Map Run whose child has ended with it.
    ended: Option<(String, Ended)>,
}

/// A wake with what is to be written along with it.
#[derive(Clone)]
pub(crate) struct Report {
    pub(crate) wake: Wake,
    /// Written in any case.
    pub(crate) always: Batch,
    /// Written if the wake's task is open.
    pub(crate) if_open: Batch,
}

impl Report {
    /// A wake and nothing else.
    pub(crate) fn new(wake: Wake) -> Self {
        Self { wake, always: Batch::new(), if_open: Batch::new() }
    }
}

impl OpenExecutions {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        dispatcher: Dispatcher,
        machines: Arc<StateMachines>,
        map_runs: Arc<Inboxes>,
        in_memory: usize,
    ) -> Self {
        Self {
            records: Collection::new(Arc::clone(&store), tables::EXECUTIONS),
            awaited: Awaited::new(Arc::clone(&store)),
            store,
            dispatcher,
            machines,
            slots: Slots::new(in_memory),
            gate: Gate::new(Limits { of_all: STEPS_AT_A_TIME, of_a_lane: STEPS_OF_A_MACHINE }),
            last_step: AtomicU64::new(0),
            last_order: AtomicU64::new(0),
            map_runs,
        }
    }

    /// Starts an execution and runs it to where it waits first; all that is durable when this returns.
    ///
    /// Returns its ARN and the date of its start: an earlier one, where an execution of that name and input runs, or where
    /// the same request is made again.
    ///
    /// # Errors
    /// [`Error::ExecutionAlreadyExists`], [`Error::StateMachineDoesNotExist`], [`Error::StateMachineDeleting`],
    /// [`Error::ExecutionLimitExceeded`], [`Error::Store`].
    pub(crate) async fn start(&self, begin: Begin) -> Result<(String, Timestamp), Error> {
        let (name, arn) = begin.identify();
        let _pass = self.gate.pass(executions_of_machine(&arn)).await;
        // The slot is there before the look at the machine: whoever deletes the machine finds it.
        let (slot, mut place) = self.enter(&arn).await?;
        if let Some(open) = place.open() {
            return match *open.execution.spec().input == *begin.input {
                true => Ok((arn, open.record.start_date)),
                false => Err(Error::ExecutionAlreadyExists(arn)),
            };
        }
        let begun = self.begin(&arn, name, begin).await;
        match begun {
            Ok((start_date, begun)) => {
                let step = begun.as_ref().map(|open| open.step);
                *place = begun.into();
                drop(place);
                match step {
                    Some(step) => self.slots.kept(Kept { slot, step }),
                    None => self.slots.remove(&arn, &slot),
                }
                Ok((arn, start_date))
            }
            Err(error) => {
                self.slots.remove(&arn, &slot);
                Err(error)
            }
        }
    }

    async fn begin(&self, arn: &str, name: String, begin: Begin) -> Result<(Timestamp, Option<Open>), Error> {
        let target = self.machines.target(&begin.state_machine, begin.kind, begin.seed)?;
        let request_id = begin.request_id.clone();
        let is_unique = begin.kind == MachineKind::Express || begin.name.is_none();
        let compiled = self.machines.compiled(&target.revision).await?;
        let mut open = self.new_execution(arn, name, begin, target, compiled)?;
        open.is_unique = is_unique;
        let Advanced { ticket, is_open, .. } = self.advance(&mut open, arn, Wake::Start, Batch::new());
        match ticket.durable().await {
            Ok(_) => Ok((open.record.start_date, is_open.then_some(open))),
            Err(store::Error::Conflict { .. }) => Ok((self.begun_before(arn, &request_id).await?, None)),
            Err(error) => Err(error.into()),
        }
    }

    /// The start date of the execution that has the name already, if it is that of the same request, made again.
    async fn begun_before(&self, arn: &str, request_id: &str) -> Result<Timestamp, Error> {
        let present = self.records.get(arn).await?.map(|present| present.value);
        let same = present.filter(|present| present.request_id.as_deref() == Some(request_id));
        same.map(|same| same.start_date).ok_or_else(|| Error::ExecutionAlreadyExists(arn.to_owned()))
    }

    fn new_execution(
        &self,
        arn: &str,
        name: String,
        begin: Begin,
        target: Target,
        compiled: Arc<Compiled>,
    ) -> Result<Open, Error> {
        let start_date = self.now();
        let spec = begin.spec(arn, &name, &target, &compiled.revision, start_date)?;
        let record = ExecutionRecord {
            state_machine_arn: begin.state_machine.machine,
            state_machine_version_arn: target.version_arn,
            state_machine_alias_arn: target.alias_arn,
            name,
            revision: compiled.revision.key.clone(),
            status: ExecutionStatus::Running,
            start_date,
            stop_date: None,
            order: self.next_order(start_date),
            trace_header: begin.trace_header,
            request_id: Some(begin.request_id),
            failure: asl::Failure::default(),
            child: None,
            events: None,
            redrives: Redrives::default(),
        };
        let execution = Execution::new(Arc::clone(&compiled.machine), spec);
        Ok(Open::new(execution, record, compiled, 0))
    }

    /// Starts a child of a Map Run and runs it to where it waits first; returns once that is submitted.
    ///
    /// One that is open already goes on as it was.
    ///
    /// # Errors
    /// [`Error::ExecutionLimitExceeded`], [`Error::Store`].
    pub(crate) async fn begin_child(&self, begin: BeginChild) -> Result<Commit, Error> {
        let arn = begin.execution.spec().arn.clone();
        // Where its first step could not be kept there is a place, of what the store does not have.
        let (slot, mut place) = self.enter(&arn).await?;
        if !matches!(*place, Place::Empty) {
            return Ok(Commit::nothing(arn));
        }
        let record = self.child_record(&begin);
        let mut open = Open::new(begin.execution, record, begin.compiled, 0);
        let advanced = self.advance(&mut open, &arn, Wake::Start, Batch::new());
        let step = open.step;
        match advanced.is_open {
            true => *place = Place::Open(Box::new(open)),
            false => self.slots.remove(&arn, &slot),
        }
        Ok(Commit::of(advanced, arn, slot, step))
    }

    fn child_record(&self, begin: &BeginChild) -> ExecutionRecord {
        let spec = begin.execution.spec();
        ExecutionRecord {
            state_machine_arn: spec.state_machine_arn.clone(),
            state_machine_version_arn: None,
            state_machine_alias_arn: None,
            name: spec.name.clone(),
            revision: begin.compiled.revision.key.clone(),
            status: ExecutionStatus::Running,
            start_date: spec.start_time,
            stop_date: None,
            order: self.next_order(spec.start_time),
            trace_header: None,
            failure: asl::Failure::default(),
            events: None,
            redrives: Redrives::default(),
            request_id: None,
            child: Some(begin.place.clone()),
        }
    }

    /// Steps the execution and submits what that did.
    fn advance(&self, open: &mut Open, arn: &str, wake: Wake, mut batch: Batch) -> Advanced {
        let now = self.now();
        let begins = wake == Wake::Start;
        let ended = task_ended(&wake);
        let mut effects = Vec::new();
        asl::step(&mut open.execution, wake, now, &mut effects);
        open.learn(&effects);
        if begins {
            let is_open = *open.execution.status() == asl::Status::Running;
            plan::open(&mut batch, &self.facts(open, now), &open.record, is_open);
        }
        let over = tasks_over(&effects);
        let kept = self.keep(open, arn, effects, batch, now);
        for task in ended.into_iter().chain(over) {
            open.called.remove(&task);
            open.credentials.remove(&task);
        }
        kept
    }

    /// Submits what a step did, with what is in `batch` already.
    fn keep(
        &self,
        open: &mut Open,
        arn: &str,
        effects: Vec<Effect>,
        mut batch: Batch,
        now: Timestamp,
    ) -> Advanced {
        let history = open.execution.take_history();
        let changes = open.execution.take_changes();
        let status = open.execution.status().clone();
        let fate = Fate::of(&open.execution);
        let is_open = fate == Fate::Open;
        let has_head = open.head_version > 0;
        if has_head && !(history.is_empty() && effects.is_empty() && is_open) {
            batch.require_version(tables::HEADS, arn, open.head_version);
        }
        open.head_version += u64::from(changes.head.is_some());
        let awaited_by = if is_open { Vec::new() } else { self.awaited.of(arn) };
        if !is_open {
            let (stopped, events) = history.last().map_or((now, 0), |event| (event.timestamp, event.id));
            open.record = open.record.closed(&status, stopped, events);
            let was_running = has_head || open.record.redrives.count > 0;
            let facts = self.facts(open, now);
            plan::close(&mut batch, &facts, &open.record, &status, fate, &awaited_by, was_running);
        }
        self.forget_children(&mut batch, arn, &effects);
        plan::keep(
            &mut batch,
            &self.facts(open, now),
            Step { history: &history, changes, effects, fate, has_head },
        );
        let ticket = self.store.submit(batch);
        open.step = self.next_step();
        if !is_open {
            self.tell_late(arn, &awaited_by, now);
        }
        let ended = open.record.child.as_ref().filter(|_| !is_open);
        let status = open.record.status;
        let ended = ended.map(|child| (child.map_run.clone(), Ended { index: child.index, status }));
        Advanced { ticket, is_open, ended }
    }

    /// Tells tasks that began to wait while the batch that closed `arn` was made. Later ones look after that batch.
    fn tell_late(&self, arn: &str, told: &[Waiting], now: Timestamp) {
        let mut late = self.awaited.of(arn);
        late.retain(|waiting| !told.contains(waiting));
        if !late.is_empty() {
            let mut batch = Batch::new();
            plan::tell(&mut batch, &late, now);
            // Where it is not kept the process has ended, and the next one looks at every task that waits.
            drop(self.store.submit(batch));
        }
    }

    /// Tasks that were given up wait for no execution any more.
    fn forget_children(&self, batch: &mut Batch, arn: &str, effects: &[Effect]) {
        for effect in effects {
            let Effect::CancelTask { task, resource, submitted: Some(submitted), .. } = effect else {
                continue;
            };
            if let Some(child) = integrations::awaited_execution(resource, submitted.value()) {
                let waiting = Waiting { execution: arn.to_owned(), task: *task };
                self.awaited.forget(batch, child, &waiting);
            }
        }
    }

    fn facts<'a>(&self, open: &'a Open, now: Timestamp) -> Facts<'a> {
        let spec = open.execution.spec();
        let (account, region) = (AccountId::new(&spec.account), Region::new(&*spec.region));
        Facts {
            spec,
            revision: &open.record.revision,
            logging: &open.compiled.revision.logging,
            called: &open.called,
            credentials: &open.credentials,
            is_unique: open.is_unique,
            order: open.record.order,
            has_listeners: status_change::has_listeners(&self.dispatcher, &account, &region),
            now,
        }
    }

    fn next_order(&self, now: Timestamp) -> u64 {
        let floor = u64::try_from(now.as_millis()).unwrap_or(0).saturating_mul(1 << 16);
        let next = |last: u64| floor.max(last.saturating_add(1));
        self.last_order
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)))
            .map_or(floor, next)
    }

    fn next_step(&self) -> u64 {
        self.last_step.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn clock(&self) -> &Clock {
        self.dispatcher.clock()
    }

    fn now(&self) -> Timestamp {
        self.dispatcher.clock().now()
    }
}

/// The task that a wake ends.
fn task_ended(wake: &Wake) -> Option<TaskId> {
    match wake {
        Wake::TaskSucceeded { task, .. } | Wake::TaskFailed { task, .. } => Some(*task),
        Wake::Start
        | Wake::TimerFired { .. }
        | Wake::TaskStarted { .. }
        | Wake::TaskSubmitted { .. }
        | Wake::TaskHeartbeat { .. }
        | Wake::Stop { .. } => None,
    }
}

/// The tasks that a step gave up.
fn tasks_over(effects: &[Effect]) -> Vec<TaskId> {
    let over = |effect: &Effect| match effect {
        Effect::CancelTask { task, .. } | Effect::StopMapRun { task, .. } => Some(*task),
        Effect::Invoke { .. }
        | Effect::StartMapRun { .. }
        | Effect::RedriveMapRun { .. }
        | Effect::SetTimer { .. }
        | Effect::ClearTimer { .. } => None,
    };
    effects.iter().filter_map(over).collect()
}

impl Open {
    fn new(
        execution: Execution,
        record: ExecutionRecord,
        compiled: Arc<Compiled>,
        head_version: u64,
    ) -> Self {
        let (called, credentials) = (BTreeSet::new(), BTreeMap::new());
        Self {
            execution,
            record,
            compiled,
            head_version,
            is_unique: false,
            step: 0,
            read_before: 0,
            called,
            credentials,
        }
    }

    fn find(&self, task: TaskId) -> Option<&OpenTask> {
        self.execution.open_task(task)
    }

    fn is_for_open_task(&self, wake: &Wake) -> bool {
        match wake {
            Wake::TaskStarted { task, .. }
            | Wake::TaskSubmitted { task, .. }
            | Wake::TaskSucceeded { task, .. }
            | Wake::TaskFailed { task, .. }
            | Wake::TaskHeartbeat { task } => {
                self.find(*task).is_some() || self.execution.open_map_run(*task).is_some()
            }
            Wake::Start | Wake::TimerFired { .. } | Wake::Stop { .. } => true,
        }
    }

    fn learn(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Invoke { task, credentials: Some(role), .. } = effect {
                self.credentials.insert(*task, role.clone());
            }
        }
    }
}
