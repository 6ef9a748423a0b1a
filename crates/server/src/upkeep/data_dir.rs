//! A data directory: what is where in it, and whether this program understands it.
//!
//! The file `format.toml` says by which rules all the rest is kept: which files there are, which tables the store has and
//! what is in their rows. The store's own files say their format too, and are checked by the store.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use store::{LocalStore, Store};

use super::files;

/// The format that this program writes. Greater ones are refused; older ones, down to 1, are read and become this one.
///
/// It grows with whatever an older program would misunderstand: a file that moves, a table whose rows mean something else.
pub const FORMAT: u32 = 1;

const FORMAT_FILE: &str = "format.toml";

/// The folder of the store.
pub const STORE: &str = "store";
/// The folder of S3's objects.
pub const OBJECTS: &str = "objects";
/// The key that all secrets in the store are sealed with; connections were the first to have some.
pub const KEY: &str = "connections.key";
/// Files of the directory that are kept as they are.
pub const FILES: [&str; 2] = [KEY, "root-key.toml"];

/// What `format.toml` says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Format {
    format: u32,
    /// Version of the program that was the first to write this format here.
    written_by: String,
}

/// Opens the store of a data directory, which it then has for itself.
///
/// # Errors
/// What the store says.
pub fn open_store(data_dir: &Path) -> anyhow::Result<Arc<dyn Store>> {
    Ok(Arc::new(LocalStore::open(&data_dir.join(STORE))?))
}

/// Looks whether this program understands the directory. One without the file is new, or older than the file.
///
/// # Errors
/// A newer format; a file that is not what it is called.
pub fn check(data_dir: &Path) -> anyhow::Result<()> {
    let path = data_dir.join(FORMAT_FILE);
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let found: Format = toml::from_str(&text).with_context(|| {
        format!("{} is damaged: it should say `format = {FORMAT}`, or what the backup's says", path.display())
    })?;
    let Format { format, written_by } = found;
    if !(1..=FORMAT).contains(&format) {
        bail!(
            "{} has format {format}, written by runwright {written_by}; this is runwright {}, which reads formats up to \
             {FORMAT}. Start runwright {written_by} or newer, or restore a backup of format {FORMAT} into an empty directory.",
            data_dir.display(),
            env!("CARGO_PKG_VERSION"),
        );
    }
    Ok(())
}

/// Whether no program has said yet that the directory is its own.
pub fn is_new(data_dir: &Path) -> bool {
    !data_dir.join(FORMAT_FILE).exists()
}

/// Says in the directory that it has this program's format. To be called by whoever has its store.
///
/// # Errors
/// Where the file cannot be written.
pub fn mark(data_dir: &Path) -> anyhow::Result<()> {
    let path = data_dir.join(FORMAT_FILE);
    if read_format(&path) == Some(FORMAT) {
        return Ok(());
    }
    let format = Format { format: FORMAT, written_by: env!("CARGO_PKG_VERSION").to_owned() };
    let text =
        format!("# By which rules this directory is kept. Not to be edited.\n{}", toml::to_string(&format)?);
    files::write_whole(&path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// Whether a directory may become a data directory: it is not there, or empty.
///
/// # Errors
/// Where it cannot be read.
pub fn is_free(dir: &Path) -> anyhow::Result<bool> {
    match std::fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", dir.display())),
    }
}

/// The directory beside `dir` in which it is made ready; its name says that it is not.
pub fn unfinished(dir: &Path, word: &str) -> anyhow::Result<PathBuf> {
    let absolute = std::path::absolute(dir)?;
    let Some(name) = absolute.file_name() else { bail!("{} has no name", dir.display()) };
    let mut name = name.to_owned();
    name.push(word);
    let unfinished = absolute.with_file_name(name);
    if unfinished.exists() {
        bail!("{} is left from a run that was interrupted: look at it, and remove it", unfinished.display());
    }
    Ok(unfinished)
}

fn read_format(path: &Path) -> Option<u32> {
    let format: Format = toml::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
    Some(format.format)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, text: &str) {
        std::fs::write(dir.join(FORMAT_FILE), text).unwrap();
    }

    #[test]
    fn a_new_directory_gets_the_format_and_keeps_it() {
        let dir = tempfile::tempdir().unwrap();
        check(dir.path()).unwrap();
        mark(dir.path()).unwrap();
        check(dir.path()).unwrap();
        let text = std::fs::read_to_string(dir.path().join(FORMAT_FILE)).unwrap();
        assert!(text.ends_with("format = 1\nwritten-by = \"0.1.0\"\n"), "{text}");
        write(dir.path(), "format = 1\nwritten-by = \"0.0.9\"\n");
        mark(dir.path()).unwrap();
        assert!(std::fs::read_to_string(dir.path().join(FORMAT_FILE)).unwrap().contains("0.0.9"));
    }

    #[test]
    fn a_newer_format_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "format = 2\nwritten-by = \"9.8.7\"\n");
        let refusal = check(dir.path()).unwrap_err().to_string();
        let wanted = format!(
            "{} has format 2, written by runwright 9.8.7; this is runwright 0.1.0, which reads formats up to 1. Start \
             runwright 9.8.7 or newer, or restore a backup of format 1 into an empty directory.",
            dir.path().display()
        );
        assert_eq!(refusal, wanted);
    }

    #[test]
    fn a_file_that_says_no_format_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "\u{0}\u{0}", "format = \"x\"", "format = 0\nwritten-by = \"0.1.0\""] {
            write(dir.path(), text);
            assert!(check(dir.path()).is_err(), "{text:?}");
        }
    }
}
