//! Histories: whether one is well formed, and what two runs of the same execution have in common.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

/// What must not be compared between runs: dates, tokens, ids.
#[expect(clippy::unwrap_used, reason = "the pattern is a constant")]
static CHANCE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\d{4}-\d\d-\d\dT[0-9:.]+Z?|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32,}|[A-Za-z0-9+/=_-]{60,}|\d{9,}(\.\d+)?",
    )
    .unwrap()
});

/// What is wrong with a history, if anything is.
pub fn problems(events: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    let kind = |event: &Value| event["type"].as_str().unwrap_or_default().to_owned();
    for (at, event) in events.iter().enumerate() {
        let id = at as u64 + 1;
        if event["id"] != id {
            found.push(format!("event {id} has the id {}", event["id"]));
        }
        if event["previousEventId"].as_u64().is_none_or(|previous| previous >= id) {
            found.push(format!("event {id} follows {}", event["previousEventId"]));
        }
        let before = at.checked_sub(1).and_then(|at| events.get(at));
        if before.is_some_and(|before| before["timestamp"].as_f64() > event["timestamp"].as_f64()) {
            found.push(format!("event {id} is earlier than the one before it"));
        }
    }
    let count = |wanted: &dyn Fn(&str) -> bool| events.iter().filter(|event| wanted(&kind(event))).count();
    let redrives = count(&|kind| kind == "ExecutionRedriven");
    if count(&|kind| kind == "ExecutionStarted") != 1 || events.first().map(kind).as_deref() != Some("ExecutionStarted")
    {
        found.push("it does not begin with the one ExecutionStarted".to_owned());
    }
    if count(&is_end) != redrives + 1 || !events.last().map(kind).is_some_and(|kind| is_end(&kind)) {
        found.push(format!("it has {} ends and {redrives} redrives", count(&is_end)));
    }
    found
}

fn is_end(kind: &str) -> bool {
    matches!(kind, "ExecutionSucceeded" | "ExecutionFailed" | "ExecutionTimedOut" | "ExecutionAborted")
}

/// What is the same in each run of an execution that is not raced by anybody.
///
/// Events of branches that run side by side are compared as a set: each with the chain of events that led to it. Where a
/// branch has failed, how far the others had come is chance: only the outcome is compared.
pub fn essence(described: &Value, events: &[Value]) -> Vec<String> {
    let mut essence = vec![masked(&json!({
        "status": described["status"], "output": described["output"], "error": described["error"],
        "cause": described["cause"], "redrives": described["redriveCount"], "input": described["input"],
    }))];
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    if kinds.iter().any(|kind| matches!(*kind, "ParallelStateFailed" | "MapStateFailed" | "MapIterationAborted")
        || kind.ends_with("StateAborted"))
    {
        return essence;
    }
    let side_by_side = kinds.iter().any(|kind| kind.starts_with("Parallel") || kind.starts_with("Map"));
    let mut lines: Vec<String> = Vec::new();
    for event in events {
        let mut content = event.clone();
        if let Some(fields) = content.as_object_mut() {
            fields.remove("timestamp");
            // What a service answered to the submission: dates, and lengths of dates.
            fields.get_mut("taskSubmittedEventDetails").map(|details| details["output"].take());
            if side_by_side {
                fields.remove("id");
                fields.remove("previousEventId");
            }
        }
        lines.push(masked(&content));
    }
    if side_by_side {
        lines = with_chains(events, &lines);
        lines.sort();
    }
    essence.extend(lines);
    essence
}

/// Each line with a number of the lines that led to it, back to where branches were joined.
fn with_chains(events: &[Value], lines: &[String]) -> Vec<String> {
    let mut chains: Vec<u64> = Vec::new();
    for (event, line) in events.iter().zip(lines) {
        let kind = event["type"].as_str().unwrap_or_default();
        let joins = matches!(kind, "ParallelStateSucceeded" | "ParallelStateExited" | "MapStateSucceeded" | "MapStateExited" | "MapRunSucceeded");
        let previous = event["previousEventId"].as_u64().unwrap_or(0).checked_sub(1);
        let chain = previous.and_then(|at| chains.get(usize::try_from(at).ok()?)).copied().unwrap_or(0);
        let chain = if joins { 0 } else { chain };
        chains.push(crate::random::digest(chain, line.as_bytes()));
    }
    lines.iter().zip(chains).map(|(line, chain)| format!("{line} after {chain:x}")).collect()
}

fn masked(value: &Value) -> String {
    // What ECS says of a task is told in texts too: only that it was told is compared.
    let text = value.to_string();
    let text = if text.contains("taskArn") || text.contains("TaskArn") { tidied(value) } else { text };
    CHANCE.replace_all(&text, "*").into_owned()
}

/// The value with its texts about ECS tasks left out.
fn tidied(value: &Value) -> String {
    match value {
        Value::String(text) if text.contains("askArn") => "\"*\"".to_owned(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{name:?}:{}", tidied(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}
