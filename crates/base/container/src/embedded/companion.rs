//! The process that runs one command in a running container, for as long as the driver wants it.
//!
//! It is this program again, re-executed, with a single thread. Its child joins the container: control group and
//! namespaces first, then the user, the capabilities and the filters of the container's own process; from then on it can
//! do what that one can. Neither can be looked into from the container meanwhile. What to run, and what became of it, goes
//! over the socket that is its standard input (`exec`); that the socket closes means that nobody wants the command.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::{set_dumpable, set_no_new_privs};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid, setgroups, setresgid, setresuid, setsid};
use rustix::process::{PidfdFlags, pidfd_open};
use serde_json::Value;

use super::cgroup::Hierarchies;
use super::credentials::{Limit, restrict};
use super::exec::{Report, receive};
use super::executor::{ContainerExecutor, eprintln_raw};
use super::seccomp;
use super::state::{ContainerDirectory, Plan, Standing};
use super::unsafe_calls::split;
use super::user::{self, User};
use crate::exec::{ExecSpec, NOT_EXECUTABLE};

/// What is read of the container's `/etc/passwd` and `/etc/group` at most.
const ACCOUNTS_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// As in Docker, what a terminal is taken for.
const TERMINAL: &str = "xterm";

/// Runs the command that the driver sends, in the container in `directory`.
///
/// # Errors
/// Those of the socket: the driver is gone.
pub fn run(directory: &Path) -> io::Result<()> {
    // Not for the terminal that the server may have: its signals are not meant for the command.
    let _ = setsid();
    SigSet::all().thread_block()?;
    // From here to the program's start, nobody in the container may look into this process, or its child.
    set_dumpable(false)?;
    keep_files_from_programs()?;
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    let (spec, files) = receive(&mut socket)?;
    let signals = SignalFd::with_flags(&SigSet::all(), SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let command = match find(&ContainerDirectory::new(directory.to_owned()), spec) {
        Ok(Some(command)) => command,
        Ok(None) => return tell(&mut socket, &Report::NotRunning),
        Err(reason) => return tell(&mut socket, &Report::Refused(reason)),
    };
    let child = match command.begin(files) {
        Ok(child) => child,
        Err(_) if has_ended(&command.process) => return tell(&mut socket, &Report::NotRunning),
        Err(reason) => return tell(&mut socket, &Report::Refused(reason)),
    };
    let told = tell(&mut socket, &Report::Started);
    let code = look_after(child, &socket, &signals, told.is_ok())?;
    tell(&mut socket, &Report::Exited(code))
}

/// What whoever started the server left open is none of the container's business.
fn keep_files_from_programs() -> io::Result<()> {
    for entry in fs::read_dir("/proc/self/fd")? {
        let number = entry?.file_name().to_str().and_then(|name| name.parse().ok()).unwrap_or_default();
        if number > 2 {
            // The directory's own one is closed when this is over.
            let _ = fcntl(number, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
        }
    }
    Ok(())
}

/// Whether a process has ended: its handle can be read then.
fn has_ended(process: &OwnedFd) -> bool {
    let mut watched = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    poll(&mut watched, PollTimeout::ZERO).is_ok_and(|count| count > 0)
}

fn tell(socket: &mut UnixStream, report: &Report) -> io::Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    socket.write_all(&line)
}

/// Waits for the command to end, and kills it once nobody wants it.
fn look_after(child: Pid, socket: &UnixStream, signals: &SignalFd, wanted: bool) -> io::Result<i32> {
    let mut wanted = wanted;
    loop {
        if !wanted {
            // Its session's first group, and with it what a shell has started.
            let _ = kill(Pid::from_raw(-child.as_raw()), Signal::SIGKILL);
            let _ = kill(child, Signal::SIGKILL);
        }
        match waitpid(child, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(code),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(128 + signal as i32),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut watched = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        if wanted {
            watched.push(PollFd::new(socket.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        // The driver says nothing more: whatever comes is the end.
        wanted &= watched.get(1).is_none_or(|socket| socket.revents().is_none_or(|events| events.is_empty()));
        while let Ok(Some(_)) = signals.read_signal() {}
    }
}

/// A command, and the container that it is to join.
struct Command {
    spec: ExecSpec,
    plan: Plan,
    /// The container's process 1.
    process: OwnedFd,
    /// The control groups that process 1 is in now.
    groups: String,
    hierarchies: Hierarchies,
    capabilities: Vec<String>,
    limits: Vec<Limit>,
}

/// Finds the container's process; `None` where it does not run.
fn find(directory: &ContainerDirectory, spec: ExecSpec) -> Result<Option<Command>, String> {
    let text = |error: io::Error| error.to_string();
    let Standing::Running(started, _supervisor) = directory.standing().map_err(text)? else {
        return Ok(None);
    };
    let Some(pid) = rustix::process::Pid::from_raw(started.pid) else { return Ok(None) };
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return Ok(None) };
    let supervisor = fs::read_to_string(directory.join("supervisor")).map_err(text)?;
    let groups = fs::read_to_string(format!("/proc/{}/cgroup", started.pid)).unwrap_or_default();
    // Its number may be another process's by now: only its supervisor's child is the container.
    if parent(started.pid).is_none_or(|parent| Some(parent) != supervisor.trim().parse().ok()) {
        return Ok(None);
    }
    let configuration = fs::read(directory.join("oci/config.json")).map_err(text)?;
    let configuration: Value = serde_json::from_slice(&configuration).map_err(|error| error.to_string())?;
    let wanted = &configuration["process"];
    let capabilities = serde_json::from_value(wanted["capabilities"]["bounding"].clone());
    let limits = serde_json::from_value(wanted["rlimits"].clone());
    Ok(Some(Command {
        spec,
        plan: directory.plan().map_err(text)?,
        process,
        groups,
        hierarchies: Hierarchies::find().map_err(text)?,
        capabilities: capabilities.map_err(|error| error.to_string())?,
        limits: limits.map_err(|error| error.to_string())?,
    }))
}

/// The process's parent, from `/proc`: what follows the name, which is in parentheses and may contain some.
fn parent(pid: i32) -> Option<i32> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    line.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

impl Command {
    /// Starts the command, and returns when it runs, or its program cannot be executed.
    fn begin(&self, files: [OwnedFd; 3]) -> Result<Pid, String> {
        let text = |error: Errno| error.to_string();
        let pipe =
            || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(|error| error.to_string());
        let (failure, failed) = pipe()?;
        // Nobody writes to it: it breaks when this process is gone.
        let (alive, watched) = pipe()?;
        // Only children go there, so the child is the first that is in the container's process namespace.
        setns(&self.process, CloneFlags::CLONE_NEWPID).map_err(text)?;
        let child = match split().map_err(text)? {
            ForkResult::Child => {
                drop((failure, alive));
                let Err(reason) = self.join(&files, watched);
                let _ = File::from(failed).write_all(reason.as_bytes());
                std::process::exit(1);
            }
            ForkResult::Parent { child } => child,
        };
        drop((failed, files, watched));
        // For as long as we live.
        std::mem::forget(alive);
        let mut reason = String::new();
        File::from(failure).read_to_string(&mut reason).map_err(|error| error.to_string())?;
        if reason.is_empty() {
            return Ok(child);
        }
        let _ = waitpid(child, None);
        Err(reason)
    }

    /// Becomes the command; returns only where the container cannot be joined.
    fn join(&self, files: &[OwnedFd; 3], watched: OwnedFd) -> Result<std::convert::Infallible, String> {
        let text = |error: Errno| error.to_string();
        self.hierarchies
            .join(&self.plan.cgroup, &self.groups)
            .map_err(|error| format!("control group: {error}"))?;
        let mut namespaces = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC;
        namespaces |= CloneFlags::CLONE_NEWUTS;
        if self.hierarchies.unified {
            namespaces |= CloneFlags::CLONE_NEWCGROUP;
        }
        setns(&self.process, namespaces).map_err(|error| format!("namespaces: {error}"))?;
        let wanted = self.spec.user.as_deref().or(self.plan.process.user.as_deref());
        let user = user::resolve(wanted, &accounts("/etc/passwd"), &accounts("/etc/group"))?;
        self.open_files(files, &user)?;
        nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
        let directory = Path::new(&self.plan.process.working_directory);
        let entered = std::env::set_current_dir(directory);
        restrict(&self.limits, &self.capabilities)?;
        setgroups(&user.groups.iter().map(|group| Gid::from_raw(*group)).collect::<Vec<_>>())
            .map_err(text)?;
        let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
        setresgid(gid, gid, gid).map_err(text)?;
        setresuid(uid, uid, uid).map_err(text)?;
        super::credentials::take(&self.capabilities, user.uid == 0)?;
        if let Err(error) = entered {
            // A directory that only its user may enter.
            std::env::set_current_dir(directory).map_err(|_| format!("{}: {error}", directory.display()))?;
        }
        set_no_new_privs().map_err(text)?;
        let executor = ContainerExecutor {
            process: self.process_of(&user),
            filters: seccomp::filters(&self.capabilities)?,
            init: false,
            supervisor: Arc::new(watched),
        };
        let failure = executor.run();
        eprintln_raw(&format!("{}\n", failure.reason));
        std::process::exit(if failure.code == 0 { NOT_EXECUTABLE } else { failure.code });
    }

    /// Makes the files its standard ones, in a session of its own.
    fn open_files(&self, files: &[OwnedFd; 3], user: &User) -> Result<(), String> {
        let text = |error: rustix::io::Errno| error.to_string();
        setsid().map_err(|error| error.to_string())?;
        let [stdin, stdout, stderr] = files;
        for file in files {
            // So that the program may open /dev/stdout or its terminal again.
            rustix::fs::fchown(file, Some(rustix::fs::Uid::from_raw(user.uid)), None).map_err(text)?;
        }
        if self.spec.terminal.is_some() {
            rustix::process::ioctl_tiocsctty(stdin).map_err(text)?;
        }
        rustix::stdio::dup2_stdin(stdin).map_err(text)?;
        rustix::stdio::dup2_stdout(stdout).map_err(text)?;
        rustix::stdio::dup2_stderr(stderr).map_err(text)
    }

    /// The container's process with the command in its place.
    fn process_of(&self, user: &User) -> crate::process::Process {
        let mut process = self.plan.process.clone();
        process.arguments.clone_from(&self.spec.command);
        let mut set = |name: &str, value: &str, replaces: bool| match process
            .environment
            .iter_mut()
            .find(|(known, _)| known == name)
        {
            Some((_, old)) if replaces => value.clone_into(old),
            Some(_) => {}
            None => process.environment.push((name.to_owned(), value.to_owned())),
        };
        if self.spec.terminal.is_some() {
            set("TERM", TERMINAL, false);
        }
        set("HOME", &user.home, false);
        for (name, value) in &self.spec.environment {
            set(name, value, true);
        }
        process
    }
}

/// A file of accounts; a missing or strange one is empty. By now `/` is the container's.
fn accounts(path: &str) -> String {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    let Ok(file) = File::options().read(true).custom_flags(flags).open(path) else { return String::new() };
    let mut bytes = Vec::new();
    // What could be read counts.
    let _ = file.take(ACCOUNTS_BYTES_MAX).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
