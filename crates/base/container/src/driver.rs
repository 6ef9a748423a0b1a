//! What a container engine must be able to do, and the nouns it speaks of.
//!
//! Two real implementations exist: the embedded one (Linux, no daemon) and Docker Engine's API (Docker, Podman). What
//! they do not agree on is not in here.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddrV4, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use types::Timestamp;

pub use futures_util::future::BoxFuture;

use crate::exec::{Exec, ExecSpec};
pub use crate::log::{LogBuffer, LogChunk, LogLine, LogPosition, LogStream};
use crate::network::{Network, NetworkError, NetworkMode, NetworkSpec};
use crate::stats::ContainerStats;

/// Starts containers and tells what became of them.
///
/// Every method is keyed by the container's name and may be repeated. All state is outside of this process: dropping a
/// driver, or killing the process that holds it, leaves the containers running, and a new driver with the same
/// configuration finds them again.
pub trait Driver: Send + Sync {
    /// Which implementation this is.
    fn kind(&self) -> DriverKind;

    /// Makes the image available here, pulling it where it is not yet known, and returns what it says about itself.
    ///
    /// # Errors
    /// [`ImageError`], whose text begins with ECS's `CannotPullContainerError` where ECS would say so.
    fn prepare_image<'a>(&'a self, image: &'a str) -> BoxFuture<'a, Result<Image, ImageError>>;

    /// Starts the container called `spec.name` and returns when its process runs.
    ///
    /// A second launch of the same name finds the first one, running or ended, and starts nothing: it returns what the
    /// first one returned, with [`Started::found`] set. A launch that was interrupted before the container's process
    /// began is taken up again; one that was interrupted at a point where nobody can tell is never repeated and
    /// answers [`LaunchError::Lost`].
    ///
    /// # Errors
    /// [`LaunchError`]. After `CannotStart` the name stays taken, and launching it again gives the same error.
    fn launch(&self, spec: ContainerSpec) -> BoxFuture<'_, Result<Started, LaunchError>>;

    /// Waits until the container called `name` has ended.
    ///
    /// Returns at once for one that has ended already. Dropping the future waits no more and stops nothing.
    ///
    /// # Errors
    /// [`DriverError::Lost`] when no such container is known, or when how it ended cannot be known any more;
    /// [`DriverError::NotStarted`] when its launch failed.
    fn wait<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Exit, DriverError>>;

    /// Ends the container called `name`: its stop signal first, and `SIGKILL` when it still runs after `timeout`.
    ///
    /// Returns when it has ended, and at once when it had ended before.
    ///
    /// # Errors
    /// [`DriverError::Lost`] when no such container is known.
    fn stop<'a>(&'a self, name: &'a str, timeout: Duration) -> BoxFuture<'a, Result<(), DriverError>>;

