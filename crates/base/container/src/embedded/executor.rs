//! The last steps before the user's program runs, made by the container's process 1 itself.
//!
//! By now libcontainer has put the process into its namespaces, control group and root, and taken its capabilities.

use std::collections::HashMap;
use std::convert::Infallible;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libcontainer::oci_spec::runtime::Spec;
use libcontainer::workload::{Executor, ExecutorError, ExecutorSetEnvsError, ExecutorValidationError};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{AccessFlags, ForkResult, Pid, access, execve};
use seccompiler::{BpfProgram, apply_filter};

use super::unsafe_calls::{reset_signals, send_signal, split};
use crate::exec::{NOT_EXECUTABLE, NOT_FOUND};
use crate::process::{DEFAULT_PATH, Process};

/// Runs a container's process.
#[derive(Clone)]
pub struct ContainerExecutor {
    /// What to run, with the final environment.
    pub process: Process,
    /// The system calls that it may make.
    pub filters: Vec<BpfProgram>,
    /// Whether to stay as process 1 and reap orphans.
    pub init: bool,
    /// A pipe that nobody writes to, whose reader is the supervisor: broken when the supervisor is gone.
    pub supervisor: Arc<OwnedFd>,
}

impl Executor for ContainerExecutor {
    fn exec(&self, _: &Spec) -> Result<(), ExecutorError> {
        let NotExecuted { reason, .. } = self.run();
        // As with runc, this goes to the container's own log, and the container ends with 255.
        eprintln_raw(&format!(
            "exec {}: {reason}\n",
            self.process.arguments.first().map_or("", String::as_str)
        ));
        Err(ExecutorError::Other(reason))
    }

    fn validate(&self, _: &Spec) -> Result<(), ExecutorValidationError> {
        let found = self.executable().map(drop);
        found.map_err(|error| ExecutorValidationError::ArgValidationError(error.reason))
    }

    /// The environment is passed to the program itself; this process keeps its own.
    fn setup_envs(&self, _: HashMap<String, String>) -> Result<(), ExecutorSetEnvsError> {
        Ok(())
    }
}

/// Why a program does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotExecuted {
    /// In the words of Docker's runtime.
    pub reason: String,
    /// The exit code that a shell gives for it: [`NOT_FOUND`] or [`NOT_EXECUTABLE`].
    pub code: i32,
}

impl NotExecuted {
    fn new(code: i32, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), code }
    }
}

impl From<String> for NotExecuted {
    fn from(reason: String) -> Self {
        Self::new(NOT_EXECUTABLE, reason)
    }
}

impl ContainerExecutor {
    /// Becomes the program; returns only where that fails.
    pub fn run(&self) -> NotExecuted {
        match self.become_program() {
            Ok(never) => match never {},
            Err(reason) => reason,
        }
    }

    fn become_program(&self) -> Result<Infallible, NotExecuted> {
        let text = |text: &str| CString::new(text).map_err(|_| "a text contains NUL".to_owned());
        let executable = self.executable()?;
        let path = text(executable.to_str().ok_or_else(|| "the path is not UTF-8".to_owned())?)?;
        let arguments = self.process.arguments.iter().map(|argument| text(argument));
        let arguments = arguments.collect::<Result<Vec<_>, _>>()?;
        let variables = self.process.environment.iter().map(|(name, value)| text(&format!("{name}={value}")));
        let variables = variables.collect::<Result<Vec<_>, _>>()?;
        reset_signals();
        SigSet::all().thread_unblock().map_err(|error| error.to_string())?;
        self.die_with_supervisor()?;
        for filter in &self.filters {
            apply_filter(filter).map_err(|error| format!("seccomp: {error}"))?;
        }
        if self.init {
            // Blocked before the split, so that no signal for the program is lost on the way.
            SigSet::all().thread_block().map_err(|error| error.to_string())?;
            if let ForkResult::Parent { child } = split().map_err(|error| error.to_string())? {
                close_everything();
                std::process::exit(reap(child));
            }
            SigSet::all().thread_unblock().map_err(|error| error.to_string())?;
        }
        execve(&path, &arguments, &variables).map_err(|error| {
            let code = if error == Errno::ENOENT { NOT_FOUND } else { NOT_EXECUTABLE };
            NotExecuted::new(code, describe(error))
        })
    }

