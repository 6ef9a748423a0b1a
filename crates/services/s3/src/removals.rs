//! When the files of blobs that belong to nobody are removed: at once, or after whoever copies the folder is done.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The files to be removed. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Removals(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    by: usize,
    waiting: Vec<PathBuf>,
}

/// As long as there is one, no file is removed: what a copy of the store names can be found beside it. A process that
/// ends meanwhile leaves the files to the sweep of the next one.
#[derive(Debug)]
pub struct FilesHeld(Removals);

impl Removals {
    /// Holds all files from now on.
    pub(crate) fn hold(&self) -> FilesHeld {
        self.change(|held| held.by += 1);
        FilesHeld(self.clone())
    }

    /// Removes files, or has them wait while files are held. Blocks.
    pub(crate) fn remove(&self, paths: Vec<PathBuf>) {
        let free = self.change(|held| {
            if held.by == 0 {
                return paths;
            }
            held.waiting.extend(paths);
            Vec::new()
        });
        free.iter().for_each(|path| remove_file(path));
    }

    fn change<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for FilesHeld {
    fn drop(&mut self) {
        let free = self.0.change(|held| {
            held.by = held.by.saturating_sub(1);
            if held.by == 0 { std::mem::take(&mut held.waiting) } else { Vec::new() }
        });
        free.iter().for_each(|path| remove_file(path));
    }
}

pub(crate) fn remove_file(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "a file could not be removed");
    }
}
