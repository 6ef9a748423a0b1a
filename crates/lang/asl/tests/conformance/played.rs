//! Executions of which a case says all that happens outside: how tasks and Map Runs end, when somebody stops or redrives
//! the execution.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use asl::{
    Diagnostic, Effect, ErrorName, Execution, ExecutionSpec, Failure, FailurePhase, StateMachine, Status,
    TaskFailure, TaskId, TimerId, Wake, parse_calling, step,
};
use serde_json::Value;
use types::Timestamp;

use crate::run::{START, definition, kind};

/// Whether the case says what happens outside.
pub fn is_played(case: &Value) -> bool {
    ["tasks", "redrives", "stop_after_seconds"].iter().any(|name| case.get(name).is_some())
}

/// The machine of such a case, whose tasks may call anything.
pub fn parse(case: &Value) -> Result<StateMachine, Vec<Diagnostic>> {
    parse_calling(&definition(case), kind(case), |_| true)
}

/// Runs to the end, or until only the machine's own deadline is left, on a clock that jumps to the next timer.
pub fn run(case: &Value, machine: Arc<StateMachine>, spec: ExecutionSpec) -> (Status, Vec<Value>) {
    let mut world = World::new(case, Execution::new(machine, spec));
    world.run(Wake::Start);
    for _ in 0..case["redrives"].as_u64().unwrap_or(0) {
        world.redrive();
    }
    (world.execution.status().clone(), world.history)
}

/// What is around the execution of one case: a clock, timers, and tasks whose attempts end as the case says.
///
/// `tasks` has for every Task state, and every distributed Map state, the ends of its attempts, in their order: `{"Output": …}`, `{"Error": …, "Cause": …}`,
/// or `{}` for one that does not end; the last one stands for all that follow. `stop_after_seconds` is when
/// `StopExecution` is called, `redrives` how often `RedriveExecution` is, an hour after each end.
struct World<'a> {
    case: &'a Value,
    execution: Execution,
    timers: BTreeMap<TimerId, Timestamp>,
    answers: VecDeque<Wake>,
    attempts: BTreeMap<String, usize>,
    /// The states of Map Runs, by ARN.
    map_runs: BTreeMap<String, String>,
    history: Vec<Value>,
    head: Vec<u8>,
    rows: BTreeMap<u64, Vec<u8>>,
    now: Timestamp,
}

impl<'a> World<'a> {
    fn new(case: &'a Value, execution: Execution) -> Self {
        Self {
            case,
            execution,
            timers: BTreeMap::new(),
            answers: VecDeque::new(),
            attempts: BTreeMap::new(),
            map_runs: BTreeMap::new(),
            history: Vec::new(),
            head: Vec::new(),
            rows: BTreeMap::new(),
            now: START,
        }
    }

    fn run(&mut self, first: Wake) {
        let mut wake = first;
        loop {
            let mut effects = Vec::new();
            step(&mut self.execution, wake, self.now, &mut effects);
            self.take(effects);
            match self.next() {
                Some(next) => wake = next,
                None => return,
            }
        }
    }

    /// Redrives what was stored of the execution, as a new process would.
    fn redrive(&mut self) {
        self.now = self.now + Duration::from_secs(3600);
        let (machine, rows) = (Arc::clone(self.execution.machine()), self.rows.clone());
        let mut effects = Vec::new();
        self.execution = Execution::redrive(machine, &self.head, rows, self.now, &mut effects)
            .expect("an execution that can be redriven");
        self.take(effects);
        if let Some(wake) = self.next() {
            self.run(wake);
        }
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::SetTimer { timer, due } => drop(self.timers.insert(timer, due)),
                Effect::ClearTimer { timer } => drop(self.timers.remove(&timer)),
                Effect::Invoke { task, state, .. } => self.answer(task, &state),
                Effect::StartMapRun { task, run } => {
                    self.map_runs.insert(run.arn.clone(), run.state.to_string());
                    self.answer(task, &run.state);
                }
                Effect::RedriveMapRun { task, map_run_arn } => {
                    let state = self.map_runs.get(&map_run_arn).cloned().unwrap_or_default();
                    self.answer(task, &state);
                }
                Effect::CancelTask { .. } | Effect::StopMapRun { .. } => {}
            }
        }
        let events = self.execution.take_history();
        self.history.extend(events.iter().map(|event| serde_json::to_value(event).expect("JSON")));
        let changes = self.execution.take_changes();
        self.head = changes.head.unwrap_or(std::mem::take(&mut self.head));
        self.rows.extend(changes.frames_put);
        self.rows.retain(|row, _| !changes.frames_deleted.contains(row));
    }

    fn answer(&mut self, task: TaskId, state: &str) {
        let attempt = self.attempts.entry(state.to_owned()).or_default();
        let ends = self.case["tasks"][state].as_array();
        let Some(end) = ends.and_then(|ends| ends.get(*attempt).or(ends.last())) else { return };
        *attempt += 1;
        if let Some(output) = end.get("Output") {
            self.answers.push_back(Wake::TaskSucceeded { task, output: output.clone() });
        } else if end.get("Error").is_some() || end.get("Cause").is_some() {
            let text = |name: &str| end[name].as_str().map(str::to_owned);
            let failure = Failure { error: text("Error").map(ErrorName::from), cause: text("Cause") };
            let failure = TaskFailure { failure, phase: FailurePhase::Run };
            self.answers.push_back(Wake::TaskFailed { task, failure });
        }
    }

    fn next(&mut self) -> Option<Wake> {
        if *self.execution.status() != Status::Running {
            return None;
        }
        if let Some(answer) = self.answers.pop_front() {
            return Some(answer);
        }
        let (timer, due) = self
            .timers
            .iter()
            .min_by_key(|(timer, due)| (**due, **timer))
            .map(|(timer, due)| (*timer, *due))?;
        let stop =
            self.case["stop_after_seconds"].as_u64().map(|seconds| START + Duration::from_secs(seconds));
        if let Some(stop) = stop.filter(|stop| *stop >= self.now && *stop < due) {
            self.now = stop;
            return Some(Wake::Stop {
                error: Some("Stopped".to_owned()),
                cause: Some("by the case".to_owned()),
            });
        }
        // A wait of years stands for one that does not end.
        if due.since(START).as_secs() >= 31_000_000 {
            return None;
        }
        self.timers.remove(&timer);
        self.now = self.now.max(due);
        Some(Wake::TimerFired { timer })
    }
}
