//! What must hold when all is over.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use api::AwsError;
use serde_json::Value;

use crate::client::{Client, executions as executions_of};
use crate::door::Door;
use crate::history;
use crate::ledger::is_terminal;
use crate::world::World;

/// Queues in which entries wait for months: what is to be forgotten some day.
const FOR_LATER: &[&str] =
    &["states/retention", "ecs/expiry", "ecs/token", "events/outcome-upkeep", "scheduler/client-token"];

/// Tables that hold what is open.
const OPEN: &[&str] = &["states/head", "states/child", "states/ecs_task", "states/activity_task"];

/// Looks at every execution of every machine: each has ended, and has a history that is one.
pub async fn executions(world: &World, door: &Door) {
    for client in &world.clients {
        for machine in [client.name.clone(), format!("{}-child", client.name)] {
            if let Err(error) = of_machine(world, door, client, &machine).await {
                world.trace.violation(format!("the executions of {machine} cannot be read: {error}"));
            }
        }
    }
}

async fn of_machine(world: &World, door: &Door, client: &Client, machine: &str) -> Result<(), AwsError> {
    let found = executions_of(door, machine).await?;
    for arn in &found {
        let described = world.ledger.look(door, arn).await?;
        if !is_terminal(&described) {
            world.trace.violation(format!("{arn} is stuck: {described}"));
        }
    }
    if machine == client.name {
        events_have_executions(world, client, &found);
    }
    Ok(())
}

/// Each event that was acknowledged has started one execution.
fn events_have_executions(world: &World, client: &Client, found: &[String]) {
    let mut by_event: BTreeMap<&str, u64> = BTreeMap::new();
    let names = found.iter().filter_map(|arn| arn.rsplit(':').next());
    for (event, _) in names.filter_map(|name| name.split_once('_')) {
        *by_event.entry(event).or_default() += 1;
    }
    for event in client.acknowledged_events() {
        if !by_event.contains_key(event.as_str()) {
            world.trace.violation(format!("the event {event} was acknowledged and has started nothing"));
        }
    }
    for (event, count) in by_event.into_iter().filter(|(_, count)| *count > 1) {
        world.trace.violation(format!("the event {event} has started {count} executions"));
    }
}

/// Looks at histories, at what is left on the disk, and at what is left outside.
pub fn at_the_end(world: &World) {
    let trace = &world.trace;
    for (arn, _, events) in world.ledger.ended() {
        for problem in history::problems(&events) {
            trace.violation(format!("the history of {arn}: {problem}"));
        }
    }
    let containers = world.containers.left();
    if !containers.is_empty() {
        trace.violation(format!("containers are left: {containers:?}"));
    }
    let disk = world.disk.lock().unwrap_or_else(PoisonError::into_inner);
    for queue in disk.queues().into_iter().filter(|queue| !FOR_LATER.contains(queue)) {
        trace.violation(format!("the queue {queue} holds {:?}", disk.timers(queue)));
    }
    let tables = disk.tables();
    for table in OPEN.iter().filter(|table| tables.contains_key(**table)) {
        let keys: Vec<String> =
            disk.list(table, store::Range::prefix("")).into_iter().map(|record| record.key).collect();
        trace.violation(format!("the table {table} holds {keys:?}"));
    }
    drop(disk);
    schedules_fired_once(world);
}

/// Each occurrence of a schedule has started one execution, and none between two others is missing.
fn schedules_fired_once(world: &World) {
    let mut occurrences: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (arn, described, _) in world.ledger.ended() {
        let machine = arn.rsplit(':').nth(1).unwrap_or_default();
        let input = described["input"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
        let key = input.and_then(|input| input["key"].as_str().map(str::to_owned)).unwrap_or_default();
        if machine.starts_with('s') && !machine.starts_with("stop") && !machine.ends_with("-child") {
            occurrences.entry(machine.to_owned()).or_default().push(key);
        }
    }
    for (machine, mut times) in occurrences {
        times.sort();
        let count = times.len();
        times.dedup();
        if times.len() != count {
            world
                .trace
                .violation(format!("an occurrence of {machine} has started two executions: {times:?}"));
        }
    }
}
