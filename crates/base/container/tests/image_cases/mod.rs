mod hostile;
mod keeping;
mod loading;
mod pulling;
mod real_registry;

use std::path::{Path, PathBuf};

use container::image::{ImageStore, RegistryOptions};

use crate::support::image::{configuration, saved};

/// A store in a directory of its own.
pub struct Home {
    pub directory: tempfile::TempDir,
    pub store: ImageStore,
}

impl Home {
    /// `None`, and a word about it, where these tests cannot run.
    pub fn new() -> Option<Self> {
        Self::with(RegistryOptions::default())
    }

    pub fn with(options: RegistryOptions) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            println!("skipped: needs root");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let store = ImageStore::open(&directory.path().join("images"), options).unwrap();
        Some(Self { directory, store })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Loads an image of these layers, as `docker save` writes it.
    pub fn load(&self, name: &str, layers: &[&[u8]]) -> Result<Vec<PathBuf>, String> {
        let archive = self.path("archive.tar");
        let configuration = configuration(serde_json::json!({ "Cmd": [name] }), layers);
        std::fs::write(&archive, saved(name, &configuration, layers)).unwrap();
        self.store.load(&archive).map_err(|error| error.to_string())?;
        let image = self.store.resolve(name).unwrap().unwrap();
        Ok(self.store.layer_paths(&image))
    }

    /// The files under a directory of the store.
    pub fn files(&self, under: &str) -> Vec<String> {
        let mut found = Vec::new();
        collect(&self.path("images").join(under), &mut found);
        found.sort();
        found
    }
}

fn collect(directory: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        found.push(entry.path().display().to_string());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), found);
        }
    }
}
