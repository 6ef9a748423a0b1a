//! What no case can say: that a step depends on its arguments only, that a crash after any commit changes nothing, that
//! no text makes the parser fail otherwise than with diagnostics, and that nothing runs without an end.

use std::collections::BTreeMap;
use std::sync::Arc;

use asl::{
    Effect, ErrorName, Execution, ExecutionSpec, Failure, FailurePhase, HistoryEvent, MachineKind,
    StateMachine, Status, TaskFailure, TaskId, TimerId, Wake, parse, parse_calling, step,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use types::Timestamp;

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Tasks that are retried, caught, time out and send heartbeats, inside of iterations and branches.
fn busy_machine() -> Value {
    let task = json!({
        "Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "TimeoutSeconds": 100, "HeartbeatSeconds": 30,
        "Parameters": {"Group.$": "States.UUID()", "Cluster.$": "$"},
        "ResultSelector": {"result.$": "$", "name.$": "$$.State.Name", "retries.$": "$$.State.RetryCount"},
        "Retry": [{"ErrorEquals": ["Again"], "IntervalSeconds": 2, "JitterStrategy": "FULL", "MaxDelaySeconds": 60},
                  {"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1}],
        "Catch": [{"ErrorEquals": ["Caught", "States.HeartbeatTimeout"], "ResultPath": "$.error", "Next": "Pause"}],
        "Assign": {"last.$": "$.result"}, "Next": "Pause"
    });
    let branch = json!({
        "StartAt": "Wait",
        "States": {"Wait": {"Type": "Wait", "Seconds": 45, "Next": "Random"},
                   "Random": {"Type": "Pass", "Parameters": {"n.$": "States.MathRandom(0, 1000)", "x.$": "$x"}, "Next": "Query"},
                   "Query": {"Type": "Pass", "QueryLanguage": "JSONata", "End": true, "Output": {
                       "random": "{% $random() %}", "uuid": "{% $uuid() %}", "now": "{% $now() %}", "millis": "{% $millis() %}",
                       "shuffled": "{% $shuffle([1..9]) %}", "x": "{% $x %}", "n": "{% $states.input.n %}"}}}
    });
    json!({
        "StartAt": "Begin", "TimeoutSeconds": 5000,
        "States": {
            "Begin": {"Type": "Pass", "Result": {"items": [{"a": 1}, {"a": 2}, {"a": 3}]}, "Assign": {"x": [1]}, "Next": "Both"},
            "Both": {"Type": "Parallel", "Next": "Loop", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Loop"}], "Branches": [branch, {
                "StartAt": "Each",
                "States": {"Each": {
                    "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "End": true,
                    "ItemSelector": {"item.$": "$$.Map.Item.Value", "x.$": "$x"},
                    "Retry": [{"ErrorEquals": ["Lost"], "IntervalSeconds": 1, "MaxAttempts": 2}],
                    "ItemProcessor": {"StartAt": "Task", "States": {
                        "Task": task,
                        "Pause": {"Type": "Wait", "Seconds": 1, "End": true}}}}}
            }]},
            "Loop": {"Type": "Choice", "Choices": [{"Variable": "$$.State.Name", "StringEquals": "?", "Next": "Begin"}], "Default": "Done"},
            "Done": {"Type": "Succeed"}
        }
    })
}

fn spec(kind: MachineKind) -> ExecutionSpec {
    ExecutionSpec {
        arn: "arn:aws:states:us-east-1:000000000000:execution:m:e".to_owned(),
        name: "e".to_owned(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".to_owned(),
        state_machine_version_arn: None,
        state_machine_alias_arn: None,
        state_machine_name: "m".to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/r".into(),
        region: "us-east-1".into(),
        account: "000000000000".to_owned(),
        input: "{ }".into(),
        start_time: START,
        seed: 5,
        kind,
        redrive_count: 0,
        redrive_time: None,
        map_run: None,
    }
}

/// A world that answers as a list of numbers says.
struct World {
    machine: Arc<StateMachine>,
    execution: Execution,
    timers: BTreeMap<TimerId, Timestamp>,
    tasks: BTreeMap<TaskId, bool>,
    now: Timestamp,
    history: Vec<HistoryEvent>,
    effects: Vec<Effect>,
    head: Vec<u8>,
    rows: BTreeMap<u64, Vec<u8>>,
    crashes: bool,
}

impl World {
    fn new(machine: &Arc<StateMachine>, crashes: bool) -> Self {
        Self {
            machine: Arc::clone(machine),
            execution: Execution::new(Arc::clone(machine), spec(MachineKind::Standard)),
            timers: BTreeMap::new(),
            tasks: BTreeMap::new(),
            now: START,
            history: Vec::new(),
            effects: Vec::new(),
            head: Vec::new(),
            rows: BTreeMap::new(),
            crashes,
        }
    }

    fn run(mut self, choices: &[u8]) -> (Vec<HistoryEvent>, Vec<Effect>, Status, usize) {
        self.step(Wake::Start);
        for choice in choices {
            if *self.execution.status() != Status::Running {
                break;
            }
            let wake = self.wake(*choice);
            self.step(wake);
        }
        if *self.execution.status() == Status::Running {
            self.step(Wake::Stop { error: Some("Enough".to_owned()), cause: None });
        }
        let status = self.execution.status().clone();
        (self.history, self.effects, status, self.rows.len())
    }

    fn wake(&mut self, choice: u8) -> Wake {
        let nth = usize::from(choice / 16);
        let task = self.tasks.keys().nth(nth % self.tasks.len().max(1)).copied().unwrap_or(TaskId(999));
        let failed = |name: &str, phase| {
            let failure = Failure::new(ErrorName::from(name), "cause");
            Wake::TaskFailed { task, failure: TaskFailure { failure, phase } }
        };
        match choice % 16 {
            0 => Wake::TaskStarted { task, worker_name: None },
            1 | 2 => Wake::TaskSubmitted { task, output: json!({"TaskArn": choice}) },
            3..=5 => Wake::TaskSucceeded { task, output: json!({"done": choice}) },
            6 => failed("Again", FailurePhase::Run),
            7 => failed("Caught", FailurePhase::Submit),
            8 => failed("Lost", FailurePhase::Start),
            9 => Wake::TaskHeartbeat { task },
            10 => Wake::TimerFired { timer: TimerId(u64::from(choice)) },
            _ => {
                let next = self.timers.iter().min_by_key(|(timer, due)| (**due, **timer));
                let Some((timer, due)) = next.map(|(timer, due)| (*timer, *due)) else {
                    return Wake::TaskHeartbeat { task };
                };
                self.now = self.now.max(due);
                Wake::TimerFired { timer }
            }
        }
    }

    fn step(&mut self, wake: Wake) {
        if let Wake::TimerFired { timer } = &wake {
            self.timers.remove(timer);
        }
        let mut effects = Vec::new();
        step(&mut self.execution, wake, self.now, &mut effects);
        for effect in &effects {
            match effect {
                Effect::SetTimer { timer, due } => drop(self.timers.insert(*timer, *due)),
                Effect::ClearTimer { timer } => drop(self.timers.remove(timer)),
                Effect::Invoke { task, .. } => drop(self.tasks.insert(*task, true)),
                Effect::CancelTask { .. }
                | Effect::StartMapRun { .. }
                | Effect::RedriveMapRun { .. }
                | Effect::StopMapRun { .. } => {}
            }
        }
        self.effects.extend(effects);
        self.history.extend(self.execution.take_history());
        self.commit();
    }

    fn commit(&mut self) {
        let changes = self.execution.take_changes();
        self.head = changes.head.unwrap_or(std::mem::take(&mut self.head));
        self.rows.extend(changes.frames_put);
        for row in changes.frames_deleted {
            assert!(self.rows.remove(&row).is_some(), "row {row} was never stored");
        }
        if self.crashes && *self.execution.status() == Status::Running {
            let machine = Arc::clone(&self.machine);
            self.execution = Execution::restore(machine, &self.head, self.rows.clone())
                .expect("what was stored can be restored");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_crash_after_any_commit_changes_nothing(choices in prop::collection::vec(any::<u8>(), 0..120)) {
        let machine = Arc::new(parse(&busy_machine().to_string()).expect("a machine"));
        let steady = World::new(&machine, false).run(&choices);
        prop_assert_eq!(&steady, &World::new(&machine, false).run(&choices), "a step depends on its arguments only");
        prop_assert_eq!(&steady, &World::new(&machine, true).run(&choices));
        let goes_on = matches!(steady.2, Status::Failed(_) | Status::TimedOut | Status::Aborted(_));
        prop_assert_eq!(steady.3 > 0, goes_on, "what is left of an execution that has ended: {:?}", steady.2);
        let ids: Vec<u64> = steady.0.iter().map(|event| event.id).collect();
        prop_assert_eq!(ids, (1..=steady.0.len() as u64).collect::<Vec<u64>>());
        prop_assert!(steady.0.iter().all(|event| event.previous_event_id < event.id));
    }

    #[test]
    fn no_text_panics(text in "\\PC*") {
        drop(parse(&text));
    }

    #[test]
    fn no_expression_panics(text in "[$a-c0-9\\[\\](){}.,:;?*/+<>=!&|@#%^~'\" -]{0,30}") {
        let definition = json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {
            "A": {"Type": "Pass", "Output": format!("{{%{text}%}}"), "End": true}}});
        if let Ok(machine) = parse(&definition.to_string()) {
            World::new(&Arc::new(machine), false).run(&[]);
        }
    }

    #[test]
    fn no_damaged_definition_panics(at in any::<prop::sample::Index>(), value in damage()) {
        let mut definition = busy_machine();
        let mut places = Vec::new();
        pointers(&definition, String::new(), &mut places);
        if let Some(place) = definition.pointer_mut(&places[at.index(places.len())]) {
            *place = value;
        }
        if let Ok(machine) = parse_calling(&definition.to_string(), MachineKind::Standard, |_| true) {
            World::new(&Arc::new(machine), true).run(&[3, 11, 19, 35, 11, 11, 3, 11]);
        }
    }
}

fn damage() -> impl Strategy<Value = Value> {
    let texts = [
        "",
        "$",
        "$$",
        "$.a[",
        "States.Format('{', 1)",
        "States.UUID(",
        "Begin",
        "$x",
        "JSONata",
        "\u{1f600}",
    ];
    prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        Just(json!({"x.$": "$.y", "x": 1})),
        Just(json!(-1)),
        Just(json!(1e300)),
        prop::sample::select(texts.to_vec()).prop_map(Value::from),
    ]
}

fn pointers(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| pointers(value, format!("{place}/{name}"), places));
        }
        Value::Array(elements) => {
            elements
                .iter()
                .enumerate()
                .for_each(|(at, value)| pointers(value, format!("{place}/{at}"), places));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    places.push(place);
}

