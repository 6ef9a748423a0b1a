//! The store of images: what is here, under which names, and who uses it.
//!
//! ```text
//! lock              held while anything below changes its name
//! layers/<diff_id>  unpacked layers
//! images/<id>       StoredImage
//! names/<hex>       { name, id }: <hex> is the digest of the name
//! pins/<container>  a link to the id of the image that a container was made from
//! tmp/<random>      what is being made; whoever makes it holds a lock on it
//! ```

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::archive;
use super::digest::{Digest, DigestReader};
use super::document::{Configuration, StoredImage};
use super::layer;
use super::limits::{DOCUMENT_BYTES_MAX, TRANSFERS_MAX};
use super::reference::Reference;
use super::registry::{self, RegistryOptions};
use crate::driver::ImageError;

/// The images of one data directory. Several processes may use it at once. Clones are the same store.
#[derive(Clone, Debug)]
pub struct ImageStore {
    root: PathBuf,
    registries: RegistryOptions,
    /// Pulls by name: the second one of the same image waits, and then finds the first one's result.
    pulling: Arc<Mutex<HashMap<String, Pull>>>,
    /// Turns to fetch something. Who waits to try again has none.
    pub(super) transfers: Arc<Semaphore>,
}

/// A pull that is under way: when it failed, and why, if it did.
type Pull = Arc<tokio::sync::Mutex<Option<(Instant, ImageError)>>>;

/// A name that images are found by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedImage {
    /// The full name, as [`Reference`] shows it.
    pub name: String,
    /// The image's ID.
    pub id: Digest,
}

