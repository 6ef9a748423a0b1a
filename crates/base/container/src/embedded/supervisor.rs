//! The process that looks after one container: it starts it, keeps what it writes, and tells how it ended.
//!
//! It is this program again, re-executed, with a single thread: libcontainer clones without executing, which no
//! process with threads may do. It lives in a session of its own and outlives the server. It listens to two signals:
//! `SIGTERM` sends the container its stop signal, `SIGUSR1` kills it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use libcontainer::container::Container;
use libcontainer::container::builder::ContainerBuilder;
use libcontainer::syscall::syscall::SyscallType;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fchown, setsid};

use super::bundle::{Surroundings, configuration};
use super::cgroup::Hierarchies;
use super::executor::ContainerExecutor;
use super::log::{LOG_BYTES_MAX, LogWriter};
use super::network::namespace;
use super::network::records::{Record, Records};
use super::rootfs::{RootFs, write_network_files};
use super::seccomp;
use super::state::{ContainerDirectory, ExitRecord, Plan, Standing, StartedRecord, now};
use super::unsafe_calls::{send_signal, split};
use super::user;
use crate::driver::LogStream;
use crate::network::NetworkMode;

/// How long another supervisor, or a driver that looks whether there is one, may hold the lock.
const LOCK_ATTEMPTS: u32 = 200;

/// How often, and how long apart, writing down how the container ended is tried.
const EXIT_ATTEMPTS: u32 = 600;
const EXIT_PAUSE: Duration = Duration::from_secs(1);

/// How often a full log is looked at, in milliseconds: has its reader read on?
const READER_PAUSE: u16 = 20;

/// What the supervisor tells the driver that started it, on its standard output.
pub const STARTED: &str = "started";
/// There is a supervisor already, or there was one.
pub const TAKEN: &str = "taken";

/// Supervises the container in `directory` until it has ended.
///
/// # Errors
/// Only what happens before anything can be written down.
pub fn run(directory: &Path) -> io::Result<()> {
    // Fails only for a process that leads a group already, and then it is not the terminal's.
    let _ = setsid();
    SigSet::all().thread_block()?;
    let directory = ContainerDirectory::new(directory.to_owned());
    let Some(_lock) = lock(&directory)? else { return report(TAKEN) };
    directory.write("supervisor", std::process::id().to_string().as_bytes())?;
    match directory.standing()? {
        Standing::Starting(_) if !directory.join("starting").exists() => {}
        _ => return report(TAKEN),
    }
    let plan = directory.plan()?;
    let hierarchies = Hierarchies::find()?;
    let result = start(&plan, &directory, &hierarchies);
    let outcome = match result {
        Ok(running) => running.look_after(&directory, &hierarchies, &plan),
        Err(reason) => {
            directory.write("failed", reason.as_bytes())?;
            report(STARTED)
        }
    };
    // The drivers wait for this process to end: they need not wait for the tidying up. The child holds the lock too.
    match split() {
        Ok(ForkResult::Parent { .. }) => return outcome,
        Ok(ForkResult::Child) | Err(_) => {}
    }
    hierarchies.kill(&plan.cgroup);
    hierarchies.remove(&plan.cgroup)?;
    outcome
}

