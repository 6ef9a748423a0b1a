//! The driver's half: makes containers' directories, starts supervisors, and reads what they wrote.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddrV4, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Signal, pidfd_send_signal};
use tokio::io::AsyncReadExt;
use types::Timestamp;

use super::cgroup::{Hierarchies, PARENT};
use super::log::{self, Freed};
use super::network::Networks;
use super::state::{ContainerDirectory, ExitRecord, Plan, Standing, now};
use super::unsafe_calls::watch;
use super::{SUPERVISOR_ARGUMENT, exec, open_files, supervisor, usage};
use crate::driver::{
    BoxFuture, ContainerSpec, ContainerState, ContainerSummary, Driver, DriverError, DriverKind, Exit, Image,
    ImageError, LaunchError, LogChunk, LogPosition, Mount, Started, is_container_name,
};
use crate::exec::{Exec, ExecSpec};
use crate::image::digest::Digest;
use crate::image::{ImageStore, RegistryOptions, StoredImage};
use crate::network::{Network, NetworkError, NetworkMode, NetworkSpec};
use crate::process::Process;
use crate::stats::ContainerStats;

/// The image that is this machine's file system.
const HOST_IMAGE: &str = "host";
/// How long a reader of a quiet log waits before it looks again.
const LOG_PAUSE_MIN: Duration = Duration::from_millis(5);
const LOG_PAUSE_MAX: Duration = Duration::from_millis(200);
/// How often a launch that another process is busy with is looked at.
const STARTING_PAUSE: Duration = Duration::from_millis(2);

/// Where the embedded driver keeps things, and what it may do.
#[derive(Clone, Debug)]
pub struct EmbeddedConfig {
    /// Everything is kept in here: containers, images. An absolute path on a file system that overlayfs can write to.
    pub data_directory: PathBuf,
    /// This program, which calls [`super::run_supervisor_if_requested`] first thing: usually `/proc/self/exe`.
    pub executable: PathBuf,
    /// Offers this machine's own file system as the image `host`.
    pub allow_host_image: bool,
    /// How registries are reached.
    pub registry: RegistryOptions,
}

/// Runs containers without a daemon.
#[derive(Debug)]
pub struct EmbeddedDriver {
    config: EmbeddedConfig,
    images: ImageStore,
    hierarchies: Hierarchies,
    networks: Networks,
    /// Tells this driver's control groups from those of another with another directory.
    scope: String,
    /// Launches of one name happen one after the other.
    launching: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl EmbeddedDriver {
    /// Opens the data directory, creating it when missing, and removes what a crash left half-made or half-removed.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub fn open(config: EmbeddedConfig) -> Result<Self, ImageError> {
        let failed = |error: io::Error| ImageError::Store(error.to_string());
        for name in ["containers", "making", "removing"] {
            fs::create_dir_all(config.data_directory.join(name)).map_err(failed)?;
        }
        let mut config = config;
        config.data_directory = config.data_directory.canonicalize().map_err(failed)?;
        let images = ImageStore::open(&config.data_directory.join("images"), config.registry.clone())?;
        let scope = Digest::of(config.data_directory.as_os_str().as_bytes());
        let scope = scope.hex().get(..12).unwrap_or_default().to_owned();
        let driver = Self {
            images,
            hierarchies: Hierarchies::find().map_err(failed)?,
            networks: Networks::open(&config.data_directory, &scope).map_err(failed)?,
            scope,
            launching: Mutex::default(),
            config,
        };
        // A crash between a pin and the directory that it is for.
        driver.images.keep_pins(|name| driver.directory(name).path().is_dir())?;
        for name in ["making", "removing"] {
            for entry in fs::read_dir(driver.config.data_directory.join(name)).map_err(failed)? {
                fs::remove_dir_all(entry.map_err(failed)?.path()).map_err(failed)?;
            }
        }
        Ok(driver)
    }

    /// The images of this driver.
    pub fn images(&self) -> &ImageStore {
        &self.images
    }

    fn directory(&self, name: &str) -> ContainerDirectory {
        ContainerDirectory::new(self.config.data_directory.join("containers").join(name))
    }

    /// The directory of a container that was asked for by a name that need not be one.
    fn known(&self, name: &str) -> Result<ContainerDirectory, DriverError> {
        if is_container_name(name) {
            Ok(self.directory(name))
        } else {
            Err(DriverError::Lost(name.to_owned()))
        }
    }

