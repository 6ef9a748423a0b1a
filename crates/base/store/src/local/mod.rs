//! The store on one machine: a journal in front, what it holds in memory, and SQLite behind.
//!
//! A batch is durable once it is in the journal: one write and one sync for whatever waits ([`committer`]). Readers see
//! it from then on, in layers in memory over the database ([`view`]). A thread brings a layer after the other into the
//! database ([`follower`]), in which of many changes of one thing only the last one is left; then the journal's segments
//! are used again. What memory may take has a bound, and where the database is behind, writers wait.

mod apply;
mod committer;
mod follower;
mod layer;
mod logs;
mod lookup;
mod progress;
mod records;
mod view;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc};
use std::thread::JoinHandle;

use futures_util::future::BoxFuture;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::journal::changes::Changes;
use crate::journal::files::{Disk, FileSystem};
use crate::journal::record::Secret;
use crate::journal::recovery::{self, Recovered};
use crate::journal::{Journal, Lengths, describe};
use crate::sqlite::committer::Command;
use crate::sqlite::format::{self, Follower as Position, Usage};
use crate::sqlite::readers::{Keys, Readers};
use crate::sqlite::{INLINE_ROWS_MAX, backup};
use crate::{Batch, Entry, Error, Range, Record, Slice, Store, Ticket, TimerQueue};
use committer::{Committer, Group};
use follower::Follower;
use layer::Layer;
use lookup::Lookup;
use progress::Progress;
use view::{Layers, View};

/// How much a [`LocalStore`] takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Memory that changes may take until they are in the database, about; as much again while they are brought there.
    pub layer_bytes: usize,
    /// Length of a segment of the journal.
    pub segment_bytes: u64,
    /// Length of the first segment of a journal that has no other.
    pub first_segment_bytes: u64,
    /// A record of the journal takes no further batch once it has this many payload bytes.
    pub group_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            layer_bytes: 16 << 20,
            segment_bytes: 16 << 20,
            first_segment_bytes: 256 << 10,
            group_bytes: 1 << 20,
        }
    }
}

impl Options {
    /// So much of the journal may wait for the database: a value that is put again and again takes no more memory, but
    /// each time of the journal.
    fn journal_bytes(self) -> usize {
        4 * self.layer_bytes
    }
}

/// A store in a directory that it has for itself.
///
/// Dropping it commits what was submitted, brings it into the database, then closes the files.
pub struct LocalStore {
    /// `None` once it was closed.
    commands: RwLock<Option<mpsc::Sender<Command>>>,
    committer: Mutex<Option<JoinHandle<()>>>,
    view: Arc<View>,
    dir: PathBuf,
    progress: Arc<Progress>,
    /// Held as long as the store is open; dropped last.
    _lock: File,
}

impl LocalStore {
    /// Opens the store in `dir`, creating both where there is none. A store that was written without a journal gets one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where another process has the directory, where the files were written by a newer version
    /// or by another program, where they are damaged or missing, and where they cannot be read or written.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        Self::open_with(dir, Options::default())
    }

    /// Opens the store in `dir` as [`Self::open`] does.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(dir: &Path, options: Options) -> Result<Self, Error> {
        Self::open_on(Arc::new(FileSystem), dir, options)
    }

    fn open_on(disk: Arc<dyn Disk>, dir: &Path, options: Options) -> Result<Self, Error> {
        let lock = format::lock(dir)?;
        let mut connection = format::open_for_writing(dir, Usage::BehindJournal)?;
        let (journal, layers) = open_journal(disk, dir, &mut connection, options)?;
        let database = format::database(dir);
        let lookup = Lookup::new(format::open_for_reading(&database).map_err(Error::unavailable)?);
        let view = Arc::new(View::new(layers, Readers::new(database)));
        let progress = Arc::new(Progress::new(view.layers().floor));
        if view.layers_mut().freeze().is_some() {
            progress.froze();
        }
        let shelf = journal.shelf();
        let follower = Follower {
            connection,
            view: Arc::clone(&view),
            progress: Arc::clone(&progress),
            shelf: Arc::clone(&shelf),
            options,
        };
        let committer = Committer {
            journal,
            shelf,
            view: Arc::clone(&view),
            progress: Arc::clone(&progress),
            options,
            group: Group::new(lookup),
            queues: HashMap::new(),
        };
        let (commands, waiting) = mpsc::channel();
        let follower = thread("store-follower", move || follower.run())?;
        let committer = thread("store-committer", move || committer.run(&waiting, follower))?;
        Ok(Self {
            commands: RwLock::new(Some(commands)),
            committer: Mutex::new(Some(committer)),
            view,
            dir: dir.to_owned(),
            progress,
            _lock: lock,
        })
    }

    /// Sends a command. Where the committer is gone, whoever waits for an answer learns it from the dropped sender.
    fn send(&self, command: Command) {
        let commands = self.commands.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(commands) = &*commands {
            let _ = commands.send(command);
        }
    }

    /// Runs a read here where it is short, and on a thread for blocking work where it may be long.
    async fn query<T: Send + 'static>(
        &self,
        rows: usize,
        read: impl FnOnce(&View) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        if rows <= INLINE_ROWS_MAX {
            return read(&self.view);
        }
        let view = Arc::clone(&self.view);
        tokio::task::spawn_blocking(move || read(&view)).await.map_err(Error::unavailable)?
    }
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(Error::unavailable)
}

