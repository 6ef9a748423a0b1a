//! How a command reaches the server that has a data directory: a socket in the directory, for its owner alone.
//!
//! Whoever may read the directory's root key may as well ask here: no other permission is looked at. A question is one
//! line of JSON, and so is its answer.

use std::fs::{File, Permissions};
use std::io::ErrorKind;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use super::backup::{self, Made, Source};

const NAME: &str = "control.sock";
/// Longer paths do not fit into the address of a socket, with what is around them.
const PATH_BYTES_MAX: usize = 100;

/// What a server is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Question {
    /// Make a backup in this directory, an absolute path.
    Backup(PathBuf),
}

/// What it says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Made(Made),
    Refused(String),
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
    pub fn start(source: Source) -> anyhow::Result<Self> {
        let path = source.data_dir.join(NAME);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let (address, _folder) = address(&path)?;
        let listener = UnixListener::bind(address)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(Self { path, task: tokio::spawn(listen(listener, Arc::new(source))) })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn listen(listener: UnixListener, source: Arc<Source>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let source = Arc::clone(&source);
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, &source).await {
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

async fn serve(stream: UnixStream, source: &Source) -> anyhow::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read).read_line(&mut line).await?;
    let answer = match serde_json::from_str(&line) {
        Ok(Question::Backup(dir)) => match backup::make(source, &dir).await {
            Ok(made) => Answer::Made(made),
            Err(error) => Answer::Refused(format!("{error:#}")),
        },
        Err(error) => Answer::Refused(format!("this server does not understand the question: {error}")),
    };
    write.write_all(format!("{}\n", serde_json::to_string(&answer)?).as_bytes()).await?;
    Ok(())
}

/// Has the server of a data directory make a backup in `dir`; `None` where no server listens.
///
/// # Errors
/// What the server says, and where it ends before it has answered.
pub async fn ask_for_backup(data_dir: &Path, dir: &Path) -> anyhow::Result<Option<Made>> {
    let path = data_dir.join(NAME);
    if !path.exists() {
        return Ok(None);
    }
    let (address, _folder) = address(&path)?;
    let stream = match UnixStream::connect(address).await {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        stream => stream.with_context(|| format!("cannot ask the server at {}", path.display()))?,
    };
    let (read, mut write) = stream.into_split();
    let question = serde_json::to_string(&Question::Backup(std::path::absolute(dir)?))?;
    write.write_all(format!("{question}\n").as_bytes()).await?;
    let mut line = String::new();
    BufReader::new(read).read_line(&mut line).await?;
    match serde_json::from_str(&line) {
        Ok(Answer::Made(made)) => Ok(Some(made)),
        Ok(Answer::Refused(reason)) => Err(anyhow!(reason)),
        Err(_) if line.is_empty() => Err(anyhow!("the server ended before the backup was made")),
        Err(error) => Err(error).context("the server's answer cannot be understood"),
    }
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