    fn launch_lock(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.launching.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody holds are of no use any more.
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        locks.entry(name.to_owned()).or_default().clone()
    }

    async fn image(&self, name: &str) -> Result<Option<StoredImage>, ImageError> {
        if name != HOST_IMAGE {
            return self.images.ensure(name).await.map(Some);
        }
        if self.config.allow_host_image {
            return Ok(None);
        }
        Err(ImageError::Refused(
            "the image \"host\" (this machine's own file system) is not allowed; start the server with \
             --allow-host-image to allow it"
                .to_owned(),
        ))
    }

    async fn launch_once(&self, spec: ContainerSpec) -> Result<Started, LaunchError> {
        spec.validate()?;
        let lock = self.launch_lock(&spec.name);
        let _one = lock.lock().await;
        let directory = self.directory(&spec.name);
        match directory.standing().map_err(unavailable)? {
            Standing::Unknown => self.make(spec, &directory).await?,
            // A plan that cannot be read was not on the disk when the machine lost power: nothing was started from it.
            Standing::NeverStarted if directory.plan().is_err() => {
                self.discard(&directory, &spec.name).map_err(unavailable)?;
                self.make(spec, &directory).await?;
            }
            Standing::NeverStarted => {}
            _ => return self.outcome(&directory, true).await,
        }
        let word = self.supervise(&directory).await.map_err(unavailable)?;
        self.outcome(&directory, word != supervisor::STARTED).await
    }

    /// Makes the container's directory: aside, and then by a rename, which takes the name.
    async fn make(&self, spec: ContainerSpec, directory: &ContainerDirectory) -> Result<(), LaunchError> {
        let missing = spec.mounts.iter().find_map(|mount| match mount {
            Mount::Bind { source, .. } if !source.exists() => Some(source),
            Mount::Bind { .. } | Mount::Tmpfs { .. } => None,
        });
        if let Some(source) = missing {
            return Err(LaunchError::CannotCreate(format!(
                "invalid mount config for type \"bind\": bind source path does not exist: {}",
                source.display()
            )));
        }
        let image = self.image(&spec.image).await?;
        let plan = self.plan(spec, image.as_ref())?;
        if let Some(image) = &image {
            self.images.pin(&plan.spec.name, image)?;
        }
        let aside = ContainerDirectory::new(self.config.data_directory.join("making").join(&plan.spec.name));
        let made = fs::create_dir_all(aside.path())
            // The environment may hold secrets: nobody but the owner reads what is in here.
            .and_then(|()| fs::set_permissions(aside.path(), fs::Permissions::from_mode(0o700)))
            .and_then(|()| aside.write_json("spec.json", &plan))
            .and_then(|()| fs::rename(aside.path(), directory.path()));
        made.map_err(unavailable)
    }

    fn plan(&self, mut spec: ContainerSpec, image: Option<&StoredImage>) -> Result<Plan, LaunchError> {
        if !spec.resource_limits.iter().any(|limit| limit.name == "nofile") {
            spec.resource_limits.extend(open_files::of_containers());
        }
        let described = self.describe(&spec.image, image);
        let hostname = match (&spec.network, &spec.hostname) {
            (NetworkMode::Host, _) => {
                let ours = nix::unistd::gethostname().map_err(|error| unavailable(error.into()))?;
                ours.to_string_lossy().into_owned()
            }
            (_, Some(hostname)) => hostname.clone(),
            (NetworkMode::Network(network), None) => self
                .networks
                .hostname(network)
                .map_err(|error| LaunchError::CannotCreate(error.to_string()))?,
            (_, None) => spec.name.chars().take(63).collect(),
        };
        let process = Process::resolve(&spec, &described, &hostname)?;
        let (layers_directory, layers) = match image {
            None => (PathBuf::from("/"), vec![PathBuf::from("/")]),
            Some(image) => {
                let paths = self.images.layer_paths(image);
                let mut names: Vec<PathBuf> = Vec::new();
                // overlayfs takes no directory twice; where an image has a layer twice, the upper one hides the lower.
                for name in paths.iter().filter_map(|path| path.file_name()).map(PathBuf::from) {
                    names.retain(|known| *known != name);
                    names.push(name);
                }
                (self.config.data_directory.join("images/layers"), names)
            }
        };
        let cgroup = format!("{PARENT}/{}-{}", self.scope, spec.name);
        Ok(Plan { process, hostname, image_digest: described.digest, layers_directory, layers, cgroup, spec })
    }

