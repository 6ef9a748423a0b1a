//! How a command reaches the server that has a data directory: a socket in the directory, for its owner alone.
//!
//! Whoever may read the directory's root key may as well ask here: no other permission is looked at. A question is one
//! line of JSON, and so is its answer; where that opens a session with a container (`sessions`), frames follow.

use std::fs::{File, Permissions};
use std::io::ErrorKind;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use container::Driver;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use super::backup::{self, Made, Source};
use crate::occurrences::{self, Next, NextQuestion};
use crate::operator::Operator;
use crate::sessions::exec::{self, ExecQuestion};
use crate::sessions::logs::{self, LogsQuestion};
use crate::virtual_time::session::{self, ClockQuestion};

const NAME: &str = "control.sock";
/// Longer paths do not fit into the address of a socket, with what is around them.
const PATH_BYTES_MAX: usize = 100;
/// The longest question or answer.
const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a server is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Question {
    /// Make a backup in this directory, an absolute path.
    Backup(PathBuf),
    /// Run a command in a container, and carry its input and output.
    Exec(ExecQuestion),
    /// Send what a container writes.
    Logs(LogsQuestion),
    /// Tell the time, or move the clock and tell what happens.
    Clock(ClockQuestion),
    /// Say when a rule or a schedule is next due.
    Next(NextQuestion),
}

/// What it says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Made(Made),
    Next(Next),
    /// The session is open.
    Open,
    Refused(String),
}

/// What questions are about.
struct Subject {
    source: Source,
    driver: Arc<dyn Driver>,
    clock: session::Subject,
    operator: Operator,
}

/// The server's end. It is gone when this is dropped.
pub struct Control {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Control {
    /// Listens in the data directory of `source`. Whoever has the directory's store is alone here: what lies in the
    /// socket's place is left from a server that is gone.
    ///
    /// # Errors
    /// Where the socket cannot be made.
    pub fn start(
        source: Source,
        driver: Arc<dyn Driver>,
        clock: session::Subject,
        operator: Operator,
    ) -> anyhow::Result<Self> {
        let path = source.data_dir.join(NAME);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let (address, _folder) = address(&path)?;
        let listener = UnixListener::bind(address)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        let subject = Arc::new(Subject { source, driver, clock, operator });
        Ok(Self { path, task: tokio::spawn(listen(listener, subject)) })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn listen(listener: UnixListener, subject: Arc<Subject>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let subject = Arc::clone(&subject);
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, &subject).await {
                        tracing::warn!(%error, "a question could not be answered");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "nobody can ask this server any more");
                return;
            }
        }
    }
}

async fn serve(stream: UnixStream, subject: &Subject) -> anyhow::Result<()> {
    let mut stream = stream;
    let Subject { source, driver, clock, operator } = subject;
    match serde_json::from_str(&read_line(&mut stream).await?) {
        Ok(Question::Backup(dir)) => match backup::make(source, &dir).await {
            Ok(made) => tell(&mut stream, &Answer::Made(made)).await,
            Err(error) => tell(&mut stream, &Answer::Refused(format!("{error:#}"))).await,
        },
        Ok(Question::Exec(question)) => match exec::begin(driver, question).await {
            Ok(command) => {
                tell(&mut stream, &Answer::Open).await?;
                exec::carry(command, stream).await
            }
            Err(reason) => tell(&mut stream, &Answer::Refused(reason)).await,
        },
        Ok(Question::Logs(question)) => match logs::begin(driver, &question).await {
            Ok(name) => {
                tell(&mut stream, &Answer::Open).await?;
                logs::carry(driver, &name, question.follow, stream).await
            }
            Err(reason) => tell(&mut stream, &Answer::Refused(reason)).await,
        },
        Ok(Question::Clock(question)) => {
            tell(&mut stream, &Answer::Open).await?;
            clock.answer(question, stream).await
        }
        Ok(Question::Next(question)) => match occurrences::answer(operator, question).await {
            Ok(next) => tell(&mut stream, &Answer::Next(next)).await,
            Err(reason) => tell(&mut stream, &Answer::Refused(reason)).await,
        },
        Err(error) => {
            let reason = format!("this server does not understand the question: {error}");
            tell(&mut stream, &Answer::Refused(reason)).await
        }
    }
}

async fn tell(stream: &mut UnixStream, answer: &Answer) -> anyhow::Result<()> {
    Ok(stream.write_all(format!("{}\n", serde_json::to_string(answer)?).as_bytes()).await?)
}

