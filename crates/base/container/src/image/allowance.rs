//! Keeps the headers of an archive from filling the memory.
//!
//! Names and attributes that do not fit into a header of a tar archive are entries before their own, and whoever reads the
//! archive holds them in memory, as long as they say they are. A few kilobytes of an image can become gigabytes.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use super::limits::HEADERS_BYTES_MAX;

/// How much may be read now.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowance(Rc<Cell<u64>>);

impl Allowance {
    /// A stream that fails where more is read than was allowed.
    pub(super) fn limit<R>(&self, stream: R) -> Limited<R> {
        Limited { stream, allowance: self.clone() }
    }

    /// The headers of one entry come next.
    pub(super) fn allow_headers(&self) {
        self.0.set(HEADERS_BYTES_MAX);
    }

    /// Contents come next, which are not held in memory.
    pub(super) fn allow_everything(&self) {
        self.0.set(u64::MAX);
    }
}

/// See [`Allowance::limit`].
#[derive(Debug)]
pub(super) struct Limited<R> {
    stream: R,
    allowance: Allowance,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.allowance.0.get();
        let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if length == 0 && !buffer.is_empty() {
            return Err(io::Error::other("the headers of an entry are too large"));
        }
        let count = self.stream.read(buffer.get_mut(..length).unwrap_or_default())?;
        self.allowance.0.set(left - count as u64);
        Ok(count)
    }
}

impl<R: Seek> Seek for Limited<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.stream.seek(to)
    }
}
