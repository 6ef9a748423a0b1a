//! `runwright ecs exec`: a command in a running container, as if it ran here.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use container::ExecSpec;
use tokio::io::AsyncWrite;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::terminal::{self, Raw};
use super::{Server, task};
use crate::sessions::ContainerOfTask;
use crate::sessions::exec::ExecQuestion;
use crate::sessions::frame::Frame;
use crate::upkeep::control;

/// The exit code where the command was not run, or nobody knows how it ended.
const NOT_RUN: u8 = 125;
const INPUT_BYTES: usize = 32 * 1024;
/// Pieces of input that wait to be sent.
const PIECES_WAITING: usize = 4;

/// What `runwright ecs exec` is told.
#[derive(Args, Debug)]
pub struct ExecArgs {
    /// The task: its ARN, its id, or the beginning of its id.
    task: String,

    /// The container [default: the task's only one].
    #[arg(long, short = 'c', value_name = "NAME")]
    container: Option<String>,

    /// The task's cluster, by its name or ARN [default: any].
    #[arg(long, value_name = "CLUSTER")]
    cluster: Option<String>,

    /// Pass standard input on to the command.
    #[arg(long, short = 'i')]
    interactive: bool,

    /// Give the command a terminal: this one.
    #[arg(long, short = 't')]
    tty: bool,

    /// Run as this user, `USER`, `USER:GROUP`, `UID` or `UID:GID` [default: the container's].
    #[arg(long, short = 'u', value_name = "USER")]
    user: Option<String>,

    /// Set a variable for the command. May be given several times.
    #[arg(long, short = 'e', value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,

    /// The program and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not NAME=VALUE")),
    }
}

/// Runs the command, and exits as it does.
///
/// # Errors
/// None that is not printed: what keeps the command from running has an exit code of its own.
pub async fn run(
    server: impl FnOnce() -> anyhow::Result<Server>,
    args: ExecArgs,
) -> anyhow::Result<ExitCode> {
    let ended = async { converse(&server()?, args).await }.await;
    match ended {
        Ok(code) => Ok(ExitCode::from(code)),
        Err(error) => {
            eprintln!("runwright: {error:#}");
            Ok(ExitCode::from(NOT_RUN))
        }
    }
}

async fn converse(server: &Server, args: ExecArgs) -> anyhow::Result<u8> {
    if args.tty && !terminal::is_there() {
        bail!("standard input is not a terminal: leave --tty out");
    }
    let found = task::find(&server.client, args.cluster.as_deref(), &args.task).await?;
    let container = task::choose(&found, args.container.as_deref())?.to_owned();
    let question = ExecQuestion {
        container: ContainerOfTask {
            task: found["taskArn"].as_str().unwrap_or_default().to_owned(),
            container,
        },
        spec: ExecSpec {
            command: args.command,
            environment: args.env,
            terminal: args.tty.then(terminal::size),
            user: args.user,
        },
    };
    let stream = control::open_exec(&server.config.data_dir, question).await?;
    let (mut read, mut write) = stream.into_split();
    // From here on the terminal is the command's; it is given back however this ends.
    let _raw = if args.tty && args.interactive { Some(Raw::begin()?) } else { None };
    let mut ended = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    let speaking = async {
        // A server that takes no more input still says how the command ended.
        let _ = speak(&mut write, args.interactive, args.tty).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        code = listen(&mut read) => code,
        () = speaking => bail!("the input ended without an end"),
        // The connection closes with this process, and the server kills the command.
        _ = ended.recv() => Ok(128 + 15),
        _ = hung_up.recv() => Ok(128 + 1),
    }
}

/// Prints what the command writes, and returns its exit code.
async fn listen(read: &mut (impl tokio::io::AsyncRead + Unpin)) -> anyhow::Result<u8> {
    loop {
        match Frame::read(read).await? {
            Some(Frame::Stdout(bytes)) => write_now(std::io::stdout().lock(), &bytes)?,
            Some(Frame::Stderr(bytes)) => write_now(std::io::stderr().lock(), &bytes)?,
            // Codes are of one byte, on this side and on that.
            Some(Frame::Ended(code)) => return Ok(u8::try_from(code & 0xff).unwrap_or(NOT_RUN)),
            Some(Frame::Failed(reason)) => bail!(reason),
            Some(Frame::Input(_) | Frame::EndOfInput | Frame::Resize(_)) => {
                bail!("the server cannot be understood")
            }
            None => bail!("the server ended, and the command with it"),
        }
    }
}

fn write_now(mut to: impl std::io::Write, bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}

/// Sends the input, and the terminal's size when it changes.
async fn speak(write: &mut (impl AsyncWrite + Unpin), interactive: bool, tty: bool) -> anyhow::Result<()> {
    let mut pieces = if interactive { Some(read_input()) } else { None };
    if !interactive {
        Frame::EndOfInput.write(write).await?;
    }
    let mut resized = signal(SignalKind::window_change())?;
    loop {
        let next = async {
            match &mut pieces {
                Some(pieces) => pieces.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            piece = next => match piece {
                Some(bytes) => Frame::Input(bytes).write(write).await?,
                None => {
                    pieces = None;
                    Frame::EndOfInput.write(write).await?;
                }
            },
            _ = resized.recv(), if tty => Frame::Resize(terminal::size()).write(write).await?,
        }
    }
}

/// Reads standard input on a thread of its own: one that waits for a key must not keep this program from ending.
fn read_input() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    std::thread::spawn(move || {
        let mut buffer = vec![0; INPUT_BYTES];
        let mut input = std::io::stdin().lock();
        while let Ok(count @ 1..) = input.read(&mut buffer) {
            let piece = buffer.get(..count).unwrap_or_default().to_vec();
            if sender.blocking_send(piece).is_err() {
                return;
            }
        }
    });
    receiver
}
