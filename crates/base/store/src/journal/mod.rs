//! The journal: what was accepted, in the order in which it was, on disk before anybody is told.
//!
//! It is a row of segments: files of zeros that are written from the beginning to the end, so that a sync has only their
//! bytes to bring to the disk and nothing of the file system's own. A segment whose records are all in the database gets
//! the next number and is written again. What the records say is [`changes`], how they lie on disk [`record`], what is
//! found after a crash [`recovery`]. Nothing here knows what is done with changes.

pub(crate) mod changes;
pub(crate) mod files;
pub(crate) mod record;
pub(crate) mod recovery;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Error;
use files::{Disk, Segment};
use record::{HEADER_BYTES, Header, Kind, Secret};
use recovery::{Recovered, Written, path};

/// So many segments are kept for later.
const SPARES_MAX: usize = 2;
/// Segments grow so many times from one to the next, up to the full length: little is written to little used stores.
const GROWTH: u64 = 4;

/// Why a record was not written.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// There was no room for another segment. Nothing was written; there may be room later.
    #[error("the disk has no room for the journal: {}", describe(.0))]
    NoRoom(Arc<io::Error>),
    /// Nobody knows what is on disk, until the store is opened anew.
    #[error("the journal could not be written: {0}")]
    Lost(Arc<io::Error>),
}

/// A full disk is called so, whatever the system calls it.
pub(crate) fn describe(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => format!("the disk is full ({cause})"),
        _ => cause.to_string(),
    }
}

/// How long segments are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    /// The first one of a new journal.
    pub(crate) first: u64,
    /// All that are used again.
    pub(crate) full: u64,
}

/// The end of the journal, which one thread writes.
pub(crate) struct Journal {
    secret: Secret,
    current: Current,
    last: u64,
    shelf: Arc<Shelf>,
    failed: Option<WriteError>,
}

/// The segment that is being written.
struct Current {
    file: Box<dyn Segment>,
    number: u64,
    length: u64,
    room: u64,
    /// Whether its header was written.
    is_begun: bool,
}

/// Segments that are not being written: full ones until the database has what they hold, spare ones until needed.
pub(crate) struct Shelf {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    lengths: Lengths,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    written: VecDeque<Written>,
    /// In the order of their numbers, in which they are used.
    spare: VecDeque<Spare>,
    next_number: u64,
    /// The length of the segment that will soon be needed.
    wanted: Option<u64>,
}

struct Spare {
    file: Box<dyn Segment>,
    number: u64,
    length: u64,
}

impl Journal {
    /// The journal in `dir` behind what was found there. Its first segment is begun before this returns.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        secret: Secret,
        lengths: Lengths,
        applied: u64,
        found: Recovered,
    ) -> io::Result<Self> {
        let mut state = State { next_number: found.next_number.max(1), ..State::default() };
        let (last, mut free) = if found.has_changes {
            state.written = found.kept.into();
            (found.last, Vec::new())
        } else {
            // The next segment begins where the database ends: it is all that is needed.
            (applied, found.kept)
        };
        let shelf = Shelf { disk, dir: dir.to_owned(), lengths, state: Mutex::new(state) };
        let mut reused = None;
        for (old, length) in found.free {
            if reused.is_none() && length == lengths.full {
                reused = Some(shelf.reuse(&mut shelf.lock(), &old)?);
            } else {
                shelf.disk.remove(&old)?;
            }
        }
        let spare = match reused {
            Some(spare) => spare,
            None => shelf.create(&mut shelf.lock(), lengths.first)?,
        };
        let mut journal = Self { secret, current: spare.into(), last, shelf: Arc::new(shelf), failed: None };
        journal.begin_segment()?;
        journal.current.file.sync()?;
        for old in free.drain(..) {
            journal.shelf.disk.remove(&old.path)?;
        }
        Ok(journal)
    }

    /// The number of the last record.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// What is to be told once the database has records.
    pub(crate) fn shelf(&self) -> Arc<Shelf> {
        Arc::clone(&self.shelf)
    }

    /// Writes the record that `buffer` holds, which [`record::begin`] has begun, and waits until it is on disk. Answers
    /// its number.
    pub(crate) fn write(&mut self, buffer: &mut Vec<u8>, kind: Kind) -> Result<u64, WriteError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        // The padding may take seven bytes.
        let needed = buffer.len() as u64 + 8;
        if self.current.room < needed {
            self.turn_page(needed).map_err(|cause| WriteError::NoRoom(Arc::new(cause)))?;
        }
        record::finish(buffer, self.secret, self.current.number, self.last + 1, kind);
        self.bring_to_disk(buffer).map_err(|cause| self.lose(cause))?;
        self.last += 1;
        Ok(self.last)
    }

    fn bring_to_disk(&mut self, record: &[u8]) -> io::Result<()> {
        if !self.current.is_begun {
            self.begin_segment()?;
        }
        self.current.file.write(record)?;
        self.current.file.sync()?;
        let was_half_empty = self.current.room > self.current.length / 2;
        self.current.room = self.current.room.saturating_sub(record.len() as u64);
        if was_half_empty && self.current.room <= self.current.length / 2 {
            self.shelf.want(self.current.length * GROWTH);
        }
        Ok(())
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        let Self { secret, current, last, .. } = self;
        let (number, length) = (current.number, current.length);
        let header = Header { secret: *secret, number, first: *last + 1, length };
        current.file.write(&record::header(header))?;
        current.is_begun = true;
        Ok(())
    }

    /// Goes on in the next segment.
    fn turn_page(&mut self, needed: u64) -> io::Result<()> {
        let next = self.shelf.next(needed + HEADER_BYTES as u64, self.current.length * GROWTH)?;
        let full = std::mem::replace(&mut self.current, next.into());
        let path = path(&self.shelf.dir, full.number);
        self.shelf.lock().written.push_back(Written { path, last: self.last, length: full.length });
        Ok(())
    }

    fn lose(&mut self, cause: io::Error) -> WriteError {
        let error = WriteError::Lost(Arc::new(cause));
        self.failed = Some(error.clone());
        error
    }
}

