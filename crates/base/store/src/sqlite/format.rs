//! The files of a store: who may open them, and which ones are understood.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, TransactionBehavior};

use super::lock_holder::{Holder, holder_of};
use crate::Error;

/// Marks the database as ours: `RunW`.
const APPLICATION_ID: i32 = 0x5275_6e57;
/// The format of a store that has its database only.
const FORMAT: i32 = 1;
/// The format of a store that has a journal in front of its database.
const FORMAT_WITH_JOURNAL: i32 = 2;

/// How often a directory in use is asked for, and the pause between. A killed process's child that has not yet become
/// another program holds the lock a little longer than its parent.
const LOCK_ATTEMPTS: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

const SCHEMA: &str = include_str!("schema.sql");
const JOURNAL_SCHEMA: &str = include_str!("journal.sql");

/// Why a directory was not opened.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error("{dir} is in use by {holder}: stop that first, or name another directory with --data-dir")]
    InUse { dir: PathBuf, holder: Holder },
    #[error("{0} is a database of another program")]
    Foreign(PathBuf),
    #[error("{file} has format {found}; this version reads format {reads}: use the version that wrote it")]
    Format { file: PathBuf, found: i32, reads: i32 },
    #[error("{file} is damaged: it has {length} bytes and should have {expected}: restore a backup")]
    Truncated { file: PathBuf, length: u64, expected: u64 },
    #[error(
        "{0} is missing or empty, but the directory has held a store: bring the file back, or empty the directory"
    )]
    Lost(PathBuf),
    #[error("{file} cannot be written ahead: its journal mode is {mode}")]
    JournalMode { file: PathBuf, mode: String },
    #[error("{path}: {cause}")]
    Io { path: PathBuf, cause: std::io::Error },
    #[error("{file}: {cause}")]
    Sqlite { file: PathBuf, cause: rusqlite::Error },
    #[error("{file} is damaged ({cause}): restore a backup")]
    Damaged { file: PathBuf, cause: rusqlite::Error },
}

impl OpenError {
    fn sqlite(file: &Path, cause: rusqlite::Error) -> Self {
        let file = file.to_owned();
        match cause.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { file, cause },
            _ => Self::Sqlite { file, cause },
        }
    }
}

/// The database in a store's directory.
pub(crate) fn database(dir: &Path) -> PathBuf {
    dir.join("store.sqlite")
}

/// The file that is locked while a store is open. It is not empty once a store was created beside it.
fn lock_file(dir: &Path) -> PathBuf {
    dir.join("store.lock")
}

/// Creates the directory where it is missing, and takes it for this process until the file is dropped.
///
/// # Errors
/// [`Error::Unavailable`], in particular where another process has it.
pub(crate) fn lock(dir: &Path) -> Result<File, Error> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |cause| Error::unavailable(OpenError::Io { path, cause })
    };
    if !dir.is_dir() {
        create_private_dir(dir).map_err(io(dir))?;
        // The directory must itself survive a power loss.
        if let Some(parent) = dir.canonicalize().ok().as_deref().and_then(Path::parent) {
            File::open(parent).and_then(|parent| parent.sync_all()).map_err(io(parent))?;
        }
    }
    let path = lock_file(dir);
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io(&path))?;
    for _ in 0..LOCK_ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(cause)) => return Err(io(&path)(cause)),
        }
    }
    Err(Error::unavailable(OpenError::InUse { dir: dir.to_owned(), holder: holder_of(&file) }))
}

/// Opens the one connection that writes, and creates the tables of a new store.
///
/// # Errors
/// [`Error::Unavailable`] where the file is not a store that this version understands.
pub(crate) fn open_for_writing(dir: &Path, usage: Usage) -> Result<Connection, Error> {
    let file = database(dir);
    let io = |cause| Error::unavailable(OpenError::Io { path: file.clone(), cause });
    let has_held_a_store = std::fs::metadata(lock_file(dir)).is_ok_and(|metadata| metadata.len() > 0);
    if has_held_a_store && std::fs::metadata(&file).map_or(0, |metadata| metadata.len()) == 0 {
        // An empty store in the place of a lost one would forget everything and say nothing.
        return Err(Error::unavailable(OpenError::Lost(file)));
    }
    create_private_file(&file).map_err(io)?;
    let connection = prepare(&file, usage).map_err(|error| match error {
        Opening::Refused(error) => Error::unavailable(error),
        Opening::Sqlite(cause) => Error::unavailable(OpenError::sqlite(&file, cause)),
    })?;
    if !has_held_a_store {
        mark(dir).map_err(io)?;
    }
    Ok(connection)
}

/// Says for all time that the directory has held a store.
pub(crate) fn mark(dir: &Path) -> std::io::Result<()> {
    let mut file = File::options().create(true).truncate(true).write(true).open(lock_file(dir))?;
    file.write_all(b"A store was created here.\n")?;
    file.sync_all()?;
    File::open(dir)?.sync_all()
}

