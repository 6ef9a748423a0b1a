//! Reads a body in chunks.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{Content, FileRange};
use crate::limits::CHUNK_BYTES_MAX;

/// What is left of a body to read. The chunk after the one that was given is read meanwhile.
#[derive(Debug)]
pub struct Reader {
    memory: Bytes,
    ranges: VecDeque<FileRange>,
    ahead: Option<JoinHandle<io::Result<(FileRange, Bytes)>>>,
}

impl Reader {
    pub(super) fn new(content: &Content) -> Self {
        let (memory, ranges) = match content {
            Content::Memory(bytes) => (bytes.clone(), VecDeque::new()),
            Content::Files(ranges) => (Bytes::new(), ranges.iter().cloned().collect()),
        };
        Self { memory, ranges, ahead: None }
    }

    /// The next bytes; `None` behind the last.
    ///
    /// # Errors
    /// Where a file cannot be read, or is shorter than its range.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if !self.memory.is_empty() {
            return Ok(Some(std::mem::take(&mut self.memory)));
        }
        let Some(reading) = self.ahead.take().or_else(|| self.read_ahead()) else { return Ok(None) };
        let (rest, chunk) = reading.await.map_err(io::Error::other)??;
        if rest.length() > 0 {
            self.ranges.push_front(rest);
        }
        self.ahead = self.read_ahead();
        Ok(Some(chunk))
    }

    fn read_ahead(&mut self) -> Option<JoinHandle<io::Result<(FileRange, Bytes)>>> {
        let mut range = self.ranges.pop_front()?;
        Some(spawn_blocking(move || {
            let chunk = range.read(CHUNK_BYTES_MAX)?;
            Ok((range, chunk.into()))
        }))
    }
}
