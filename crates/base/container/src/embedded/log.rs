//! The file that keeps what a container wrote.
//!
//! One record per line: length of the message (4 bytes), stream and flags (1), milliseconds since 1970 (8), all
//! little-endian, then the message. A position is the offset of a record. The supervisor only ever appends, so a reader
//! that meets an incomplete record simply waits for the rest.
//!
//! A reader that keeps up says how far it is in a file beside it ([`Freed`]): the disk gets back what is not needed any
//! more, and a container with a limited buffer may write on.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use types::Timestamp;

use crate::driver::{LogBuffer, LogLine, LogStream};

/// The longest message of one record; a longer line goes on in the next. Docker's size.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// The most that is kept of one container's log. What it writes beyond is read and dropped, so that it neither blocks nor
/// fills the disk.
pub const LOG_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// How much is read at once.
const READ_BYTES: usize = 256 * 1024;
const CUT_OFF: &[u8] = b"[the log is full: what follows is not kept]";
const HEADER_BYTES: usize = 13;
const STDERR: u8 = 1;
const PARTIAL: u8 = 2;

/// What a log's reader does not want any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// The offset up to which it has read.
    pub read: u64,
    /// The offset before which it will not read again.
    pub needed: u64,
}

impl Freed {
    /// What the file says; nothing is freed where there is none.
    pub fn load(path: &Path) -> Self {
        let bytes = std::fs::read(path).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
        let number = u128::from_le_bytes(bytes.unwrap_or_default());
        let low = u64::try_from(number & u128::from(u64::MAX)).unwrap_or_default();
        Self { read: low, needed: u64::try_from(number >> 64).unwrap_or_default() }
    }

    /// Writes it down for the writer, and gives the disk back what is not needed of `log`.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn store(self, path: &Path, log: &Path) -> io::Result<()> {
        let number = u128::from(self.needed) << 64 | u128::from(self.read);
        // Written in one piece: the writer never reads half of it.
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?
            .write_all_at(&number.to_le_bytes(), 0)?;
        let log = File::options().write(true).open(log)?;
        let freed = self.needed.min(log.metadata()?.len());
        if freed > 0 {
            // A file system that cannot do that keeps the log until the container is removed.
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            let _ = rustix::fs::fallocate(&log, flags, 0, freed);
        }
        Ok(())
    }
}

/// Cuts what a container writes into lines, and appends them.
pub struct LogWriter {
    file: BufWriter<File>,
    pending: [Vec<u8>; 2],
    length: u64,
    length_max: u64,
    buffer: LogBuffer,
    freed: Freed,
    freed_file: PathBuf,
    cut_off: bool,
    broken: bool,
}

impl LogWriter {
    /// Appends to the empty `file`, up to `length_max` bytes that are needed; `freed_file` says which are not.
    pub fn new(file: File, length_max: u64, buffer: LogBuffer, freed_file: PathBuf) -> Self {
        Self {
            file: BufWriter::with_capacity(64 * 1024, file),
            pending: Default::default(),
            length: 0,
            length_max,
            buffer,
            freed: Freed::default(),
            freed_file,
            cut_off: false,
            broken: false,
        }
    }

    /// Whether the container has to wait until the reader has read on.
    pub fn is_full(&mut self) -> bool {
        let LogBuffer::Blocking { bytes } = self.buffer else { return false };
        !self.broken && !self.has_room(|log| log.length - log.freed.read < bytes.max(1))
    }