    /// Reads the lines that the container wrote after `from`, standard output and standard error in one order.
    ///
    /// Waits until there is at least one line, or until no line will ever follow: then, and only then,
    /// [`LogChunk::ended`] is set (the chunk may still hold the last lines). Dropping the future loses nothing; the
    /// same position can be read any number of times, also after a restart.
    ///
    /// # Errors
    /// [`DriverError::Lost`] when no such container is known, [`DriverError::InvalidLogPosition`].
    fn read_logs<'a>(
        &'a self,
        name: &'a str,
        from: LogPosition,
    ) -> BoxFuture<'a, Result<LogChunk, DriverError>>;

    /// Says how far the log of the container called `name` was read: what was written before `read` is not waited for any
    /// more ([`LogBuffer`]), and what was written before `needed` will not be read again.
    ///
    /// # Errors
    /// [`DriverError::Lost`] when no such container is known, [`DriverError::InvalidLogPosition`].
    fn free_logs<'a>(
        &'a self,
        name: &'a str,
        read: &'a LogPosition,
        needed: &'a LogPosition,
    ) -> BoxFuture<'a, Result<(), DriverError>>;

    /// Every container that this driver's owner launched and has not removed.
    ///
    /// # Errors
    /// [`DriverError::Unavailable`].
    fn list(&self) -> BoxFuture<'_, Result<Vec<ContainerSummary>, DriverError>>;

    /// Runs a command in the running container called `name`.
    ///
    /// Nothing of it outlives this process: a server that is killed takes its commands along.
    ///
    /// # Errors
    /// [`DriverError::Lost`] when no such container is known, [`DriverError::NotRunning`], [`DriverError::CannotExec`].
    fn exec<'a>(&'a self, name: &'a str, spec: ExecSpec) -> BoxFuture<'a, Result<Exec, DriverError>>;

    /// What the running container called `name` uses.
    ///
    /// # Errors
    /// [`DriverError::Lost`] when no such container is known, [`DriverError::NotRunning`].
    fn stats<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ContainerStats, DriverError>>;

    /// Forgets an ended container: its writable layer, its logs and its name.
    ///
    /// Removing a name that is not known succeeds.
    ///
    /// # Errors
    /// [`DriverError::StillRunning`].
    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), DriverError>>;

    /// Makes the network called `spec.name`, which containers then join by [`NetworkMode::Network`].
    ///
    /// Providing a name again completes what an interrupted attempt left, and returns the same network, whatever the
    /// specification says then. Like a container it outlives this process.
    ///
    /// # Errors
    /// [`NetworkError`]. Nothing is kept then, and the name is free, except after `Unavailable`.
    fn provide_network(&self, spec: NetworkSpec) -> BoxFuture<'_, Result<Network, NetworkError>>;

    /// Removes a network: its address, its ports and its interface are free again.
    ///
    /// Its containers must have ended before; what still runs in it reaches nothing any more. Removing a name that is
    /// not known succeeds.
    ///
    /// # Errors
    /// [`DriverError::Unavailable`].
    fn remove_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), DriverError>>;

    /// The names of all networks that were provided and not removed, the half-made ones too.
    ///
    /// # Errors
    /// [`DriverError::Unavailable`].
    fn list_networks(&self) -> BoxFuture<'_, Result<Vec<String>, DriverError>>;

    /// Gives back what networks have in common on this machine, such as a bridge, where no network is left. A server does
    /// this last; whatever is needed again is made again. May block for some milliseconds.
    fn release_common(&self) {}

    /// Listens inside of a network: what connects to `address` there is accepted here.
    ///
    /// A link-local address (169.254.0.0/16) is given to the network's loopback interface first. The listener does not
    /// block. It holds on to the network's innermost part: drop it when the network is removed.
    ///
    /// # Errors
    /// [`NetworkError::Unknown`], [`NetworkError::Unavailable`] where the address is in use there, and
    /// [`NetworkError::Unsupported`] where the engine's networks cannot be entered from here.
    fn listen_in_network<'a>(
        &'a self,
        name: &'a str,
        address: SocketAddrV4,
    ) -> BoxFuture<'a, Result<TcpListener, NetworkError>>;
}

/// The implementations of [`Driver`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriverKind {
    /// Linux namespaces and control groups, made by this program itself.
    Embedded,
    /// Docker Engine's API, as Docker and Podman serve it on a Unix socket.
    Docker,
}

/// An image that is available here, and its configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The name that was asked for.
    pub name: String,
    /// `sha256:...`: the manifest's digest where the image came from a registry, else the configuration's (its ID).
    pub digest: String,
    /// `ENTRYPOINT`.
    pub entry_point: Vec<String>,
    /// `CMD`.
    pub command: Vec<String>,
    /// `ENV`, in the image's order.
    pub environment: Vec<(String, String)>,
    /// `WORKDIR`; `/` where the image has none.
    pub working_directory: String,
    /// `USER`, if any.
    pub user: Option<String>,
    /// `STOPSIGNAL`, if any, as written: `SIGTERM`, `TERM` or `15`.
    pub stop_signal: Option<String>,
}

