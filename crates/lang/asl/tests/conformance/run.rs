//! Runs one case.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use asl::{
    Diagnostic, Effect, ErrorName, Execution, ExecutionSpec, Failure, FailurePhase, MachineKind,
    StateMachine, Status, TaskFailure, TaskId, TimerId, Wake, invalid_definition_message, parse_calling,
    parse_for_type, step,
};
use serde_json::{Value, json};
use types::Timestamp;

use crate::compare::Comparer;

/// When every execution starts: 2026-11-20T22:10:00Z, the day that dates in the recordings are counted from.
pub const START: Timestamp = Timestamp::from_seconds(1_795_212_600);

/// Runs an execution to its end and compares status, output, error, cause and history.
pub fn execution(case: &Value) -> Option<String> {
    let machine = match parse(case) {
        Ok(machine) => Arc::new(machine),
        Err(diagnostics) => return Some(invalid_definition_message(&diagnostics)),
    };
    let (comparer, want) = (Comparer::new(case), &case["expect"]);
    let (status, history) = run(case, machine, spec(case, START));
    let got = shown(&status);
    for field in ["status", "error", "cause", "output"] {
        let wanted = want.get(field).filter(|_| want["status"] != "RUNNING" || field == "status");
        if let Some(difference) = wanted.and_then(|want| comparer.differs(want, &got[field], field)) {
            return Some(difference);
        }
    }
    compare_histories(case, &comparer, &history)
}

/// Puts what is into a case's `expect`.
pub fn update(case: &mut Value) {
    let expect = if case["kind"] == "validation" {
        let diagnostics = parse_for_type(&definition(case), kind(case)).err().unwrap_or_default();
        json!({"Error": {"Code": "InvalidDefinition", "Message": invalid_definition_message(&diagnostics)}})
    } else {
        let machine = parse(case).expect("a valid definition");
        let (status, history) = run(case, Arc::new(machine), spec(case, START));
        let mut expect = shown(&status);
        expect["history"] = json!(history);
        expect
    };
    case["expect"] = expect;
}

pub fn compare_histories(case: &Value, comparer: &Comparer, got: &[Value]) -> Option<String> {
    let want = case["expect"].get("history").filter(|_| case["type"] != "EXPRESS")?;
    match case["history_order"].as_str() {
        Some("parallel-sorted") => None,
        Some(_) => {
            let types = |events: &[Value]| {
                let mut types: Vec<String> = events.iter().map(|event| event["type"].to_string()).collect();
                types.sort();
                json!(types)
            };
            comparer.differs(&types(want.as_array()?), &types(got), "history types")
        }
        None => comparer.differs(want, &json!(got), "history"),
    }
}

/// Runs to the end, or until only the machine's own deadline is left, on a clock that jumps to the next timer.
fn run(case: &Value, machine: Arc<StateMachine>, spec: ExecutionSpec) -> (Status, Vec<Value>) {
    let mut world = World::new(case, Execution::new(machine, spec));
    world.run(Wake::Start);
    for _ in 0..case["redrives"].as_u64().unwrap_or(0) {
        world.redrive();
    }
    (world.execution.status().clone(), world.history)
}

