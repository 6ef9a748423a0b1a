//! Gives the space of what was deleted back to the disk, a little at a time.
//!
//! A page that is free is used again by what is written next. Where more is free than that is likely to need, the last
//! pages of the file move into free ones and the file is cut: a few pages in a transaction, while nobody writes.

use rusqlite::Connection;

/// Pages that move in one step: 512 KiB, some milliseconds.
const PAGES_PER_STEP: i64 = 64;
/// Pages that may be free in any case: 8 MiB.
const FREE_PAGES: i64 = 1024;
/// Of so many pages one may be free: to move pages costs more than to have them free.
const PAGES_PER_FREE_PAGE: i64 = 8;

/// Whether a step is worth its while. A database that was created before there were steps has none, and keeps its size.
pub(crate) fn is_due(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let free = pragma("freelist_count")?;
    Ok(free > FREE_PAGES && free > pragma("page_count")? / PAGES_PER_FREE_PAGE && pragma("auto_vacuum")? != 0)
}

/// Does one step, in a transaction of its own. The file is cut when the write-ahead log is brought into it.
pub(crate) fn step(connection: &Connection) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES_PER_STEP})"))?;
    let mut pages = statement.query([])?;
    // A row for each page.
    while pages.next()?.is_some() {}
    drop(pages);
    if !is_due(connection)? {
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    }
    Ok(())
}
