//! Commands in containers, through the engine's exec API.
//!
//! The API cannot end a command. It tells the command's process ID, though, and where that is a process of this machine
//! and of the container, we kill it; in a virtual machine or on another one, a command that nobody wants any more runs to
//! its end.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::exec::{ResizeExecOptions, StartExecOptions, StartExecResults};
use bollard::models::{ExecConfig, ExecInspectResponse};
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use tokio::sync::{Notify, watch};

use super::failure::{broken, message, status};
use crate::driver::{BoxFuture, DriverError, LogStream};
use crate::exec::{Exec, ExecSpec, Keys, TerminalSize};

/// How often the engine is asked whether the command has ended.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(200);
/// How long output that is still on its way may be silent once the command has ended.
const SILENCE_MAX: Duration = Duration::from_millis(500);
const OUTPUT_BYTES: usize = 32 * 1024;

/// Runs a command in the container called `name`, which is ours.
pub async fn exec(docker: &Docker, name: &str, spec: ExecSpec) -> Result<Exec, DriverError> {
    let refused = |error: Error| match status(&error) {
        Some(404) => DriverError::Lost(name.to_owned()),
        // Ended, or paused by somebody.
        Some(409) => DriverError::NotRunning(name.to_owned()),
        Some(400 | 500) => DriverError::CannotExec(message(&error)),
        _ => broken(&error),
    };
    let terminal = spec.terminal;
    let id = docker.create_exec(name, request(spec)).await.map_err(refused)?.id;
    let command = Command { docker: docker.clone(), id: Arc::from(id) };
    let options = StartExecOptions {
        tty: terminal.is_some(),
        output_capacity: Some(OUTPUT_BYTES),
        ..StartExecOptions::default()
    };
    let started = docker.start_exec(&command.id, Some(options)).await.map_err(refused)?;
    let guard = Guard(Some(command.clone()));
    let StartExecResults::Attached { output, input } = started else {
        return Err(DriverError::Unavailable("the engine does not show what the command writes".to_owned()));
    };
    if let Some(size) = terminal {
        command.resize(size).await?;
    }
    let (silent, over) = (Arc::new(Notify::new()), watch::Sender::new(false));
    let output = Output { pieces: output, over: over.subscribe(), silent: Arc::clone(&silent) };
    let resized = command.clone();
    Ok(Exec {
        // At the end of a terminal's input the engine would end the output too.
        input: if terminal.is_some() { Box::new(Keys(input)) } else { Box::new(input) },
        output: output.into_stream(),
        exit: Box::pin(async move {
            let code = command.exit(&silent).await;
            guard.disarm();
            over.send_replace(true);
            code
        }),
        resize: Box::new(move |size| -> BoxFuture<'static, Result<(), DriverError>> {
            let resized = resized.clone();
            let wanted = terminal.is_some();
            Box::pin(async move { if wanted { resized.resize(size).await } else { Ok(()) } })
        }),
    })
}

fn request(spec: ExecSpec) -> ExecConfig {
    let mut environment: Vec<String> =
        spec.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if spec.terminal.is_some() && !spec.environment.iter().any(|(name, _)| name == "TERM") {
        environment.push("TERM=xterm".to_owned());
    }
    ExecConfig {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(spec.terminal.is_some()),
        // Engines before version 23 learn it when the command has begun.
        console_size: spec.terminal.map(|size| vec![size.rows.into(), size.columns.into()]),
        cmd: Some(spec.command),
        env: Some(environment),
        user: spec.user,
        ..ExecConfig::default()
    }
}

#[derive(Clone)]
struct Command {
    docker: Docker,
    id: Arc<str>,
}

