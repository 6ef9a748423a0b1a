//! Folders of this machine that tasks may mount: those that whoever runs the server has named, and what is in them.
//!
//! A path is checked twice. At registration as a text, so that the answer says what is wrong; and before a task's
//! containers are started as a place, because whoever may write in a folder may put a link there that leads out of it.

use std::io;
use std::path::{Component, Path, PathBuf};

/// The folders that may be mounted. By default none.
#[derive(Clone, Debug, Default)]
pub struct HostFolders(Vec<PathBuf>);

impl HostFolders {
    /// These folders, by their absolute paths.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self(folders)
    }

    /// Whether `path` is, as a text, one of the folders or inside of one.
    pub fn allow(&self, path: &Path) -> bool {
        let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        path.is_absolute() && plain && self.0.iter().any(|folder| path.starts_with(folder))
    }

    /// Makes the folders that do not exist, as Docker does, and finds out that none of them leads elsewhere.
    ///
    /// # Errors
    /// What the file system says; [`io::ErrorKind::PermissionDenied`] for a path that leads out of what is allowed.
    pub async fn prepare(&self, paths: &[PathBuf]) -> io::Result<()> {
        for path in paths {
            let folder = self.0.iter().find(|folder| path.starts_with(folder)).filter(|_| self.allow(path));
            let folder = folder.ok_or_else(|| refused(path))?;
            let inside = tokio::fs::canonicalize(folder).await?;
            if !existing(path).await?.starts_with(&inside) {
                return Err(refused(path));
            }
            if tokio::fs::symlink_metadata(path).await.is_err() {
                tokio::fs::create_dir_all(path).await?;
            }
            if !tokio::fs::canonicalize(path).await?.starts_with(&inside) {
                return Err(refused(path));
            }
        }
        Ok(())
    }
}

/// The real place of what exists of `path`.
async fn existing(path: &Path) -> io::Result<PathBuf> {
    for part in path.ancestors() {
        match tokio::fs::canonicalize(part).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
    }
    Err(refused(path))
}

fn refused(path: &Path) -> io::Error {
    let text = format!("{} is not inside of a folder that may be mounted", path.display());
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}