    /// A container must not outlive the process that knows its name, its log and how it ends.
    fn die_with_supervisor(&self) -> Result<(), String> {
        set_pdeathsig(Signal::SIGKILL).map_err(|error| error.to_string())?;
        let mut pipe = [PollFd::new(self.supervisor.as_fd(), PollFlags::empty())];
        poll(&mut pipe, PollTimeout::ZERO).map_err(|error| error.to_string())?;
        let [pipe] = pipe;
        if pipe.revents().is_some_and(|events| events.contains(PollFlags::POLLERR)) {
            return Err("the supervisor is gone".to_owned());
        }
        Ok(())
    }

    /// Finds the program, with the words of Docker's runtime where there is none.
    fn executable(&self) -> Result<PathBuf, NotExecuted> {
        let name = self.process.arguments.first().map(String::as_str).unwrap_or_default();
        if name.contains('/') {
            let (code, reason) = match check(Path::new(name)) {
                Ok(()) => return Ok(PathBuf::from(name)),
                Err(Errno::ENOENT) => (NOT_FOUND, format!("stat {name}: no such file or directory")),
                Err(Errno::EISDIR) => (NOT_EXECUTABLE, "is a directory".to_owned()),
                Err(_) => (NOT_EXECUTABLE, "permission denied".to_owned()),
            };
            return Err(NotExecuted::new(code, format!("exec: {name:?}: {reason}: unknown")));
        }
        let path = self.process.variable("PATH").unwrap_or(DEFAULT_PATH);
        let places =
            path.split(':').map(|place| Path::new(if place.is_empty() { "." } else { place }).join(name));
        places.into_iter().find(|place| check(place).is_ok()).ok_or_else(|| {
            let reason = format!("exec: {name:?}: executable file not found in $PATH: unknown");
            NotExecuted::new(NOT_FOUND, reason)
        })
    }
}

fn check(path: &Path) -> Result<(), Errno> {
    let found = std::fs::metadata(path).map_err(|error| {
        if error.kind() == io::ErrorKind::PermissionDenied { Errno::EACCES } else { Errno::ENOENT }
    })?;
    if found.is_dir() {
        return Err(Errno::EISDIR);
    }
    access(path, AccessFlags::X_OK)
}

fn describe(error: Errno) -> String {
    match error {
        Errno::ENOENT => "no such file or directory".to_owned(),
        Errno::ENOEXEC => "exec format error".to_owned(),
        Errno::EACCES => "permission denied".to_owned(),
        other => other.desc().to_owned(),
    }
}

/// What process 1 does under `init`: passes signals on, reaps orphans, and ends as the program did.
fn reap(program: Pid) -> i32 {
    let signals = SigSet::all();
    loop {
        let Ok(signal) = signals.wait() else { continue };
        if signal != Signal::SIGCHLD {
            let _ = send_signal(program.as_raw(), signal as i32);
            continue;
        }
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == program => return code,
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == program => return 128 + signal as i32,
                Ok(WaitStatus::StillAlive) | Err(_) => break,
                Ok(_) => {}
            }
        }
    }
}

/// Lets go of what was inherited from the supervisor: its lock and its files are not process 1's business.
fn close_everything() {
    for descriptor in 0..1024 {
        let _ = nix::unistd::close(descriptor);
    }
}

/// Writes to standard error.
pub fn eprintln_raw(message: &str) {
    // Not `eprintln!`, which panics when the container closed its standard error.
    let _ = nix::unistd::write(io::stderr(), message.as_bytes());
}
