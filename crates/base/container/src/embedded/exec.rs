//! The driver's half of a command in a container: pipes or a terminal, a companion process, and what comes of it.
//!
//! The companion (`companion`) is this program again, because joining a container takes a process without threads. It
//! is told what to run, and tells what became of it, over a socket; when the socket closes, because the command is not
//! wanted any more or because we are gone, it kills the command.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream::{self, BoxStream, StreamExt};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde::{Deserialize, Serialize};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncBufReadExt, AsyncWrite, BufReader};
use tokio::net::unix::pipe::Sender;
use tokio::sync::watch;

use super::COMPANION_ARGUMENT;
use super::state::{ContainerDirectory, Standing};
use super::unsafe_calls;
use crate::driver::{DriverError, LogStream};
use crate::exec::{Exec, ExecSpec, Keys, TerminalSize};

/// The file system of pseudo terminals.
const DEVPTS_MAGIC: u64 = 0x1cd1;
/// The device number of `/dev/ptmx`.
const PTMX: (u32, u32) = (5, 2);
const READ_BYTES: usize = 32 * 1024;

/// What the companion says, a line of JSON each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// The command runs, or its program cannot be executed and its output says so.
    Started,
    /// The container has ended.
    NotRunning,
    /// The command cannot be run.
    Refused(String),
    /// The command has ended, with this code.
    Exited(i32),
}

/// Runs a command in the container in `directory`, by a companion that is the program `executable`.
pub async fn exec(
    executable: &Path,
    directory: &ContainerDirectory,
    name: &str,
    spec: ExecSpec,
) -> Result<Exec, DriverError> {
    spec.validate()?;
    let pid = match directory.standing().map_err(|error| broken(&error))? {
        Standing::Running(started, _) => started.pid,
        Standing::Unknown => return Err(DriverError::Lost(name.to_owned())),
        _ => return Err(DriverError::NotRunning(name.to_owned())),
    };
    let ends = match spec.terminal {
        // The container may have ended since: then its terminals are gone, and the companion says so.
        Some(size) => match Ends::terminal(pid, size) {
            Err(_) if !runs(directory) => return Err(DriverError::NotRunning(name.to_owned())),
            ends => ends,
        },
        None => Ends::pipes(),
    };
    let Ends { ours, theirs } = ends.map_err(|error| broken(&error))?;
    let socket = start(executable, directory, &spec, &theirs).map_err(|error| broken(&error))?;
    drop(theirs);
    let mut reports = BufReader::new(socket);
    match next(&mut reports).await {
        Some(Report::Started) => ours.into_exec(reports).map_err(|error| broken(&error)),
        Some(Report::NotRunning) => Err(DriverError::NotRunning(name.to_owned())),
        Some(Report::Refused(reason)) => Err(DriverError::CannotExec(reason)),
        Some(Report::Exited(_)) | None => Err(gone()),
    }
}

fn runs(directory: &ContainerDirectory) -> bool {
    matches!(directory.standing(), Ok(Standing::Running(..)))
}

/// Starts the companion, and tells it what to run on which files.
fn start(
    executable: &Path,
    directory: &ContainerDirectory,
    spec: &ExecSpec,
    files: &[OwnedFd; 3],
) -> io::Result<tokio::net::UnixStream> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut child = tokio::process::Command::new(executable)
        .arg(COMPANION_ARGUMENT)
        .arg(directory.path())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    // It ends by itself once we have let go of the socket; as long as we live, somebody has to wait for it.
    tokio::spawn(async move { child.wait().await });
    send(&mut ours, spec, files)?;
    ours.set_nonblocking(true)?;
    tokio::net::UnixStream::from_std(ours)
}

/// Sends the files, with the length of the specification, and then the specification.
fn send(socket: &mut UnixStream, spec: &ExecSpec, files: &[OwnedFd; 3]) -> io::Result<()> {
    let text = serde_json::to_vec(spec)?;
    let length = u32::try_from(text.len()).map_err(io::Error::other)?.to_le_bytes();
    let files = files.each_ref().map(AsFd::as_fd);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&files));
    rustix::net::sendmsg(&*socket, &[IoSlice::new(&length)], &mut control, SendFlags::NOSIGNAL)?;
    socket.write_all(&text)
}