    fn describe(&self, name: &str, image: Option<&StoredImage>) -> Image {
        match image {
            Some(image) => image.describe(name),
            None => Image {
                name: HOST_IMAGE.to_owned(),
                digest: Digest::of(HOST_IMAGE.as_bytes()).to_string(),
                command: vec!["/bin/sh".to_owned()],
                working_directory: "/".to_owned(),
                ..Image::default()
            },
        }
    }

    /// Starts a supervisor, and returns what it says when the container runs, or does not.
    async fn supervise(&self, directory: &ContainerDirectory) -> io::Result<String> {
        // A supervisor that died before it began may have left its number, which is another process's now.
        match fs::remove_file(directory.join("supervisor")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut child = tokio::process::Command::new(&self.config.executable)
            .arg(SUPERVISOR_ARGUMENT)
            .arg(directory.path())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(File::create(directory.join("supervisor.stderr"))?))
            .spawn()?;
        let output = child.stdout.take();
        // It outlives us; as long as we live, somebody has to wait for it.
        tokio::spawn(async move { child.wait().await });
        let mut word = String::new();
        if let Some(mut output) = output {
            output.read_to_string(&mut word).await?;
        }
        Ok(word)
    }

    /// What became of a launch.
    async fn outcome(&self, directory: &ContainerDirectory, found: bool) -> Result<Started, LaunchError> {
        loop {
            let started_at_millis = match directory.standing().map_err(unavailable)? {
                Standing::Running(started, _) => started.started_at_millis,
                Standing::Ended(exit) => exit.started_at_millis,
                Standing::Failed(reason) => {
                    return Err(LaunchError::cannot_start(&reason));
                }
                Standing::Starting(_) => {
                    tokio::time::sleep(STARTING_PAUSE).await;
                    continue;
                }
                Standing::Lost => return Err(LaunchError::Lost { name: name_of(directory) }),
                Standing::Unknown | Standing::NeverStarted => {
                    return Err(LaunchError::Unavailable(format!(
                        "the supervisor of container {} ended before it began: {}",
                        name_of(directory),
                        complaint(directory)
                    )));
                }
            };
            let plan = directory.plan().map_err(unavailable)?;
            return Ok(Started {
                runtime_id: format!("{}-{}", self.scope, plan.spec.name),
                image_digest: plan.image_digest,
                started_at: Timestamp::from_millis(started_at_millis),
                found,
            });
        }
    }

    async fn exit(&self, name: &str) -> Result<Exit, DriverError> {
        let directory = self.known(name)?;
        loop {
            let handle = match directory.standing().map_err(broken)? {
                Standing::Ended(exit) => return Ok(exit_of(&exit)),
                Standing::Failed(_) => return Err(DriverError::NotStarted(name.to_owned())),
                Standing::Running(_, handle) | Standing::Starting(handle) => handle,
                Standing::Lost => {
                    // Its process died with the supervisor; this is for what it may have put into other groups.
                    if let Ok(plan) = directory.plan() {
                        self.hierarchies.kill(&plan.cgroup);
                    }
                    return Err(DriverError::Lost(name.to_owned()));
                }
                Standing::Unknown | Standing::NeverStarted => return Err(DriverError::Lost(name.to_owned())),
            };
            ended(handle).await.map_err(broken)?;
        }
    }

    async fn end(&self, name: &str, timeout: Duration) -> Result<(), DriverError> {
        let signals = [(Signal::TERM, Some(timeout)), (Signal::USR1, None)];
        for (signal, patience) in signals {
            match self.known(name)?.standing().map_err(broken)? {
                Standing::Running(_, handle) | Standing::Starting(handle) => {
                    // It may have ended just now.
                    let _ = pidfd_send_signal(&handle, signal);
                }
                Standing::Ended(_) | Standing::Failed(_) => return Ok(()),
                Standing::Unknown | Standing::NeverStarted | Standing::Lost => {
                    return Err(DriverError::Lost(name.to_owned()));
                }
            }
            let exit = self.exit(name);
            let exited = match patience {
                Some(patience) => tokio::time::timeout(patience, exit).await.ok(),
                None => Some(exit.await),
            };
            match exited {
                Some(Ok(_) | Err(DriverError::NotStarted(_))) => return Ok(()),
                Some(Err(error)) => return Err(error),
                None => {}
            }
        }
        Ok(())
    }

