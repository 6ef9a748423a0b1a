//! `runwright ecs ps`: what runs.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use types::Timestamp;

use super::task::{self, Which};
use super::{Server, words};

/// How much of an id is shown: enough to tell tasks apart.
const ID_CHARACTERS: usize = 12;

/// What `runwright ecs ps` is told.
#[derive(Args, Debug)]
pub struct PsArgs {
    /// Only the tasks of this cluster, by its name or ARN [default: of all clusters].
    #[arg(long, value_name = "CLUSTER")]
    cluster: Option<String>,

    /// Stopped tasks too; they are known for an hour.
    #[arg(long, short = 'a')]
    all: bool,

    /// Print the tasks as DescribeTasks shows them.
    #[arg(long)]
    json: bool,
}

/// Lists tasks.
///
/// # Errors
/// Where no server answers, and what it says.
pub async fn list(server: &Server, args: &PsArgs) -> anyhow::Result<ExitCode> {
    let which = if args.all { Which::All } else { Which::Running };
    let tasks = task::list(&server.client, args.cluster.as_deref(), which).await?;
    let text = if args.json {
        format!("{:#}\n", json!(tasks))
    } else {
        words::table(&rows(&tasks, clock::Clock::Wall.now()))
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn rows(tasks: &[Value], now: Timestamp) -> Vec<Vec<String>> {
    let head = ["TASK", "CLUSTER", "DEFINITION", "STATUS", "CREATED", "CONTAINERS"].map(str::to_owned);
    std::iter::once(head.to_vec()).chain(tasks.iter().map(|task| row(task, now))).collect()
}

fn row(task: &Value, now: Timestamp) -> Vec<String> {
    let containers: Vec<String> =
        task["containers"].as_array().into_iter().flatten().map(container).collect();
    let mut last = containers.join(", ");
    if let Some(reason) = task["stoppedReason"].as_str() {
        last.push_str(&format!(" - {}", one_line(reason)));
    }
    vec![
        task::id(task).chars().take(ID_CHARACTERS).collect(),
        task::last(&task["clusterArn"]).to_owned(),
        task::last(&task["taskDefinitionArn"]).to_owned(),
        task["lastStatus"].as_str().unwrap_or_default().to_owned(),
        task["createdAt"].as_f64().map(|time| words::ago(timestamp(time), now)).unwrap_or_default(),
        last,
    ]
}

/// `app running`, `app running (healthy)`, `app exited 1 (OutOfMemoryError: ..)`.
fn container(container: &Value) -> String {
    let name = container["name"].as_str().unwrap_or_default();
    let status = container["lastStatus"].as_str().unwrap_or_default().to_ascii_lowercase();
    let status = match container["exitCode"].as_i64() {
        Some(code) => format!("exited {code}"),
        None => status,
    };
    let health = container["healthStatus"].as_str().filter(|health| *health != "UNKNOWN");
    let note = match (container["reason"].as_str(), health) {
        (Some(reason), _) => format!(" ({})", one_line(reason)),
        (None, Some(health)) if status == "running" => format!(" ({})", health.to_ascii_lowercase()),
        (None, _) => String::new(),
    };
    format!("{name} {status}{note}")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[expect(clippy::cast_possible_truncation, reason = "a time in seconds, for people")]
fn timestamp(seconds: f64) -> Timestamp {
    Timestamp::from_seconds(seconds as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_matters() {
        let task = json!({
            "taskArn": "arn:aws:ecs:us-east-1:000000000000:task/jobs/0123456789abcdef0123456789abcdef",
            "clusterArn": "arn:aws:ecs:us-east-1:000000000000:cluster/jobs",
            "taskDefinitionArn": "arn:aws:ecs:us-east-1:000000000000:task-definition/nightly:7",
            "lastStatus": "STOPPED", "createdAt": 1000.5, "stoppedReason": "Essential container\nin task exited",
            "containers": [
                {"name": "app", "lastStatus": "STOPPED", "exitCode": 137, "reason": "OutOfMemoryError: x"},
                {"name": "log", "lastStatus": "RUNNING", "healthStatus": "HEALTHY"},
                {"name": "idle", "lastStatus": "PENDING", "healthStatus": "UNKNOWN"},
            ],
        });
        let expected = [
            "0123456789ab",
            "jobs",
            "nightly:7",
            "STOPPED",
            "1 minute ago",
            "app exited 137 (OutOfMemoryError: x), log running (healthy), idle pending - Essential container in task exited",
        ];
        let found = row(&task, Timestamp::from_seconds(1000 + 119));
        assert_eq!(found[..4], expected[..4]);
        assert_eq!(found[4], "119 seconds ago");
        assert_eq!(found[5], expected[5]);
    }
}
