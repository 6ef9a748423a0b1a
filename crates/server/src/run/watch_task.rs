//! Watches one ECS task until it has stopped.

use std::time::Duration;

use anyhow::anyhow;
use serde_json::{Value, json};
use types::Timestamp;

use super::happening::{Happening, Outcome};
use super::logs::{TaskLogs, task_id};
use super::show::Show;
use super::stopped;
use crate::operator::Operator;

/// How often the task is looked at.
const POLL: Duration = Duration::from_millis(20);

/// A task that is being watched.
pub struct TaskWatch {
    arn: String,
    cluster: String,
    status: String,
    logs: TaskLogs,
}

impl TaskWatch {
    /// Begins to watch a task, given as RunTask or DescribeTasks answer it.
    pub async fn of(operator: &Operator, task: &Value) -> Self {
        Self {
            arn: task["taskArn"].as_str().unwrap_or_default().to_owned(),
            cluster: task["clusterArn"].as_str().unwrap_or_default().to_owned(),
            status: String::new(),
            logs: TaskLogs::of(operator, task).await,
        }
    }

    /// Tells what is new, and returns the task where it has stopped.
    ///
    /// # Errors
    /// ECS's refusal to describe the task.
    pub async fn look(&mut self, operator: &Operator, show: &mut Show) -> anyhow::Result<Option<Value>> {
        let input = json!({"cluster": self.cluster, "tasks": [self.arn]});
        let answer = operator.call("ecs", "DescribeTasks", input).await?;
        let task = &answer["tasks"][0];
        let status = task["lastStatus"].as_str().ok_or_else(|| anyhow!("the task {} is gone", self.arn))?;
        // The last lines are in the log before the task is STOPPED: read them before that is told.
        self.logs.tell_new(operator, show).await;
        if status != self.status && matches!(status, "RUNNING" | "STOPPED") {
            status.clone_into(&mut self.status);
            let reason = stopped::reason(task).filter(|_| status == "STOPPED");
            show.tell(&Happening::Task { task: task_id(task), status: status.to_owned(), reason });
        }
        Ok((status == "STOPPED").then(|| task.clone()))
    }
}

/// Watches the task with the ARN `arn` until it has stopped. Whether all of its containers exited with 0.
///
/// # Errors
/// ECS's refusal to describe the task.
pub async fn watch(operator: &Operator, arn: &str, show: &mut Show) -> anyhow::Result<bool> {
    let cluster = arn.split('/').nth(1).unwrap_or_default();
    let answer = operator.call("ecs", "DescribeTasks", json!({"cluster": cluster, "tasks": [arn]})).await?;
    let mut watch = TaskWatch::of(operator, &answer["tasks"][0]).await;
    loop {
        if let Some(task) = watch.look(operator, show).await? {
            let outcome = outcome(&task);
            let succeeded = outcome.succeeded();
            show.tell(&Happening::Finished(outcome));
            return Ok(succeeded);
        }
        tokio::time::sleep(POLL).await;
    }
}

fn outcome(task: &Value) -> Outcome {
    let containers = task["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let succeeded = !containers.is_empty() && containers.iter().all(|container| container["exitCode"] == 0);
    let time = |name: &str| serde_json::from_value(task[name].clone()).unwrap_or_default();
    let (created, stopped): (Timestamp, Timestamp) = (time("createdAt"), time("stoppedAt"));
    Outcome {
        status: if succeeded { "SUCCEEDED" } else { "FAILED" }.to_owned(),
        duration_ms: stopped.as_millis() - created.as_millis(),
        output: None,
        error: (!succeeded).then(|| task["stopCode"].as_str().unwrap_or_default().to_owned()),
        cause: stopped::reason(task).filter(|_| !succeeded),
    }
}
