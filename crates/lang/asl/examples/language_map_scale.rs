//! How inline Map states grow with their items: `cargo run --release -p asl --example language_map_scale`.
//!
//! Each row is a process of its own, so that its peak of memory is its own too.

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use asl::{Effect, Execution, ExecutionSpec, MachineKind, Status, Wake, parse, step};
use serde_json::{Value, json};
use types::Timestamp;

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ITEMS: [u32; 3] = [1_000, 10_000, 100_000];
const KINDS: [&str; 4] = ["no selector", "JSONPath", "JSONata", "execution input"];

#[expect(clippy::print_stdout, reason = "the numbers are what the example is for")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [kind, items] = &arguments[..] {
        let (millis, events) = measure(kind, items.parse().expect("a number"));
        println!("| {kind:16} | {items:>8} | {events:>8} | {millis:>8.1} | {:>10} |", peak_kilobytes());
        return;
    }
    println!("| ItemSelector     |    items |   events |       ms | peak, KiB  |");
    println!("|------------------|----------|----------|----------|------------|");
    let program = std::env::current_exe().expect("a path");
    for kind in KINDS {
        for items in ITEMS {
            let output = Command::new(&program).args([kind, &items.to_string()]).output().expect("a process");
            print!("{}", String::from_utf8_lossy(&output.stdout));
        }
    }
}

fn measure(kind: &str, items: u32) -> (f64, usize) {
    let machine = Arc::new(parse(&definition(kind).to_string()).expect("a machine"));
    let input = json!({"name": "n", "items": (0..items).collect::<Vec<u32>>()}).to_string();
    let mut execution = Execution::new(machine, spec(input.into()));
    let begun = Instant::now();
    let (mut effects, mut timers, mut events) = (Vec::new(), std::collections::BTreeSet::new(), 0);
    let (mut wake, mut now) = (Wake::Start, START);
    while *execution.status() == Status::Running {
        step(&mut execution, wake, now, &mut effects);
        events += execution.take_history().len();
        drop(execution.take_changes());
        for effect in effects.drain(..) {
            match effect {
                Effect::SetTimer { timer, due } => drop(timers.insert((due, timer))),
                Effect::ClearTimer { timer } => timers.retain(|(_, set)| *set != timer),
                _ => {}
            }
        }
        let Some((due, timer)) = timers.pop_first() else { break };
        now = now.max(due);
        wake = Wake::TimerFired { timer };
    }
    assert_eq!(execution.status().as_str(), "SUCCEEDED", "{:?}", execution.status());
    (begun.elapsed().as_secs_f64() * 1000.0, events)
}

fn definition(kind: &str) -> Value {
    let language = if kind == "JSONata" { "JSONata" } else { "JSONPath" };
    let item = match language {
        "JSONata" => json!({"Type": "Pass", "Output": 1, "End": true}),
        _ => json!({"Type": "Pass", "Result": 1, "End": true}),
    };
    let mut map =
        json!({"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "Item", "States": {"Item": item}}});
    match kind {
        "JSONPath" => {
            map["ItemSelector"] = json!({"value.$": "$$.Map.Item.Value", "name.$": "$.name"});
        }
        "JSONata" => {
            map["ItemSelector"] =
                json!({"value": "{% $states.context.Map.Item.Value %}", "name": "{% $states.input.name %}"});
        }
        "execution input" => {
            map["ItemSelector"] =
                json!({"index.$": "$$.Map.Item.Index", "name.$": "$$.Execution.Input.name"});
        }
        _ => {}
    }
    match language {
        "JSONata" => map["Items"] = "{% $states.input.items %}".into(),
        _ => map["ItemsPath"] = "$.items".into(),
    }
    json!({"QueryLanguage": language, "StartAt": "Map", "States": {"Map": map}})
}

/// Express, so that the limit of 25,000 events does not end the large ones.
fn spec(input: Arc<str>) -> ExecutionSpec {
    ExecutionSpec {
        state_machine_version_arn: None,
        state_machine_alias_arn: None,
        arn: "arn:aws:states:us-east-1:000000000000:execution:m:e".to_owned(),
        name: "e".to_owned(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".to_owned(),
        state_machine_name: "m".to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/r".into(),
        region: "us-east-1".into(),
        account: "000000000000".to_owned(),
        input,
        start_time: START,
        seed: 1,
        kind: MachineKind::Express,
        redrive_count: 0,
        redrive_time: None,
        map_run: None,
    }
}

/// The most memory that the process has had, in KiB; 0 where the system does not tell.
fn peak_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