/// What to run, and in which surroundings.
///
/// Entry point and command follow Docker's rule: an entry point replaces the image's and drops the image's command; a
/// command replaces the image's command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// The container's name: 1 to 128 characters of `[A-Za-z0-9_.-]`, the first a letter or a digit.
    pub name: String,
    /// The image, as Docker would name it (`busybox:latest`, `localhost:5000/job@sha256:...`), or `host`.
    pub image: String,
    /// Replaces `ENTRYPOINT`, and drops `CMD`.
    pub entry_point: Option<Vec<String>>,
    /// Replaces `CMD`.
    pub command: Option<Vec<String>>,
    /// Variables, each replacing the image's of the same name; of equal names here the last one wins.
    pub environment: Vec<(String, String)>,
    /// Replaces `WORKDIR`. An absolute path, created when the image has no such directory.
    pub working_directory: Option<String>,
    /// Replaces `USER`: `user`, `user:group`, `uid`, `uid:gid`.
    pub user: Option<String>,
    /// Relative weight in ECS CPU units (1024 is one vCPU): a share under contention, no limit. At least 2 is used.
    pub cpu_units: Option<u32>,
    /// Hard limit of processor time in ECS CPU units: 512 is half a processor.
    pub cpu_limit_units: Option<u32>,
    /// Hard memory limit in bytes; who exceeds it is killed and ends with 137 and [`Exit::oom_killed`].
    pub memory_bytes: Option<u64>,
    /// Soft memory limit in bytes.
    pub memory_reservation_bytes: Option<u64>,
    /// Size of `/dev/shm` in bytes; 64 MiB when absent.
    pub shared_memory_bytes: Option<u64>,
    /// The greatest number of processes and threads.
    pub pids_limit: Option<u32>,
    /// Replaces `STOPSIGNAL`; `SIGTERM` when the image has none either.
    pub stop_signal: Option<String>,
    /// Makes the root file system read-only.
    pub read_only_root: bool,
    /// Runs a minimal init as process 1, which forwards signals and reaps orphans.
    pub init: bool,
    /// Capabilities beyond Docker's default set, such as `SYS_PTRACE` (`CAP_` may be left out).
    pub capabilities_add: Vec<String>,
    /// Capabilities taken out of Docker's default set; `ALL` takes all.
    pub capabilities_drop: Vec<String>,
    /// Resource limits of the process; kept within what this machine allows us.
    pub resource_limits: Vec<ResourceLimit>,
    /// Directories and files of this machine, and file systems in memory.
    pub mounts: Vec<Mount>,
    /// The network it sees.
    pub network: NetworkMode,
    /// The host name; the container's name, cut to 63 characters, when absent. With the host's network Docker and we
    /// keep this machine's name.
    pub hostname: Option<String>,
    /// Lines added to `/etc/hosts`.
    pub extra_hosts: Vec<HostEntry>,
    /// The name servers that it asks, instead of those of its network.
    #[serde(default)]
    pub dns_servers: Vec<IpAddr>,
    /// The domains in which it looks for names, instead of this machine's.
    #[serde(default)]
    pub dns_search_domains: Vec<String>,
    /// Kernel parameters of its namespaces, as `net.core.somaxconn`. Containers of a network share those of networks.
    #[serde(default)]
    pub system_controls: BTreeMap<String, String>,
    /// The processes that it sees.
    #[serde(default)]
    pub processes: Sharing,
    /// The shared memory, semaphores and queues that it sees.
    #[serde(default)]
    pub inter_process: Sharing,
    /// Leaves its standard input open, which then says nothing; without, it is at its end.
    #[serde(default)]
    pub open_input: bool,
    /// Whatever the owner wants to find again in [`Driver::list`].
    pub labels: BTreeMap<String, String>,
    /// How much of what it writes is kept for a reader that falls behind.
    #[serde(default)]
    pub log_buffer: LogBuffer,
}

/// What a container shares of something that the kernel can divide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Sharing {
    /// Its own only.
    #[default]
    Own,
    /// This machine's.
    Host,
}

/// One `setrlimit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceLimit {
    /// ECS's and Docker's name: `nofile`, `nproc`, `core`, ...
    pub name: String,
    /// The soft limit; [`u64::MAX`] is none.
    pub soft: u64,
    /// The hard limit; [`u64::MAX`] is none.
    pub hard: u64,
}

/// Something mounted into the container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mount {
    /// A directory or a file of this machine.
    Bind {
        /// The absolute path on this machine; it must exist.
        source: PathBuf,
        /// The absolute path in the container; created when missing.
        target: String,
        /// Whether the container may only read it.
        read_only: bool,
    },
    /// A file system in memory.
    Tmpfs {
        /// The absolute path in the container; created when missing.
        target: String,
        /// Its greatest size in bytes.
        size_bytes: u64,
        /// Mount options, each as `mount` takes it (`noatime`, `mode=0700`). They come after `nosuid`, `nodev` and
        /// `noexec`, and may take these back.
        #[serde(default)]
        options: Vec<String>,
    },
}

/// One line of `/etc/hosts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEntry {
    /// The host's name.
    pub hostname: String,
    /// Its address.
    pub ip_address: String,
}

