//! Reads a whole database to find out whether it is sound.

use std::path::Path;

use super::format;
use crate::Error;

/// Findings that are told; more would not help anybody.
const FINDINGS_MAX: usize = 10;

/// Reads all of the database in `dir`, and answers what is wrong with it: nothing where it is sound. A server may be
/// writing it meanwhile.
///
/// # Errors
/// [`Error::Unavailable`] where it cannot be read.
pub fn examine(dir: &Path) -> Result<Vec<String>, Error> {
    let file = format::database(dir);
    findings(&file).map_err(|cause| Error::unavailable(format!("{}: {cause}", file.display())))
}

fn findings(file: &Path) -> Result<Vec<String>, rusqlite::Error> {
    let connection = format::open_for_reading(file)?;
    let mut check = connection.prepare(&format!("PRAGMA integrity_check({FINDINGS_MAX})"))?;
    let found: Vec<String> = check.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(if found == ["ok"] { Vec::new() } else { found })
}
