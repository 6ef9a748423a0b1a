//! What the journal asks of the disk. Tests put a disk of their own behind it: one that is full, slow or torn.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

/// Makes, takes over and removes segments.
pub(crate) trait Disk: Send + Sync {
    /// A new file of zeros, which is on disk with its name once this returns.
    fn create(&self, path: &Path, length: u64) -> io::Result<Box<dyn Segment>>;

    /// Gives a file another name, which is on disk once this returns, and opens it for writing from its beginning.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<Box<dyn Segment>>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// A file that is written from its beginning to its end.
pub(crate) trait Segment: Send {
    /// Writes behind what was written before.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Waits until what was written is on disk.
    fn sync(&mut self) -> io::Result<()>;
}

/// The machine's own file system.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FileSystem;

impl Disk for FileSystem {
    fn create(&self, path: &Path, length: u64) -> io::Result<Box<dyn Segment>> {
        let made = create(path, length);
        if made.is_err() {
            // Half a segment helps nobody, least of all on a full disk.
            let _ = std::fs::remove_file(path);
        }
        Ok(Box::new(made?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<Box<dyn Segment>> {
        std::fs::rename(from, to)?;
        sync_dir(to)?;
        Ok(Box::new(File::options().write(true).open(to)?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }
}

impl Segment for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Zeros are written and not only reserved: the first write to a block that was only reserved has the file system note
/// that it is in use, which costs a sync of its own.
fn create(path: &Path, length: u64) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let zeros = [0; 64 << 10];
    let mut left = length;
    while left > 0 {
        let now = left.min(zeros.len() as u64);
        file.write_all(zeros.get(..now as usize).unwrap_or(&zeros))?;
        left -= now;
    }
    file.sync_all()?;
    sync_dir(path)?;
    io::Seek::rewind(&mut file)?;
    Ok(file)
}

fn sync_dir(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
