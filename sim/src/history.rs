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
    if count(&|kind| kind == "ExecutionStarted") != 1
        || events.first().map(kind).as_deref() != Some("ExecutionStarted")
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
    if leaves_branches(events) {
        return essence;
    }
    let lines: Vec<String> = events.iter().map(line).collect();
    let mut told = with_chains(events, &lines);
    if kinds.iter().any(|kind| kind.starts_with("Parallel") || kind.starts_with("Map")) {
        told.sort();
    }
    essence.extend(told);
    essence
}

/// Whether a branch has failed while others were on their way.
pub fn leaves_branches(events: &[Value]) -> bool {
    events.iter().filter_map(|event| event["type"].as_str()).any(|kind| {
        matches!(kind, "ParallelStateFailed" | "MapStateFailed" | "MapIterationAborted")
            || kind.ends_with("StateAborted")
    })
}

/// What is compared of an event.
fn line(event: &Value) -> String {
    let mut content = event.clone();
    if let Some(fields) = content.as_object_mut() {
        for chance in ["timestamp", "id", "previousEventId"] {
            fields.remove(chance);
        }
    }
    masked(&content)
}

/// Each line with a number of the lines that led to it, back to where branches began or were joined.
///
/// That a service took a task is left out: where the answer comes another way, it may come before.
fn with_chains(events: &[Value], lines: &[String]) -> Vec<String> {
    let (mut chains, mut told) = (Vec::<u64>::new(), Vec::new());
    for (event, line) in events.iter().zip(lines) {
        let kind = event["type"].as_str().unwrap_or_default();
        let previous = event["previousEventId"].as_u64().unwrap_or(0).checked_sub(1);
        let before = previous.and_then(|at| chains.get(usize::try_from(at).ok()?)).copied().unwrap_or(0);
        if kind == "TaskSubmitted" {
            chains.push(before);
            continue;
        }
        let begins_anew = matches!(
            kind,
            "ParallelStateSucceeded"
                | "ParallelStateExited"
                | "MapStateSucceeded"
                | "MapStateExited"
                | "MapRunSucceeded"
                | "MapIterationStarted"
        );
        let chain = crate::random::digest(if begins_anew { 0 } else { before }, line.as_bytes());
        chains.push(chain);
        told.push(format!("{line} after {chain:x}"));
    }
    told
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
