//! Containers in Docker or Podman, through Docker Engine's API on a Unix socket.
//!
//! The engine keeps all state; ours is marked by a label. A container's name is taken when it is created, so creating
//! it again finds the first one (409). What a container is asked to run is not worked out here: the engine knows.

mod engine_limits;
mod exec;
mod failure;
mod holder;
mod logs;
mod network;
mod request;
pub mod socket;
mod stats;

use std::collections::HashMap;
use std::net::{SocketAddrV4, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::models::{
    ContainerInspectResponse, ContainerState as EngineState, ContainerStateStatusEnum as Status,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, CreateImageOptionsBuilder, KillContainerOptionsBuilder,
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder, StatsOptionsBuilder, WaitContainerOptions,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::{StreamExt, TryStreamExt};
use types::Timestamp;

use crate::driver::{
    BoxFuture, ContainerSpec, ContainerState, ContainerSummary, Driver, DriverError, DriverKind, Exit, Image,
    ImageError, LaunchError, LogChunk, LogPosition, Started, is_container_name,
};
use crate::exec::{Exec, ExecSpec};
use crate::name_locks::NameLocks;
use crate::network::{Network, NetworkError, NetworkSpec};
use crate::stats::ContainerStats;
use engine_limits::EngineLimits;
use failure::{broken, cannot_start, image_error, launch_error, status};
use logs::LogReader;

/// The label that marks a container as ours; its value is [`DockerConfig::owner`].
const OWNER_LABEL: &str = "runwright.owner";
/// The label that keeps the image's name as it was asked for.
const IMAGE_LABEL: &str = "runwright.image";
/// How long a request may take until the engine begins to answer.
const TIMEOUT_SECONDS: u64 = 600;
/// A container that another process created, and that is not started by then, is not being started.
const SETTLING_TIME: Duration = Duration::from_secs(2);
const SETTLING_PAUSE: Duration = Duration::from_millis(50);

/// How an engine is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerConfig {
    /// The engine's Unix socket.
    pub socket: PathBuf,
    /// Tells our containers from those of others on the same engine, other installations of this program included.
    pub owner: String,
}

/// Runs containers in Docker or Podman.
#[derive(Debug)]
pub struct DockerDriver {
    docker: Docker,
    owner: String,
    limits: EngineLimits,
    /// Launches of one name happen one after the other.
    launching: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Where the reading of a log was left, so that it goes on without reading again.
    readers: Mutex<HashMap<String, (LogPosition, LogReader)>>,
    networks: NetworkLocks,
}

/// What keeps the making and the removal of networks apart.
#[derive(Debug, Default)]
struct NetworkLocks {
    /// One network's, by its name.
    names: NameLocks,
    /// Held for writing while what all networks have in common is removed.
    common: tokio::sync::RwLock<()>,
}

impl DockerDriver {
    /// Connects to the engine, and agrees with it on a version of the API.
    ///
    /// # Errors
    /// [`DriverError::Unavailable`].
    pub async fn connect(config: DockerConfig) -> Result<Self, DriverError> {
        let socket = config.socket.to_string_lossy().into_owned();
        let docker = Docker::connect_with_unix(&socket, TIMEOUT_SECONDS, API_DEFAULT_VERSION);
        let docker = docker.map_err(|error| broken(&error))?;
        let docker = docker.negotiate_version().await.map_err(|error| broken(&error))?;
        Ok(Self {
            docker,
            owner: config.owner,
            limits: EngineLimits::of(&config.socket).await,
            launching: Mutex::default(),
            readers: Mutex::default(),
            networks: NetworkLocks::default(),
        })
    }

    fn launch_lock(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.launching.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        locks.entry(name.to_owned()).or_default().clone()
    }

    async fn image(&self, name: &str) -> Result<Image, ImageError> {
        if name == "host" {
            return Err(ImageError::Refused(
                "the image \"host\" (this machine's own file system) is only served by the embedded driver"
                    .to_owned(),
            ));
        }
        match self.docker.inspect_image(name).await {
            Ok(found) => return Ok(request::image(name, found)),
            Err(error) if status(&error) == Some(404) => {}
            Err(error) => return Err(image_error(name, &error)),
        }
        let (repository, tag) = request::pull_name(name);
        let options = CreateImageOptionsBuilder::new().from_image(repository).tag(tag).build();
        let mut progress = self.docker.create_image(Some(options), None, None);
        while let Some(step) = progress.next().await {
            step.map_err(|error| image_error(name, &error))?;
        }
        let found = self.docker.inspect_image(name).await.map_err(|error| image_error(name, &error))?;
        Ok(request::image(name, found))
    }

    async fn launch_once(&self, spec: ContainerSpec) -> Result<Started, LaunchError> {
        spec.validate()?;
        let lock = self.launch_lock(&spec.name);
        let _one = lock.lock().await;
        if let Some(found) = self.inspect(&spec.name).await.map_err(|error| launch_error(&error))? {
            return self.adopt(&spec.name, found).await;
        }
        self.image(&spec.image).await?;
        let mut body = request::creation(&spec, &self.limits)?;
        let labels = body.labels.get_or_insert_default();
        labels.insert(OWNER_LABEL.to_owned(), self.owner.clone());
        labels.insert(IMAGE_LABEL.to_owned(), spec.image.clone());
        let mut waited = Duration::ZERO;
        loop {
            let options = CreateContainerOptionsBuilder::new().name(&spec.name).build();
            let error = match self.docker.create_container(Some(options), body.clone()).await {
                Ok(_) => return self.start(&spec.name, false).await,
                Err(error) => error,
            };
            if status(&error) != Some(409) {
                return Err(launch_error(&error));
            }
            // Somebody was faster: another process, or a request whose sender is gone.
            if let Some(found) = self.inspect(&spec.name).await.map_err(|error| launch_error(&error))? {
                return self.adopt(&spec.name, found).await;
            }
            // The engine takes the name before it has the container.
            if waited >= SETTLING_TIME {
                return Err(launch_error(&error));
            }
            tokio::time::sleep(SETTLING_PAUSE).await;
            waited += SETTLING_PAUSE;
        }
    }

    /// Takes up a container that an earlier launch created.
    async fn adopt(&self, name: &str, found: ContainerInspectResponse) -> Result<Started, LaunchError> {
        if owner(&found) != Some(&self.owner) {
            return Err(LaunchError::CannotCreate(format!(
                "Conflict. The container name \"/{name}\" is already in use by a container of somebody else"
            )));
        }
        let mut found = found;
        // The request to start it may still be under way although its sender is gone: starting it once more, after it
        // has ended, would run it twice.
        let mut waited = Duration::ZERO;
        while !was_started(&found) && failed_start(&found).is_none() && waited < SETTLING_TIME {
            tokio::time::sleep(SETTLING_PAUSE).await;
            waited += SETTLING_PAUSE;
            let again = self.inspect(name).await.map_err(|error| launch_error(&error))?;
            found = again.ok_or_else(|| LaunchError::Unavailable(format!("container {name} was removed")))?;
        }
        match failed_start(&found) {
            Some(reason) => Err(cannot_start(reason)),
            None if was_started(&found) => started(&found, true),
            None => self.start(name, true).await,
        }
    }

    async fn start(&self, name: &str, found: bool) -> Result<Started, LaunchError> {
        if let Err(error) = self.docker.start_container(name, None).await {
            return Err(match status(&error) {
                Some(_) => cannot_start(&failure::message(&error)),
                None => launch_error(&error),
            });
        }
        let inspected = self.inspect(name).await.map_err(|error| launch_error(&error))?;
        started(&inspected.unwrap_or_default(), found)
    }

    async fn inspect(&self, name: &str) -> Result<Option<ContainerInspectResponse>, bollard::errors::Error> {
        match self.docker.inspect_container(name, None).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One of our containers.
    async fn ours(&self, name: &str) -> Result<Option<ContainerInspectResponse>, DriverError> {
        if !is_container_name(name) {
            return Ok(None);
        }
        let found = self.inspect(name).await.map_err(|error| broken(&error))?;
        Ok(found.filter(|found| owner(found) == Some(&self.owner)))
    }

    async fn exit(&self, name: &str) -> Result<Exit, DriverError> {
        loop {
            let found = self.ours(name).await?.ok_or_else(|| DriverError::Lost(name.to_owned()))?;
            if let Some(exit) = exit(&found) {
                return Ok(exit);
            }
            if failed_start(&found).is_some() {
                return Err(DriverError::NotStarted(name.to_owned()));
            }
            if !is_alive(&found) {
                return Err(DriverError::Lost(name.to_owned()));
            }
            // Its answer is not used: it says less than the inspection that follows, and some codes are errors here.
            let mut wait = Box::pin(self.docker.wait_container(name, None::<WaitContainerOptions>));
            match wait.next().await {
                Some(Ok(_) | Err(bollard::errors::Error::DockerContainerWaitError { .. })) => {}
                Some(Err(bollard::errors::Error::RequestTimeoutError)) | None => {}
                Some(Err(error)) if status(&error) == Some(404) => {}
                Some(Err(error)) => return Err(broken(&error)),
            }
        }
    }

    async fn end(&self, name: &str, timeout: Duration) -> Result<(), DriverError> {
        let found = self.ours(name).await?.ok_or_else(|| DriverError::Lost(name.to_owned()))?;
        let config = found.config.as_ref();
        let signal =
            config.and_then(|config| config.stop_signal.as_deref()).filter(|signal| !signal.is_empty());
        if is_alive(&found) {
            self.kill(name, signal.unwrap_or("SIGTERM")).await?;
            if let Ok(ended) = tokio::time::timeout(timeout, self.exit(name)).await {
                return ended.map(drop);
            }
            self.kill(name, "SIGKILL").await?;
        }
        match self.exit(name).await {
            Ok(_) | Err(DriverError::NotStarted(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn kill(&self, name: &str, signal: &str) -> Result<(), DriverError> {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        match self.docker.kill_container(name, Some(options)).await {
            // It ended meanwhile.
            Err(error) if matches!(status(&error), Some(404 | 409)) => Ok(()),
            result => result.map_err(|error| broken(&error)),
        }
    }

    async fn read(&self, name: &str, from: LogPosition) -> Result<LogChunk, DriverError> {
        let kept = {
            let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
            readers.remove(name).filter(|(position, _)| *position == from)
        };
        let mut reader = match kept {
            Some((_, reader)) => reader,
            None => {
                let found = self.ours(name).await?.ok_or_else(|| DriverError::Lost(name.to_owned()))?;
                if !was_started(&found) && failed_start(&found).is_some() {
                    return Ok(LogChunk { lines: Vec::new(), next: from, ended: true });
                }
                LogReader::open(&self.docker, name, &from)?
            }
        };
        let chunk = reader.read().await?;
        if !chunk.ended {
            let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
            readers.insert(name.to_owned(), (chunk.next.clone(), reader));
        }
        Ok(chunk)
    }

    /// A container of ours that runs.
    async fn running(&self, name: &str) -> Result<ContainerInspectResponse, DriverError> {
        let found = self.ours(name).await?.ok_or_else(|| DriverError::Lost(name.to_owned()))?;
        if is_alive(&found) { Ok(found) } else { Err(DriverError::NotRunning(name.to_owned())) }
    }

    async fn usage(&self, name: &str) -> Result<ContainerStats, DriverError> {
        let found = self.running(name).await?;
        let limit = found.host_config.and_then(|host| host.memory).unwrap_or_default();
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let mut answers = Box::pin(self.docker.stats(name, Some(options)));
        match answers.next().await {
            Some(Ok(answer)) => Ok(stats::stats(answer, limit > 0, now())),
            Some(Err(error)) if status(&error) == Some(404) => Err(DriverError::Lost(name.to_owned())),
            Some(Err(error)) => Err(broken(&error)),
            None => Err(DriverError::NotRunning(name.to_owned())),
        }
    }

    async fn summaries(&self) -> Result<Vec<ContainerSummary>, DriverError> {
        let filters = HashMap::from([("label", vec![format!("{OWNER_LABEL}={}", self.owner)])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let found = self.docker.list_containers(Some(options)).await.map_err(|error| broken(&error))?;
        let mut summaries = Vec::new();
        for container in found {
            let name = container.names.unwrap_or_default().into_iter().next().unwrap_or_default();
            let name = name.trim_start_matches('/').to_owned();
            // The list does not say whether a created container failed to start.
            let Some(found) = self.inspect(&name).await.map_err(|error| broken(&error))? else { continue };
            let mut labels = container.labels.unwrap_or_default();
            labels.remove(OWNER_LABEL);
            let image = labels.remove(IMAGE_LABEL).or(container.image).unwrap_or_default();
            let state = if is_alive(&found) {
                ContainerState::Running
            } else if exit(&found).is_some() || failed_start(&found).is_some() {
                ContainerState::Ended
            } else if was_started(&found) {
                ContainerState::Lost
            } else {
                ContainerState::Created
            };
            summaries.push(ContainerSummary { name, image, labels: labels.into_iter().collect(), state });
        }
        Ok(summaries)
    }

    async fn forget(&self, name: &str) -> Result<(), DriverError> {
        let Some(found) = self.ours(name).await? else { return Ok(()) };
        if is_alive(&found) {
            return Err(DriverError::StillRunning(name.to_owned()));
        }
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        let options = RemoveContainerOptionsBuilder::new().v(true).build();
        match self.docker.remove_container(name, Some(options)).await {
            Err(error) if status(&error) == Some(404) => Ok(()),
            result => result.map_err(|error| broken(&error)),
        }
    }

    /// Loads a `docker save` archive into the engine.
    ///
    /// # Errors
    /// [`ImageError`].
    pub async fn load(&self, archive: Vec<u8>) -> Result<(), ImageError> {
        let body = bollard::body_full(archive.into());
        let options = bollard::query_parameters::ImportImageOptionsBuilder::new().quiet(true).build();
        let steps = self.docker.import_image(options, body, None);
        steps.try_collect::<Vec<_>>().await.map(drop).map_err(|error| image_error("archive", &error))
    }
}

impl Driver for DockerDriver {
    fn kind(&self) -> DriverKind {
        DriverKind::Docker
    }

    fn prepare_image<'a>(&'a self, image: &'a str) -> BoxFuture<'a, Result<Image, ImageError>> {
        Box::pin(self.image(image))
    }

    fn launch(&self, spec: ContainerSpec) -> BoxFuture<'_, Result<Started, LaunchError>> {
        Box::pin(self.launch_once(spec))
    }

    fn wait<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Exit, DriverError>> {
        Box::pin(self.exit(name))
    }

    fn stop<'a>(&'a self, name: &'a str, timeout: Duration) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(self.end(name, timeout))
    }

    fn read_logs<'a>(
        &'a self,
        name: &'a str,
        from: LogPosition,
    ) -> BoxFuture<'a, Result<LogChunk, DriverError>> {
        Box::pin(self.read(name, from))
    }

    fn free_logs<'a>(
        &'a self,
        _: &'a str,
        _: &'a LogPosition,
        _: &'a LogPosition,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        // The engine keeps its logs for as long as their containers.
        Box::pin(async { Ok(()) })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ContainerSummary>, DriverError>> {
        Box::pin(self.summaries())
    }

    fn exec<'a>(&'a self, name: &'a str, spec: ExecSpec) -> BoxFuture<'a, Result<Exec, DriverError>> {
        Box::pin(async move {
            spec.validate()?;
            self.running(name).await?;
            exec::exec(&self.docker, name, spec).await
        })
    }

    fn stats<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ContainerStats, DriverError>> {
        Box::pin(self.usage(name))
    }

    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(self.forget(name))
    }

    fn provide_network(&self, spec: NetworkSpec) -> BoxFuture<'_, Result<Network, NetworkError>> {
        Box::pin(self.provide(spec))
    }

    fn remove_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(self.withdraw(name))
    }

    fn list_networks(&self) -> BoxFuture<'_, Result<Vec<String>, DriverError>> {
        Box::pin(self.network_names())
    }

    fn listen_in_network<'a>(
        &'a self,
        name: &'a str,
        address: SocketAddrV4,
    ) -> BoxFuture<'a, Result<TcpListener, NetworkError>> {
        Box::pin(self.listen(name, address))
    }
}