fn looping(kind: MachineKind) -> Execution {
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Choice", "Choices": [{"Variable": "$", "IsPresent": false, "Next": "C"}], "Default": "A"},
        "C": {"Type": "Succeed"}}});
    Execution::new(Arc::new(parse(&definition.to_string()).expect("a machine")), spec(kind))
}

#[test]
fn an_expression_without_an_end_is_given_up() {
    for expression in ["($f := function($x){$f($x + 1)}; $f(0))", "($f := function($x){1 + $f($x)}; $f(0))"] {
        let definition = json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {
            "A": {"Type": "Pass", "Output": format!("{{% {expression} %}}"), "End": true}}});
        let machine = Arc::new(parse(&definition.to_string()).expect("a machine"));
        let (mut execution, mut effects) = (Execution::new(machine, spec(MachineKind::Standard)), Vec::new());
        step(&mut execution, Wake::Start, START, &mut effects);
        assert_eq!(execution.status().as_str(), "FAILED");
    }
}

#[test]
fn machines_and_executions_go_from_thread_to_thread() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<StateMachine>();
    is_shared::<Execution>();
}

#[test]
fn a_standard_execution_ends_with_event_25000() {
    let (mut execution, mut effects) = (looping(MachineKind::Standard), Vec::new());
    step(&mut execution, Wake::Start, START, &mut effects);
    let history = execution.take_history();
    let last = history.last().expect("events");
    assert_eq!((history.len(), last.id, last.previous_event_id), (25_000, 25_000, 24_999));
    assert_eq!(last.kind().as_str(), "ExecutionFailed");
    assert_eq!(execution.status().as_str(), "FAILED");
}

