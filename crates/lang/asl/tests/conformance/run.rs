//! Runs one case.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use asl::{
    Diagnostic, Effect, Execution, ExecutionSpec, MachineKind, Status, Wake, invalid_definition_message,
    parse_for_type, step,
};
use serde_json::{Value, json};
use types::Timestamp;

use crate::compare::Comparer;
use crate::map_run::{self, Objects};
use crate::played;

/// When every execution starts: 2026-11-20T22:10:00Z, the day that dates in the recordings are counted from.
pub const START: Timestamp = Timestamp::from_seconds(1_795_212_600);

/// Runs an execution to its end and compares status, output, error, cause and history.
pub fn execution(case: &Value) -> Option<String> {
    let (comparer, want) = (Comparer::new(case), &case["expect"]);
    let (status, history) = match outcome(case) {
        Ok(outcome) => outcome,
        Err(diagnostics) => return Some(invalid_definition_message(&diagnostics)),
    };
    let got = shown(&status);
    for field in ["status", "error", "cause", "output"] {
        let wanted = want.get(field).filter(|_| want["status"] != "RUNNING" || field == "status");
        if let Some(difference) = wanted.and_then(|want| comparer.differs(want, &got[field], field)) {
            return Some(difference);
        }
    }
    compare_histories(case, &comparer, &history)
}

/// How an execution ends, and its history.
fn outcome(case: &Value) -> Result<(Status, Vec<Value>), Vec<Diagnostic>> {
    if played::is_played(case) {
        return Ok(played::run(case, Arc::new(played::parse(case)?), spec(case, START)));
    }
    let machine = parse_for_type(&definition(case), kind(case))?;
    let execution = Execution::new(Arc::new(machine), spec(case, START));
    Ok(run(execution, &Objects::of(case), START))
}

/// Puts what is into a case's `expect`.
pub fn update(case: &mut Value) {
    let expect = if case["kind"] == "validation" {
        let diagnostics = parse_for_type(&definition(case), kind(case)).err().unwrap_or_default();
        json!({"Error": {"Code": "InvalidDefinition", "Message": invalid_definition_message(&diagnostics)}})
    } else {
        let (status, history) = outcome(case).expect("a valid definition");
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
pub fn run(mut execution: Execution, objects: &Objects, start: Timestamp) -> (Status, Vec<Value>) {
    let (mut timers, mut effects, mut history) = (BTreeMap::new(), Vec::new(), Vec::new());
    let (mut wakes, mut now) = (VecDeque::from([Wake::Start]), start);
    loop {
        while let Some(wake) = wakes.pop_front() {
            step(&mut execution, wake, now, &mut effects);
            for effect in effects.drain(..) {
                match effect {
                    Effect::SetTimer { timer, due } => drop(timers.insert(timer, due)),
                    Effect::ClearTimer { timer } => drop(timers.remove(&timer)),
                    Effect::StartMapRun { task, run } => {
                        wakes.push_back(map_run::run(&execution, task, &run, objects, now));
                    }
                    Effect::Invoke { .. }
                    | Effect::CancelTask { .. }
                    | Effect::RedriveMapRun { .. }
                    | Effect::StopMapRun { .. } => {}
                }
            }
            let events = execution.take_history();
            history.extend(events.iter().map(|event| serde_json::to_value(event).expect("JSON")));
        }
        let next =
            timers.iter().min_by_key(|(timer, due)| (**due, **timer)).map(|(timer, due)| (*timer, *due));
        // A wait of years stands for one that does not end.
        match next.filter(|(_, due)| due.since(start).as_secs() < 31_000_000) {
            Some((timer, due)) if *execution.status() == Status::Running => {
                timers.remove(&timer);
                wakes.push_back(Wake::TimerFired { timer });
                now = due.max(now);
            }
            _ => return (execution.status().clone(), history),
        }
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
        state_machine_version_arn: None,
        state_machine_alias_arn: None,
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
