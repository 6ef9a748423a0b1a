//! Finds tasks: all of them, or the one that a person means.

use anyhow::{anyhow, bail};
use serde_json::{Value, json};

use crate::client::Client;

/// What DescribeTasks takes.
const DESCRIBED_AT_ONCE: usize = 100;
/// Task ids have 32 characters.
const ID_LENGTHS: [usize; 2] = [32, 36];

/// Which tasks are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that are meant to run.
    Running,
    /// Those that have stopped, or are about to, too.
    All,
}

/// Calls an operation of ECS.
///
/// # Errors
/// Where no server answers, and what it says.
pub async fn call(client: &Client, operation: &str, input: &Value) -> anyhow::Result<Value> {
    client.call("ecs", "AmazonEC2ContainerServiceV20141113", operation, input).await
}

/// The tasks of a cluster, or of all clusters, the newest first, as DescribeTasks shows them.
///
/// # Errors
/// As for [`call`].
pub async fn list(client: &Client, cluster: Option<&str>, which: Which) -> anyhow::Result<Vec<Value>> {
    let clusters = match cluster {
        Some(cluster) => vec![cluster.to_owned()],
        None => pages(client, "ListClusters", json!({}), "clusterArns").await?,
    };
    let desired: &[&str] = match which {
        Which::Running => &["RUNNING"],
        Which::All => &["RUNNING", "STOPPED"],
    };
    let mut tasks = Vec::new();
    for cluster in clusters {
        for status in desired {
            let input = json!({"cluster": cluster, "desiredStatus": status});
            let arns = pages(client, "ListTasks", input, "taskArns").await?;
            for arns in arns.chunks(DESCRIBED_AT_ONCE) {
                tasks.extend(describe(client, &cluster, arns).await?);
            }
        }
    }
    tasks.sort_by(|one, other| {
        let created = |task: &Value| task["createdAt"].as_f64().unwrap_or_default();
        created(other).total_cmp(&created(one))
    });
    Ok(tasks)
}

async fn pages(client: &Client, operation: &str, input: Value, list: &str) -> anyhow::Result<Vec<String>> {
    let mut input = input;
    let mut found = Vec::new();
    loop {
        let page = call(client, operation, &input).await?;
        let texts = page[list].as_array().into_iter().flatten();
        found.extend(texts.filter_map(Value::as_str).map(str::to_owned));
        match page["nextToken"].as_str() {
            Some(token) => input["nextToken"] = json!(token),
            None => return Ok(found),
        }
    }
}

async fn describe(client: &Client, cluster: &str, arns: &[String]) -> anyhow::Result<Vec<Value>> {
    let answer = call(client, "DescribeTasks", &json!({"cluster": cluster, "tasks": arns})).await?;
    Ok(answer["tasks"].as_array().cloned().unwrap_or_default())
}

/// The task that `text` means: an ARN, an id, or the beginning of the id of one task only.
///
/// # Errors
/// Where there is none, or there are several; and as for [`call`].
pub async fn find(client: &Client, cluster: Option<&str>, text: &str) -> anyhow::Result<Value> {
    if let Some((region, cluster)) = parts_of_arn(text) {
        if region != client.region() {
            bail!("the task is in {region}, and {} was asked: say --region {region}", client.region());
        }
        let found = describe(client, cluster, &[text.to_owned()]).await?;
        return found.into_iter().next().ok_or_else(|| anyhow!("there is no task {text}"));
    }
    let prefix = text.to_ascii_lowercase();
    if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        bail!("{text:?} is neither a task's ARN nor (the beginning of) its id");
    }
    let mut found: Vec<Value> = list(client, cluster, Which::All).await?;
    found.retain(|task| id(task).starts_with(&prefix));
    match found.as_slice() {
        [] => bail!("there is no task {text}{}", where_it_may_be(&prefix)),
        [task] => Ok(task.clone()),
        several => {
            let ids: Vec<&str> = several.iter().map(id).collect();
            bail!("{text} is the beginning of {} tasks: {}", ids.len(), ids.join(", "))
        }
    }
}

fn where_it_may_be(text: &str) -> &'static str {
    if ID_LENGTHS.contains(&text.len()) { " (stopped tasks are known for an hour)" } else { "" }
}

/// Region and cluster of a task's ARN, `arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID`.
fn parts_of_arn(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
    let (_partition, service, region) = (parts.next()?, parts.next()?, parts.next()?);
    let (_account, resource) = (parts.next()?, parts.next()?);
    let (cluster, _id) = resource.strip_prefix("task/")?.split_once('/')?;
    (service == "ecs").then_some((region, cluster))
}

/// The task's id.
pub fn id(task: &Value) -> &str {
    last(&task["taskArn"])
}

/// The last part of an ARN.
pub fn last(arn: &Value) -> &str {
    arn.as_str().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default()
}

/// Names of the task's containers.
pub fn containers(task: &Value) -> Vec<&str> {
    let containers = task["containers"].as_array().into_iter().flatten();
    containers.filter_map(|container| container["name"].as_str()).collect()
}

/// The container that is meant: the one of that name, or the only one.
///
/// # Errors
/// Where there is none of that name, or no name and several.
pub fn choose<'a>(task: &'a Value, wanted: Option<&str>) -> anyhow::Result<&'a str> {
    let names = containers(task);
    match (wanted, names.as_slice()) {
        (None, &[only]) => Ok(only),
        (None, _) => {
            bail!("the task has several containers, say which with --container: {}", names.join(", "))
        }
        (Some(wanted), names) => {
            let found = names.iter().copied().find(|name| *name == wanted);
            found.ok_or_else(|| anyhow!("the task has no container {wanted}, but {}", names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_arns() {
        let arn = "arn:aws:ecs:eu-west-1:000000000000:task/jobs/0123";
        assert_eq!(parts_of_arn(arn), Some(("eu-west-1", "jobs")));
        for other in ["0123", "arn:aws:ecs:eu-west-1:0:cluster/jobs", "arn:aws:s3:a:b:task/c/d", "arn:"] {
            assert_eq!(parts_of_arn(other), None, "{other}");
        }
    }

    #[test]
    fn chooses_the_only_container() {
        let task = json!({"containers": [{"name": "app"}]});
        assert_eq!(choose(&task, None).unwrap(), "app");
        assert!(choose(&task, Some("other")).is_err());
        let task = json!({"containers": [{"name": "app"}, {"name": "log"}]});
        assert_eq!(choose(&task, Some("log")).unwrap(), "log");
        assert!(choose(&task, None).unwrap_err().to_string().ends_with("app, log"));
    }
}
