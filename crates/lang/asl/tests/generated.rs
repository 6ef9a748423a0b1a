//! Machines that are made up: whatever they are, a step depends on its arguments only, a process that ends loses nothing,
//! and a redrive leads to where an execution without failures goes.

mod machines;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use asl::{
    Effect, ErrorName, Execution, ExecutionSpec, Failure, FailurePhase, HistoryEvent, MachineKind,
    StateMachine, Status, TaskFailure, TaskId, TimerId, Wake, parse_calling, step,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use types::Timestamp;

use machines::{INPUT, Part, definition, parts};

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// More wakes than any execution takes.
const WAKES: usize = 20_000;

fn machine(parts: &[Part]) -> Arc<StateMachine> {
    let definition = definition(parts).to_string();
    Arc::new(parse_calling(&definition, MachineKind::Standard, |_| true).expect("a machine"))
}

fn spec() -> ExecutionSpec {
    ExecutionSpec {
        arn: "arn:aws:states:us-east-1:000000000000:execution:m:e".to_owned(),
        name: "e".to_owned(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".to_owned(),
        state_machine_name: "m".to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/r".into(),
        region: "us-east-1".into(),
        account: "000000000000".to_owned(),
        input: INPUT.into(),
        start_time: START,
        seed: 5,
        kind: MachineKind::Standard,
        redrive_count: 0,
        redrive_time: None,
        state_machine_version_arn: None,
        state_machine_alias_arn: None,
        map_run: None,
    }
}

/// A world in which what happens next is said by a list of numbers, and everything goes well when they are used up.
struct World<'a> {
    execution: Execution,
    timers: BTreeMap<TimerId, Timestamp>,
    tasks: BTreeMap<TaskId, Value>,
    now: Timestamp,
    history: Vec<HistoryEvent>,
    effects: Vec<Effect>,
    head: Vec<u8>,
    rows: BTreeMap<u64, Vec<u8>>,
    choices: std::slice::Iter<'a, u8>,
    /// Redrives since the numbers were used up.
    smooth_redrives: usize,
    /// Whether the process ends after every commit.
    crashes: bool,
}

/// What is seen of an execution from outside.
#[derive(Debug, PartialEq)]
struct Seen {
    history: Vec<HistoryEvent>,
    effects: Vec<Effect>,
    status: Status,
    redrives: u64,
    rows: usize,
}

impl<'a> World<'a> {
    fn new(machine: &Arc<StateMachine>, choices: &'a [u8], crashes: bool) -> Self {
        Self {
            execution: Execution::new(Arc::clone(machine), spec()),
            timers: BTreeMap::new(),
            tasks: BTreeMap::new(),
            now: START,
            history: Vec::new(),
            effects: Vec::new(),
            head: Vec::new(),
            rows: BTreeMap::new(),
            choices: choices.iter(),
            smooth_redrives: 0,
            crashes,
        }
    }

    /// Runs to success, redriving what ends otherwise.
    fn run(mut self) -> Seen {
        if self.history.is_empty() {
            self.step(Wake::Start);
        }
        for _ in 0..WAKES {
            match self.execution.status() {
                Status::Succeeded { .. } => break,
                Status::Running => {
                    let wake = self.next();
                    self.step(wake);
                }
                // One that fails though nothing goes wrong outside fails for good.
                _ if self.choices.len() == 0 && self.smooth_redrives > 0 => break,
                Status::Failed(_) | Status::TimedOut | Status::Aborted(_) => self.redrive(),
            }
        }
        Seen {
            history: self.history,
            effects: self.effects,
            status: self.execution.status().clone(),
            redrives: self.execution.spec().redrive_count,
            rows: self.rows.len(),
        }
    }