/// A container whose process has been started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The engine's identifier: Docker's container ID, or ours.
    pub runtime_id: String,
    /// `sha256:...` of the image it was started from.
    pub image_digest: String,
    /// When its process was started.
    pub started_at: Timestamp,
    /// Whether an earlier launch had started it.
    pub found: bool,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The process's exit code, or 128 plus the number of the signal that ended it.
    pub code: i32,
    /// Whether the kernel killed something in it for lack of memory.
    pub oom_killed: bool,
    /// When its process was started.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
}

impl ContainerSpec {
    /// Checks what holds for every driver: the name, absolute paths, and no NUL anywhere.
    ///
    /// # Errors
    /// [`LaunchError::CannotCreate`].
    pub fn validate(&self) -> Result<(), LaunchError> {
        let refuse = |reason: String| Err(LaunchError::CannotCreate(reason));
        if !is_container_name(&self.name) {
            return refuse(format!(
                "Invalid container name ({}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, 128 at most",
                self.name
            ));
        }
        let texts = [&self.entry_point, &self.command].into_iter().flatten().flatten();
        let variables = self.environment.iter().flat_map(|(name, value)| [name, value]);
        let others =
            [&self.working_directory, &self.user, &self.hostname, &self.stop_signal].into_iter().flatten();
        if texts.chain(variables).chain(others).any(|text| text.contains('\0')) {
            return refuse("a text contains the character NUL".to_owned());
        }
        if let Some((name, _)) =
            self.environment.iter().find(|(name, _)| name.is_empty() || name.contains('='))
        {
            return refuse(format!("invalid environment variable name: {name:?}"));
        }
        if let Some(directory) = self.working_directory.as_deref().filter(|path| !path.starts_with('/')) {
            return refuse(format!(
                "the working directory '{directory}' is invalid, it needs to be an absolute path"
            ));
        }
        if let Some(hostname) = self.hostname.as_deref().filter(|name| !is_hostname(name)) {
            return refuse(format!("invalid hostname: {hostname:?}"));
        }
        if let Some(domain) = self.dns_search_domains.iter().find(|domain| !is_hostname(domain)) {
            return refuse(format!("invalid DNS search domain: {domain:?}"));
        }
        self.validate_system_controls()?;
        self.validate_mounts()
    }

    /// Only what belongs to a namespace of its own: everything else is this machine's.
    fn validate_system_controls(&self) -> Result<(), LaunchError> {
        for (name, value) in &self.system_controls {
            let own = match name.strip_prefix("net.") {
                Some(_) => self.network != NetworkMode::Host,
                None => is_inter_process(name) && self.inter_process == Sharing::Own,
            };
            let sound = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte));
            let leads_out = name.split(['.', '/']).any(str::is_empty);
            if !own || !sound || leads_out || value.contains(['\0', '\n']) {
                return Err(LaunchError::CannotCreate(format!("invalid sysctl: {name}={value}")));
            }
        }
        Ok(())
    }

    fn validate_mounts(&self) -> Result<(), LaunchError> {
        let refuse = |reason: String| Err(LaunchError::CannotCreate(reason));
        for mount in &self.mounts {
            let (Mount::Bind { target, .. } | Mount::Tmpfs { target, .. }) = mount;
            if !target.starts_with('/') || target.contains('\0') || target.split('/').any(|part| part == "..")
            {
                return refuse(format!("invalid mount path: '{target}' mount path must be absolute"));
            }
            if let Mount::Bind { source, .. } = mount
                && !source.is_absolute()
            {
                return refuse(format!("invalid mount source: '{}' must be absolute", source.display()));
            }
        }
        for HostEntry { hostname, ip_address } in &self.extra_hosts {
            if !is_hostname(hostname) || ip_address.parse::<std::net::IpAddr>().is_err() {
                return refuse(format!("invalid extra host: {hostname}:{ip_address}"));
            }
        }
        Ok(())
    }
}

/// Whether a kernel parameter belongs to the namespace of inter-process communication. Source: `ipc_namespaces(7)`.
fn is_inter_process(name: &str) -> bool {
    const NAMES: [&str; 8] =
        ["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"];
    name.starts_with("fs.mqueue.") || name.strip_prefix("kernel.").is_some_and(|name| NAMES.contains(&name))
}

/// Whether `name` is 1 to 128 characters of `[A-Za-z0-9_.-]`, the first a letter or a digit.
pub(crate) fn is_container_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

fn is_hostname(name: &str) -> bool {
    (1..=253).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// One of our containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSummary {
    /// Its name.
    pub name: String,
    /// The image it was launched from, as it was named then.
    pub image: String,
    /// The labels it was launched with.
    pub labels: BTreeMap<String, String>,
    /// What it is doing.
    pub state: ContainerState,
}

