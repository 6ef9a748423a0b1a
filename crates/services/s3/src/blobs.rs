//! The bytes of objects and parts: files beside the store, and small ones in it.
//!
//! A blob is written and synced before the batch that makes it known, and removed after the batch that makes it unknown.
//! That batch also puts or deletes the record by which [`Blobs::sweep`] tells, at the next start, which files a crash
//! left behind. Who owns a blob and when it goes is not decided here.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::{Body, FileRange};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use store::{Batch, Range, Store};
use tokio::task::spawn_blocking;

use crate::error::Error;
use crate::limits;
use crate::removals::{FilesHeld, Removals, remove_file};

/// The store's table of the bytes of small blobs, by the blobs' ids.
const BYTES: &str = "s3-bytes";
/// The store's table of the files that belong to an object or a part, by the blobs' ids.
const FILES: &str = "s3-files";
/// Names of files that are read at a time.
const FILES_AT_A_TIME: usize = 4096;

/// Some bytes under a name of their own, never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Blob {
    /// 32 hexadecimal digits.
    pub(crate) id: String,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    Store,
    File,
}

/// A blob that nobody knows of yet.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) blob: Blob,
    pub(crate) size: u64,
    /// What goes into the store.
    bytes: Bytes,
}

/// Where blobs are.
#[derive(Clone)]
pub(crate) struct Blobs {
    folder: PathBuf,
    incoming: PathBuf,
    store: Arc<dyn Store>,
    removals: Removals,
}

/// The files that `store` names, by their paths in the folder of a service.
///
/// # Errors
/// [`store::Error::Unavailable`].
pub async fn named_files(store: &dyn Store) -> Result<Vec<PathBuf>, store::Error> {
    let (mut names, mut after) = (Vec::new(), None::<String>);
    loop {
        let range = Range { after: after.as_deref(), limit: FILES_AT_A_TIME, ..Range::prefix("") };
        let page = store.list(FILES, range).await?;
        let is_last = page.len() < FILES_AT_A_TIME;
        names.extend(page.iter().map(|record| place_of(&record.key)));
        after = page.into_iter().next_back().map(|record| record.key);
        if is_last {
            return Ok(names);
        }
    }
}

/// Where a file lies in the folder: in one of 256, so that none of them gets large.
fn place_of(id: &str) -> PathBuf {
    Path::new(id.get(..2).unwrap_or("00")).join(id)
}

impl Blobs {
    /// Blobs whose files lie in `folder`.
    pub(crate) fn new(folder: &Path, store: Arc<dyn Store>) -> Self {
        Self {
            folder: folder.to_owned(),
            incoming: folder.join("incoming"),
            store,
            removals: Removals::default(),
        }
    }

    /// Where bodies wait on the same file system.
    pub(crate) fn incoming(&self) -> &Path {
        &self.incoming
    }

    /// Writes a body; when this returns, the disk has it.
    pub(crate) async fn write(&self, body: Body) -> Result<Written, Error> {
        let size = body.len();
        if size <= limits::INLINE_BYTES_MAX {
            let blob = Blob { id: api::ids::hex32(), place: Place::Store };
            return Ok(Written { blob, size, bytes: body.collect(limits::INLINE_BYTES_MAX).await? });
        }
        let (blob, path) = self.new_file().await?;
        let saved = body.save(&path).await;
        self.finish(blob, size, saved).await
    }