    fn next(&mut self) -> Wake {
        let choice = self.choices.next().copied();
        let nth = usize::from(choice.unwrap_or(0) / 16) % self.tasks.len().max(1);
        let task = self.tasks.iter().nth(nth).map(|(task, output)| (*task, output.clone()));
        match (choice.map(|choice| choice % 16), task) {
            (Some(0), _) => Wake::Stop { error: Some("Stopped".to_owned()), cause: None },
            (Some(1 | 2), Some((task, _))) => failed(task, "Fatal"),
            (Some(3 | 4), Some((task, _))) => failed(task, "Flaky"),
            (Some(5), Some((task, _))) => Wake::TaskStarted { task, worker_name: None },
            (Some(6), _) => Wake::TaskSucceeded { task: TaskId(999_999), output: Value::Null },
            (Some(7), _) => self.fire(),
            (Some(8), Some((task, _))) => Wake::TaskHeartbeat { task },
            (_, Some((task, output))) => Wake::TaskSucceeded { task, output },
            (_, None) => self.fire(),
        }
    }

    /// Whatever is due first, but for the end of all executions after a year, behind which nothing is redriven.
    fn fire(&mut self) -> Wake {
        let timers = self.timers.iter().filter(|(_, due)| due.since(START).as_secs() < 30_000_000);
        let next = timers.min_by_key(|(timer, due)| (**due, **timer));
        let Some((timer, due)) = next.map(|(timer, due)| (*timer, *due)) else {
            return Wake::TaskHeartbeat { task: TaskId(999_999) };
        };
        self.now = self.now.max(due);
        Wake::TimerFired { timer }
    }

    fn step(&mut self, wake: Wake) {
        match &wake {
            Wake::TimerFired { timer } => drop(self.timers.remove(timer)),
            Wake::TaskSucceeded { task, .. } | Wake::TaskFailed { task, .. } => drop(self.tasks.remove(task)),
            _ => {}
        }
        let mut effects = Vec::new();
        step(&mut self.execution, wake, self.now, &mut effects);
        self.take(effects);
        if self.crashes && *self.execution.status() == Status::Running {
            let machine = Arc::clone(self.execution.machine());
            self.execution = Execution::restore(machine, &self.head, self.rows.clone())
                .expect("what was stored can be restored");
        }
    }