async fn next(reports: &mut BufReader<tokio::net::UnixStream>) -> Option<Report> {
    let mut line = String::new();
    reports.read_line(&mut line).await.ok()?;
    serde_json::from_str(&line).ok()
}

fn gone() -> DriverError {
    DriverError::Unavailable("the process that runs the command is gone".to_owned())
}

fn broken(error: &io::Error) -> DriverError {
    DriverError::Unavailable(error.to_string())
}

/// Both ends of what the command reads and writes.
struct Ends {
    ours: OurEnds,
    theirs: [OwnedFd; 3],
}

enum OurEnds {
    Pipes { input: OwnedFd, stdout: OwnedFd, stderr: OwnedFd },
    Terminal(OwnedFd),
}

impl Ends {
    fn pipes() -> io::Result<Self> {
        let pipe = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC);
        let ((stdin, input), (stdout, output), (stderr, errors)) = (pipe()?, pipe()?, pipe()?);
        Ok(Self { ours: OurEnds::Pipes { input, stdout, stderr }, theirs: [stdin, output, errors] })
    }

    /// A terminal of the container, so that its programs find it under their `/dev/pts`.
    ///
    /// The container may have put anything in that place: the kernel resolves the path in its root, and what is opened
    /// must be a file system's of terminals.
    fn terminal(pid: i32, size: TerminalSize) -> io::Result<Self> {
        let root = File::open(format!("/proc/{pid}/root"))?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
        let terminal = openat2(&root, "dev/pts/ptmx", flags, Mode::empty(), resolve)?;
        let (kind, place) = (rustix::fs::fstat(&terminal)?, rustix::fs::fstatfs(&terminal)?);
        let device = (rustix::fs::major(kind.st_rdev), rustix::fs::minor(kind.st_rdev));
        if device != PTMX || u64::try_from(place.f_type).ok() != Some(DEVPTS_MAGIC) {
            return Err(io::Error::other("the container's /dev/pts/ptmx is no multiplexer of terminals"));
        }
        unlockpt(&terminal)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let theirs = ioctl_tiocgptpeer(&terminal, flags)?;
        tcsetwinsize(&terminal, winsize(size))?;
        let theirs = [theirs.try_clone()?, theirs.try_clone()?, theirs];
        Ok(Self { ours: OurEnds::Terminal(terminal), theirs })
    }
}

fn winsize(size: TerminalSize) -> Winsize {
    Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 }
}

impl OurEnds {
    fn into_exec(self, mut reports: BufReader<tokio::net::UnixStream>) -> io::Result<Exec> {
        let (over, seen) = watch::channel(false);
        let exit = async move {
            let report = next(&mut reports).await;
            // What lies in the pipes now is all that the command wrote.
            over.send_replace(true);
            match report {
                Some(Report::Exited(code)) => Ok(code),
                _ => Err(gone()),
            }
        };
        let exit = Box::pin(exit);
        Ok(match self {
            Self::Pipes { input, stdout, stderr } => Exec {
                input: Box::new(Input(Some(Sender::from_owned_fd(input)?))),
                output: output(vec![(LogStream::Stdout, stdout), (LogStream::Stderr, stderr)], seen)?,
                exit,
                resize: Box::new(|_| Box::pin(async { Ok(()) })),
            },
            Self::Terminal(terminal) => {
                let (input, shown) = (terminal.try_clone()?, Arc::new(terminal.try_clone()?));
                let resize = move |size| {
                    let resized = tcsetwinsize(&*shown, winsize(size));
                    let resized = resized.map_err(|error| DriverError::Unavailable(error.to_string()));
                    Box::pin(async { resized }) as crate::driver::BoxFuture<'static, _>
                };
                Exec {
                    input: Box::new(Keys(Sender::from_owned_fd_unchecked(input)?)),
                    output: output(vec![(LogStream::Stdout, terminal)], seen)?,
                    exit,
                    resize: Box::new(resize),
                }
            }
        })
    }
}

