//! Takes in bytes of unknown number: the first few in memory, more of them in a file.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use checksum::{Algorithm, Digester, Digests};
use tokio::task::{JoinHandle, spawn_blocking};

use super::{Body, Content, FileRange, MEMORY_BYTES_MAX, Reader};
use crate::{ids, limits};

/// Bytes on their way in. Dropped before [`Spool::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct Spool {
    folder: Option<PathBuf>,
    /// What has come since the last batch was handed over.
    batch: Vec<u8>,
    writing: Writing,
}

#[derive(Debug)]
enum Writing {
    /// Nothing is being written; `None` for the file until the bytes are too many for memory.
    Idle(Box<Written>),
    /// A batch is being digested and written.
    Busy(JoinHandle<io::Result<Box<Written>>>),
    /// A batch could not be written.
    Failed,
}

/// What has been digested, and written where there is a file.
#[derive(Debug)]
struct Written {
    digester: Digester,
    file: Option<SpoolFile>,
}

impl Spool {
    /// Takes in bytes of which the MD5 and the checksum by `algorithm` are wanted. As for [`Spool::with`].
    pub fn new(folder: Option<&Path>, algorithm: Algorithm) -> Self {
        Self::with(folder, Digester::new(algorithm))
    }

    /// Takes in bytes for `digester`. The file, if any, lies in `folder`; without one, bytes that are too many for memory
    /// are refused.
    pub fn with(folder: Option<&Path>, digester: Digester) -> Self {
        let written = Written { digester, file: None };
        Self {
            folder: folder.map(Path::to_owned),
            batch: Vec::new(),
            writing: Writing::Idle(Box::new(written)),
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// Where the file cannot be written; [`io::ErrorKind::FileTooLarge`] where there is no folder for one.
    pub async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = limits::BATCH_BYTES.saturating_sub(self.batch.len()).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            self.batch.extend_from_slice(now);
            bytes = later;
            if self.batch.len() >= limits::BATCH_BYTES {
                self.hand_over().await?;
            }
        }
        Ok(())
    }

    /// All bytes that were taken, with their digests.
    ///
    /// # Errors
    /// As for [`Spool::write`].
    pub async fn finish(mut self) -> io::Result<Body> {
        let written = self.settled().await?;
        let mut batch = std::mem::take(&mut self.batch);
        if written.file.is_some() || batch.len() > MEMORY_BYTES_MAX {
            let (folder, mut written) = (self.folder.take(), written);
            let written = spawn_blocking(move || {
                written.write(folder.as_deref(), &batch)?;
                Ok::<_, io::Error>(written)
            });
            return written.await.map_err(io::Error::other)??.into_body();
        }
        let mut digester = written.digester;
        digester.update(&batch);
        batch.shrink_to_fit();
        Ok(Body { content: Content::Memory(batch.into()), digests: Some(digester.finish()), spooled: None })
    }

    /// Has the batch digested and written while the next one comes in.
    async fn hand_over(&mut self) -> io::Result<()> {
        let mut written = self.settled().await?;
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(limits::BATCH_BYTES));
        let folder = self.folder.clone();
        self.writing = Writing::Busy(spawn_blocking(move || {
            written.write(folder.as_deref(), &batch)?;
            Ok(written)
        }));
        Ok(())
    }

    async fn settled(&mut self) -> io::Result<Box<Written>> {
        match std::mem::replace(&mut self.writing, Writing::Failed) {
            Writing::Idle(written) => Ok(written),
            Writing::Busy(task) => task.await.map_err(io::Error::other)?,
            Writing::Failed => Err(io::Error::other("an earlier batch could not be written")),
        }
    }
}

impl Written {
    fn write(&mut self, folder: Option<&Path>, batch: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, "no folder to spool to");
                none.insert(SpoolFile::create(folder.ok_or_else(too_large)?)?)
            }
        };
        self.digester.update(batch);
        (&*file.file).write_all(batch)
    }

    fn into_body(self) -> io::Result<Body> {
        let digests: Digests = self.digester.finish();
        let Some(file) = self.file else { return Err(io::Error::other("nothing was spooled")) };
        let range = FileRange::of(Arc::clone(&file.file), 0, digests.length);
        Ok(Body {
            content: Content::Files(vec![range]),
            digests: Some(digests),
            spooled: Some(Arc::new(file)),
        })
    }
}

/// A file that is removed with its last owner, unless it was kept.
#[derive(Debug)]
pub(super) struct SpoolFile {
    file: Arc<File>,
    path: PathBuf,
    kept: AtomicBool,
}

impl SpoolFile {
    fn create(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(ids::uuid());
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        Ok(Self { file: Arc::new(file), path, kept: AtomicBool::new(false) })
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        if !*self.kept.get_mut()
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "a spooled file could not be removed");
        }
    }
}

/// Makes a spooled file the file `path`. Says `false` where it is another file already, or on another file system.
pub(super) async fn keep(file: Arc<SpoolFile>, path: PathBuf) -> io::Result<bool> {
    let task = spawn_blocking(move || {
        if file.kept.swap(true, Ordering::AcqRel) {
            return Ok(false);
        }
        let renamed = file.file.sync_all().and_then(|()| std::fs::rename(&file.path, &path));
        let Err(error) = renamed else { return Ok(true) };
        file.kept.store(false, Ordering::Release);
        if error.kind() == io::ErrorKind::CrossesDevices { Ok(false) } else { Err(error) }
    });
    task.await.map_err(io::Error::other)?
}

/// Writes what `reader` reads to the file `path`.
pub(super) async fn copy(mut reader: Reader, path: PathBuf) -> io::Result<()> {
    let create = move || File::create(path);
    let mut file = spawn_blocking(create).await.map_err(io::Error::other)??;
    while let Some(chunk) = reader.next().await? {
        let write = move || file.write_all(&chunk).map(|()| file);
        file = spawn_blocking(write).await.map_err(io::Error::other)??;
    }
    spawn_blocking(move || file.sync_all()).await.map_err(io::Error::other)?
}