    async fn read(&self, name: &str, from: LogPosition) -> Result<LogChunk, DriverError> {
        let invalid = || DriverError::InvalidLogPosition(from.as_str().to_owned());
        let asked = offset(&from)?;
        let directory = self.known(name)?;
        let mut pause = LOG_PAUSE_MIN;
        loop {
            // Asked first: what a container wrote before it ended is then seen.
            let standing = directory.standing().map_err(broken)?;
            // What was freed is gone.
            let offset = asked.max(Freed::load(&directory.join("freed")).needed);
            let file = File::open(directory.join("log"));
            let (lines, next) = match &file {
                Ok(file) => log::read(file, offset).map_err(|error| match error.kind() {
                    io::ErrorKind::InvalidData => invalid(),
                    _ => broken(error),
                })?,
                Err(_) if offset > 0 => return Err(invalid()),
                Err(_) => (Vec::new(), 0),
            };
            let ended = match standing {
                Standing::Unknown => return Err(DriverError::Lost(name.to_owned())),
                Standing::Starting(_) | Standing::Running(..) | Standing::NeverStarted => false,
                Standing::Failed(_) | Standing::Ended(_) | Standing::Lost => lines.is_empty(),
            };
            if ended || !lines.is_empty() {
                return Ok(LogChunk { lines, next: LogPosition(next.to_string()), ended });
            }
            match (standing, file) {
                (Standing::Running(_, handle), Ok(file)) => grown_or_ended(&file, next, handle).await,
                (Standing::Running(_, handle) | Standing::Starting(handle), _) => {
                    let _ = tokio::time::timeout(pause, ended_or_error(handle)).await;
                }
                _ => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(LOG_PAUSE_MAX);
        }
    }

    fn free(&self, name: &str, read: &LogPosition, needed: &LogPosition) -> Result<(), DriverError> {
        let directory = self.known(name)?;
        let freed = Freed { read: offset(read)?, needed: offset(needed)? };
        let log = directory.join("log");
        match freed.store(&directory.join("freed"), &log) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(DriverError::Lost(name.to_owned())),
            stored => stored.map_err(broken),
        }
    }

    fn usage(&self, name: &str) -> Result<ContainerStats, DriverError> {
        let directory = self.known(name)?;
        match directory.standing().map_err(broken)? {
            Standing::Running(..) => {}
            Standing::Unknown => return Err(DriverError::Lost(name.to_owned())),
            _ => return Err(DriverError::NotRunning(name.to_owned())),
        }
        let plan = directory.plan().map_err(broken)?;
        Ok(usage::read(self.hierarchies.directories(&plan.cgroup), now()))
    }

    fn summaries(&self) -> io::Result<Vec<ContainerSummary>> {
        let mut summaries = Vec::new();
        for entry in fs::read_dir(self.config.data_directory.join("containers"))? {
            let directory = ContainerDirectory::new(entry?.path());
            let state = match directory.standing()? {
                Standing::Unknown => continue, // Removed while we looked.
                Standing::NeverStarted => ContainerState::Created,
                Standing::Starting(_) | Standing::Running(..) => ContainerState::Running,
                Standing::Failed(_) | Standing::Ended(_) => ContainerState::Ended,
                Standing::Lost => ContainerState::Lost,
            };
            let Ok(plan) = directory.plan() else { continue };
            summaries.push(ContainerSummary {
                name: plan.spec.name,
                image: plan.spec.image,
                labels: plan.spec.labels,
                state,
            });
        }
        Ok(summaries)
    }

    async fn forget(&self, name: &str) -> Result<(), DriverError> {
        let Ok(directory) = self.known(name) else { return Ok(()) };
        let lock = self.launch_lock(name);
        let _one = lock.lock().await;
        match directory.standing().map_err(broken)? {
            Standing::Unknown => return Ok(()),
            Standing::Running(..) | Standing::Starting(_) => {
                return Err(DriverError::StillRunning(name.to_owned()));
            }
            Standing::NeverStarted | Standing::Failed(_) | Standing::Ended(_) | Standing::Lost => {}
        }
        // The supervisor has written how the container ended, and may still be tidying up.
        while directory.try_lock().map_err(broken)?.is_none() {
            tokio::time::sleep(STARTING_PAUSE).await;
        }
        self.discard(&directory, name).map_err(broken)
    }

