//! Commands inside of running containers: the nouns of [`crate::Driver::exec`].

use std::pin::Pin;
use std::task::{Context, Poll};
use std::{fmt, io};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::driver::{BoxFuture, DriverError, LogStream};

/// The exit code of a command whose program is not there, as in a shell.
pub const NOT_FOUND: i32 = 127;
/// The exit code of a command whose program is there and cannot be executed.
pub const NOT_EXECUTABLE: i32 = 126;

/// A command to run in a container, in the surroundings of the container's own process: its user, environment, working
/// directory, capabilities, limits and file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecSpec {
    /// The program and its arguments, at least one; no shell reads them.
    pub command: Vec<String>,
    /// Variables, each replacing the container's of the same name.
    pub environment: Vec<(String, String)>,
    /// Gives the command a terminal of this size. Its two outputs are one then, [`LogStream::Stdout`].
    pub terminal: Option<TerminalSize>,
    /// Replaces the container's user: `user`, `user:group`, `uid`, `uid:gid`.
    pub user: Option<String>,
}

/// The size of a terminal in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

/// Changes the size of a command's terminal; without a terminal it does nothing.
pub type Resize = Box<dyn Fn(TerminalSize) -> BoxFuture<'static, Result<(), DriverError>> + Send + Sync>;

/// A command that runs in a container. Dropping it, or only [`Exec::exit`], kills the command.
///
/// Whoever does not read the output makes a command that writes much wait.
pub struct Exec {
    /// Its standard input. `shutdown` ends it; on a terminal it does nothing, as there a character ends the input.
    pub input: Box<dyn AsyncWrite + Send + Unpin>,
    /// What it writes, in pieces as they come. Ends with the last writer; processes that the command left behind in the
    /// container do not count once [`Exec::exit`] has been told.
    pub output: BoxStream<'static, (LogStream, Vec<u8>)>,
    /// The command's exit code, or 128 plus the number of the signal that ended it. A program that is not there or cannot
    /// be executed ends with [`NOT_FOUND`] or [`NOT_EXECUTABLE`], and its output says why.
    pub exit: BoxFuture<'static, Result<i32, DriverError>>,
    /// See [`Resize`].
    pub resize: Resize,
}

impl fmt::Debug for Exec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exec").finish_non_exhaustive()
    }
}

/// A terminal's keys. A terminal has no end of input.
pub(crate) struct Keys<W>(pub(crate) W);

impl<W: AsyncWrite + Unpin> AsyncWrite for Keys<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// How a command ended that nobody talked to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// As [`Exec::exit`] says it.
    pub code: i32,
    /// The beginning of what it wrote, both outputs as they came.
    pub output: Vec<u8>,
}

impl ExecSpec {
    /// Checks what holds for every driver.
    ///
    /// # Errors
    /// [`DriverError::CannotExec`].
    pub fn validate(&self) -> Result<(), DriverError> {
        let refuse = |reason: &str| Err(DriverError::CannotExec(reason.to_owned()));
        if self.command.first().is_none_or(String::is_empty) {
            return refuse("no command specified");
        }
        let variables = self.environment.iter().flat_map(|(name, value)| [name, value]);
        if self.command.iter().chain(variables).chain(&self.user).any(|text| text.contains('\0')) {
            return refuse("a text contains the character NUL");
        }
        match self.environment.iter().find(|(name, _)| name.is_empty() || name.contains('=')) {
            Some((name, _)) => refuse(&format!("invalid environment variable name: {name:?}")),
            None => Ok(()),
        }
    }
}

impl Exec {
    /// Waits for the end of a command that gets no input, and keeps at most `output_bytes_max` of its output.
    ///
    /// Dropping the future kills the command.
    ///
    /// # Errors
    /// Those of [`Exec::exit`].
    pub async fn finish(self, output_bytes_max: usize) -> Result<Ended, DriverError> {
        let Self { mut input, output, exit, resize: _ } = self;
        let mut kept = Vec::new();
        let reading = async {
            // The command may have closed its input before.
            let _ = input.shutdown().await;
            let mut output = output;
            while let Some((_, bytes)) = output.next().await {
                let room = output_bytes_max.saturating_sub(kept.len()).min(bytes.len());
                kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
            }
        };
        let (code, ()) = tokio::join!(exit, reading);
        Ok(Ended { code: code?, output: kept })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_no_program_can_be_told() {
        let spec = |command: &[&str], environment: &[(&str, &str)]| ExecSpec {
            command: command.iter().map(|text| (*text).to_owned()).collect(),
            environment: environment.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
            ..ExecSpec::default()
        };
        assert_eq!(spec(&["sh", ""], &[("A", "b=c\n")]).validate(), Ok(()));
        for bad in [
            spec(&[], &[]),
            spec(&[""], &[]),
            spec(&["a\0"], &[]),
            spec(&["a"], &[("", "x")]),
            spec(&["a"], &[("A=", "x")]),
            spec(&["a"], &[("A", "\0")]),
        ] {
            assert!(matches!(bad.validate(), Err(DriverError::CannotExec(_))), "{bad:?}");
        }
    }
}
