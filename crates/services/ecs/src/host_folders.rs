//! Folders of this machine that tasks may mount: those that whoever runs the server has named, and what is in them.
//!
//! A path is checked twice: here as a text, so that RegisterTaskDefinition can say what is wrong; and by the agent, before
//! a task's containers are started, as a place.

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
        self.around(path).is_some()
    }

    /// The folder that `path` is, as a text, or is inside of.
    pub fn around(&self, path: &Path) -> Option<&Path> {
        let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        let folder = self.0.iter().find(|folder| path.starts_with(folder))?;
        (path.is_absolute() && plain).then_some(folder)
    }
}
