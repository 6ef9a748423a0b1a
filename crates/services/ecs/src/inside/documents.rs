//! Answers what containers ask for, or says what the container agent says where it cannot.
//!
//! Source: Amazon ECS container agent, `ecs-agent/tmds`: statuses, codes and texts.

use std::sync::Arc;

use container::NetworkMode;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use wire::{Document, DocumentRequest, Documents};

use super::path::{Asked, Version};
use super::{Inside, container_id, metadata, path};
use crate::task::{Container, Status, Task};

/// What is answered on one listener.
pub struct InsideDocuments {
    inside: Arc<Inside>,
    place: Place,
}

/// Where a listener is.
enum Place {
    /// In the network of the task with this key.
    Network(String),
    /// On this machine's loopback, for all tasks that share its network.
    Loopback,
}

/// Why nothing is answered.
enum Failure {
    NotFound,
    Store(store::Error),
}

impl InsideDocuments {
    /// For the task with that key alone.
    pub fn in_network_of(inside: Arc<Inside>, key: String) -> Self {
        Self { inside, place: Place::Network(key) }
    }

    /// For the tasks in this machine's network.
    pub fn on_loopback(inside: Arc<Inside>) -> Self {
        Self { inside, place: Place::Loopback }
    }

    async fn credentials(&self, id: &str, authorization: Option<&str>) -> Document {
        if id.is_empty() {
            return refused(400, "NoIdInRequest", "CredentialsV2Request: No Credential ID in the request");
        }
        let unknown = || refused(400, "InvalidIdInRequest", "CredentialsV2Request: Credentials not found");
        let (task, id) = match self.task(id).await {
            Ok(found) => found,
            Err(Failure::NotFound) => return unknown(),
            Err(Failure::Store(error)) => {
                tracing::error!(%error, "the credentials of a task cannot be looked up");
                return refused(500, "InternalServerError", "Internal server error");
            }
        };
        let Some(role) = task.task_role.as_ref().filter(|role| role.has_id(id)) else { return unknown() };
        let is_allowed = match self.place {
            Place::Network(_) => true,
            Place::Loopback => authorization.is_some_and(|token| role.has_token(token)),
        };
        if !is_allowed {
            return unknown();
        }
        match self.inside.roles.document(&task, role).await {
            Ok(body) => Document { status: 200, body },
            Err(error) => {
                tracing::warn!(%error, task = task.arn, "a task gets no credentials");
                let text = "CredentialsV2Request: Credentials uninitialized for ID";
                refused(503, "CredentialsUninitialized", text)
            }
        }
    }

    async fn container(&self, version: Version, id: &str) -> Document {
        match self.asking(id).await {
            Ok((task, place)) => match metadata::container(version, &task, place) {
                Some(document) => ok(&document),
                None => failed("failed to get container metadata"),
            },
            Err(Failure::NotFound) => missing(
                version,
                &format!(
                    "{} container metadata handler: unable to get container ID from request: unable to get docker ID from v3 endpoint ID: {id}",
                    version.as_str()
                ),
            ),
            Err(Failure::Store(error)) => {
                tracing::error!(%error, "the metadata of a container cannot be looked up");
                failed("failed to get container metadata")
            }
        }
    }

    async fn task_metadata(&self, version: Version, id: &str, with_tags: bool) -> Document {
        match self.asking(id).await {
            Ok((task, _)) => ok(&metadata::task(version, &task, with_tags)),
            Err(Failure::NotFound) => missing(
                version,
                &format!(
                    "{} task metadata handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: {id}",
                    version.as_str()
                ),
            ),
            Err(Failure::Store(error)) => {
                tracing::error!(%error, "the metadata of a task cannot be looked up");
                failed("failed to get task metadata")
            }
        }
    }

