//! Bytes that travel beside a call: an object on its way in or out, never whole in memory unless it is small.
//!
//! The JSON of a call has no place for five gigabytes. What is larger than [`MEMORY_BYTES_MAX`](crate::limits) lies in
//! files: on its way in, in one that [`Spool`] has written and that the service may take over by [`Body::save`]; on its
//! way out, in ranges of whatever files the service keeps.

mod file_range;
mod reader;
mod spool;

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use checksum::{Algorithm, Digester, Digests};

pub use file_range::FileRange;
pub use reader::Reader;
pub use spool::Spool;
use spool::SpoolFile;

use crate::limits::MEMORY_BYTES_MAX;

/// Bytes in memory or in files. Cheap to clone; clones share the files.
#[derive(Clone, Debug, Default)]
pub struct Body {
    content: Content,
    digests: Option<Digests>,
    /// The file of which `content` is all, where that may be renamed.
    spooled: Option<Arc<SpoolFile>>,
}

/// Where the bytes of a [`Body`] are.
#[derive(Clone, Debug)]
pub enum Content {
    /// In memory.
    Memory(Bytes),
    /// In files, one range after the other.
    Files(Vec<FileRange>),
}

impl Default for Content {
    fn default() -> Self {
        Self::Memory(Bytes::new())
    }
}

impl Body {
    /// The ranges of files, one after the other.
    pub fn files(ranges: impl IntoIterator<Item = FileRange>) -> Self {
        let ranges = ranges.into_iter().filter(|range| range.length() > 0).collect();
        Self { content: Content::Files(ranges), digests: None, spooled: None }
    }

    /// Where the bytes are.
    pub const fn content(&self) -> &Content {
        &self.content
    }

    /// How many bytes they are.
    pub fn len(&self) -> u64 {
        match &self.content {
            Content::Memory(bytes) => bytes.len() as u64,
            Content::Files(ranges) => ranges.iter().map(FileRange::length).sum(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was computed of the bytes while they arrived: always for a body from the wire or from a [`Spool`].
    pub const fn known_digests(&self) -> Option<&Digests> {
        self.digests.as_ref()
    }

    /// MD5 and the checksum by `algorithm`: as they are known, else by reading all bytes.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn digests(&self, algorithm: Algorithm) -> io::Result<Digests> {
        if let Some(known) = self.digests.as_ref().filter(|known| known.checksum.algorithm() == algorithm) {
            return Ok(known.clone());
        }
        let mut digester = Digester::new(algorithm);
        let mut reader = self.reader();
        while let Some(chunk) = reader.next().await? {
            digester.update(&chunk);
        }
        Ok(digester.finish())
    }

    /// Reads the bytes in chunks, from the first.
    pub fn reader(&self) -> Reader {
        Reader::new(&self.content)
    }

    /// All bytes; an error of kind [`io::ErrorKind::FileTooLarge`] where they are more than `bytes_max`.
    ///
    /// # Errors
    /// Where they are too many, or a file cannot be read.
    pub async fn collect(&self, bytes_max: u64) -> io::Result<Bytes> {
        if self.len() > bytes_max {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the body is too large for memory"));
        }
        if let Content::Memory(bytes) = &self.content {
            return Ok(bytes.clone());
        }
        let mut all = Vec::new();
        let mut reader = self.reader();
        while let Some(chunk) = reader.next().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all.into())
    }

    /// Makes the bytes the content of the file `path` and waits until the disk has them: by a rename where they were
    /// spooled to the same file system, else by a copy. A file that was there is replaced. The folder's entry is not
    /// synced.
    ///
    /// # Errors
    /// Where the file cannot be written, or this one not be read.
    pub async fn save(self, path: &Path) -> io::Result<()> {
        if let Some(file) = &self.spooled
            && spool::keep(Arc::clone(file), path.to_owned()).await?
        {
            return Ok(());
        }
        spool::copy(self.reader(), path.to_owned()).await
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self { content: Content::Memory(bytes), digests: None, spooled: None }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}