/// What a container is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContainerState {
    /// Its name is taken; its process has not been started, and launching it again will do so.
    Created,
    /// Its process runs.
    Running,
    /// It ended, or could not be started: [`Driver::wait`] or [`Driver::launch`] say how.
    Ended,
    /// It may have run, and how it ended cannot be known.
    Lost,
}

/// Why an image is not available.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The name is not one.
    #[error("CannotPullContainerError: invalid reference format: {0}")]
    InvalidReference(String),
    /// Neither the local store nor the registry has it.
    #[error(
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: {image}: not found"
    )]
    NotFound {
        /// The image's full name.
        image: String,
    },
    /// The registry wants credentials, or others.
    #[error(
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: pull access denied, repository does not exist or may require authorization: {reason}"
    )]
    Denied {
        /// The image's full name.
        image: String,
        /// What the registry said.
        reason: String,
    },
    /// The registry did not answer, or not as a registry should, or does not know who we are.
    #[error(
        "CannotPullContainerError: pull image manifest has been retried {retries} time(s): failed to resolve ref {image}: {reason}"
    )]
    Registry {
        /// The image's full name.
        image: String,
        /// How often it was asked again; 1 where that could not have helped, as ECS has it.
        retries: u32,
        /// What went wrong.
        reason: String,
    },
    /// The registry has the manifest, and does not give what is in it.
    #[error("CannotPullContainerError: ref pull has been retried {retries} time(s): {reason}")]
    Blob {
        /// How often it was asked again; 1 where that could not have helped.
        retries: u32,
        /// What went wrong.
        reason: String,
    },
    /// The image is there, and it is broken, hostile, or not for this machine.
    #[error("CannotPullContainerError: failed to extract image {image}: {reason}")]
    Unusable {
        /// The image's full name.
        image: String,
        /// What is wrong with it.
        reason: String,
    },
    /// This driver does not offer this image, by its configuration.
    #[error("CannotPullContainerError: {0}")]
    Refused(String),
    /// The store of images cannot be read or written.
    #[error("CannotPullContainerError: image store: {0}")]
    Store(String),
}

/// Why a container was not started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// Its image is not available. Nothing was kept; the name is free.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The specification asks for what cannot be done. Nothing was kept; the name is free.
    #[error("CannotCreateContainerError: {0}")]
    CannotCreate(String),
    /// It was made and could not be started: no such executable, no such user. The name stays taken.
    #[error("CannotStartContainerError: {0}")]
    CannotStart(String),
    /// An earlier launch of this name was interrupted where nobody can tell whether it ran. The name stays taken.
    #[error(
        "CannotStartContainerError: container {name} may have run before this machine or its supervisor failed; it is not started again"
    )]
    Lost {
        /// The container's name.
        name: String,
    },
    /// The engine cannot be reached or used. Launching again may work.
    #[error("CannotCreateContainerError: {0}")]
    Unavailable(String),
}

impl LaunchError {
    /// The error for a container that was made and whose process does not start.
    ///
    /// A missing or forbidden executable (`exec: "...`) gets the words that ECS shows before it.
    pub(crate) fn cannot_start(reason: &str) -> Self {
        let before = if reason.starts_with("exec: ") {
            "ResourceInitializationError: failed to create new container runtime task: failed to create shim task: \
             OCI runtime create failed: runc create failed: unable to start container process: "
        } else {
            ""
        };
        Self::CannotStart(format!("{before}{reason}"))
    }
}

/// Why a driver cannot say or do what was asked of a container.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// No such container is known here, or how it ended is not.
    #[error("container {0} is lost: nothing is known about how it ended")]
    Lost(String),
    /// It never ran: launching it gave [`LaunchError::CannotStart`].
    #[error("container {0} could not be started")]
    NotStarted(String),
    /// It must be stopped first.
    #[error("container {0} is still running")]
    StillRunning(String),
    /// It does not run, or does not run any more.
    #[error("container {0} is not running")]
    NotRunning(String),
    /// A command cannot be run in it as it was asked for.
    #[error("cannot run the command: {0}")]
    CannotExec(String),
    /// The position did not come from this driver and this container.
    #[error("{0:?} is not a position in this container's log")]
    InvalidLogPosition(String),
    /// The engine cannot be reached or used.
    #[error("container engine: {0}")]
    Unavailable(String),
}
