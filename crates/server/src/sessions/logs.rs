//! The server's half of `runwright ecs logs` for a container whose output stays here: it is read from the driver.

use std::sync::Arc;
use std::time::Duration;

use container::{Driver, LogPosition, LogStream};
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;

use super::ContainerOfTask;
use super::exec::gone;
use super::frame::Frame;

/// After such a silence, a log that is not to be followed is at its end.
const SILENCE: Duration = Duration::from_millis(200);

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LogsQuestion {
    /// Whose output.
    pub container: ContainerOfTask,
    /// Whether to wait for what it is yet to write.
    pub follow: bool,
}

/// The driver's name of the container.
///
/// # Errors
/// A sentence for the person.
pub async fn begin(driver: &Arc<dyn Driver>, question: &LogsQuestion) -> Result<String, String> {
    Ok(question.container.find(driver).await?.name)
}

/// Sends what the container wrote, and writes while the person is there.
///
/// # Errors
/// Those of the connection.
pub async fn carry(
    driver: &Arc<dyn Driver>,
    name: &str,
    follow: bool,
    stream: UnixStream,
) -> anyhow::Result<()> {
    let stream = stream.into_std()?;
    let presence = UnixStream::from_std(stream.try_clone()?)?;
    let mut write = UnixStream::from_std(stream)?;
    let sending = async {
        let last = match send(driver, name, follow, &mut write).await? {
            Ok(()) => Frame::Ended(0),
            Err(error) => Frame::Failed(error.to_string()),
        };
        last.write(&mut write).await
    };
    tokio::select! {
        sent = sending => Ok(sent?),
        () = gone(&presence) => Ok(()),
    }
}

async fn send(
    driver: &Arc<dyn Driver>,
    name: &str,
    follow: bool,
    write: &mut UnixStream,
) -> std::io::Result<Result<(), container::DriverError>> {
    let mut from = LogPosition::default();
    loop {
        let reading = driver.read_logs(name, from.clone());
        let read = if follow {
            reading.await
        } else {
            match tokio::time::timeout(SILENCE, reading).await {
                Ok(read) => read,
                Err(_) => return Ok(Ok(())),
            }
        };
        let chunk = match read {
            Ok(chunk) => chunk,
            Err(error) => return Ok(Err(error)),
        };
        for line in chunk.lines {
            let mut bytes = line.message.into_bytes();
            if !line.partial {
                bytes.push(b'\n');
            }
            let frame = match line.stream {
                LogStream::Stdout => Frame::Stdout(bytes),
                LogStream::Stderr => Frame::Stderr(bytes),
            };
            frame.write(write).await?;
        }
        if chunk.ended {
            return Ok(Ok(()));
        }
        from = chunk.next;
    }
}