/// A pipe to the command, closed by `shutdown`.
struct Input(Option<Sender>);

impl AsyncWrite for Input {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Some(pipe) => Pin::new(pipe).poll_write(cx, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0 = None;
        Poll::Ready(Ok(()))
    }
}

/// What the command writes.
struct Output {
    open: Vec<(LogStream, AsyncFd<OwnedFd>)>,
    over: watch::Receiver<bool>,
}

fn output(
    files: Vec<(LogStream, OwnedFd)>,
    over: watch::Receiver<bool>,
) -> io::Result<BoxStream<'static, (LogStream, Vec<u8>)>> {
    let mut open = Vec::new();
    for (stream, file) in files {
        rustix::io::ioctl_fionbio(&file, true)?;
        open.push((stream, unsafe_calls::watch(file)?));
    }
    let output = Output { open, over };
    Ok(stream::unfold(output, |mut output| async move { Some((output.next().await?, output)) }).boxed())
}

impl Output {
    async fn next(&mut self) -> Option<(LogStream, Vec<u8>)> {
        loop {
            let (place, read) = match self.open.as_slice() {
                [] => return None,
                [(_, one)] => tokio::select! {
                    read = read(one) => (0, read),
                    () = told(&mut self.over) => return self.left(),
                },
                [(_, one), (_, other), ..] => tokio::select! {
                    read = read(one) => (0, read),
                    read = read(other) => (1, read),
                    () = told(&mut self.over) => return self.left(),
                },
            };
            if let Some(piece) = self.take(place, read) {
                return Some(piece);
            }
        }
    }

    /// What can be read without waiting: others may hold the files open for as long as they like.
    fn left(&mut self) -> Option<(LogStream, Vec<u8>)> {
        while let Some((_, file)) = self.open.first() {
            let read = read_now(file.get_ref().as_fd());
            if let Some(piece) = self.take(0, read) {
                return Some(piece);
            }
        }
        None
    }

    /// The piece that was read, or `None` where there is none and the file is done with.
    fn take(&mut self, place: usize, read: io::Result<Vec<u8>>) -> Option<(LogStream, Vec<u8>)> {
        match read {
            Ok(bytes) if !bytes.is_empty() => self.open.get(place).map(|(stream, _)| (*stream, bytes)),
            // A terminal that nobody has open any more answers with an error.
            Ok(_) | Err(_) => {
                self.open.remove(place);
                None
            }
        }
    }
}

async fn told(over: &mut watch::Receiver<bool>) {
    // One who is not there to tell any more has nothing more to tell.
    let _ = over.wait_for(|over| *over).await;
}

async fn read(file: &AsyncFd<OwnedFd>) -> io::Result<Vec<u8>> {
    loop {
        let mut ready = file.readable().await?;
        if let Ok(read) = ready.try_io(|file| read_now(file.get_ref().as_fd())) {
            return read;
        }
    }
}

fn read_now(file: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match rustix::io::read(file, &mut buffer[..]) {
            Ok(count) => {
                buffer.truncate(count);
                return Ok(buffer);
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Receives what [`send`] sends: the companion's half.
///
/// # Errors
/// Where the driver is gone, or is not one.
pub fn receive(socket: &mut UnixStream) -> io::Result<(ExecSpec, [OwnedFd; 3])> {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    let mut length = [0; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [io::IoSliceMut::new(&mut length)];
    let received = recvmsg(&*socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut files = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            files.extend(rights);
        }
    }
    if received.bytes != length.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut text = vec![0; u32::from_le_bytes(length) as usize];
    socket.read_exact(&mut text)?;
    let files = <[OwnedFd; 3]>::try_from(files).map_err(|_| io::Error::other("three files are wanted"))?;
    Ok((serde_json::from_slice(&text)?, files))
}