fn lock(directory: &ContainerDirectory) -> io::Result<Option<OwnedFd>> {
    for _ in 0..LOCK_ATTEMPTS {
        if let Some(lock) = directory.try_lock()? {
            return Ok(Some(lock));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(None)
}

/// Tells the driver. It may be gone: then the next one reads the files.
fn report(word: &str) -> io::Result<()> {
    let mut output = io::stdout();
    let _ = output.write_all(word.as_bytes()).and_then(|()| output.flush());
    let nothing = File::options().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(nothing)?;
    Ok(())
}

/// A started container.
struct Running {
    pid: Pid,
    started_at_millis: i64,
    streams: [(LogStream, Option<File>); 2],
    signals: SignalFd,
    log: LogWriter,
    _supervisor: OwnedFd,
    /// The other end of an input that is left open.
    _silence: Option<OwnedFd>,
}

/// Makes and starts the container. A failure leaves nothing running.
fn start(plan: &Plan, directory: &ContainerDirectory, hierarchies: &Hierarchies) -> Result<Running, String> {
    let text = |error: io::Error| error.to_string();
    set_child_subreaper(true).map_err(|error| error.to_string())?;
    let log =
        File::options().create(true).append(true).mode(0o600).open(directory.join("log")).map_err(text)?;
    let root = RootFs::mount(plan, directory).map_err(|error| format!("overlayfs: {error}"))?;
    let network = network(plan, directory)?;
    write_network_files(plan, directory, network.as_ref().map(|(_, record)| record)).map_err(text)?;
    let (passwd, group) =
        (root.read_text("etc/passwd").map_err(text)?, root.read_text("etc/group").map_err(text)?);
    let user = user::resolve(plan.process.user.as_deref(), &passwd, &group)?;
    root.create_directories(&plan.process.working_directory)
        .map_err(|error| format!("working directory {}: {error}", plan.process.working_directory))?;
    let network_namespace = match network {
        Some((namespace, _)) => Some(namespace),
        None => network_namespace(plan, directory)?,
    };
    let surroundings = Surroundings {
        root: root.path(),
        directory,
        user: &user,
        hierarchies,
        network_namespace: network_namespace.as_deref(),
    };
    let configuration = configuration(plan, &surroundings)?;
    let capabilities = configuration["process"]["capabilities"]["bounding"].clone();
    let capabilities: Vec<String> =
        serde_json::from_value(capabilities).map_err(|error| error.to_string())?;
    let bundle = directory.join("oci");
    // A supervisor that died before the start may have left some of it.
    let _ = std::fs::remove_dir_all(&bundle);
    std::fs::create_dir(&bundle).map_err(text)?;
    std::fs::write(bundle.join("config.json"), configuration.to_string()).map_err(text)?;

    let signals = SignalFd::with_flags(&SigSet::all(), SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .map_err(|e| e.to_string())?;
    let (alive, watched) = pipe().map_err(text)?;
    let (stdout, stdout_end) = pipe().map_err(text)?;
    let (stderr, stderr_end) = pipe().map_err(text)?;
    // So that the program may open /dev/stdout and /dev/stderr again.
    for end in [&stdout_end, &stderr_end] {
        let end = std::os::fd::AsRawFd::as_raw_fd(end);
        fchown(end, Some(user.uid.into()), Some(user.gid.into())).map_err(|error| error.to_string())?;
    }
    let mut process = plan.process.clone();
    if process.variable("HOME").is_none() {
        process.environment.push(("HOME".to_owned(), user.home.clone()));
    }
    let executor = ContainerExecutor {
        process,
        filters: seccomp::filters(&capabilities)?,
        init: plan.spec.init,
        supervisor: Arc::new(watched),
    };
    let (input, silence) = match plan.spec.open_input {
        true => pipe().map(|(input, silence)| (input, Some(silence))).map_err(text)?,
        false => (OwnedFd::from(File::open("/dev/null").map_err(text)?), None),
    };
    let container = ContainerBuilder::new("container".to_owned(), SyscallType::default())
        .with_root_path(bundle.join("state"))
        .map_err(|error| describe(&error))?
        .with_executor(executor)
        .with_stdin(input)
        .with_stdout(stdout_end)
        .with_stderr(stderr_end)
        .as_init(&bundle)
        .with_systemd(false)
        .build();
    let container = container.map_err(|error| describe(&error))?;
    // Whoever runs out of memory, it should not be the one that reports it. Not everyone may say so. Said before, it would
    // go for the container too.
    let _ = std::fs::write("/proc/self/oom_score_adj", "-900");
    let running = Running {
        pid: container.pid().ok_or("the container has no process")?,
        started_at_millis: 0,
        streams: [(LogStream::Stdout, Some(stdout.into())), (LogStream::Stderr, Some(stderr.into()))],
        signals,
        log: LogWriter::new(log, LOG_BYTES_MAX, plan.spec.log_buffer, directory.join("freed")),
        _supervisor: alive,
        _silence: silence,
    };
    running.begin(container, directory)
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?)
}

/// The provided network that this container joins: its namespace, and what is known about it.
fn network(plan: &Plan, directory: &ContainerDirectory) -> Result<Option<(PathBuf, Record)>, String> {
    let NetworkMode::Network(name) = &plan.spec.network else { return Ok(None) };
    let data = directory.path().parent().and_then(Path::parent).unwrap_or(Path::new("/"));
    let records = Records::of(data);
    let (file, record) = (records.namespace(name), records.read(name));
    match record.map_err(|error| error.to_string())? {
        Some(record) if namespace::is_kept(&file) => Ok(Some((file, record))),
        _ => Err(format!("network {name} not found")),
    }
}

/// The network namespace of the container whose network this one shares.
fn network_namespace(plan: &Plan, directory: &ContainerDirectory) -> Result<Option<PathBuf>, String> {
    let NetworkMode::Container(name) = &plan.spec.network else { return Ok(None) };
    let other = directory.path().parent().map(|containers| ContainerDirectory::new(containers.join(name)));
    match other.map(|other| other.standing()) {
        Some(Ok(Standing::Running(started, _))) => {
            Ok(Some(PathBuf::from(format!("/proc/{}/ns/net", started.pid))))
        }
        _ => Err(format!("cannot join network of a non running container: {name}")),
    }
}

/// The innermost cause: the outer ones only say which of libcontainer's processes failed.
fn describe(error: &dyn std::error::Error) -> String {
    let mut chain = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(inner) = cause {
        chain.push(inner.to_string());
        cause = inner.source();
    }
    let last = chain.pop().unwrap_or_default();
    match last.find("exec: \"") {
        Some(start) => last.get(start..).unwrap_or_default().to_owned(),
        None => last,
    }
}

impl Running {
    /// Writes down that the process is about to begin, and lets it.
    fn begin(mut self, mut container: Container, directory: &ContainerDirectory) -> Result<Self, String> {
        let begun = directory.mark_starting().map_err(|error| error.to_string());
        let begun = begun.and_then(|()| container.start().map_err(|error| describe(&error)));
        if let Err(reason) = begun {
            let _ = send_signal(self.pid.as_raw(), Signal::SIGKILL as i32);
            let _ = waitpid(self.pid, None);
            return Err(reason);
        }
        self.started_at_millis = now().as_millis();
        Ok(self)
    }

    fn look_after(
        mut self,
        directory: &ContainerDirectory,
        hierarchies: &Hierarchies,
        plan: &Plan,
    ) -> io::Result<()> {
        let started = StartedRecord { pid: self.pid.as_raw(), started_at_millis: self.started_at_millis };
        directory.write_json("started.json", &started)?;
        report(STARTED)?;
        let code = loop {
            if self.log.is_full() {
                // What the container writes waits in its pipes, and then the container does.
                self.wait_for_signals(READER_PAUSE.into())?;
            } else {
                self.wait_for_something()?;
                self.read_streams()?;
            }
            self.obey(plan);
            if let Some(code) = self.reap() {
                break code;
            }
        };
        let finished_at_millis = now().as_millis();
        // Everything in the process namespace is dead: what is in the pipes now is all there is.
        while self.read_streams()? {}
        self.log.finish(now());
        let exit = ExitRecord {
            code,
            oom_killed: hierarchies.oom_kills(&plan.cgroup) > 0,
            started_at_millis: self.started_at_millis,
            finished_at_millis,
        };
        // A disk that is full for a while is no reason to lose how it ended; that somebody removed the directory is one.
        let mut attempts = 0;
        loop {
            match directory.write_json("exit.json", &exit) {
                Err(error) if error.kind() != io::ErrorKind::NotFound && attempts < EXIT_ATTEMPTS => {
                    attempts += 1;
                    std::thread::sleep(EXIT_PAUSE);
                }
                result => return result,
            }
        }
    }

    fn wait_for_something(&self) -> io::Result<()> {
        let mut watched = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        let open = self.streams.iter().filter_map(|(_, file)| file.as_ref());
        watched.extend(open.map(|file| PollFd::new(file.as_fd(), PollFlags::POLLIN)));
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for a signal, but not for long.
    fn wait_for_signals(&self, time: PollTimeout) -> io::Result<()> {
        match poll(&mut [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)], time) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves what is there from the pipes to the log; `false` when nothing was.
    fn read_streams(&mut self) -> io::Result<bool> {
        let mut any = false;
        let mut buffer = [0; 64 * 1024];
        for (stream, file) in &mut self.streams {
            let Some(open) = file else { continue };
            let mut watched = [PollFd::new(open.as_fd(), PollFlags::POLLIN)];
            if poll(&mut watched, PollTimeout::ZERO)? == 0 {
                continue;
            }
            let count = io::Read::read(open, &mut buffer)?;
            if count == 0 {
                *file = None;
                continue;
            }
            any = true;
            self.log.take(*stream, buffer.get(..count).unwrap_or_default(), now());
        }
        Ok(any)
    }

    /// Does what the driver asked for by a signal.
    fn obey(&mut self, plan: &Plan) {
        while let Ok(Some(received)) = self.signals.read_signal() {
            let number = match i32::try_from(received.ssi_signo) {
                Ok(number) if number == Signal::SIGTERM as i32 => plan.process.stop_signal.number(),
                Ok(number) if number == Signal::SIGUSR1 as i32 => Signal::SIGKILL as i32,
                _ => continue,
            };
            // It has not been waited for, so the number is still its own.
            let _ = send_signal(self.pid.as_raw(), number);
        }
    }

    /// How the container ended, if it did.
    fn reap(&self) -> Option<i32> {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == self.pid => return Some(code),
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == self.pid => {
                    return Some(128 + signal as i32);
                }
                Ok(WaitStatus::StillAlive) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}
