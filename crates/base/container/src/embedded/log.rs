//! The file that keeps what a container wrote.
//!
//! One record per line: length of the message (4 bytes), stream and flags (1), milliseconds since 1970 (8), all
//! little-endian, then the message. A position is the offset of a record. The supervisor only ever appends, so a reader
//! that meets an incomplete record simply waits for the rest.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;

use types::Timestamp;

use crate::driver::{LogLine, LogStream};

/// The longest message of one record; a longer line goes on in the next. Docker's size.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// The largest log of one container. What it writes beyond is read and dropped, so that it neither blocks nor fills the
/// disk.
pub const LOG_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// How much is read at once.
const READ_BYTES: usize = 256 * 1024;
const CUT_OFF: &[u8] = b"[the log is full: what follows is not kept]";
const HEADER_BYTES: usize = 13;
const STDERR: u8 = 1;
const PARTIAL: u8 = 2;

/// Cuts what a container writes into lines, and appends them.
pub struct LogWriter {
    file: BufWriter<File>,
    pending: [Vec<u8>; 2],
    length: u64,
    length_max: u64,
    broken: bool,
}

impl LogWriter {
    /// Appends to the empty `file`, up to `length_max` bytes.
    pub fn new(file: File, length_max: u64) -> Self {
        let file = BufWriter::with_capacity(64 * 1024, file);
        Self { file, pending: Default::default(), length: 0, length_max, broken: false }
    }

    /// Takes what was read from a stream at `now`.
    ///
    /// When the disk fails the log ends there: a container must not end because it cannot be listened to.
    pub fn take(&mut self, stream: LogStream, bytes: &[u8], now: Timestamp) {
        if !self.broken {
            self.broken = self.cut(stream, bytes, now).is_err();
        }
    }

    fn cut(&mut self, stream: LogStream, bytes: &[u8], now: Timestamp) -> io::Result<()> {
        let mut pending = std::mem::take(self.pending(stream));
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, complete) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            pending.extend_from_slice(text);
            while pending.len() > MESSAGE_BYTES_MAX {
                let rest = pending.split_off(MESSAGE_BYTES_MAX);
                self.append(stream, &pending, true, now)?;
                pending = rest;
            }
            if complete {
                self.append(stream, &pending, false, now)?;
                pending.clear();
            }
        }
        *self.pending(stream) = pending;
        self.file.flush()
    }

    /// Appends what was written after the last line feed.
    pub fn finish(&mut self, now: Timestamp) {
        if !self.broken {
            self.broken = self.append_pending(now).is_err();
        }
    }

    fn append_pending(&mut self, now: Timestamp) -> io::Result<()> {
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            let pending = std::mem::take(self.pending(stream));
            if !pending.is_empty() {
                self.append(stream, &pending, false, now)?;
            }
        }
        self.file.flush()
    }

    fn pending(&mut self, stream: LogStream) -> &mut Vec<u8> {
        let [stdout, stderr] = &mut self.pending;
        match stream {
            LogStream::Stdout => stdout,
            LogStream::Stderr => stderr,
        }
    }

    fn append(&mut self, stream: LogStream, message: &[u8], partial: bool, now: Timestamp) -> io::Result<()> {
        if self.length > self.length_max {
            return Ok(());
        }
        let total = self.length + (HEADER_BYTES + message.len()) as u64;
        // The last line says that it is not the container's last.
        let message = if total > self.length_max { CUT_OFF } else { message };
        self.length = total;
        let length = u32::try_from(message.len()).map_err(io::Error::other)?;
        let flags = if stream == LogStream::Stderr { STDERR } else { 0 } | if partial { PARTIAL } else { 0 };
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(&[flags])?;
        self.file.write_all(&now.as_millis().to_le_bytes())?;
        self.file.write_all(message)
    }
}

/// Reads the complete records from `offset` on, and the offset after the last of them.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] when no record begins there.
pub fn read(file: &File, offset: u64) -> io::Result<(Vec<LogLine>, u64)> {
    if offset > file.metadata()?.len() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut buffer = vec![0; READ_BYTES];
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    let mut rest = buffer.get(..filled).unwrap_or_default();
    let mut lines = Vec::new();
    while let Some((line, after)) = record(rest)? {
        lines.push(line);
        rest = after;
    }
    Ok((lines, offset + (filled - rest.len()) as u64))
}

/// The first record of `bytes` and what follows it, or `None` when it is not complete.
fn record(bytes: &[u8]) -> io::Result<Option<(LogLine, &[u8])>> {
    let Some((header, rest)) = bytes.split_at_checked(HEADER_BYTES) else { return Ok(None) };
    let &[a, b, c, d, flags, ref millis @ ..] = header else { return Ok(None) };
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > MESSAGE_BYTES_MAX || flags > (STDERR | PARTIAL) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let Some((message, rest)) = rest.split_at_checked(length) else { return Ok(None) };
    let millis = i64::from_le_bytes(millis.try_into().map_err(io::Error::other)?);
    let line = LogLine {
        timestamp: Timestamp::from_millis(millis),
        stream: if flags & STDERR == 0 { LogStream::Stdout } else { LogStream::Stderr },
        message: String::from_utf8_lossy(message).into_owned(),
        partial: flags & PARTIAL != 0,
    };
    Ok(Some((line, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(lines: &[LogLine]) -> Vec<(&str, bool)> {
        lines.iter().map(|line| (line.message.as_str(), line.partial)).collect()
    }

    #[test]
    fn keeps_lines_whole_across_writes_and_streams() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = LogWriter::new(file.reopen().unwrap(), LOG_BYTES_MAX);
        let now = Timestamp::from_millis(5);
        writer.take(LogStream::Stdout, b"one\ntw", now);
        writer.take(LogStream::Stderr, b"error\n", now);
        writer.take(LogStream::Stdout, b"o\n\nlast", now);
        let (lines, next) = read(file.as_file(), 0).unwrap();
        assert_eq!(messages(&lines), [("one", false), ("error", false), ("two", false), ("", false)]);
        writer.finish(now);
        let (lines, end) = read(file.as_file(), next).unwrap();
        assert_eq!(messages(&lines), [("last", false)]);
        assert_eq!(read(file.as_file(), end).unwrap(), (vec![], end));
        assert!(read(file.as_file(), end + 1).is_err());
    }

    #[test]
    fn cuts_long_lines() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = LogWriter::new(file.reopen().unwrap(), LOG_BYTES_MAX);
        let mut long = vec![b'x'; MESSAGE_BYTES_MAX + 1];
        long.push(b'\n');
        writer.take(LogStream::Stdout, &long, Timestamp::default());
        let (lines, _) = read(file.as_file(), 0).unwrap();
        let lengths: Vec<_> = lines.iter().map(|line| (line.message.len(), line.partial)).collect();
        assert_eq!(lengths, [(MESSAGE_BYTES_MAX, true), (1, false)]);
    }

    #[test]
    fn stops_when_full() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = LogWriter::new(file.reopen().unwrap(), 40);
        writer.take(LogStream::Stdout, b"one\ntwo\nthree\nfour\n", Timestamp::default());
        let (lines, _) = read(file.as_file(), 0).unwrap();
        assert_eq!(messages(&lines).len(), 3);
        assert_eq!(lines[2].message.as_bytes(), CUT_OFF);
    }
}