    /// Removes a container that no supervisor looks after.
    fn discard(&self, directory: &ContainerDirectory, name: &str) -> io::Result<()> {
        if let Ok(plan) = directory.plan() {
            self.hierarchies.kill(&plan.cgroup);
            self.hierarchies.remove(&plan.cgroup)?;
        }
        // The name is free at once; what is left after a crash is removed when the driver is opened again.
        let doomed = self.config.data_directory.join("removing").join(name);
        if doomed.exists() {
            fs::remove_dir_all(&doomed)?;
        }
        fs::rename(directory.path(), &doomed)?;
        fs::remove_dir_all(&doomed)?;
        self.images.unpin(name).map_err(io::Error::other)
    }
}

impl Driver for EmbeddedDriver {
    fn kind(&self) -> DriverKind {
        DriverKind::Embedded
    }

    fn prepare_image<'a>(&'a self, image: &'a str) -> BoxFuture<'a, Result<Image, ImageError>> {
        Box::pin(async move { Ok(self.describe(image, self.image(image).await?.as_ref())) })
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
        name: &'a str,
        read: &'a LogPosition,
        needed: &'a LogPosition,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(async move { self.free(name, read, needed) })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ContainerSummary>, DriverError>> {
        Box::pin(async move { self.summaries().map_err(broken) })
    }

    fn exec<'a>(&'a self, name: &'a str, spec: ExecSpec) -> BoxFuture<'a, Result<Exec, DriverError>> {
        Box::pin(async move {
            let directory = self.known(name)?;
            exec::exec(&self.config.executable, &directory, name, spec).await
        })
    }

    fn stats<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ContainerStats, DriverError>> {
        Box::pin(async move { self.usage(name) })
    }

    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(self.forget(name))
    }

    fn provide_network(&self, spec: NetworkSpec) -> BoxFuture<'_, Result<Network, NetworkError>> {
        Box::pin(self.networks.provide(spec))
    }

    fn remove_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        let removed = self.networks.remove(name);
        Box::pin(async { removed.await.map_err(|error| DriverError::Unavailable(error.to_string())) })
    }

    fn release_common(&self) {
        self.networks.release_common();
    }

    fn list_networks(&self) -> BoxFuture<'_, Result<Vec<String>, DriverError>> {
        Box::pin(async { self.networks.names().map_err(broken) })
    }

    fn listen_in_network<'a>(
        &'a self,
        name: &'a str,
        address: SocketAddrV4,
    ) -> BoxFuture<'a, Result<TcpListener, NetworkError>> {
        Box::pin(self.networks.listen(name, address))
    }
}

/// Returns when the process has ended.
async fn ended(handle: OwnedFd) -> io::Result<()> {
    watch(handle)?.readable().await.map(drop)
}

async fn ended_or_error(handle: OwnedFd) {
    let _ = ended(handle).await;
}

/// Waits until the log is longer, or the process has ended. Only looks at the length: a thousand quiet containers are
/// watched like this at once.
async fn grown_or_ended(log: &File, length: u64, process: OwnedFd) {
    let growing = async {
        let mut pause = LOG_PAUSE_MIN;
        while log.metadata().is_ok_and(|found| found.len() <= length) {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOG_PAUSE_MAX);
        }
    };
    tokio::select! {
        () = growing => {}
        () = ended_or_error(process) => {}
    }
}

/// The offset that a position is; the beginning's is 0.
fn offset(position: &LogPosition) -> Result<u64, DriverError> {
    let text = position.as_str();
    let invalid = |_| DriverError::InvalidLogPosition(text.to_owned());
    if text.is_empty() { Ok(0) } else { text.parse().map_err(invalid) }
}

fn exit_of(record: &ExitRecord) -> Exit {
    Exit {
        code: record.code,
        oom_killed: record.oom_killed,
        started_at: Timestamp::from_millis(record.started_at_millis),
        finished_at: Timestamp::from_millis(record.finished_at_millis),
    }
}

fn name_of(directory: &ContainerDirectory) -> String {
    directory.path().file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What a supervisor that failed early left behind for people to read.
fn complaint(directory: &ContainerDirectory) -> String {
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap_or_default();
    format!("{} {}", read("supervisor.error"), read("supervisor.stderr")).trim().to_owned()
}

fn unavailable(error: io::Error) -> LaunchError {
    LaunchError::Unavailable(error.to_string())
}

fn broken(error: io::Error) -> DriverError {
    DriverError::Unavailable(error.to_string())
}