    /// Writes the bytes of a blob once more under another name: as another link to the same file where it can.
    pub(crate) async fn duplicate(&self, blob: &Blob, size: u64) -> Result<Option<Written>, Error> {
        if blob.place == Place::Store {
            let Some(body) = self.body(blob, 0..size).await? else { return Ok(None) };
            return self.write(body).await.map(Some);
        }
        let (copy, to) = self.new_file().await?;
        let from = self.path(&blob.id);
        let linked = blocking(move || match fs::hard_link(&from, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                fs::copy(&from, &to)?;
                File::open(&to)?.sync_all()
            }
            linked => linked,
        });
        match linked.await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            linked => self.finish(copy, size, linked).await.map(Some),
        }
    }

    /// Writes the bytes of blobs, one after the other, into one. Each is given with its size.
    pub(crate) async fn concatenate(&self, blobs: &[(Blob, u64)]) -> Result<Option<Written>, Error> {
        let size = blobs.iter().map(|(_, size)| size).sum();
        if let [(blob, _)] = blobs {
            return self.duplicate(blob, size).await;
        }
        let mut pieces = Vec::with_capacity(blobs.len());
        for (blob, _) in blobs {
            pieces.push(match blob.place {
                Place::File => Piece::File(self.path(&blob.id)),
                Place::Store => match self.store.get(BYTES, &blob.id).await? {
                    Some(record) => Piece::Bytes(record.value),
                    None => return Ok(None),
                },
            });
        }
        let (joined, path) = self.new_file().await?;
        let written = blocking(move || join(&pieces, &path)).await;
        self.finish(joined, size, written).await.map(Some)
    }

    /// Says in `batch` that a blob belongs to somebody.
    pub(crate) fn keep(&self, batch: &mut Batch, written: &Written) {
        match written.blob.place {
            Place::Store => batch.put(BYTES, written.blob.id.as_str(), written.bytes.to_vec()),
            Place::File => batch.put(FILES, written.blob.id.as_str(), Vec::new()),
        };
    }

    /// Says in `batch` that a blob belongs to nobody. Its file is removed by [`Self::remove`].
    pub(crate) fn forget(&self, batch: &mut Batch, blob: &Blob) {
        match blob.place {
            Place::Store => batch.delete(BYTES, blob.id.as_str()),
            Place::File => batch.delete(FILES, blob.id.as_str()),
        };
    }

    /// Removes the files of blobs that belong to nobody. Who has them open reads on.
    pub(crate) async fn remove(&self, blobs: Vec<Blob>) {
        let files = blobs.iter().filter(|blob| blob.place == Place::File);
        let paths: Vec<PathBuf> = files.map(|blob| self.path(&blob.id)).collect();
        if paths.is_empty() {
            return;
        }
        let removals = self.removals.clone();
        let removed = blocking(move || {
            removals.remove(paths);
            Ok(())
        });
        // It only fails where the process ends: the sweep at its next start will find them.
        let _ = removed.await;
    }

    /// The bytes `range` of a blob; `None` where it has been removed meanwhile.
    pub(crate) async fn body(&self, blob: &Blob, range: std::ops::Range<u64>) -> Result<Option<Body>, Error> {
        match blob.place {
            Place::Store => {
                let Some(record) = self.store.get(BYTES, &blob.id).await? else { return Ok(None) };
                let bounds = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
                let bytes = bounds.and_then(|(start, end)| record.value.get(start..end)).unwrap_or_default();
                Ok(Some(bytes.to_vec().into()))
            }
            Place::File => {
                let path = self.path(&blob.id);
                match blocking(move || File::open(path)).await {
                    Ok(file) => {
                        let length = range.end.saturating_sub(range.start);
                        Ok(Some(Body::files([FileRange::of(Arc::new(file), range.start, length)])))
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// Removes what a crash has left: bodies that never arrived, files that belong to nobody. Gives the number of files.
    ///
    /// Nothing may be written meanwhile.
    pub(crate) async fn sweep(&self) -> Result<usize, Error> {
        let (folder, incoming) = (self.folder.clone(), self.incoming.clone());
        let shelves = blocking(move || {
            if incoming.exists() {
                fs::remove_dir_all(&incoming)?;
            }
            fs::create_dir_all(&incoming)?;
            shelves_in(&folder)
        });
        let mut count = 0;
        for shelf in shelves.await? {
            let orphans = self.orphans(shelf).await?;
            count += orphans.len();
            self.remove(orphans).await;
        }
        Ok(count)
    }

    /// The files of one of the folders that belong to nobody.
    async fn orphans(&self, shelf: String) -> Result<Vec<Blob>, Error> {
        let records = self.store.list(FILES, Range::prefix(&shelf)).await?;
        let owned: HashSet<String> = records.into_iter().map(|record| record.key).collect();
        let folder = self.folder.join(&shelf);
        let files = blocking(move || names_in(&folder)).await?;
        let orphans = files.into_iter().filter(|id| !owned.contains(id));
        Ok(orphans.map(|id| Blob { id, place: Place::File }).collect())
    }

    /// Has no file removed from now on, until what this gives is dropped.
    pub(crate) fn hold_files(&self) -> FilesHeld {
        self.removals.hold()
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(place_of(id))
    }

    async fn new_file(&self) -> Result<(Blob, PathBuf), Error> {
        let blob = Blob { id: api::ids::hex32(), place: Place::File };
        let path = self.path(&blob.id);
        let file = path.clone();
        blocking(move || match file.parent() {
            Some(folder) if !folder.exists() => {
                fs::create_dir_all(folder)?;
                sync_parent(folder)
            }
            _ => Ok(()),
        })
        .await?;
        Ok((blob, path))
    }

    /// A file's name is on disk before anybody is told of it; what could not be written goes.
    async fn finish(&self, blob: Blob, size: u64, written: io::Result<()>) -> Result<Written, Error> {
        let path = self.path(&blob.id);
        let synced = blocking(move || {
            let synced = written.and_then(|()| sync_parent(&path));
            if synced.is_err() {
                remove_file(&path);
            }
            synced
        });
        synced.await?;
        Ok(Written { blob, size, bytes: Bytes::new() })
    }
}

enum Piece {
    File(PathBuf),
    Bytes(Vec<u8>),
}

/// Between files, the kernel copies.
fn join(pieces: &[Piece], path: &Path) -> io::Result<()> {
    let mut joined = File::options().write(true).create_new(true).open(path)?;
    for piece in pieces {
        match piece {
            Piece::File(path) => io::copy(&mut File::open(path)?, &mut joined)?,
            Piece::Bytes(bytes) => io::copy(&mut bytes.as_slice(), &mut joined)?,
        };
    }
    joined.sync_all()
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// The folders of `folder` that are called by two digits.
fn shelves_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = names_in(folder)?;
    names.retain(|name| name.len() == 2 && name.bytes().all(|digit| digit.is_ascii_hexdigit()));
    Ok(names)
}

fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}