impl Command {
    /// Waits until the command has ended. `silent` is told when it may have.
    async fn exit(&self, silent: &Notify) -> Result<i32, DriverError> {
        let mut pause = PAUSE_MIN;
        loop {
            let found = self.inspect().await?;
            if let (Some(false), Some(code)) = (found.running, found.exit_code) {
                return i32::try_from(code).map_err(|error| DriverError::Unavailable(error.to_string()));
            }
            if tokio::time::timeout(pause, silent.notified()).await.is_ok() {
                // The engine closes what the command wrote to before it notes how the command ended.
                pause = PAUSE_MIN;
                tokio::time::sleep(pause).await;
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn inspect(&self) -> Result<ExecInspectResponse, DriverError> {
        self.docker.inspect_exec(&self.id).await.map_err(|error| match status(&error) {
            // The engine forgets commands with their container.
            Some(404) => {
                DriverError::Unavailable("the container is gone, and the command with it".to_owned())
            }
            _ => broken(&error),
        })
    }

    async fn resize(&self, size: TerminalSize) -> Result<(), DriverError> {
        let size = ResizeExecOptions { height: size.rows, width: size.columns };
        match self.docker.resize_exec(&self.id, size).await {
            // It has ended, or its terminal is not there yet: the size is a wish.
            Err(error) if status(&error).is_some() => Ok(()),
            resized => resized.map_err(|error| broken(&error)),
        }
    }

    async fn kill(self) {
        let Ok(found) = self.inspect().await else { return };
        let (Some(true), Some(pid), Some(container)) = (found.running, found.pid, found.container_id) else {
            return;
        };
        let killed = i32::try_from(pid).is_ok_and(|pid| process::kill(pid, &container));
        if !killed {
            tracing::warn!(pid, container, "a command that nobody wants any more cannot be ended from here");
        }
    }
}

/// Kills the command when dropped, unless it has ended.
struct Guard(Option<Command>);

impl Guard {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let (Some(command), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(command.kill());
        }
    }
}

/// What the command writes.
struct Output {
    pieces: Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>,
    /// Whether the command has ended.
    over: watch::Receiver<bool>,
    /// Told when nothing is written any more.
    silent: Arc<Notify>,
}

impl Output {
    fn into_stream(self) -> BoxStream<'static, (LogStream, Vec<u8>)> {
        stream::unfold(self, |mut output| async move { Some((output.next().await?, output)) }).boxed()
    }

    async fn next(&mut self) -> Option<(LogStream, Vec<u8>)> {
        let piece = tokio::select! {
            biased;
            piece = self.pieces.next() => piece,
            () = told(&mut self.over) => {
                // Others may keep the command's output open for as long as they like.
                tokio::time::timeout(SILENCE_MAX, self.pieces.next()).await.ok().flatten()
            }
        };
        match piece {
            Some(Ok(piece)) => {
                let stream = match piece {
                    LogOutput::StdErr { .. } => LogStream::Stderr,
                    _ => LogStream::Stdout,
                };
                Some((stream, piece.into_bytes().to_vec()))
            }
            Some(Err(_)) | None => {
                self.silent.notify_one();
                None
            }
        }
    }
}

async fn told(over: &mut watch::Receiver<bool>) {
    // One who is not there to tell any more has nothing more to tell.
    let _ = over.wait_for(|over| *over).await;
}

#[cfg(target_os = "linux")]
mod process {
    use std::fs;

    use rustix::process::{
        Pid, PidfdFlags, Signal, getpgid, kill_process_group, pidfd_open, pidfd_send_signal,
    };

    /// Kills a process, and the group that it leads, if it is one of the container's on this machine.
    pub fn kill(pid: i32, container: &str) -> bool {
        let Some(pid) = Pid::from_raw(pid) else { return false };
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
        // The engine may be in another machine, where the number is another process's.
        let groups = fs::read_to_string(format!("/proc/{}/cgroup", pid.as_raw_nonzero()));
        if container.is_empty() || !groups.is_ok_and(|groups| groups.contains(container)) {
            return false;
        }
        if getpgid(Some(pid)) == Ok(pid) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        pidfd_send_signal(&process, Signal::KILL).is_ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod process {
    /// Engines run in virtual machines here: their processes are out of reach.
    pub fn kill(_: i32, _: &str) -> bool {
        false
    }
}