    /// Whether there is room, by what the reader said last, or has said since.
    fn has_room(&mut self, is_room: impl Fn(&Self) -> bool) -> bool {
        if is_room(self) {
            return true;
        }
        let Freed { read, needed } = Freed::load(&self.freed_file);
        self.freed = Freed { read: read.min(self.length), needed: needed.min(self.length) };
        is_room(self)
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
        let size = (HEADER_BYTES + message.len()) as u64;
        if let LogBuffer::NonBlocking { bytes } = self.buffer
            && !self
                .has_room(|log| log.length == log.freed.read || log.length - log.freed.read + size <= bytes)
        {
            return Ok(());
        }
        let has_room = self.has_room(|log| log.length - log.freed.needed + size <= log.length_max);
        if self.cut_off && !has_room {
            return Ok(());
        }
        self.cut_off = !has_room;
        // The last line says that it is not the container's last.
        let (message, partial) = if has_room { (message, partial) } else { (CUT_OFF, false) };
        self.length += (HEADER_BYTES + message.len()) as u64;
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

    fn writer(file: &tempfile::NamedTempFile, length_max: u64, buffer: LogBuffer) -> LogWriter {
        LogWriter::new(file.reopen().unwrap(), length_max, buffer, freed_file(file))
    }

    fn freed_file(file: &tempfile::NamedTempFile) -> PathBuf {
        file.path().with_extension("freed")
    }

    fn messages(lines: &[LogLine]) -> Vec<(&str, bool)> {
        lines.iter().map(|line| (line.message.as_str(), line.partial)).collect()
    }

    #[test]
    fn keeps_lines_whole_across_writes_and_streams() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = writer(&file, LOG_BYTES_MAX, LogBuffer::Keep);
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
        let mut writer = writer(&file, LOG_BYTES_MAX, LogBuffer::Keep);
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
        let mut writer = writer(&file, 40, LogBuffer::Keep);
        writer.take(LogStream::Stdout, b"one\ntwo\nthree\nfour\n", Timestamp::default());
        let (lines, _) = read(file.as_file(), 0).unwrap();
        assert_eq!(messages(&lines).len(), 3);
        assert_eq!(lines[2].message.as_bytes(), CUT_OFF);
    }

    #[test]
    fn goes_on_when_there_is_room_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = writer(&file, 40, LogBuffer::Keep);
        writer.take(LogStream::Stdout, b"one\ntwo\nthree\nfour\n", Timestamp::default());
        let (_, end) = read(file.as_file(), 0).unwrap();
        Freed { read: end, needed: end }.store(&freed_file(&file), file.path()).unwrap();
        writer.take(LogStream::Stdout, b"five\n", Timestamp::default());
        assert_eq!(messages(&read(file.as_file(), end).unwrap().0), [("five", false)]);
        std::fs::remove_file(freed_file(&file)).unwrap();
    }

    #[test]
    fn a_full_buffer_blocks_or_drops() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut blocking = writer(&file, LOG_BYTES_MAX, LogBuffer::Blocking { bytes: 30 });
        blocking.take(LogStream::Stdout, b"one\n", Timestamp::default());
        assert!(!blocking.is_full());
        blocking.take(LogStream::Stdout, b"two\n", Timestamp::default());
        assert!(blocking.is_full());
        Freed { read: 16, needed: 0 }.store(&freed_file(&file), file.path()).unwrap();
        assert!(!blocking.is_full());
        std::fs::remove_file(freed_file(&file)).unwrap();

        let file = tempfile::NamedTempFile::new().unwrap();
        let mut dropping = writer(&file, LOG_BYTES_MAX, LogBuffer::NonBlocking { bytes: 40 });
        dropping.take(LogStream::Stdout, b"one\ntwo\nthree\n", Timestamp::default());
        assert!(!dropping.is_full());
        Freed { read: 32, needed: 0 }.store(&freed_file(&file), file.path()).unwrap();
        dropping.take(
            LogStream::Stdout,
            b"a line that is longer than the buffer is kept alone\nnot\n",
            Timestamp::default(),
        );
        let (lines, _) = read(file.as_file(), 0).unwrap();
        let kept: Vec<&str> = lines.iter().map(|line| line.message.get(..3).unwrap()).collect();
        assert_eq!(kept, ["one", "two", "a l"]);
        std::fs::remove_file(freed_file(&file)).unwrap();
    }
}
