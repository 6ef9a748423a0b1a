//! A copy of a store, made while others write it.
//!
//! Pages are copied a few at a time by a connection of its own that stays in one read transaction: the copy is the state
//! after the last commit before its first page, however long it takes. Meanwhile the write-ahead log is not begun anew,
//! so it grows by what is written; nobody waits.

use std::fs::File;
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::format;
use crate::Error;

/// Pages that are copied before others get the disk: 1 MiB.
const PAGES_PER_STEP: i32 = 128;
/// Steps after which what was copied is brought to the disk, so that the last sync is short and no commit waits for it.
const STEPS_PER_SYNC: u32 = 8;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
enum BackupError {
    #[error("{0} exists and is not empty")]
    NotEmpty(std::path::PathBuf),
    #[error("the store is damaged, and so is its copy {file}: {finding}")]
    Damaged { file: std::path::PathBuf, finding: String },
    #[error("the store's file is busy and could not be copied")]
    Busy,
}

/// Copies the store of `from_dir` into `dir`, which is created, and looks whether the copy is sound.
///
/// # Errors
/// [`Error::Unavailable`], in particular where `dir` holds something, and where the store is damaged.
pub(crate) fn copy(from_dir: &Path, dir: &Path) -> Result<(), Error> {
    format::create_private_dir(dir).map_err(Error::unavailable)?;
    if std::fs::read_dir(dir).map_err(Error::unavailable)?.next().is_some() {
        return Err(Error::unavailable(BackupError::NotEmpty(dir.to_owned())));
    }
    let file = format::database(dir);
    format::create_private_file(&file).map_err(Error::unavailable)?;
    let is_whole = copy_pages(&format::database(from_dir), &file).map_err(Error::unavailable)?;
    if !is_whole {
        return Err(Error::unavailable(BackupError::Busy));
    }
    check(&file)?;
    File::open(&file).and_then(|file| file.sync_all()).map_err(Error::unavailable)?;
    format::mark(dir).map_err(Error::unavailable)
}

/// Copies all pages; `false` where somebody keeps the file from being read.
fn copy_pages(from: &Path, to: &Path) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
    let source = format::open_for_reading(from)?;
    // The read transaction that all steps share begins with the first read.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")?;
    let mut copy =
        Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // A copy that is not finished is thrown away: nothing of it needs a journal.
    copy.pragma_update_and_check(None, "journal_mode", "off", |_| Ok(()))?;
    copy.pragma_update(None, "synchronous", "off")?;
    let written = File::open(to)?;
    let backup = Backup::new(&source, &mut copy)?;
    for step in 1_u32.. {
        match backup.step(PAGES_PER_STEP)? {
            StepResult::Done => return Ok(true),
            StepResult::More if step % STEPS_PER_SYNC == 0 => written.sync_data()?,
            StepResult::More => {}
            _ => return Ok(false),
        }
    }
    Ok(false)
}

/// Reads the copy through: a backup that cannot be used is worse than none.
fn check(file: &Path) -> Result<(), Error> {
    let connection = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(Error::unavailable)?;
    let finding: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(Error::unavailable)?;
    if finding == "ok" {
        return format::unfollow(&connection).map_err(Error::unavailable);
    }
    Err(Error::unavailable(BackupError::Damaged { file: file.to_owned(), finding }))
}
