//! What a backup says of itself: `manifest.json`, written last.

use std::path::{Component, Path};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use super::{data_dir, files};

/// The format of backups that this program writes, and the only one that it reads.
pub const FORMAT: u32 = 1;

const NAME: &str = "manifest.json";

/// What is in a backup.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The format of the backup: how the manifest is written, and what lies where.
    pub format: u32,
    /// The format of the data directory that it is a copy of.
    pub data_format: u32,
    /// Version of the program that made it.
    pub program: String,
    /// When it was begun, in UTC: whatever was acknowledged before is in it.
    pub created: String,
    /// Its files, in the order of their paths.
    pub files: Vec<Entry>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// From the backup's directory on, with `/`.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// In hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    /// What is in `dir` now.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub fn of(dir: &Path, created: String) -> anyhow::Result<Self> {
        let mut entries = Vec::new();
        for path in files::list(dir)? {
            let sum =
                files::sum(&dir.join(&path)).with_context(|| format!("cannot read {}", path.display()))?;
            let path = path.to_str().with_context(|| format!("{} is no text", path.display()))?.to_owned();
            entries.push(Entry { path, size: sum.size, sha256: sum.sha256 });
        }
        let program = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Self { format: FORMAT, data_format: data_dir::FORMAT, program, created, files: entries })
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|entry| entry.size).sum()
    }

    /// Writes it into `dir`.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(&self, dir: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        files::write_whole(&dir.join(NAME), text.as_bytes()).context("cannot write the manifest")
    }

    /// The manifest of the backup in `dir`.
    ///
    /// # Errors
    /// Where there is none, where this program does not understand it, and where it names what a backup does not have.
    pub fn read(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(NAME);
        let text = std::fs::read(&path).with_context(|| {
            format!("{} is no backup, or one that was not finished: cannot read its {NAME}", dir.display())
        })?;
        let damaged = || format!("the backup is damaged: {} is not a manifest", path.display());
        let versions: Versions = serde_json::from_slice(&text).with_context(damaged)?;
        versions.check(dir)?;
        let manifest: Self = serde_json::from_slice(&text).with_context(damaged)?;
        if let Some(entry) = manifest.files.iter().find(|entry| !entry.is_inside()) {
            bail!("the backup is damaged: its manifest names {:?}, which is outside of it", entry.path);
        }
        Ok(manifest)
    }
}

impl Entry {
    /// Whether the path leads nowhere else.
    fn is_inside(&self) -> bool {
        !self.path.is_empty()
            && Path::new(&self.path).components().all(|part| matches!(part, Component::Normal(_)))
    }

    /// Compares a file with what the manifest says.
    ///
    /// # Errors
    /// Where they differ.
    pub fn check(&self, found: &files::Sum) -> anyhow::Result<()> {
        if found.size != self.size {
            bail!(
                "the backup is damaged: {} has {} bytes and should have {}",
                self.path,
                found.size,
                self.size
            );
        }
        if found.sha256 != self.sha256 {
            bail!("the backup is damaged: the checksum of {} is not that of the manifest", self.path);
        }
        Ok(())
    }
}

/// What is read of a manifest before it is known how the rest is to be read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    format: u32,
    data_format: u32,
    program: String,
}

impl Versions {
    fn check(&self, dir: &Path) -> anyhow::Result<()> {
        let (dir, this) = (dir.display(), env!("CARGO_PKG_VERSION"));
        let Self { format, data_format, program } = self;
        if *format != FORMAT {
            bail!(
                "the backup {dir} has format {format}, made by runwright {program}; this is runwright {this}, which reads \
                 format {FORMAT}: restore it with runwright {program}"
            );
        }
        if !(1..=data_dir::FORMAT).contains(data_format) {
            bail!(
                "the backup {dir} holds data of format {data_format}, made by runwright {program}; this is runwright {this}, \
                 which reads formats up to {}: restore it with runwright {program}",
                data_dir::FORMAT
            );
        }
        Ok(())
    }
}
