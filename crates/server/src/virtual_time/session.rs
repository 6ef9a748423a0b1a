//! The server's half of `runwright clock`: answers a question about the clock, line by line as things happen.

use std::sync::Arc;

use anyhow::bail;
use api::Dispatcher;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::sync::mpsc::unbounded_channel;
use types::Timestamp;

use super::{Advance, Happening, Moved, VirtualTime};
use crate::sessions::exec::gone;

const NOT_VIRTUAL: &str =
    "this server goes by the machine's clock, which it does not move: start it with --clock virtual";

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockQuestion {
    /// What it shows.
    Now,
    /// To be moved.
    Advance(Advance),
}

/// A line of the answer; one that is no [`Line::Happened`] is the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// Something happened.
    Happened(Happening),
    /// Where the clock stood and stands.
    Moved(Moved),
    /// Why it was not moved.
    Failed(String),
}

/// What a question about the clock is answered from.
#[derive(Clone)]
pub struct Subject {
    /// The door.
    pub dispatcher: Dispatcher,
    /// The clock, where it can be moved.
    pub time: Option<Arc<VirtualTime>>,
}

impl Subject {
    /// Answers. The person who goes away stops the clock where it is.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn answer(&self, question: ClockQuestion, stream: UnixStream) -> anyhow::Result<()> {
        let stream = stream.into_std()?;
        let presence = UnixStream::from_std(stream.try_clone()?)?;
        let mut write = UnixStream::from_std(stream)?;
        let last = match (question, &self.time) {
            (ClockQuestion::Now, _) => {
                let now = self.dispatcher.clock().now();
                Line::Moved(Moved { from: now, to: now })
            }
            (ClockQuestion::Advance(_), None) => Line::Failed(NOT_VIRTUAL.to_owned()),
            (ClockQuestion::Advance(advance), Some(time)) => {
                self.advance(time, advance, &mut write, &presence).await
            }
        };
        tell(&mut write, &last).await
    }

    /// What the clock shows, and whether it can be moved.
    pub fn now(&self) -> (Timestamp, bool) {
        (self.dispatcher.clock().now(), self.time.is_some())
    }

    /// Moves the clock, and tells everything that happened meanwhile at once. Dropping the future stops the clock.
    ///
    /// # Errors
    /// A clock that is the machine's; those of [`VirtualTime::advance`].
    pub async fn advance_at_once(&self, advance: Advance) -> anyhow::Result<(Moved, Vec<Happening>)> {
        let Some(time) = &self.time else { bail!(NOT_VIRTUAL) };
        let (told, mut happenings) = unbounded_channel();
        let moved = time.advance(&self.dispatcher, advance, &told).await?;
        drop(told);
        let mut happened = Vec::new();
        while let Some(happening) = happenings.recv().await {
            happened.push(happening);
        }
        Ok((moved, happened))
    }

    async fn advance(
        &self,
        time: &VirtualTime,
        advance: Advance,
        write: &mut UnixStream,
        presence: &UnixStream,
    ) -> Line {
        let (told, mut happenings) = unbounded_channel();
        let advancing = async move { time.advance(&self.dispatcher, advance, &told).await };
        let forwarding = async move {
            loop {
                tokio::select! {
                    happening = happenings.recv() => {
                        let Some(happening) = happening else { return };
                        if tell(write, &Line::Happened(happening)).await.is_err() {
                            return;
                        }
                    }
                    () = gone(presence) => return,
                }
            }
        };
        match tokio::join!(advancing, forwarding).0 {
            Ok(moved) => Line::Moved(moved),
            Err(error) => Line::Failed(format!("{error:#}")),
        }
    }
}

async fn tell(write: &mut UnixStream, line: &Line) -> anyhow::Result<()> {
    Ok(write.write_all(format!("{}\n", serde_json::to_string(line)?).as_bytes()).await?)
}
