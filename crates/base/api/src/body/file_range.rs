//! A part of a file.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// `length` bytes of a file from `offset` on.
#[derive(Clone, Debug)]
pub struct FileRange {
    source: Source,
    offset: u64,
    length: u64,
}

#[derive(Clone, Debug)]
enum Source {
    Open(Arc<File>),
    At(PathBuf),
}

impl FileRange {
    /// A range of an open file, which stays readable when the file is removed.
    pub fn of(file: Arc<File>, offset: u64, length: u64) -> Self {
        Self { source: Source::Open(file), offset, length }
    }

    /// A range of a file that is opened when reading comes to it: for bodies of so many files that they cannot all be open.
    pub fn at(path: impl Into<PathBuf>, offset: u64, length: u64) -> Self {
        Self { source: Source::At(path.into()), offset, length }
    }

    /// How many bytes it has.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The part of at most `length` bytes that begins `skip` bytes into this one.
    #[must_use]
    pub fn part(&self, skip: u64, length: u64) -> Self {
        let skip = skip.min(self.length);
        Self {
            source: self.source.clone(),
            offset: self.offset.saturating_add(skip),
            length: length.min(self.length - skip),
        }
    }

    /// Opens the file, where that was not done before.
    pub(super) fn open(&mut self) -> io::Result<Arc<File>> {
        match &self.source {
            Source::Open(file) => Ok(Arc::clone(file)),
            Source::At(path) => {
                let file = Arc::new(File::open(path)?);
                self.source = Source::Open(Arc::clone(&file));
                Ok(file)
            }
        }
    }

    /// Reads the next bytes, at most `bytes_max`, and goes behind them.
    pub(super) fn read(&mut self, bytes_max: usize) -> io::Result<Vec<u8>> {
        let file = self.open()?;
        let wanted = usize::try_from(self.length).unwrap_or(usize::MAX).min(bytes_max);
        let mut bytes = vec![0; wanted];
        let count = read_at(&file, &mut bytes, self.offset)?;
        if count == 0 && wanted > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than its range"));
        }
        bytes.truncate(count);
        self.offset += count as u64;
        self.length -= count as u64;
        Ok(bytes)
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, bytes, offset)
}
