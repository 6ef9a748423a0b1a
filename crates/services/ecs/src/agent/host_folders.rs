//! Sees to the folders of this machine that a task mounts.
//!
//! They are looked at as places, not as texts: whoever may write in a folder may put a link there that leads out of it.

use std::io;
use std::path::{Path, PathBuf};

use crate::host_folders::HostFolders;

/// Makes the folders that do not exist, as Docker does, and finds out that none of them leads elsewhere.
///
/// # Errors
/// What the file system says; [`io::ErrorKind::PermissionDenied`] for a path that leads out of what is allowed.
pub async fn prepare(allowed: &HostFolders, paths: &[PathBuf]) -> io::Result<()> {
    for path in paths {
        let folder = allowed.around(path).ok_or_else(|| refused(path))?;
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
