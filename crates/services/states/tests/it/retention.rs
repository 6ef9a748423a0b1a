//! What is over is kept for its time, and then nothing of it stays.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use states::Config;
use store::{Batch, Range, Store};
use types::Timestamp;

use crate::map_runs::{items, machine as map_machine, map_run};
use crate::world::{Process, World, pass};

const DAY: u64 = 86_400;

fn passes() -> Value {
    json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}})
}

fn fails() -> Value {
    json!({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}})
}

fn waits(seconds: u64) -> Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": seconds, "End": true}}})
}

/// Waits until an execution has this status, and moves the clock meanwhile.
async fn until_status(world: &World, process: &Process, execution: &str, status: &str) {
    while process.describe(execution).await["status"] != status {
        world.clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
}

/// Waits until the store has these rows, tables with counts, and moves the clock a little meanwhile.
async fn until_rows(world: &World, expected: &BTreeMap<String, u64>) {
    for _ in 0..20_000 {
        if world.rows() == *expected {
            return;
        }
        world.clock.advance(Duration::from_millis(5));
        tokio::task::yield_now().await;
    }
    assert_eq!(world.rows(), *expected);
}

/// Waits until nobody finds the execution, and moves the clock a little meanwhile.
async fn until_gone(world: &World, process: &Process, execution: &str) {
    loop {
        match process.call("DescribeExecution", json!({"executionArn": execution})).await {
            Ok(_) => world.clock.advance(Duration::from_millis(5)),
            Err(error) => {
                assert_eq!(
                    error.to_string(),
                    format!("ExecutionDoesNotExist: Execution Does Not Exist: '{execution}'")
                );
                return;
            }
        }
        tokio::task::yield_now().await;
    }
}

async fn names(process: &Process, machine: &str) -> Vec<String> {
    let listed = process.call("ListExecutions", json!({"stateMachineArn": machine})).await.unwrap();
    let executions = listed["executions"].as_array().unwrap();
    executions.iter().map(|execution| execution["name"].as_str().unwrap().to_owned()).collect()
}

async fn create_express(process: &Process, name: &str) -> String {
    let input = json!({
        "name": name, "definition": passes().to_string(), "roleArn": crate::world::ROLE, "type": "EXPRESS",
    });
    let created = process.call("CreateStateMachine", input).await.unwrap();
    created["stateMachineArn"].as_str().unwrap().to_owned()
}

fn rows<const N: usize>(rows: [(&str, u64); N]) -> BTreeMap<String, u64> {
    rows.into_iter().map(|(table, count)| (table.to_owned(), count)).collect()
}

/// Runs executions of every kind to every kind of end.
async fn run_everything(world: &World, process: &Process) {
    let [passing, failing, waiting] = [
        process.create("passes", &passes()).await,
        process.create("fails", &fails()).await,
        process.create("waits", &waits(100_000)).await,
    ];
    for number in 0..70 {
        process.start(&passing, &number.to_string(), &json!({})).await;
    }
    for number in 0..40 {
        let failed = process.start(&failing, &number.to_string(), &json!({})).await;
        if number % 10 == 0 {
            process.call("RedriveExecution", json!({"executionArn": failed})).await.unwrap();
        }
    }
    let stopped = process.start(&waiting, "stopped", &json!({})).await;
    process.call("StopExecution", json!({"executionArn": stopped})).await.unwrap();
    let update =
        |definition: Value| json!({"stateMachineArn": waiting, "definition": definition.to_string()});
    process.call("UpdateStateMachine", update(waits(5))).await.unwrap();
    let waited = process.start(&waiting, "waited", &json!({})).await;
    until_status(world, process, &waited, "SUCCEEDED").await;
    let express = create_express(process, "express").await;
    process.start(&express, "e", &json!({})).await;
    let mut timing_out = waits(50);
    timing_out["TimeoutSeconds"] = json!(3);
    process.call("UpdateStateMachine", update(timing_out)).await.unwrap();
    let timed_out = process.start(&waiting, "timed_out", &json!({})).await;
    until_status(world, process, &timed_out, "TIMED_OUT").await;
    run_maps(world, process).await;
}

async fn run_maps(world: &World, process: &Process) {
    for execution_type in ["STANDARD", "EXPRESS"] {
        let name = execution_type.to_lowercase();
        let machine = process.create(&format!("map-{name}"), &map_machine(execution_type, &json!({}))).await;
        for (failing, status) in [(&[][..], "SUCCEEDED"), (&[3][..], "FAILED")] {
            let execution = process.start(&machine, status, &items(40, 1, failing)).await;
            map_run(process, &execution).await;
            until_status(world, process, &execution, status).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_ninety_days_nothing_stays_but_the_machines() {
    let world = World::new();
    let process = world.process().await;
    run_everything(&world, &process).await;
    pass(&world.clock, 14 * DAY);
    pass(&world.clock, 77 * DAY);
    // Two superseded revisions may be those of executions that run for a year.
    let machines = [("states/state_machine", 6), ("barrier", 1)];
    until_rows(&world, &rows([("states/revision", 8), ("states/kept", 2), machines[0], machines[1]])).await;
    pass(&world.clock, 366 * DAY);
    until_rows(&world, &rows([("states/revision", 6), machines[0], machines[1]])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_is_not_found_and_its_name_is_free() {
    let world = World::new();
    let process = world.process().await;
    let machine = process.create("m", &passes()).await;
    let first = process.start(&machine, "first", &json!({})).await;
    pass(&world.clock, 45 * DAY);
    process.start(&machine, "second", &json!({})).await;
    pass(&world.clock, 45 * DAY - 1);
    assert_eq!(process.describe(&first).await["status"], "SUCCEEDED");
    pass(&world.clock, 1);
    until_gone(&world, &process, &first).await;
    let history = process.call("GetExecutionHistory", json!({"executionArn": first})).await.unwrap_err();
    assert_eq!(history.code, "ExecutionDoesNotExist");
    assert_eq!(names(&process, &machine).await, ["second"]);
    assert_eq!(process.start(&machine, "first", &json!({"again": true})).await, first);
    assert_eq!(process.event_types(&first).await.len(), 4);
    assert_eq!(names(&process, &machine).await, ["first", "second"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shorter_retention_holds_for_what_has_ended_already() {
    let world = World::new();
    let process = world.process().await;
    let (passing, failing) = (process.create("p", &passes()).await, process.create("f", &fails()).await);
    let ended =
        [process.start(&passing, "e", &json!({})).await, process.start(&failing, "e", &json!({})).await];
    pass(&world.clock, 3 * DAY);
    let young = process.start(&passing, "young", &json!({})).await;
    drop(process);

    let config = |days| Config { retention: Duration::from_secs(days * DAY), ..Config::default() };
    let process = world.process_as(config(4)).await;
    for execution in &ended {
        process.describe(execution).await;
    }
    drop(process);
    let process = world.process_as(config(2)).await;
    for execution in &ended {
        until_gone(&world, &process, execution).await;
    }
    process.describe(&young).await;
    let machines = rows([("states/state_machine", 2), ("states/revision", 2), ("barrier", 1)]);
    pass(&world.clock, 2 * DAY);
    until_rows(&world, &machines).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redriven_execution_is_kept_from_its_next_end_on() {
    let world = World::new();
    let process = world.process().await;
    let mut definition = waits(20 * DAY);
    definition["States"]["W"] = json!({"Type": "Wait", "Seconds": 20 * DAY, "Next": "F"});
    definition["States"]["F"] = json!({"Type": "Fail"});
    let machine = process.create("m", &definition).await;
    let execution = process.start(&machine, "e", &json!({})).await;
    process.call("StopExecution", json!({"executionArn": execution})).await.unwrap();
    pass(&world.clock, 13 * DAY);
    process.call("RedriveExecution", json!({"executionArn": execution})).await.unwrap();
    pass(&world.clock, 2 * DAY);
    assert_eq!(process.describe(&execution).await["status"], "RUNNING");
    until_status(&world, &process, &execution, "RUNNING").await;
    pass(&world.clock, 19 * DAY);
    until_status(&world, &process, &execution, "FAILED").await;
    pass(&world.clock, 89 * DAY);
    process.describe(&execution).await;
    pass(&world.clock, DAY);
    until_gone(&world, &process, &execution).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_goes_part_by_part() {
    let world = World::new();
    let process = world.process().await;
    let states = json!({
        "W": {"Type": "Wait", "Seconds": 1, "Next": "C"},
        "C": {
            "Type": "Choice", "Default": "P",
            "Choices": [{"Variable": "$$.State.EnteredTime", "TimestampGreaterThan": "2023-11-14T22:15:30Z", "Next": "E"}],
        },
        "P": {"Type": "Pass", "Next": "W"},
        "E": {"Type": "Succeed"},
    });
    let machine = process.create("m", &json!({"StartAt": "W", "States": states})).await;
    let execution = process.start(&machine, "e", &json!({})).await;
    let mut waiting = 0;
    while process.describe(&execution).await["status"] == "RUNNING" {
        let events = process.history(&execution).await.len();
        if events > waiting {
            world.clock.advance(Duration::from_secs(1));
            waiting = events;
        }
        tokio::task::yield_now().await;
    }
    assert!(process.history(&execution).await.len() > 700, "more than two parts");
    pass(&world.clock, 90 * DAY);
    let machines = rows([("states/state_machine", 1), ("states/revision", 1), ("barrier", 1)]);
    until_rows(&world, &machines).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_process_ends_the_next_one_goes_on() {
    for batches in 0..12 {
        let world = World::new();
        let process = world.process().await;
        let passing = process.create("p", &passes()).await;
        let failing = process.create("f", &fails()).await;
        let map = process.create("m", &map_machine("STANDARD", &json!({}))).await;
        for name in ["a", "b"] {
            process.start(&passing, name, &json!({})).await;
            process.start(&failing, name, &json!({})).await;
        }
        let execution = process.start(&map, "e", &items(2, 1, &[1])).await;
        until_status(&world, &process, &execution, "FAILED").await;
        drop(process);
        pass(&world.clock, 90 * DAY);
        let process = world.process_with(batches).await;
        for _ in 0..1000 {
            world.clock.advance(Duration::from_millis(5));
            tokio::task::yield_now().await;
        }
        drop(process);
        let _process = world.process().await;
        let machines = rows([("states/state_machine", 3), ("states/revision", 3), ("barrier", 1)]);
        until_rows(&world, &machines).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn timers_of_older_programs_become_rows_of_the_index() {
    let world = World::new();
    let process = world.process().await;
    let (passing, failing) = (process.create("p", &passes()).await, process.create("f", &fails()).await);
    let passed = process.start(&passing, "e", &json!({})).await;
    let failed = process.start(&failing, "e", &json!({})).await;
    let indexed = process.store.list("states/kept", Range::prefix("")).await.unwrap();
    let mut batch = Batch::new();
    for row in &indexed {
        batch.delete("states/kept", row.key.as_str());
    }
    let start = Timestamp::from_seconds(1_700_000_000);
    for (kind, arn, days) in [("Execution", &passed, 90), ("Continuation", &failed, 14)] {
        let payload = json!({kind: arn}).to_string().into_bytes();
        batch.set_timer("states/retention", arn.as_str(), start + Duration::from_secs(days * DAY), payload);
    }
    process.store.submit(batch).durable().await.unwrap();
    drop(process);

    let process = world.process().await;
    assert_eq!(process.store.list("states/kept", Range::prefix("")).await.unwrap().len(), 2);
    assert!(!world.rows().contains_key("timers"));
    process.call("RedriveExecution", json!({"executionArn": failed})).await.unwrap();
    assert_eq!(process.store.list("states/kept", Range::prefix("")).await.unwrap(), {
        let mut now = indexed;
        now.sort_by(|one, other| one.key.cmp(&other.key));
        now
    });
}
