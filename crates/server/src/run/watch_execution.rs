//! Watches one execution until it has ended: the states it enters and leaves, and the tasks it runs.

use std::time::Duration;

use serde_json::{Value, json};
use types::Timestamp;

use super::happening::{Happening, Outcome};
use super::show::Show;
use super::watch_task::TaskWatch;
use crate::operator::{Operator, text};

/// How often the execution is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Watches the execution until it has ended. Whether it succeeded.
///
/// # Errors
/// Step Functions' refusal to describe the execution.
pub async fn watch(operator: &Operator, execution: &str, show: &mut Show) -> anyhow::Result<bool> {
    let mut history = History { execution: execution.to_owned(), page: None, seen: 0 };
    let mut tasks: Vec<TaskWatch> = Vec::new();
    loop {
        // Asked first: when it is over, the history that is read next is whole.
        let described =
            operator.call("states", "DescribeExecution", json!({"executionArn": execution})).await?;
        for event in history.read_new(operator).await? {
            if let Some(happening) = happening(&event) {
                finish_output(operator, &mut tasks, &happening, show).await?;
                show.tell(&happening);
            }
            for task in submitted_tasks(&event) {
                tasks.push(TaskWatch::of(operator, &task).await);
            }
        }
        look_at(operator, &mut tasks, show).await?;
        if described["status"] != "RUNNING" {
            let outcome = outcome(&described)?;
            let succeeded = outcome.succeeded();
            show.tell(&Happening::Finished(outcome));
            return Ok(succeeded);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Runs an express execution to its end: it has no history, only an outcome. Whether it succeeded.
///
/// # Errors
/// Step Functions' refusal to start it.
pub async fn run_express(operator: &Operator, start: Value, show: &mut Show) -> anyhow::Result<bool> {
    let ended = operator.call("states", "StartSyncExecution", start).await?;
    show.tell(&Happening::Started { execution: text(&ended, "executionArn")?.to_owned() });
    let outcome = outcome(&ended)?;
    let succeeded = outcome.succeeded();
    show.tell(&Happening::Finished(outcome));
    Ok(succeeded)
}

/// A state is left after its tasks have stopped: their last lines are told before that.
async fn finish_output(
    operator: &Operator,
    tasks: &mut Vec<TaskWatch>,
    next: &Happening,
    show: &mut Show,
) -> anyhow::Result<()> {
    match next {
        Happening::StateExited { .. } | Happening::Failure { .. } => look_at(operator, tasks, show).await,
        _ => Ok(()),
    }
}

async fn look_at(operator: &Operator, tasks: &mut Vec<TaskWatch>, show: &mut Show) -> anyhow::Result<()> {
    let mut running = Vec::with_capacity(tasks.len());
    for mut task in tasks.drain(..) {
        if task.look(operator, show).await?.is_none() {
            running.push(task);
        }
    }
    *tasks = running;
    Ok(())
}

/// Reads an execution's history as it grows.
struct History {
    execution: String,
    /// The token of the page on which the next unseen event is.
    page: Option<String>,
    seen: u64,
}

impl History {
    async fn read_new(&mut self, operator: &Operator) -> anyhow::Result<Vec<Value>> {
        let mut new = Vec::new();
        loop {
            let mut input = json!({"executionArn": self.execution, "maxResults": 1000});
            if let Some(token) = &self.page {
                input["nextToken"] = json!(token);
            }
            let page = operator.call("states", "GetExecutionHistory", input).await?;
            for event in page["events"].as_array().into_iter().flatten() {
                let id = event["id"].as_u64().unwrap_or_default();
                if id > self.seen {
                    self.seen = id;
                    new.push(event.clone());
                }
            }
            match page["nextToken"].as_str() {
                Some(token) => self.page = Some(token.to_owned()),
                None => return Ok(new),
            }
        }
    }
}

/// The tasks that ECS answered to a Task state.
fn submitted_tasks(event: &Value) -> Vec<Value> {
    let details = match event["type"].as_str() {
        Some("TaskSubmitted") => &event["taskSubmittedEventDetails"],
        Some("TaskSucceeded") if event["taskSucceededEventDetails"]["resource"] == "runTask" => {
            &event["taskSucceededEventDetails"]
        }
        _ => return Vec::new(),
    };
    let output: Value =
        details["output"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let tasks = output["Tasks"].as_array().map(Vec::as_slice).unwrap_or_default();
    // Step Functions shows ECS's answer in PascalCase.
    tasks
        .iter()
        .map(|task| {
            json!({
                "taskArn": task["TaskArn"],
                "clusterArn": task["ClusterArn"],
                "taskDefinitionArn": task["TaskDefinitionArn"],
            })
        })
        .collect()
}

/// What a history event is to a person who watches, if anything.
fn happening(event: &Value) -> Option<Happening> {
    let kind = event["type"].as_str()?;
    let time: Timestamp = serde_json::from_value(event["timestamp"].clone()).ok()?;
    if kind.ends_with("StateEntered") {
        let state = event["stateEnteredEventDetails"]["name"].as_str()?.to_owned();
        return Some(Happening::StateEntered { state, time });
    }
    if kind.ends_with("StateExited") {
        let state = event["stateExitedEventDetails"]["name"].as_str()?.to_owned();
        return Some(Happening::StateExited { state, time });
    }
    let what = matches!(
        kind,
        "TaskFailed" | "TaskTimedOut" | "TaskSubmitFailed" | "TaskStartFailed" | "EvaluationFailed"
    );
    what.then(|| failure(event, kind, time))
}

fn failure(event: &Value, kind: &str, time: Timestamp) -> Happening {
    let mut member = kind.to_owned();
    if let Some(first) = member.get_mut(0..1) {
        first.make_ascii_lowercase();
    }
    let details = &event[format!("{member}EventDetails")];
    let of = |name: &str| details[name].as_str().unwrap_or_default().to_owned();
    Happening::Failure { what: kind.to_owned(), error: of("error"), cause: of("cause"), time }
}

fn outcome(described: &Value) -> anyhow::Result<Outcome> {
    let time = |name: &str| serde_json::from_value(described[name].clone()).unwrap_or_default();
    let (start, stop): (Timestamp, Timestamp) = (time("startDate"), time("stopDate"));
    let parsed = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    Ok(Outcome {
        status: text(described, "status")?.to_owned(),
        duration_ms: stop.as_millis() - start.as_millis(),
        output: described["output"].as_str().map(parsed),
        error: described["error"].as_str().map(str::to_owned),
        cause: described["cause"].as_str().map(str::to_owned),
    })
}