    fn redrive(&mut self) {
        assert!(self.timers.is_empty(), "no timer is left of an execution that has ended: {:?}", self.timers);
        assert!(self.tasks.is_empty(), "no task is left of an execution that has ended: {:?}", self.tasks);
        assert!(
            Execution::restore(Arc::clone(self.execution.machine()), &self.head, self.rows.clone()).is_err()
        );
        self.now = self.now + Duration::from_secs(3600);
        self.smooth_redrives += usize::from(self.choices.len() == 0);
        let machine = Arc::clone(self.execution.machine());
        let mut effects = Vec::new();
        self.execution = Execution::redrive(machine, &self.head, self.rows.clone(), self.now, &mut effects)
            .expect("what was kept can be redriven");
        self.take(effects);
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in &effects {
            match effect {
                Effect::SetTimer { timer, due } => drop(self.timers.insert(*timer, *due)),
                Effect::ClearTimer { timer } => drop(self.timers.remove(timer)),
                Effect::Invoke { task, state, parameters, .. } => {
                    let output = json!({"of": **state, "bytes": parameters.text().len()});
                    self.tasks.insert(*task, output);
                }
                Effect::CancelTask { task, .. } => drop(self.tasks.remove(task)),
                Effect::StartMapRun { .. } | Effect::RedriveMapRun { .. } | Effect::StopMapRun { .. } => {}
            }
        }
        self.effects.extend(effects);
        self.history.extend(self.execution.take_history());
        let changes = self.execution.take_changes();
        self.head = changes.head.unwrap_or(std::mem::take(&mut self.head));
        self.rows.extend(changes.frames_put);
        for row in changes.frames_deleted {
            assert!(self.rows.remove(&row).is_some(), "row {row} was never stored");
        }
    }
}

fn failed(task: TaskId, error: &str) -> Wake {
    let failure = Failure::new(ErrorName::from(error), "cause");
    Wake::TaskFailed { task, failure: TaskFailure { failure, phase: FailurePhase::Run } }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_redriven_execution_ends_as_one_that_never_failed(
        parts in parts(),
        choices in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let machine = machine(&parts);
        let smooth = World::new(&machine, &[], false).run();
        prop_assert!(matches!(smooth.status, Status::Succeeded { .. }), "{:?}", smooth.status);
        let rough = World::new(&machine, &choices, false).run();
        prop_assert_eq!(&rough.status, &smooth.status);
        prop_assert_eq!(rough.rows, 0, "nothing is left of an execution that has succeeded");
        let redrives = rough.history.iter().filter(|event| event.kind().as_str() == "ExecutionRedriven");
        prop_assert_eq!(redrives.count() as u64, rough.redrives);
    }

    #[test]
    fn a_step_and_a_redrive_depend_on_their_arguments_only(
        parts in parts(),
        choices in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let machine = machine(&parts);
        let steady = World::new(&machine, &choices, false).run();
        prop_assert_eq!(&steady, &World::new(&machine, &choices, false).run());
        prop_assert_eq!(&steady, &World::new(&machine, &choices, true).run(), "a process that ends loses nothing");
        let ids: Vec<u64> = steady.history.iter().map(|event| event.id).collect();
        prop_assert_eq!(ids, (1..=steady.history.len() as u64).collect::<Vec<u64>>());
        prop_assert!(steady.history.iter().all(|event| event.previous_event_id < event.id));
    }

    /// What was entered is left once, or given up, between two redrives; what has succeeded is not entered again.
    #[test]
    fn a_redrive_enters_nothing_that_was_left(
        parts in parts(),
        choices in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let machine = machine(&parts);
        let seen = World::new(&machine, &choices, false).run();
        let count = |suffix: &str| seen.history.iter().filter(|event| event.kind().as_str().ends_with(suffix)).count();
        let has_retries = parts.iter().any(Part::has_retries);
        prop_assert!(has_retries || count("StateEntered") == count("StateExited"));
    }

    #[test]
    fn a_definition_is_the_same_machine_however_it_is_written(parts in parts()) {
        let definition = definition(&parts);
        let read = |text: &str| {
            let machine = parse_calling(text, MachineKind::Standard, |_| true).expect("a machine");
            format!("{machine:?}")
        };
        let compact = definition.to_string();
        let pretty = serde_json::to_string_pretty(&definition).expect("JSON");
        let escaped = compact.replace('/', "\\/").replace("Type", "\\u0054ype");
        prop_assert_eq!(read(&compact), read(&pretty));
        prop_assert_eq!(read(&compact), read(&escaped));
        let again: Value = serde_json::from_str(&pretty).expect("JSON");
        prop_assert_eq!(read(&again.to_string()), read(&compact));
    }
}

/// The documented exception: where the results together are too large, branches that succeeded run again too.
#[test]
fn results_that_are_too_large_are_made_again() {
    let branches = vec![vec![Part::Task { retries: false, hours: None, is_callback: false }]; 2];
    let machine = machine(&[Part::Parallel { branches, retries: false }]);
    let mut world = World::new(&machine, &[], false);
    world.step(Wake::Start);
    for task in world.tasks.clone().into_keys() {
        world.step(Wake::TaskSucceeded { task, output: "x".repeat(150_000).into() });
    }
    let Status::Failed(failure) = world.execution.status() else { panic!("{:?}", world.execution.status()) };
    assert_eq!(failure.error, Some(ErrorName::DataLimitExceeded));
    world.redrive();
    assert_eq!(world.tasks.len(), 2);
    assert_eq!(
        world.history.iter().filter(|event| event.kind().as_str() == "ParallelStateStarted").count(),
        2
    );
    assert!(matches!(world.run().status, Status::Succeeded { .. }));
}