impl ImageStore {
    /// Opens the store in the directory `root`, creating it when missing, and removes what a crash left half-made.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn open(root: &Path, options: RegistryOptions) -> Result<Self, ImageError> {
        for directory in ["layers", "images", "names", "pins", "tmp"] {
            fs::create_dir_all(root.join(directory)).map_err(store)?;
        }
        let transfers = Arc::new(Semaphore::new(TRANSFERS_MAX));
        let opened = Self { root: root.to_owned(), registries: options, pulling: Arc::default(), transfers };
        opened.remove_abandoned().map_err(store)?;
        Ok(opened)
    }

    /// Loads every image of a `docker save` archive or an OCI layout: a directory, or a tar file that may be compressed.
    ///
    /// # Errors
    /// [`ImageError::Unusable`] for what is not one, [`ImageError::Store`].
    pub fn load(&self, path: &Path) -> Result<Vec<NamedImage>, ImageError> {
        archive::load(self, path)
    }

    /// Pulls an image from its registry, whether or not it is here.
    ///
    /// # Errors
    /// Any [`ImageError`].
    pub async fn pull(&self, reference: &Reference) -> Result<StoredImage, ImageError> {
        registry::pull(self, &self.registries, reference).await
    }

    /// The image of that name, pulled if it is not here.
    ///
    /// # Errors
    /// Any [`ImageError`].
    pub async fn ensure(&self, name: &str) -> Result<StoredImage, ImageError> {
        if let Some(found) = self.resolve(name)? {
            return Ok(found);
        }
        let asked = Instant::now();
        let lock = {
            let mut locks = self.pulling.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            locks.entry(name.to_owned()).or_default().clone()
        };
        let mut last = lock.lock().await;
        if let Some(found) = self.resolve(name)? {
            return Ok(found);
        }
        match &*last {
            // While we waited somebody tried, and tried again: so many who want the same share one failure.
            Some((failed, error)) if *failed > asked => Err(error.clone()),
            _ => {
                let pulled = self.pull(&Reference::parse(name)?).await;
                *last = pulled.as_ref().err().map(|error| (Instant::now(), error.clone()));
                pulled
            }
        }
    }

    /// Finds an image by its name, its name and digest, or its ID.
    ///
    /// # Errors
    /// [`ImageError::InvalidReference`], [`ImageError::Store`].
    pub fn resolve(&self, name: &str) -> Result<Option<StoredImage>, ImageError> {
        if let Some(id) = Digest::parse(name) {
            return self.image(&id).map_err(store);
        }
        let full = Reference::parse(name)?.to_string();
        let Some(named) = read_json::<NamedImage>(&self.name_path(&full)).map_err(store)? else {
            return Ok(None);
        };
        self.image(&named.id).map_err(store)
    }

    /// Every name, in alphabetical order.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn list(&self) -> Result<Vec<NamedImage>, ImageError> {
        let mut names = Vec::new();
        for file in entries(&self.root.join("names")).map_err(store)? {
            names.extend(read_json::<NamedImage>(&file).map_err(store)?);
        }
        names.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(names)
    }

    /// Forgets a name, and then every image and layer that no name and no container uses.
    ///
    /// # Errors
    /// [`ImageError::InvalidReference`], [`ImageError::NotFound`], [`ImageError::Store`].
    pub fn remove(&self, name: &str) -> Result<(), ImageError> {
        let full = Reference::parse(name)?.to_string();
        let _lock = self.lock().map_err(store)?;
        match fs::remove_file(self.name_path(&full)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ImageError::NotFound { image: full });
            }
            result => result.map_err(store)?,
        }
        self.collect().map_err(store)
    }

    /// Keeps an image while the container `user` exists.
    ///
    /// # Errors
    /// [`ImageError::NotFound`] when it was removed in the meantime, [`ImageError::Store`].
    pub fn pin(&self, user: &str, image: &StoredImage) -> Result<(), ImageError> {
        let _lock = self.lock().map_err(store)?;
        if self.image(&image.id).map_err(store)?.is_none() {
            return Err(ImageError::NotFound { image: image.id.to_string() });
        }
        let pin = self.root.join("pins").join(user);
        fs::remove_file(&pin).or_else(|error| ignore_missing(&error)).map_err(store)?;
        // A link, because it is made whole or not at all, without waiting for the disk before each start.
        std::os::unix::fs::symlink(image.id.to_string(), &pin).map_err(store)
    }

    /// Lets go of the image that `user` was made from.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn unpin(&self, user: &str) -> Result<(), ImageError> {
        let _lock = self.lock().map_err(store)?;
        let removed = fs::remove_file(self.root.join("pins").join(user));
        removed.or_else(|error| ignore_missing(&error)).map_err(store)
    }

    /// Lets go of what was pinned for containers that do not exist.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn keep_pins(&self, exists: impl Fn(&str) -> bool) -> Result<(), ImageError> {
        let _lock = self.lock().map_err(store)?;
        for pin in entries(&self.root.join("pins")).map_err(store)? {
            let user = pin.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !exists(user) {
                fs::remove_file(&pin).map_err(store)?;
            }
        }
        Ok(())
    }

    /// Removes every image and layer that no name and no container uses.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn collect_garbage(&self) -> Result<(), ImageError> {
        let _lock = self.lock().map_err(store)?;
        self.collect().map_err(store)
    }

    /// The directories of an image's layers, the lowest first.
    pub fn layer_paths(&self, image: &StoredImage) -> Vec<PathBuf> {
        image.layers.iter().map(|layer| self.layer_path(layer)).collect()
    }

    /// Unpacks one layer aside, unless it is here, and checks that it is what the configuration says.
    ///
    /// `compressed` is the digest of the blob, where it is known.
    pub(super) fn unpack(
        &self,
        workspace: &Workspace,
        blob: impl Read,
        compressed: Option<&Digest>,
        diff_id: &Digest,
    ) -> Result<(), String> {
        if self.layer_path(diff_id).is_dir() || workspace.path.join(diff_id.hex()).is_dir() {
            return Ok(());
        }
        let directory = workspace.path.join(format!("{}.unpacking", diff_id.hex()));
        fs::create_dir(&directory).map_err(|error| error.to_string())?;
        let mut blob = DigestReader::new(blob);
        let stream = archive::decompress(&mut blob).map_err(|error| format!("layer {diff_id}: {error}"))?;
        let unpacked =
            layer::unpack(stream, &directory).map_err(|error| format!("layer {diff_id}: {error}"))?;
        let (found, _) = blob.finish().map_err(|error| error.to_string())?;
        if let Some(wanted) = compressed.filter(|wanted| **wanted != found) {
            return Err(format!("layer {diff_id}: the blob has digest {found}, expected {wanted}"));
        }
        if unpacked.diff_id != *diff_id {
            return Err(format!("layer has diff_id {}, expected {diff_id}", unpacked.diff_id));
        }
        fs::rename(&directory, workspace.path.join(diff_id.hex())).map_err(|error| error.to_string())
    }

    /// Puts an image whose layers were unpacked in `workspace` into the store, under `names`.
    pub(super) fn commit(
        &self,
        workspace: &Workspace,
        image: &StoredImage,
        names: &[String],
    ) -> Result<(), ImageError> {
        let opened = fs::File::open(&workspace.path).map_err(store)?;
        // The layers' files must be on the disk before their directory has its final name.
        rustix::fs::syncfs(&opened).map_err(|error| store(error.into()))?;
        let _lock = self.lock().map_err(store)?;
        for diff_id in &image.layers {
            let (made, target) = (workspace.path.join(diff_id.hex()), self.layer_path(diff_id));
            if made.is_dir() && !target.is_dir() {
                fs::rename(&made, &target).map_err(store)?;
            }
            if !target.is_dir() {
                return Err(ImageError::Store(format!("layer {diff_id} was removed meanwhile")));
            }
        }
        self.write_json(&self.image_path(&image.id), image).map_err(store)?;
        for name in names {
            let named = NamedImage { name: name.clone(), id: image.id.clone() };
            self.write_json(&self.name_path(name), &named).map_err(store)?;
        }
        // A name that moved may have left an image behind.
        self.collect().map_err(store)
    }

    /// A directory to make things in, removed when dropped.
    pub(super) fn workspace(&self) -> io::Result<Workspace> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = self.root.join("tmp").join(name);
        let _lock = self.lock()?; // So that nobody takes it for abandoned before we hold it.
        fs::create_dir(&path)?;
        let lock = OwnedFd::from(fs::File::open(&path)?);
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Workspace { path, _lock: lock })
    }

    fn remove_abandoned(&self) -> io::Result<()> {
        let _lock = self.lock()?;
        for path in entries(&self.root.join("tmp"))? {
            let opened = fs::File::open(&path)?;
            if flock(&opened, FlockOperation::NonBlockingLockExclusive).is_ok() {
                if path.is_dir() { fs::remove_dir_all(&path)? } else { fs::remove_file(&path)? }
            }
        }
        Ok(())
    }

    fn collect(&self) -> io::Result<()> {
        let mut used = BTreeSet::new();
        for file in entries(&self.root.join("names"))? {
            used.extend(read_json::<NamedImage>(&file)?.map(|named| named.id));
        }
        for pin in entries(&self.root.join("pins"))? {
            used.extend(fs::read_link(&pin)?.to_str().and_then(Digest::parse));
        }
        let mut layers = BTreeSet::new();
        for file in entries(&self.root.join("images"))? {
            match read_json::<StoredImage>(&file)? {
                Some(image) if used.contains(&image.id) => layers.extend(image.layers),
                _ => fs::remove_file(&file)?,
            }
        }
        for directory in entries(&self.root.join("layers"))? {
            let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !layers.iter().any(|layer| layer.hex() == name) {
                // Renamed first: a crash in the middle must not leave half a layer under its name.
                let doomed = self.root.join("tmp").join(format!("removed-{name}"));
                fs::rename(&directory, &doomed)?;
                fs::remove_dir_all(&doomed)?;
            }
        }
        Ok(())
    }

    fn image(&self, id: &Digest) -> io::Result<Option<StoredImage>> {
        read_json(&self.image_path(id))
    }

    fn lock(&self) -> io::Result<OwnedFd> {
        let file = fs::File::options().create(true).append(true).open(self.root.join("lock"))?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file.into())
    }

    /// Writes a document so that a reader, and a crash, sees the old one or the new one. The lock must be held.
    fn write_json(&self, path: &Path, value: &impl Serialize) -> io::Result<()> {
        let aside = self.root.join("tmp").join("document");
        let file = fs::File::create(&aside)?;
        serde_json::to_writer(&file, value)?;
        file.sync_all()?;
        fs::rename(&aside, path)
    }

    fn layer_path(&self, diff_id: &Digest) -> PathBuf {
        self.root.join("layers").join(diff_id.hex())
    }

    fn image_path(&self, id: &Digest) -> PathBuf {
        self.root.join("images").join(id.hex())
    }

    fn name_path(&self, name: &str) -> PathBuf {
        self.root.join("names").join(Digest::of(name.as_bytes()).hex())
    }
}

/// A directory under `tmp`.
#[derive(Debug)]
pub(super) struct Workspace {
    pub(super) path: PathBuf,
    _lock: OwnedFd,
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "a temporary directory of an image stays behind");
        }
    }
}

/// The image that a configuration describes, with `digest` as its manifest's.
pub(super) fn stored_image(configuration: &[u8], digest: Option<Digest>) -> Result<StoredImage, String> {
    let read = Configuration::read(configuration)?;
    let id = Digest::of(configuration);
    Ok(StoredImage {
        digest: digest.unwrap_or_else(|| id.clone()),
        id,
        layers: read.rootfs.diff_ids,
        config: read.config.unwrap_or_default(),
    })
}

/// Reads a document of an image, which must not be larger than documents are.
pub(super) fn read_document(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(io::Error::other("the document is too large"));
    }
    Ok(bytes)
}

pub(super) fn store(error: io::Error) -> ImageError {
    ImageError::Store(error.to_string())
}

fn ignore_missing(error: &io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound {
        Ok(())
    } else {
        Err(io::Error::new(error.kind(), error.to_string()))
    }
}

fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
