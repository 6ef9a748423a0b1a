//! What must hold when all is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use api::AwsError;
use serde_json::{Value, json};

use crate::client::{Client, executions as executions_of};
use crate::door::Door;
use crate::history;
use crate::ledger::is_terminal;
use crate::world::World;

/// Queues of what is to be forgotten some day: what could not be is done at the next start.
const FOR_LATER: &[&str] = &[
    "states/retention",
    "ecs/expire",
    "ecs/token",
    "events/outcome-upkeep",
    "events/replay",
    "scheduler/client-token",
    "sns/upkeep",
    "sqs/upkeep",
];

/// Tables of messages, and of what is known of earlier ones.
const MESSAGES: &[&str] = &["sqs/messages", "sqs/receives", "sqs/deduplication", "sns/repetition"];

/// Tables that hold what is open.
const OPEN: &[&str] = &["states/head", "states/child", "states/ecs_task", "states/activity_task"];

/// Tables of Step Functions whose rows stay; of a superseded revision for more than a year.
const DEFINITIONS: &[&str] =
    &["state_machine", "revision", "version", "alias", "activity", "kept", "map_run_spec"];

/// Looks at every execution of every machine: each has ended, and has a history that is one; and at every message.
pub async fn executions(world: &World, door: &Door) {
    for client in world.clients.iter().filter(|client| !client.has_machine()) {
        // Everything that is there was to be deleted; what comes now has come too late, or twice.
        if let Err(error) = client.collect(door, &world.trace).await {
            world.trace.violation(format!("{}: messages cannot be received: {error}", client.name));
        }
        client.problems_of_messages().into_iter().for_each(|what| world.trace.violation(what));
        // What is a minute late is skipped: where the process dies again and again, or cannot write.
        if world.faults.is_up_within_a_minute() {
            client.gaps_in_schedules().into_iter().for_each(|what| world.trace.violation(what));
        }
    }
    for client in world.clients.iter().filter(|client| client.has_machine()) {
        for machine in [client.name.clone(), format!("{}-child", client.name)] {
            if let Err(error) = of_machine(world, door, client, &machine).await {
                world.trace.violation(format!("the executions of {machine} cannot be read: {error}"));
            }
        }
    }
}

async fn of_machine(world: &World, door: &Door, client: &Client, machine: &str) -> Result<(), AwsError> {
    let found = match executions_of(door, machine).await {
        Err(error) if client.deletes() && error.code == "StateMachineDoesNotExist" => return Ok(()),
        found => found?,
    };
    for arn in &found {
        let described = world.ledger.look(door, arn).await?;
        if !is_terminal(&described) {
            world.trace.violation(format!("{arn} is stuck: {described}"));
        }
    }
    let known: BTreeSet<&String> = found.iter().collect();
    if known.len() != found.len() {
        world.trace.violation(format!("the list of {machine} has executions twice: {found:?}"));
    }
    if machine == client.name {
        events_have_executions(world, client, &found);
        if client.is_logged() {
            events_are_logged(world, door, machine, &found).await?;
        }
    }
    Ok(())
}

/// Each event of each execution is in the machine's log group, at least once.
async fn events_are_logged(
    world: &World,
    door: &Door,
    machine: &str,
    found: &[String],
) -> Result<(), AwsError> {
    let mut logged: BTreeSet<(String, String)> = BTreeSet::new();
    let mut token = Value::Null;
    loop {
        let mut input = json!({"logGroupName": machine, "limit": 1000});
        if !token.is_null() {
            input["nextToken"] = token;
        }
        let page = door.call("logs", "FilterLogEvents", input).await?;
        let messages = page["events"].as_array().into_iter().flatten();
        let messages = messages.filter_map(|event| event["message"].as_str());
        for message in messages.filter_map(|text| serde_json::from_str::<Value>(text).ok()) {
            let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
            logged.insert((text("execution_arn"), text("id")));
        }
        token = page.get("nextToken").cloned().unwrap_or_default();
        if token.is_null() {
            break;
        }
    }
    for (arn, _, events) in world.ledger.ended().into_iter().filter(|(arn, ..)| found.contains(arn)) {
        let missing = |event: &&Value| !logged.contains(&(arn.clone(), event["id"].to_string()));
        if let Some(event) = events.iter().find(missing) {
            world.trace.violation(format!("{arn} has an event that is not logged: {event}"));
        }
    }
    Ok(())
}

/// Half a year later, nothing of any execution is left.
pub async fn is_forgotten(world: &World, door: &Door) {
    for client in world.clients.iter().filter(|client| client.has_machine() && !client.deletes()) {
        match executions_of(door, &client.name).await {
            Ok(left) if left.is_empty() => {}
            Ok(left) => world.trace.violation(format!("after half a year there are still {left:?}")),
            Err(error) => world.trace.violation(format!("{}: {error}", client.name)),
        }
    }
    let disk = world.disk.lock().unwrap_or_else(PoisonError::into_inner);
    for (table, count) in disk.tables() {
        let stays = table.strip_prefix("states/").is_none_or(|table| DEFINITIONS.contains(&table))
            && !MESSAGES.contains(&table.as_str());
        if !stays {
            let keys: Vec<String> =
                disk.list(&table, store::Range::prefix("")).into_iter().map(|record| record.key).collect();
            world.trace.violation(format!("after half a year {table} has {count} rows: {keys:?}"));
        }
    }
    for log in disk.logs().into_iter().filter(|log| log.starts_with("states/")) {
        world.trace.violation(format!("after half a year there is the history {log}"));
    }
}

/// Each event that was acknowledged has started one execution, and one more for each replay.
fn events_have_executions(world: &World, client: &Client, found: &[String]) {
    let mut by_event: BTreeMap<&str, u64> = BTreeMap::new();
    let names = found.iter().filter_map(|arn| arn.rsplit(':').next());
    for (event, _) in names.filter_map(|name| name.split_once('_')) {
        *by_event.entry(event).or_default() += 1;
    }
    let comings = client.comings();
    for event in client.acknowledged_events() {
        let count = by_event.get(event.as_str()).copied().unwrap_or(0);
        if count < comings {
            let found = format!("has started {count} of {comings} executions");
            world.trace.violation(format!("the event {event} was acknowledged and {found}"));
        }
    }
    // One that was put again for want of an answer may have come too late to be replayed.
    for (event, count) in by_event.into_iter().filter(|(_, count)| *count > comings) {
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
