//! How fast executions run in-process: `cargo run --release -p asl --example language_throughput`.
//!
//! History and changes are taken as a runner takes them, once for each step; nothing is stored.

use std::sync::Arc;
use std::time::Instant;

use asl::{Effect, Execution, ExecutionSpec, MachineKind, StateMachine, Status, Wake, parse, step};
use serde_json::{Value, json};
use types::Timestamp;

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn main() {
    measure("1,000 executions of 10 Pass states", &pass_states(10), &json!({"a": 1}), 1_000);
    measure("inline Map of 10,000 items, a Pass state each", &map(pass()), &items(10_000), 1);
    measure("inline Map of 10,000 items with an ItemSelector", &selecting_map(), &items(10_000), 1);
    measure(
        "inline Map of 10,000 items, a Wait state each (a commit per timer)",
        &map(wait()),
        &items(10_000),
        1,
    );
    measure(
        "inline Map of 1,000 items, a Wait state each (a commit per timer)",
        &map(wait()),
        &items(1_000),
        1,
    );
}

#[expect(clippy::print_stdout, reason = "the numbers are what the example is for")]
fn measure(what: &str, definition: &Value, input: &Value, executions: u32) {
    let machine = Arc::new(parse(&definition.to_string()).expect("a machine"));
    let input: Arc<str> = input.to_string().into();
    let (mut events, mut bytes, mut steps) = (0, 0, 0);
    let begun = Instant::now();
    for _ in 0..executions {
        let run = run(&machine, &input);
        events += run.0;
        bytes += run.1;
        steps += run.2;
    }
    let took = begun.elapsed();
    println!("{what}: {took:?}; {events} events, {steps} steps, {bytes} bytes to store");
}

fn run(machine: &Arc<StateMachine>, input: &Arc<str>) -> (usize, usize, usize) {
    let mut execution = Execution::new(Arc::clone(machine), spec(input));
    let (mut effects, mut timers) = (Vec::new(), std::collections::BTreeSet::new());
    let (mut wake, mut now) = (Wake::Start, START);
    let (mut events, mut bytes, mut steps) = (0, 0, 0);
    loop {
        step(&mut execution, wake, now, &mut effects);
        steps += 1;
        events += execution.take_history().len();
        let changes = execution.take_changes();
        bytes += changes.head.map_or(0, |head| head.len());
        bytes += changes.frames_put.iter().map(|(_, row)| row.len()).sum::<usize>();
        for effect in effects.drain(..) {
            match effect {
                Effect::SetTimer { timer, due } => drop(timers.insert((due, timer))),
                Effect::ClearTimer { timer } => timers.retain(|(_, set)| *set != timer),
                _ => {}
            }
        }
        if *execution.status() != Status::Running {
            assert_eq!(
                execution.status().as_str(),
                "SUCCEEDED",
                "{:?} after {steps} steps",
                execution.status()
            );
            return (events, bytes, steps);
        }
        let (due, timer) = timers.pop_first().expect("a timer");
        now = now.max(due);
        wake = Wake::TimerFired { timer };
    }
}

/// Express, so that the limit of 25,000 events does not end the large ones.
fn spec(input: &Arc<str>) -> ExecutionSpec {
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
        input: Arc::clone(input),
        start_time: START,
        seed: 1,
        kind: MachineKind::Express,
        redrive_count: 0,
        redrive_time: None,
        map_run: None,
    }
}

fn items(count: u32) -> Value {
    json!((0..count).collect::<Vec<u32>>())
}

fn pass() -> Value {
    json!({"Type": "Pass", "End": true})
}

/// Ends before the five minutes of an Express execution are over: 40 run side by side.
fn wait() -> Value {
    json!({"Type": "Wait", "Seconds": 1, "End": true})
}

fn map(state: Value) -> Value {
    json!({"StartAt": "Map", "States": {"Map": {"Type": "Map", "End": true,
        "ItemProcessor": {"StartAt": "Item", "States": {"Item": state}}}}})
}

fn selecting_map() -> Value {
    // The selected items together would exceed the limit of a result.
    let mut map = map(json!({"Type": "Pass", "Result": 1, "End": true}));
    map["States"]["Map"]["ItemSelector"] = json!({"value.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index", "name.$": "$$.Execution.Name"});
    map
}

fn pass_states(count: usize) -> Value {
    let mut states = serde_json::Map::new();
    for number in 1..=count {
        let mut state = json!({"Type": "Pass", "Result": {"n": number}, "ResultPath": "$.last"});
        if number == count {
            state["End"] = true.into();
        } else {
            state["Next"] = format!("S{}", number + 1).into();
        }
        states.insert(format!("S{number}"), state);
    }
    json!({"StartAt": "S1", "States": states})
}
