//! What a task's containers write, read from CloudWatch Logs as it arrives.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::happening::Happening;
use super::show::Show;
use crate::operator::Operator;

/// Follows the log streams of the containers of one task.
pub struct TaskLogs {
    task_id: String,
    streams: Vec<Stream>,
}

struct Stream {
    container: String,
    group: String,
    name: String,
    token: Option<String>,
}

impl TaskLogs {
    /// The streams of a task as its task definition's `awslogs` options name them.
    pub async fn of(operator: &Operator, task: &Value) -> Self {
        let task_id = task_id(task);
        let definition = json!({"taskDefinition": task["taskDefinitionArn"]});
        // Without the definition there is nothing to follow; the task's own status tells the rest.
        let definition = operator.call("ecs", "DescribeTaskDefinition", definition).await.unwrap_or_default();
        let containers = definition["taskDefinition"]["containerDefinitions"].as_array();
        let streams =
            containers.into_iter().flatten().filter_map(|container| Stream::of(container, &task_id));
        Self { streams: streams.collect(), task_id }
    }

    /// Tells the lines that have arrived since the last time.
    pub async fn tell_new(&mut self, operator: &Operator, show: &mut Show) {
        for stream in &mut self.streams {
            for line in stream.read_new(operator).await {
                show.tell(&Happening::Output {
                    task: self.task_id.clone(),
                    container: stream.container.clone(),
                    line,
                });
            }
        }
    }
}

impl Stream {
    fn of(container: &Value, task_id: &str) -> Option<Self> {
        let configuration = &container["logConfiguration"];
        let options: HashMap<&str, &str> = configuration["options"]
            .as_object()?
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
            .collect();
        let name = container["name"].as_str()?;
        let prefix = options.get("awslogs-stream-prefix")?;
        Some(Self {
            container: name.to_owned(),
            group: (*options.get("awslogs-group")?).to_owned(),
            name: format!("{prefix}/{name}/{task_id}"),
            token: None,
        })
    }

    async fn read_new(&mut self, operator: &Operator) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut input =
                json!({"logGroupName": self.group, "logStreamName": self.name, "startFromHead": true});
            if let Some(token) = &self.token {
                input["nextToken"] = json!(token);
            }
            // The stream appears with the container's first line.
            let Ok(page) = operator.call("logs", "GetLogEvents", input).await else { return lines };
            let events = page["events"].as_array().map(Vec::as_slice).unwrap_or_default();
            lines.extend(events.iter().filter_map(|event| event["message"].as_str()).map(str::to_owned));
            let next = page["nextForwardToken"].as_str().map(str::to_owned);
            let at_the_end = next == self.token || events.is_empty();
            self.token = next;
            if at_the_end {
                return lines;
            }
        }
    }
}

/// The last part of a task's ARN.
pub fn task_id(task: &Value) -> String {
    let arn = task["taskArn"].as_str().unwrap_or_default();
    arn.rsplit('/').next().unwrap_or_default().to_owned()
}
