//! Runs executions that call services: the recorded history says what the services answered, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use asl::{
    Effect, ErrorName, Execution, Failure, FailurePhase, StateMachine, Status, TaskFailure, TaskId, Wake,
    invalid_definition_message, parse_calling, step,
};
use serde_json::Value;
use types::Timestamp;

use crate::compare::Comparer;
use crate::run::{START, compare_histories, definition, kind, shown, spec};

/// Whether the case is an execution whose history tells of tasks.
pub fn is_driven(case: &Value) -> bool {
    let history = case["expect"]["history"].as_array();
    case["kind"] == "sfn-execution"
        && case["evidence"].as_str().is_some_and(|evidence| evidence.starts_with("aws"))
        && !case.to_string().contains("DISTRIBUTED")
        && case.get("actions").is_none_or(|actions| actions.as_array().is_some_and(Vec::is_empty))
        && history
            .is_some_and(|events| events.iter().any(|event| event["type"].to_string().contains("Scheduled")))
}

/// Replays one case; gives the first difference.
pub fn execution(case: &Value) -> Option<String> {
    let case: Value = serde_json::from_str(&resolved(&case.to_string())).expect("JSON");
    let machine = match parse_calling(&definition(&case), kind(&case), |_| true) {
        Ok(machine) => Arc::new(machine),
        Err(diagnostics) => return Some(invalid_definition_message(&diagnostics)),
    };
    let comparer = Comparer::new(&case);
    let (status, history) = Replay::new(&case, machine).run();
    let got = shown(&status);
    for field in ["status", "error", "cause", "output"] {
        let wanted = case["expect"].get(field);
        if let Some(difference) = wanted.and_then(|want| comparer.differs(want, &got[field], field)) {
            return Some(difference);
        }
    }
    compare_histories(&case, &comparer, &history)
}

/// Names of resources that the recordings leave open.
fn resolved(case: &str) -> String {
    let open = regex::Regex::new(r"\$\{[^}]*\}").expect("a pattern");
    let name = |found: &regex::Captures<'_>| match &found[0] {
        name if name.contains("activityArn") => "arn:aws:states:us-east-1:000000000000:activity:a".to_owned(),
        name if name.contains("FunctionArn") => "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
        _ => "resolved".to_owned(),
    };
    open.replace_all(case, name).into_owned()
}

struct Replay<'a> {
    recorded: &'a [Value],
    execution: Execution,
    history: Vec<Value>,
    timers: BTreeMap<asl::TimerId, Timestamp>,
    wakes: std::collections::VecDeque<Wake>,
    now: Timestamp,
}

impl<'a> Replay<'a> {
    fn new(case: &'a Value, machine: Arc<StateMachine>) -> Self {
        Self {
            recorded: case["expect"]["history"].as_array().map(Vec::as_slice).unwrap_or_default(),
            execution: Execution::new(machine, spec(case, START)),
            history: Vec::new(),
            timers: BTreeMap::new(),
            wakes: std::collections::VecDeque::from([Wake::Start]),
            now: START,
        }
    }

    fn run(mut self) -> (Status, Vec<Value>) {
        let mut effects = Vec::new();
        while *self.execution.status() == Status::Running {
            let Some(wake) = self.wakes.pop_front().or_else(|| self.next_timer()) else { break };
            step(&mut self.execution, wake, self.now, &mut effects);
            let events = self.execution.take_history();
            self.history.extend(events.iter().map(|event| serde_json::to_value(event).expect("JSON")));
            effects.drain(..).for_each(|effect| self.perform(effect));
        }
        (self.execution.status().clone(), self.history)
    }

    fn next_timer(&mut self) -> Option<Wake> {
        let (timer, due) =
            self.timers.iter().min_by_key(|(_, due)| **due).map(|(timer, due)| (*timer, *due))?;
        self.timers.remove(&timer);
        self.now = self.now.max(due);
        (due.since(START).as_secs() < 31_000_000).then_some(Wake::TimerFired { timer })
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::SetTimer { timer, due } => drop(self.timers.insert(timer, due)),
            Effect::ClearTimer { timer } => drop(self.timers.remove(&timer)),
            Effect::Invoke { task, parameters, .. } => self.answer(task, parameters.text()),
            Effect::CancelTask { .. }
            | Effect::StartMapRun { .. }
            | Effect::RedriveMapRun { .. }
            | Effect::StopMapRun { .. } => {}
        }
    }

    /// Finds the task's scheduling in our history, and follows the recorded events behind the same number.
    fn answer(&mut self, task: TaskId, parameters: &str) {
        let scheduled = self.history.iter().rev().find(|event| {
            let text = |key: &str, field: &str| event[key][field].as_str() == Some(parameters);
            text("taskScheduledEventDetails", "parameters")
                || text("lambdaFunctionScheduledEventDetails", "input")
                || text("activityScheduledEventDetails", "input")
        });
        let mut last = scheduled.map_or(0, |event| event["id"].as_u64().unwrap_or(0));
        let follows = |last: u64| self.recorded.iter().find(|event| event["previousEventId"] == last);
        while let Some(event) = follows(last) {
            let Some(wake) = wake_of(task, event) else { break };
            self.wakes.push_back(wake);
            last = event["id"].as_u64().unwrap_or(0);
        }
    }
}

fn wake_of(task: TaskId, event: &Value) -> Option<Wake> {
    let kind = event["type"].as_str()?;
    let details =
        event.as_object()?.iter().find(|(name, _)| name.ends_with("EventDetails")).map(|(_, value)| value);
    let details = details.unwrap_or(&Value::Null);
    let output = || match &details["output"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str())),
        other => other.clone(),
    };
    let failed = |phase| {
        let cause = match &details["cause"] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let failure = Failure { error: details["error"].as_str().map(ErrorName::from), cause };
        Some(Wake::TaskFailed { task, failure: TaskFailure { failure, phase } })
    };
    match kind {
        "TaskStarted" | "LambdaFunctionStarted" | "ActivityStarted" => {
            let worker_name = details["workerName"].as_str().map(str::to_owned);
            Some(Wake::TaskStarted { task, worker_name })
        }
        "TaskSubmitted" => Some(Wake::TaskSubmitted { task, output: output() }),
        "TaskSucceeded" | "LambdaFunctionSucceeded" | "ActivitySucceeded" => {
            Some(Wake::TaskSucceeded { task, output: output() })
        }
        "TaskFailed" | "LambdaFunctionFailed" | "ActivityFailed" => failed(FailurePhase::Run),
        "TaskStartFailed" | "LambdaFunctionStartFailed" => failed(FailurePhase::Start),
        "TaskSubmitFailed" => failed(FailurePhase::Submit),
        "ActivityScheduleFailed" | "LambdaFunctionScheduleFailed" => failed(FailurePhase::Schedule),
        _ => None,
    }
}
