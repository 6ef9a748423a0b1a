//! Makes a data directory of a backup.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::manifest::Manifest;
use super::{data_dir, files};

/// Compares all files of a backup with its manifest.
///
/// # Errors
/// The first thing that is not as it should be.
pub fn check(backup: &Path) -> anyhow::Result<Manifest> {
    let manifest = Manifest::read(backup)?;
    for entry in &manifest.files {
        let found = files::sum(&backup.join(&entry.path));
        entry.check(&found.with_context(|| format!("the backup is damaged: cannot read {}", entry.path))?)?;
    }
    Ok(manifest)
}

/// Copies a backup to `data_dir`, which is not there yet, or empty; compares each file with the manifest on the way.
///
/// It is made beside its place and renamed: what is called `data_dir` is whole.
///
/// # Errors
/// Where the backup is damaged or not understood, and where `data_dir` holds something. Then nothing of it stays.
pub fn restore(backup: &Path, data_dir: &Path) -> anyhow::Result<Manifest> {
    let manifest = Manifest::read(backup)?;
    if !data_dir::is_free(data_dir)? {
        bail!(
            "{} is not empty: restore into another directory, or move what is there away first",
            data_dir.display()
        );
    }
    let data_dir = std::path::absolute(data_dir)?;
    let unfinished = data_dir::unfinished(&data_dir, ".unfinished")?;
    let restored = copy(backup, &unfinished, &manifest).and_then(|()| {
        std::fs::rename(&unfinished, &data_dir)
            .with_context(|| format!("cannot create {}", data_dir.display()))?;
        Ok(files::sync_parent(&data_dir)?)
    });
    if let Err(error) = restored {
        let _ = std::fs::remove_dir_all(&unfinished);
        return Err(error);
    }
    Ok(manifest)
}

fn copy(backup: &Path, to: &Path, manifest: &Manifest) -> anyhow::Result<()> {
    files::create_dir(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in &manifest.files {
        let (old, new) = (backup.join(&entry.path), to.join(&entry.path));
        if let Some(folder) = new.parent() {
            files::create_dir(folder)?;
        }
        if !old.is_file() {
            bail!("the backup is damaged: {} is missing", entry.path);
        }
        let copied = files::copy(&old, &new).with_context(|| format!("cannot copy {}", entry.path))?;
        entry.check(&copied)?;
    }
    Ok(files::sync_tree(to)?)
}
