//! Makes a backup: a copy of the store, the files that it names, and the keys.
//!
//! Not in it: images and containers, which belong to the machine, and the volumes of tasks, which containers write and
//! which end with their tasks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, bail};
use clock::Clock;
use s3::S3;
use serde::{Deserialize, Serialize};
use store::Store;

use super::data_dir::{self, FILES, OBJECTS, STORE};
use super::files;
use super::manifest::Manifest;

/// What a backup is made of.
pub struct Source {
    /// The data directory.
    pub data_dir: PathBuf,
    /// Its store.
    pub store: Arc<dyn Store>,
    /// Who may remove files meanwhile; none where no server runs.
    pub s3: Option<S3>,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    pub files: usize,
    pub bytes: u64,
    pub seconds: f64,
}

/// Makes a backup in `dir`, which is not there yet, or empty. When this returns it is on disk, and opens as a store.
///
/// It is made beside its place and renamed: what is called `dir` is whole.
///
/// # Errors
/// Where `dir` holds something or cannot be written, and where the data directory is damaged. Then nothing of it stays.
pub async fn make(source: &Source, dir: &Path) -> anyhow::Result<Made> {
    let begun = Instant::now();
    let dir = std::path::absolute(dir)?;
    if !data_dir::is_free(&dir)? {
        bail!("{} exists and is not empty: name a directory for this backup alone", dir.display());
    }
    if dir.starts_with(std::path::absolute(&source.data_dir)?) {
        bail!("{} is in the data directory itself: a backup belongs elsewhere", dir.display());
    }
    let unfinished = data_dir::unfinished(&dir, ".unfinished")?;
    let made = fill(source, &unfinished).await.and_then(|manifest| {
        std::fs::rename(&unfinished, &dir).with_context(|| format!("cannot create {}", dir.display()))?;
        files::sync_parent(&dir)?;
        Ok(manifest)
    });
    match made {
        Ok(manifest) => {
            let seconds = begun.elapsed().as_secs_f64();
            Ok(Made { files: manifest.files.len(), bytes: manifest.bytes(), seconds })
        }
        Err(error) => {
            // Half a backup only takes space, and would be in the way of the next one.
            let _ = std::fs::remove_dir_all(&unfinished);
            Err(error)
        }
    }
}

async fn fill(source: &Source, dir: &Path) -> anyhow::Result<Manifest> {
    let created = Clock::Wall.now().to_iso_millis();
    files::create_dir(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    // From here on no file goes, so that those are there which the copy of the store will name.
    let held = source.s3.as_ref().map(S3::hold_files);
    source.store.backup(&dir.join(STORE)).await.context("the store cannot be copied")?;
    let named = named_files(dir).await.context("the copy of the store cannot be read")?;
    let (from, to) = (source.data_dir.clone(), dir.to_owned());
    let filled = tokio::task::spawn_blocking(move || {
        let filled = copy_files(&from, &to, &named);
        drop(held);
        filled?;
        data_dir::mark(&to)?;
        let manifest = Manifest::of(&to, created)?;
        manifest.write(&to)?;
        files::sync_tree(&to)?;
        Ok(manifest)
    });
    filled.await?
}

/// Opens the copy, which shows that it can be, and reads which files it names.
async fn named_files(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let store = data_dir::open_store(dir)?;
    Ok(s3::named_files(&*store).await?)
}

fn copy_files(from: &Path, to: &Path, named: &[PathBuf]) -> anyhow::Result<()> {
    for name in named {
        let (old, new) = (from.join(OBJECTS).join(name), to.join(OBJECTS).join(name));
        if let Some(folder) = new.parent() {
            files::create_dir(folder)?;
        }
        files::link(&old, &new).with_context(|| format!("the object {} cannot be copied", old.display()))?;
    }
    for name in FILES {
        let old = from.join(name);
        if old.exists() {
            files::copy(&old, &to.join(name))
                .with_context(|| format!("{} cannot be copied", old.display()))?;
        }
    }
    Ok(())
}