fn owner(found: &ContainerInspectResponse) -> Option<&String> {
    found.config.as_ref()?.labels.as_ref()?.get(OWNER_LABEL)
}

fn engine_status(found: &ContainerInspectResponse) -> Option<Status> {
    found.state.as_ref()?.status
}

fn is_alive(found: &ContainerInspectResponse) -> bool {
    use Status::{PAUSED, RESTARTING, RUNNING, STOPPING};
    matches!(engine_status(found), Some(RUNNING | PAUSED | RESTARTING | STOPPING))
}

fn was_started(found: &ContainerInspectResponse) -> bool {
    started_at(found).is_some()
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Go's zero time, in the year 1, is how the engine says that it never was.
fn started_at(found: &ContainerInspectResponse) -> Option<Timestamp> {
    time(found.state.as_ref()?.started_at.as_deref()?)
}

fn time(text: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text).ok().filter(|time| time.as_millis() > 0)
}

/// Why a container that was created could not be started, in the engine's words.
fn failed_start(found: &ContainerInspectResponse) -> Option<&str> {
    let state = found.state.as_ref()?;
    let failed =
        engine_status(found) == Some(Status::CREATED) && state.exit_code.is_some_and(|code| code != 0);
    // Podman and old engines leave `started_at` set after a failed start, with `error` as the only sign.
    let error = state.error.as_deref().filter(|error| !error.is_empty());
    if failed { error.or(Some("container failed to start")) } else { None }
}

fn exit(found: &ContainerInspectResponse) -> Option<Exit> {
    let state: &EngineState = found.state.as_ref()?;
    if engine_status(found) != Some(Status::EXITED) {
        return None;
    }
    let started_at = started_at(found)?;
    Some(Exit {
        code: i32::try_from(state.exit_code?).ok()?,
        oom_killed: state.oom_killed.unwrap_or(false),
        started_at,
        // The engine notes the start when it hears of it: a quick process has ended by then, "before" it began.
        finished_at: time(state.finished_at.as_deref()?)?.max(started_at),
    })
}

fn started(found: &ContainerInspectResponse, earlier: bool) -> Result<Started, LaunchError> {
    let started_at = started_at(found).ok_or_else(|| {
        LaunchError::Unavailable(
            "the engine says neither that the container runs nor that it does not".to_owned(),
        )
    })?;
    Ok(Started {
        runtime_id: found.id.clone().unwrap_or_default(),
        image_digest: found.image.clone().unwrap_or_default(),
        started_at,
        found: earlier,
    })
}