/// What is around the execution of one case: a clock, timers, and tasks whose attempts end as the case says.
///
/// `tasks` has for every Task state the ends of its attempts, in their order: `{"Output": …}`, `{"Error": …, "Cause": …}`,
/// or `{}` for one that does not end; the last one stands for all that follow. `stop_after_seconds` is when
/// `StopExecution` is called, `redrives` how often `RedriveExecution` is, an hour after each end.
struct World<'a> {
    case: &'a Value,
    execution: Execution,
    timers: BTreeMap<TimerId, Timestamp>,
    answers: VecDeque<Wake>,
    attempts: BTreeMap<String, usize>,
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
                Effect::Invoke { task, state, .. } => {
                    let answer = self.answer(task, &state);
                    self.answers.extend(answer);
                }
                Effect::CancelTask { .. }
                | Effect::StartMapRun { .. }
                | Effect::RedriveMapRun { .. }
                | Effect::StopMapRun { .. } => {}
            }
        }
        let events = self.execution.take_history();
        self.history.extend(events.iter().map(|event| serde_json::to_value(event).expect("JSON")));
        let changes = self.execution.take_changes();
        self.head = changes.head.unwrap_or(std::mem::take(&mut self.head));
        self.rows.extend(changes.frames_put);
        self.rows.retain(|row, _| !changes.frames_deleted.contains(row));
    }

    fn answer(&mut self, task: TaskId, state: &str) -> Option<Wake> {
        let ends = self.case["tasks"][state].as_array()?;
        let attempt = self.attempts.entry(state.to_owned()).or_default();
        let end = ends.get(*attempt).or(ends.last())?;
        *attempt += 1;
        let text = |name: &str| end[name].as_str().map(str::to_owned);
        if let Some(output) = end.get("Output") {
            return Some(Wake::TaskSucceeded { task, output: output.clone() });
        }
        let error = end.get("Error")?.as_str().map(ErrorName::from);
        let failure = Failure { error, cause: text("Cause") };
        Some(Wake::TaskFailed { task, failure: TaskFailure { failure, phase: FailurePhase::Run } })
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

pub fn spec(case: &Value, start_time: Timestamp) -> ExecutionSpec {
    let input = match case.get("input_omitted") {
        Some(Value::Bool(true)) => "{}".to_owned(),
        _ => case["input_raw"].as_str().map_or_else(|| case["input"].to_string(), str::to_owned),
    };
    let name = case["execution_name"].as_str().unwrap_or("3d4e6f00-0000-4000-8000-000000000000");
    ExecutionSpec {
        arn: format!("arn:aws:states:us-east-1:000000000000:execution:conformance-machine:{name}"),
        name: name.to_owned(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:conformance-machine"
            .to_owned(),
        state_machine_name: "conformance-machine".to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/conformance".into(),
        region: "us-east-1".into(),
        account: "000000000000".to_owned(),
        input: input.into(),
        start_time,
        seed: 7,
        kind: kind(case),
        redrive_count: 0,
        redrive_time: None,
        map_run: None,
    }
}

pub fn shown(status: &Status) -> Value {
    match status {
        Status::Succeeded { output } => json!({"status": "SUCCEEDED", "output": output.value()}),
        Status::Failed(failure) | Status::Aborted(failure) => json!({
            "status": status.as_str(),
            "error": failure.error.as_ref().map(|error| error.as_str()),
            "cause": failure.cause,
        }),
        Status::Running | Status::TimedOut => json!({"status": status.as_str()}),
    }
}

pub fn kind(case: &Value) -> MachineKind {
    if case["type"] == "EXPRESS" { MachineKind::Express } else { MachineKind::Standard }
}

pub fn definition(case: &Value) -> String {
    case["definition_raw"].as_str().map_or_else(|| case["definition"].to_string(), str::to_owned)
}

/// The machine of a case; one whose tasks the case plays may call anything.
fn parse(case: &Value) -> Result<StateMachine, Vec<Diagnostic>> {
    match case.get("tasks") {
        Some(_) => parse_calling(&definition(case), kind(case), |_| true),
        None => parse_for_type(&definition(case), kind(case)),
    }
}

/// Validates a definition, and compares AWS's words.
pub fn validation(case: &Value) -> Option<String> {
    let (comparer, want) = (Comparer::new(case), &case["expect"]);
    let diagnostics = parse_for_type(&definition(case), kind(case)).err().unwrap_or_default();
    if case["api"].as_str().is_some_and(|api| api.starts_with("Validate")) {
        let shown: Vec<Value> = diagnostics
            .iter()
            .map(|diagnostic| {
                json!({
                    "severity": diagnostic.severity.as_str(),
                    "code": diagnostic.code,
                    "message": diagnostic.message,
                    "location": diagnostic.location,
                })
            })
            .collect();
        return comparer.differs(&want["diagnostics"], &json!(shown), "diagnostics");
    }
    let got = json!(invalid_definition_message(&diagnostics));
    comparer.differs(&want["Error"]["Message"], &got, "message")
}
