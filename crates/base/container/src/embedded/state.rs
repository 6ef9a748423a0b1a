//! What is on disk about one container, and what it means.
//!
//! ```text
//! spec.json     what to run                                   written by the driver, before the directory has its name
//! lock          held by the supervisor for as long as it lives
//! supervisor    the supervisor's process ID
//! starting      the process is about to be started            on the disk before it is
//! started.json  it was started
//! failed        why it could not be started
//! exit.json     how it ended
//! log           what it wrote                                  (`log`)
//! freed         how far the driver's owner has read of it      written by the driver
//! upper work root files oci                                     what it runs on
//! ```
//!
//! But for `freed`, only the supervisor writes the last seven, and only while it holds the lock. So a free lock and no `starting` means
//! that the process never began, and may be started; a free lock and `starting`, but neither `failed` nor `exit.json`,
//! means that nobody knows, and it must not be started again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::driver::ContainerSpec;
use crate::process::Process;

/// The directory of one container.
#[derive(Clone, Debug)]
pub struct ContainerDirectory {
    path: PathBuf,
}

/// Everything that the supervisor has to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What was asked for.
    pub spec: ContainerSpec,
    /// The process, worked out from it.
    pub process: Process,
    /// The host name that it sees.
    pub hostname: String,
    /// The image's digest.
    pub image_digest: String,
    /// The directory that the layers' paths are relative to.
    pub layers_directory: PathBuf,
    /// The layers, the lowest first. `/` for the image `host`.
    pub layers: Vec<PathBuf>,
    /// The container's control group, absolute within each hierarchy.
    pub cgroup: String,
}

/// `started.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartedRecord {
    /// The process's ID on this machine.
    pub pid: i32,
    /// When it was started, in milliseconds since 1970.
    pub started_at_millis: i64,
}

/// `exit.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// Exit code, or 128 plus the signal.
    pub code: i32,
    /// Whether the kernel killed for lack of memory.
    pub oom_killed: bool,
    /// When it was started, in milliseconds since 1970.
    pub started_at_millis: i64,
    /// When it ended, in milliseconds since 1970.
    pub finished_at_millis: i64,
}

/// What a container's directory says about it.
#[derive(Debug)]
pub enum Standing {
    /// There is no such directory.
    Unknown,
    /// The process never began, and nobody is about to start it.
    NeverStarted,
    /// A supervisor lives and has not yet started the process.
    Starting(OwnedFd),
    /// A supervisor lives and looks after the process.
    Running(StartedRecord, OwnedFd),
    /// The process could not be started.
    Failed(String),
    /// The process ended.
    Ended(ExitRecord),
    /// The process may have begun, and its supervisor is gone.
    Lost,
}

impl ContainerDirectory {
    /// The directory `path`, which need not exist.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The directory's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of something in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads `spec.json`.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn plan(&self) -> io::Result<Plan> {
        read_json(&self.join("spec.json"))?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// Finds out how the container stands.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn standing(&self) -> io::Result<Standing> {
        if !self.path.is_dir() {
            return Ok(Standing::Unknown);
        }
        if let Some(standing) = self.written_end() {
            return Ok(standing);
        }
        let supervisor = self.supervisor()?;
        let started = self.read::<StartedRecord>("started.json");
        Ok(match (supervisor, started) {
            (Some(supervisor), Some(started)) => Standing::Running(started, supervisor),
            (Some(supervisor), None) => Standing::Starting(supervisor),
            // What a supervisor wrote before it let go of the lock is there to be seen now.
            (None, _) => match self.written_end() {
                Some(standing) => standing,
                None if !self.join("starting").exists() => Standing::NeverStarted,
                None => Standing::Lost,
            },
        })
    }

    fn written_end(&self) -> Option<Standing> {
        if let Some(exit) = self.read::<ExitRecord>("exit.json") {
            return Some(Standing::Ended(exit));
        }
        fs::read_to_string(self.join("failed")).ok().map(Standing::Failed)
    }

    /// Tries to become this container's supervisor; the lock is held until the result is dropped.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn try_lock(&self) -> io::Result<Option<OwnedFd>> {
        let file = File::options().create(true).append(true).open(self.join("lock"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file.into())),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A handle on the living supervisor, if there is one.
    fn supervisor(&self) -> io::Result<Option<OwnedFd>> {
        for _ in 0..1000 {
            if !self.is_locked()? {
                return Ok(None);
            }
            let pid = fs::read_to_string(self.join("supervisor")).ok();
            let pid = pid.and_then(|text| text.trim().parse().ok()).and_then(Pid::from_raw);
            let handle = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::NONBLOCK).ok());
            // Still locked: the process ID was the supervisor's while the handle was opened, and not a later process's.
            match (handle, self.is_locked()?) {
                (Some(handle), true) => return Ok(Some(handle)),
                // It took the lock just now and has not yet written its process ID.
                (None, true) => std::thread::sleep(Duration::from_millis(1)),
                (_, false) => return Ok(None),
            }
        }
        Err(io::Error::other("the container's lock is held, but not by a supervisor"))
    }

    fn is_locked(&self) -> io::Result<bool> {
        let file = match File::open(self.join("lock")) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a record. A damaged one (the machine lost power before it was on the disk) is as good as none.
    fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        read_json(&self.join(name)).ok().flatten()
    }

    /// Writes a file so that readers see all of it or nothing.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn write(&self, name: &str, contents: &[u8]) -> io::Result<()> {
        let aside = self.join(&format!(".{name}"));
        fs::write(&aside, contents)?;
        fs::rename(aside, self.join(name))
    }

    /// Writes a record as JSON, like [`Self::write`].
    ///
    /// # Errors
    /// Those of the disk.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        self.write(name, &serde_json::to_vec(value)?)
    }

    /// Says that the process is about to be started, and returns when that is on the disk.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn mark_starting(&self) -> io::Result<()> {
        let mut file = File::options().create_new(true).write(true).open(self.join("starting"))?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        File::open(&self.path)?.sync_all()?;
        match self.path.parent() {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    }
}

/// The time now.
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
