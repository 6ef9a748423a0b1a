//! The store on one machine: SQLite in a directory of its own.
//!
//! One connection writes, on its own thread ([`committer`]): whatever waits when the disk is free goes out as one
//! transaction and one sync. Others read beside it ([`readers`]), each statement on the last committed state.

pub(crate) mod apply;
pub(crate) mod backup;
pub(crate) mod committer;
mod examine;
pub(crate) mod format;
mod lock_holder;
pub(crate) mod readers;
pub(crate) mod vacuum;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc};
use std::thread::JoinHandle;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::{Batch, Entry, Error, Range, Record, Slice, Store, Ticket, TimerQueue};
use committer::{Command, Committer};
pub use examine::examine;
use format::Usage;
use readers::Readers;

/// Reads of more rows than this leave the async threads; fewer take some ten microseconds.
pub(crate) const INLINE_ROWS_MAX: usize = 256;

/// A store in a directory that it has for itself.
///
/// Dropping it commits what was submitted, then closes the files.
pub struct SqliteStore {
    /// `None` once it was closed.
    commands: RwLock<Option<mpsc::Sender<Command>>>,
    committer: Mutex<Option<JoinHandle<()>>>,
    readers: Arc<Readers>,
    dir: PathBuf,
    /// Held as long as the store is open; dropped last.
    _lock: File,
}

impl SqliteStore {
    /// Opens the store in `dir`, creating both where there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where another process has the directory, where the files were written by a newer version
    /// or by another program, where they are damaged, and where they cannot be read or written.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let lock = format::lock(dir)?;
        let connection = format::open_for_writing(dir, Usage::Alone)?;
        let readers = Arc::new(Readers::new(format::database(dir)));
        let (commands, waiting) = mpsc::channel();
        let committer = std::thread::Builder::new()
            .name("store-committer".to_owned())
            .spawn(move || Committer::new(connection).run(&waiting))
            .map_err(Error::unavailable)?;
        Ok(Self {
            commands: RwLock::new(Some(commands)),
            committer: Mutex::new(Some(committer)),
            readers,
            dir: dir.to_owned(),
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
        read: impl FnOnce(&Readers) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        if rows <= INLINE_ROWS_MAX {
            return read(&self.readers);
        }
        let readers = Arc::clone(&self.readers);
        tokio::task::spawn_blocking(move || read(&readers)).await.map_err(Error::unavailable)?
    }
}

impl Store for SqliteStore {
    fn submit(&self, batch: Batch) -> Ticket {
        let (settle, ticket) = Ticket::new();
        self.send(Command::Commit { batch, settle });
        ticket
    }

    fn get<'a>(&'a self, table: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, Error>> {
        Box::pin(async move { self.readers.get(table, key) })
    }

    fn list<'a>(&'a self, table: &'a str, range: Range<'a>) -> BoxFuture<'a, Result<Vec<Record>, Error>> {
        Box::pin(async move {
            let keys = readers::Keys::of(range);
            let table = table.to_owned();
            self.query(range.limit, move |readers| readers.list(&table, &keys)).await
        })
    }

    fn read<'a>(&'a self, log: &'a str, slice: Slice) -> BoxFuture<'a, Result<Vec<Entry>, Error>> {
        Box::pin(async move {
            let log = log.to_owned();
            self.query(slice.limit, move |readers| readers.read(&log, slice)).await
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
            let (from, to) = (self.dir.clone(), dir.to_owned());
            let copied = tokio::task::spawn_blocking(move || backup::copy(&from, &to));
            copied.await.map_err(Error::unavailable)?
        })
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}
