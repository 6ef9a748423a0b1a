//! The server's half of `runwright ecs exec`: a command in a container, for as long as the person is there.

use std::sync::Arc;
use std::time::Duration;

use container::{Driver, DriverError, Exec, ExecSpec, LogStream};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, Interest};
use tokio::net::UnixStream;

use super::ContainerOfTask;
use super::frame::Frame;

/// How soon it is noticed that the person has gone, where nothing is said or heard.
const PRESENCE_PAUSE: Duration = Duration::from_millis(500);

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExecQuestion {
    /// Where to run it.
    pub container: ContainerOfTask,
    /// What to run.
    pub spec: ExecSpec,
}

/// Starts the command.
///
/// # Errors
/// A sentence for the person.
pub async fn begin(driver: &Arc<dyn Driver>, question: ExecQuestion) -> Result<Exec, String> {
    let found = question.container.find(driver).await?;
    driver.exec(&found.name, question.spec).await.map_err(|error| match error {
        DriverError::Lost(_) | DriverError::NotRunning(_) => {
            format!("container {} does not run", question.container.container)
        }
        other => other.to_string(),
    })
}

/// Carries input and output until the command ends. Where the person goes before, the command is killed.
///
/// # Errors
/// Those of the connection.
pub async fn carry(exec: Exec, stream: UnixStream) -> anyhow::Result<()> {
    let stream = stream.into_std()?;
    let presence = UnixStream::from_std(stream.try_clone()?)?;
    let (mut read, mut write) = UnixStream::from_std(stream)?.into_split();
    let Exec { input, output, exit, resize } = exec;
    let feeding = async {
        // A person who cannot be understood is as good as one who has gone.
        let _ = feed(&mut read, input, &resize).await;
        gone(&presence).await;
    };
    let showing = async { tokio::join!(show(output, &mut write), exit) };
    let (shown, code) = tokio::select! {
        ended = showing => ended,
        () = feeding => return Ok(()),
        () = gone(&presence) => return Ok(()),
    };
    shown?;
    let last = match code {
        Ok(code) => Frame::Ended(code),
        Err(error) => Frame::Failed(error.to_string()),
    };
    Ok(last.write(&mut write).await?)
}

async fn feed(
    read: &mut (impl AsyncRead + Unpin),
    input: Box<dyn AsyncWrite + Send + Unpin>,
    resize: &container::exec::Resize,
) -> std::io::Result<()> {
    let mut input = input;
    while let Some(frame) = Frame::read(read).await? {
        match frame {
            // The command may have closed its input, and go on.
            Frame::Input(bytes) => drop(input.write_all(&bytes).await),
            Frame::EndOfInput => drop(input.shutdown().await),
            Frame::Resize(size) => drop(resize(size).await),
            _ => return Err(std::io::ErrorKind::InvalidData.into()),
        }
    }
    Ok(())
}

async fn show(
    output: BoxStream<'static, (LogStream, Vec<u8>)>,
    write: &mut (impl AsyncWrite + Unpin),
) -> std::io::Result<()> {
    let mut output = output;
    while let Some((stream, bytes)) = output.next().await {
        let frame = match stream {
            LogStream::Stdout => Frame::Stdout(bytes),
            LogStream::Stderr => Frame::Stderr(bytes),
        };
        frame.write(write).await?;
    }
    Ok(())
}

/// Waits until the person has gone, also while a command that does not read its input keeps us from hearing.
pub async fn gone(presence: &UnixStream) {
    loop {
        tokio::time::sleep(PRESENCE_PAUSE).await;
        match presence.ready(Interest::READABLE | Interest::WRITABLE).await {
            Ok(ready) if !ready.is_write_closed() => {}
            Ok(_) | Err(_) => return,
        }
    }
}