#[test]
fn an_express_execution_that_loops_gives_way_and_times_out() {
    let (mut execution, mut effects, mut events) = (looping(MachineKind::Express), Vec::new(), 0);
    step(&mut execution, Wake::Start, START, &mut effects);
    for seconds in 1.. {
        events += execution.take_history().len();
        let due = START + std::time::Duration::from_secs(seconds * 100);
        let mut timers: Vec<(Timestamp, TimerId)> = Vec::new();
        for effect in effects.drain(..) {
            if let Effect::SetTimer { timer, due } = effect {
                timers.push((due, timer));
            }
        }
        let deadline = START + std::time::Duration::from_secs(300);
        if due >= deadline {
            break;
        }
        let (_, timer) = timers.into_iter().find(|(at, _)| *at < deadline).expect("it goes on");
        step(&mut execution, Wake::TimerFired { timer }, due, &mut effects);
    }
    assert!(events > 100_000);
    assert_eq!(execution.status().as_str(), "RUNNING");
}

#[test]
fn deep_payloads_are_refused_before_they_are_too_deep_to_read() {
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Parameters": {"deeper.$": "$"}, "Next": "B"},
        "B": {"Type": "Choice", "Choices": [{"Variable": "$.end", "IsPresent": true, "Next": "C"}], "Default": "A"},
        "C": {"Type": "Succeed"}}});
    let machine = Arc::new(parse(&definition.to_string()).expect("a machine"));
    let (mut execution, mut effects) = (Execution::new(machine, spec(MachineKind::Standard)), Vec::new());
    step(&mut execution, Wake::Start, START, &mut effects);
    assert_eq!(execution.status().as_str(), "FAILED");
    assert!(execution.take_history().len() < 600);
}