/// Opens a connection that reads.
pub(crate) fn open_for_reading(file: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    // A little for each of the connections: what one does not have the system has.
    connection.pragma_update(None, "cache_size", -2048)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Creates a directory that only its owner may enter: the store keeps secrets.
pub(crate) fn create_private_dir(dir: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Creates the file where it is missing, for its owner alone. SQLite gives its other files the same mode.
pub(crate) fn create_private_file(file: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

/// What the database has to be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// It is the store.
    Alone,
    /// It follows a journal.
    BehindJournal,
}

enum Opening {
    Refused(OpenError),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Opening {
    fn from(cause: rusqlite::Error) -> Self {
        Self::Sqlite(cause)
    }
}

fn prepare(file: &Path, usage: Usage) -> Result<Connection, Opening> {
    let mut connection = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    // Without effect on a database that exists.
    connection.pragma_update(None, "page_size", 8192)?;
    let new = is_new(&connection, file, usage)?;
    if new {
        // Incremental: free pages can be given back in steps (`vacuum`). It would write to a database that exists.
        connection.pragma_update(None, "auto_vacuum", 2)?;
    }
    set_up(&connection, file, usage)?;
    if new {
        create_tables(&mut connection)?;
    }
    check_length(&connection, file)?;
    Ok(connection)
}

/// Whether the database is empty; refuses one that is neither empty nor ours.
fn is_new(connection: &Connection, file: &Path, usage: Usage) -> Result<bool, Opening> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let format: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, format) {
        // A crash before the first commit leaves an empty database behind.
        (0, 0) if tables == 0 => Ok(true),
        (APPLICATION_ID, FORMAT) => Ok(false),
        (APPLICATION_ID, FORMAT_WITH_JOURNAL) if usage == Usage::BehindJournal => Ok(false),
        (APPLICATION_ID, found) => {
            let reads = if usage == Usage::Alone { FORMAT } else { FORMAT_WITH_JOURNAL };
            Err(Opening::Refused(OpenError::Format { file: file.to_owned(), found, reads }))
        }
        _ => Err(Opening::Refused(OpenError::Foreign(file.to_owned()))),
    }
}

fn set_up(connection: &Connection, file: &Path, usage: Usage) -> Result<(), Opening> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Opening::Refused(OpenError::JournalMode { file: file.to_owned(), mode }));
    }
    // FULL syncs the log at every commit; NORMAL would lose acknowledged commits with the power.
    connection.pragma_update(None, "synchronous", "full")?;
    // 512 pages of 8 KiB: 4 MiB. Behind a journal, each of the rare commits is followed by a checkpoint.
    let (pages, cache_kib) = match usage {
        Usage::Alone => (512, 65536),
        Usage::BehindJournal => (0, 16384),
    };
    connection.pragma_update(None, "wal_autocheckpoint", pages)?;
    // A log that had to grow, behind a long read or a backup, is cut to 64 MiB when it begins anew.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn create_tables(connection: &mut Connection) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// How far a database is behind its journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Follower {
    /// The last record of the journal that it has.
    pub(crate) applied: u64,
    /// What the journal's checksums are made with.
    pub(crate) secret: u64,
}

/// What a database says of its journal; none where it has none yet.
pub(crate) fn follower(connection: &Connection) -> Result<Option<Follower>, rusqlite::Error> {
    let format: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if format < FORMAT_WITH_JOURNAL {
        return Ok(None);
    }
    let read = |row: &rusqlite::Row<'_>| {
        let (applied, secret): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok(Follower { applied: applied.cast_unsigned(), secret: secret.cast_unsigned() })
    };
    connection.query_row("SELECT applied, secret FROM journal", [], read).optional()
}

/// Has the database follow a journal from now on; older versions refuse it then.
pub(crate) fn follow(connection: &mut Connection, follower: Follower) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(JOURNAL_SCHEMA)?;
    transaction.execute(
        "INSERT INTO journal (id, applied, secret) VALUES (1, ?1, ?2)",
        (follower.applied.cast_signed(), follower.secret.cast_signed()),
    )?;
    transaction.pragma_update(None, "user_version", FORMAT_WITH_JOURNAL)?;
    transaction.commit()
}

/// Takes a copy of a database from its journal: it has everything, and begins a journal of its own.
pub(crate) fn unfollow(connection: &Connection) -> Result<(), rusqlite::Error> {
    if follower(connection)?.is_some() {
        connection.execute("DELETE FROM journal", [])?;
    }
    Ok(())
}

/// Brings the log into the database and compares its length, so that a file that was cut off is noticed now and not
/// when the missing part is read.
fn check_length(connection: &Connection, file: &Path) -> Result<(), Opening> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let page_size: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let length = std::fs::metadata(file)
        .map_err(|cause| Opening::Refused(OpenError::Io { path: file.to_owned(), cause }))?
        .len();
    let expected = pages.saturating_mul(page_size).unsigned_abs();
    if length < expected {
        return Err(Opening::Refused(OpenError::Truncated { file: file.to_owned(), length, expected }));
    }
    Ok(())
}