impl From<Spare> for Current {
    fn from(spare: Spare) -> Self {
        let Spare { file, number, length } = spare;
        let room = length.saturating_sub(HEADER_BYTES as u64);
        Self { file, number, length, room, is_begun: false }
    }
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next segment: one that was made ahead, or else a new one.
    fn next(&self, needed: u64, wanted: u64) -> io::Result<Spare> {
        let mut state = self.lock();
        while let Some(spare) = state.spare.pop_front() {
            if spare.length >= needed {
                return Ok(spare);
            }
            self.disk.remove(&path(&self.dir, spare.number))?;
        }
        state.wanted = None;
        self.create(&mut state, wanted.min(self.lengths.full).max(needed))
    }

    fn create(&self, state: &mut State, length: u64) -> io::Result<Spare> {
        let number = state.next_number;
        let file = self.disk.create(&path(&self.dir, number), length)?;
        state.next_number += 1;
        Ok(Spare { file, number, length })
    }

    /// Gives a full segment's file the next number.
    fn reuse(&self, state: &mut State, old: &Path) -> io::Result<Spare> {
        let number = state.next_number;
        let file = self.disk.rename(old, &path(&self.dir, number))?;
        state.next_number += 1;
        Ok(Spare { file, number, length: self.lengths.full })
    }

    fn want(&self, length: u64) {
        let mut state = self.lock();
        if state.spare.is_empty() {
            state.wanted = Some(length.min(self.lengths.full));
        }
    }

    /// Whether a segment is to be made ahead of need.
    pub(crate) fn is_wanting(&self) -> bool {
        self.lock().wanted.is_some()
    }

    /// Makes the segment that will soon be needed. Whoever needs it meanwhile waits for it.
    pub(crate) fn prepare(&self) -> Result<(), Error> {
        let mut state = self.lock();
        let Some(length) = state.wanted.take() else { return Ok(()) };
        let spare = self.create(&mut state, length).map_err(Error::unavailable)?;
        state.spare.push_back(spare);
        Ok(())
    }

    /// Takes back the segments whose records the database has, up to the record `applied`, for all time.
    pub(crate) fn retire(&self, applied: u64) -> Result<(), Error> {
        loop {
            let mut state = self.lock();
            let Some(full) = state.written.pop_front_if(|full| full.last <= applied) else { return Ok(()) };
            if full.length == self.lengths.full && state.spare.len() < SPARES_MAX {
                let spare = self.reuse(&mut state, &full.path).map_err(Error::unavailable)?;
                state.spare.push_back(spare);
                state.wanted = None;
            } else {
                self.disk.remove(&full.path).map_err(Error::unavailable)?;
            }
        }
    }
}