/// Takes up the journal, or begins one, and answers it with what the database does not have yet.
fn open_journal(
    disk: Arc<dyn Disk>,
    dir: &Path,
    connection: &mut Connection,
    options: Options,
) -> Result<(Journal, Layers), Error> {
    let dir = dir.join("journal");
    let lengths = Lengths { first: options.first_segment_bytes, full: options.segment_bytes };
    let position = format::follower(connection).map_err(Error::unavailable)?;
    let (applied, secret) = match position {
        Some(Position { applied, secret }) => (applied, Secret(secret)),
        None => (0, Secret(std::hash::RandomState::new().build_hasher().finish())),
    };
    let mut layers = Layers::over(applied);
    let found = if position.is_some() {
        let active = &mut layers.active;
        recovery::recover(&dir, secret, applied, &mut |lsn, payload| replay(active, lsn, payload))
            .map_err(Error::unavailable)?
    } else {
        begin_dir(&*disk, &dir)?;
        Recovered { next_number: 1, ..Recovered::default() }
    };
    let journal = Journal::open(disk, &dir, secret, lengths, applied, found)
        .map_err(|cause| Error::unavailable(format!("{}: {}", dir.display(), describe(&cause))))?;
    if position.is_none() {
        // The first segment is on disk: from now on a journal without one is a journal that was lost.
        let position = Position { applied, secret: secret.0 };
        format::follow(connection, position).map_err(Error::unavailable)?;
    }
    Ok((journal, layers))
}

fn replay(layer: &mut Layer, lsn: u64, payload: &[u8]) -> Result<(), crate::journal::changes::Malformed> {
    for change in Changes::of(payload) {
        layer.replay(change?);
    }
    layer.last = lsn;
    layer.journal_bytes += payload.len();
    Ok(())
}

/// Makes the journal's directory, without what a first start that did not come to its end has left there.
fn begin_dir(disk: &dyn Disk, dir: &Path) -> Result<(), Error> {
    format::create_private_dir(dir).map_err(Error::unavailable)?;
    for path in recovery::leftovers(dir).map_err(Error::unavailable)? {
        disk.remove(&path).map_err(Error::unavailable)?;
    }
    match dir.parent() {
        Some(parent) => File::open(parent).and_then(|parent| parent.sync_all()).map_err(Error::unavailable),
        None => Ok(()),
    }
}

impl Store for LocalStore {
    fn submit(&self, batch: Batch) -> Ticket {
        let (settle, ticket) = Ticket::new();
        self.send(Command::Commit { batch, settle });
        ticket
    }

    fn get<'a>(&'a self, table: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, Error>> {
        Box::pin(async move { self.view.get(table, key) })
    }

    fn list<'a>(&'a self, table: &'a str, range: Range<'a>) -> BoxFuture<'a, Result<Vec<Record>, Error>> {
        Box::pin(async move {
            let keys = Keys::of(range);
            let table = table.to_owned();
            self.query(range.limit, move |view| view.list(&table, &keys)).await
        })
    }

    fn read<'a>(&'a self, log: &'a str, slice: Slice) -> BoxFuture<'a, Result<Vec<Entry>, Error>> {
        Box::pin(async move {
            let log = log.to_owned();
            self.query(slice.limit, move |view| view.read(&log, slice)).await
        })
    }

    fn timers(&self, queue: &'static str) -> BoxFuture<'_, Result<TimerQueue, Error>> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Subscribe { queue, reply });
        Box::pin(async move { answer.await.unwrap_or_else(|_| Err(Error::closed())) })
    }

    fn close(&self) {
        drop(self.commands.write().unwrap_or_else(PoisonError::into_inner).take());
        let committer = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(committer) = committer
            && committer.join().is_err()
        {
            tracing::error!("the store's committer panicked");
        }
    }

    fn backup<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let upto = self.view.layers().active.last;
            let progress = Arc::clone(&self.progress);
            let (from, to) = (self.dir.clone(), dir.to_owned());
            let copied = tokio::task::spawn_blocking(move || {
                progress.catch_up(upto)?;
                backup::copy(&from, &to)
            });
            copied.await.map_err(Error::unavailable)?
        })
    }
}

impl Drop for LocalStore {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for LocalStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalStore").finish_non_exhaustive()
    }
}