    async fn stats(&self, version: Version, id: &str, whole_task: bool) -> Document {
        let of = if whole_task { "task stats" } else { "container" };
        let (task, place) = match self.asking(id).await {
            Ok(found) => found,
            Err(Failure::NotFound) => {
                let text = format!(
                    "{} {of} handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: {id}",
                    version.as_str()
                );
                return missing(version, &text);
            }
            Err(Failure::Store(error)) => {
                tracing::error!(%error, "the statistics of a task cannot be looked up");
                return failed("failed to get stats");
            }
        };
        match task.containers.get(place) {
            Some(_) if whole_task => ok(&self.stats_of_all(&task).await),
            Some(container) => self.stats_of(&task, container).await,
            None => failed("failed to get stats"),
        }
    }

    async fn stats_of(&self, task: &Task, container: &Container) -> Document {
        match self.inside.stats(task, container).await {
            Some(stats) => ok(&stats),
            None => {
                let id = container.runtime_id.as_deref().unwrap_or_default();
                failed(&format!("Unable to get container stats for: {id}"))
            }
        }
    }

    /// By the containers' ids; nothing for those that do not run.
    async fn stats_of_all(&self, task: &Task) -> Value {
        let mut all = Map::new();
        for container in &task.containers {
            if let Some(id) = &container.runtime_id {
                let stats = self.inside.stats(task, container).await;
                all.insert(id.clone(), stats.unwrap_or_default());
            }
        }
        Value::Object(all)
    }

    /// The task, and the place in it of the container that asks under `id`.
    async fn asking(&self, id: &str) -> Result<(Task, usize), Failure> {
        let (task, id) = self.task(id).await?;
        let is_asking = |one: &Container| container_id(one) == id && self.may_ask(one);
        let place = task.containers.iter().position(is_asking).ok_or(Failure::NotFound)?;
        let task = self.inside.settled(task, place).await.map_err(Failure::Store)?;
        Ok((task, place))
    }

    /// The task that asks under `id`, and what of the id is not the task's.
    async fn task<'a>(&self, id: &'a str) -> Result<(Task, &'a str), Failure> {
        let (key, id) = match &self.place {
            Place::Network(key) => (key.clone(), id),
            Place::Loopback => {
                let (place, id) = id.rsplit_once('.').ok_or(Failure::NotFound)?;
                (place.replace('.', "/"), id)
            }
        };
        let task = self.inside.tables.tasks.get(&key).await.map_err(Failure::Store)?;
        let task = task.map(|seen| seen.value).filter(|task| task.status != Status::Stopped);
        let task = task.filter(|task| task.containers.iter().any(|one| self.may_ask(one)));
        Ok((task.ok_or(Failure::NotFound)?, id))
    }

    /// Whether the container is one of those that this listener is for.
    fn may_ask(&self, container: &Container) -> bool {
        match self.place {
            Place::Network(_) => matches!(container.spec.network, NetworkMode::Network(_)),
            Place::Loopback => container.spec.network == NetworkMode::Host,
        }
    }
}

impl Documents for InsideDocuments {
    fn own(&self, path: &str) -> bool {
        path::parse(path).is_some()
    }

    fn document<'a>(&'a self, request: DocumentRequest<'a>) -> BoxFuture<'a, Document> {
        async move {
            match path::parse(request.path) {
                Some(Asked::Credentials { id }) => self.credentials(id, request.authorization).await,
                Some(Asked::Container { version, id }) => self.container(version, id).await,
                Some(Asked::Task { version, id, with_tags }) => {
                    self.task_metadata(version, id, with_tags).await
                }
                Some(Asked::Stats { version, id, whole_task }) => self.stats(version, id, whole_task).await,
                None => Document { status: 404, body: json!("404 page not found").to_string() },
            }
        }
        .boxed()
    }
}

fn ok(document: &serde_json::Value) -> Document {
    Document { status: 200, body: document.to_string() }
}

/// The agent's error for credentials.
fn refused(status: u16, code: &str, message: &str) -> Document {
    let body = json!({ "code": code, "message": message, "HTTPErrorCode": status }).to_string();
    Document { status, body }
}

/// The agent's error for an unknown id: version 3 calls it an error of its own.
fn missing(version: Version, text: &str) -> Document {
    let status = match version {
        Version::V3 => 500,
        Version::V4 => 404,
    };
    Document { status, body: json!(text).to_string() }
}

fn failed(text: &str) -> Document {
    Document { status: 500, body: json!(text).to_string() }
}