/// Reads a line, and nothing of what comes after it, which may be frames. Empty where the other side is gone.
async fn read_line(stream: &mut UnixStream) -> anyhow::Result<String> {
    let mut line = Vec::new();
    loop {
        match stream.read_u8().await {
            Ok(b'\n') => return Ok(String::from_utf8(line)?),
            Ok(byte) if line.len() < LINE_BYTES_MAX => line.push(byte),
            Ok(_) => return Err(anyhow!("the line is too long")),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(String::from_utf8(line)?),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Has the server of a data directory make a backup in `dir`; `None` where no server listens.
///
/// # Errors
/// What the server says, and where it ends before it has answered.
pub async fn ask_for_backup(data_dir: &Path, dir: &Path) -> anyhow::Result<Option<Made>> {
    let Some(stream) = connect(data_dir).await? else { return Ok(None) };
    match ask(stream, &Question::Backup(std::path::absolute(dir)?)).await? {
        (Answer::Made(made), _) => Ok(Some(made)),
        (Answer::Open | Answer::Next(_), _) => Err(another()),
        (Answer::Refused(reason), _) => Err(anyhow!(reason)),
    }
}

/// Has the server run a command in a container, and returns the connection that carries its input and output.
///
/// # Errors
/// What the server says, and where none listens.
pub async fn open_exec(data_dir: &Path, question: ExecQuestion) -> anyhow::Result<UnixStream> {
    open(data_dir, &Question::Exec(question)).await
}

/// Has the server send what a container writes, and returns the connection on which it does.
///
/// # Errors
/// What the server says, and where none listens.
pub async fn open_logs(data_dir: &Path, question: LogsQuestion) -> anyhow::Result<UnixStream> {
    open(data_dir, &Question::Logs(question)).await
}

/// Asks the server about its clock, and returns the connection on which it answers, line by line.
///
/// # Errors
/// What the server says, and where none listens.
pub async fn open_clock(data_dir: &Path, question: ClockQuestion) -> anyhow::Result<UnixStream> {
    open(data_dir, &Question::Clock(question)).await
}

/// Asks the server when a rule or a schedule is next due.
///
/// # Errors
/// What the server says, and where none listens.
pub async fn ask_for_next(data_dir: &Path, question: NextQuestion) -> anyhow::Result<Next> {
    match ask(reach(data_dir).await?, &Question::Next(question)).await? {
        (Answer::Next(next), _) => Ok(next),
        (Answer::Open | Answer::Made(_), _) => Err(another()),
        (Answer::Refused(reason), _) => Err(anyhow!(reason)),
    }
}

fn another() -> anyhow::Error {
    anyhow!("the server's answer is another question's")
}

async fn reach(data_dir: &Path) -> anyhow::Result<UnixStream> {
    connect(data_dir).await?.with_context(|| {
        format!("no server listens in {}: is `runwright serve` running on it?", data_dir.display())
    })
}

async fn open(data_dir: &Path, question: &Question) -> anyhow::Result<UnixStream> {
    let stream = reach(data_dir).await?;
    match ask(stream, question).await? {
        (Answer::Open, stream) => Ok(stream),
        (Answer::Made(_) | Answer::Next(_), _) => Err(another()),
        (Answer::Refused(reason), _) => Err(anyhow!(reason)),
    }
}

async fn connect(data_dir: &Path) -> anyhow::Result<Option<UnixStream>> {
    let path = data_dir.join(NAME);
    if !path.exists() {
        return Ok(None);
    }
    let (address, _folder) = address(&path)?;
    match UnixStream::connect(address).await {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => Ok(None),
        stream => {
            let stream = stream.with_context(|| format!("cannot ask the server at {}", path.display()))?;
            Ok(Some(stream))
        }
    }
}

async fn ask(stream: UnixStream, question: &Question) -> anyhow::Result<(Answer, UnixStream)> {
    let mut stream = stream;
    stream.write_all(format!("{}\n", serde_json::to_string(question)?).as_bytes()).await?;
    let line = read_line(&mut stream).await?;
    if line.is_empty() {
        return Err(anyhow!("the server ended before it had answered"));
    }
    Ok((serde_json::from_str(&line).context("the server's answer cannot be understood")?, stream))
}

/// A path that fits into an address, as long as what comes with it is kept.
fn address(path: &Path) -> anyhow::Result<(PathBuf, Option<File>)> {
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return Ok((path.to_owned(), None));
    }
    let folder = File::open(path.parent().unwrap_or(Path::new(".")))?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    Ok((short.join(NAME), Some(folder)))
}
