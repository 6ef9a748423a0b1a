//! Loads images from files: `docker save` archives, and OCI layouts as directories or tar files.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::allowance::Allowance;
use super::digest::Digest;
use super::document::{Descriptor, Manifest, SavedImage};
use super::reference::Reference;
use super::store::{ImageStore, NamedImage, Workspace, read_document, store, stored_image};
use crate::driver::ImageError;

/// How deep indices of an OCI layout may be nested.
const INDEX_DEPTH_MAX: u32 = 4;

/// Loads every image of `path` into `images`.
pub(super) fn load(images: &ImageStore, path: &Path) -> Result<Vec<NamedImage>, ImageError> {
    let workspace = images.workspace().map_err(store)?;
    let unusable = |reason: String| ImageError::Unusable { image: path.display().to_string(), reason };
    let files = Files::open(path, &workspace).map_err(|error| unusable(error.to_string()))?;
    let found = if files.contains("manifest.json") {
        saved_images(&files)
    } else if files.contains("index.json") {
        let index = files.document("index.json").and_then(|bytes| manifest(&bytes)).map_err(unusable)?;
        let mut found = Vec::new();
        layout_images(&files, &index, &[], 0, &mut found).map(|()| found)
    } else {
        Err("it has neither a manifest.json (docker save) nor an index.json (OCI layout)".to_owned())
    };
    let mut loaded = Vec::new();
    for image in found.map_err(unusable)? {
        loaded.extend(commit(images, &workspace, &files, image).map_err(|error| match error {
            Failure::Image(reason) => unusable(reason),
            Failure::Store(error) => error,
        })?);
    }
    Ok(loaded)
}

/// An image in a file, before its layers are read.
struct FoundImage {
    names: Vec<String>,
    configuration: Vec<u8>,
    digest: Option<Digest>,
    /// The layers' files and, where the layout says so, their digests.
    layers: Vec<(String, Option<Digest>)>,
}

enum Failure {
    Image(String),
    Store(ImageError),
}

fn commit(
    images: &ImageStore,
    workspace: &Workspace,
    files: &Files,
    found: FoundImage,
) -> Result<Vec<NamedImage>, Failure> {
    let image = stored_image(&found.configuration, found.digest).map_err(Failure::Image)?;
    if image.layers.len() != found.layers.len() {
        return Err(Failure::Image(format!(
            "the configuration names {} layers, the manifest {}",
            image.layers.len(),
            found.layers.len()
        )));
    }
    for ((file, digest), diff_id) in found.layers.iter().zip(&image.layers) {
        let blob = files.read(file).map_err(|error| Failure::Image(format!("{file}: {error}")))?;
        images.unpack(workspace, blob, digest.as_ref(), diff_id).map_err(Failure::Image)?;
    }
    let mut names = Vec::new();
    for name in &found.names {
        names.push(Reference::parse(name).map_err(Failure::Store)?.to_string());
    }
    images.commit(workspace, &image, &names).map_err(Failure::Store)?;
    Ok(names.into_iter().map(|name| NamedImage { name, id: image.id.clone() }).collect())
}

fn saved_images(files: &Files) -> Result<Vec<FoundImage>, String> {
    let bytes = files.document("manifest.json")?;
    let saved: Vec<SavedImage> =
        serde_json::from_slice(&bytes).map_err(|error| format!("manifest.json: {error}"))?;
    let mut found = Vec::new();
    for image in saved {
        found.push(FoundImage {
            configuration: files.document(&image.config)?,
            names: image.repo_tags.unwrap_or_default(),
            digest: None,
            layers: image.layers.into_iter().map(|file| (file, None)).collect(),
        });
    }
    Ok(found)
}

fn layout_images(
    files: &Files,
    index: &Manifest,
    names: &[String],
    depth: u32,
    found: &mut Vec<FoundImage>,
) -> Result<(), String> {
    // Only the outermost index lists different images; an inner one lists one image for different machines.
    let chosen: Vec<&Descriptor> = if depth == 0 {
        index.manifests.iter().collect()
    } else {
        index.for_this_machine().into_iter().collect()
    };
    for descriptor in chosen {
        let own = descriptor.annotations.iter().flatten();
        let mut all = names.to_vec();
        // The second annotation is a bare tag as often as a name: a full name is preferred.
        for key in ["io.containerd.image.name", "org.opencontainers.image.ref.name"] {
            if all.is_empty() {
                all.extend(own.clone().find(|(name, _)| *name == key).map(|(_, value)| value.clone()));
            }
        }
        let document = manifest(&files.blob(&descriptor.digest)?)?;
        if let Some(config) = &document.config {
            let blob = |layer: &Descriptor| (blob_path(&layer.digest), Some(layer.digest.clone()));
            found.push(FoundImage {
                configuration: files.blob(&config.digest)?,
                names: all,
                digest: Some(descriptor.digest.clone()),
                layers: document.layers.iter().map(blob).collect(),
            });
        } else if depth < INDEX_DEPTH_MAX {
            layout_images(files, &document, &all, depth + 1, found)?;
        } else {
            return Err("indices are nested too deeply".to_owned());
        }
    }
    Ok(())
}

fn manifest(bytes: &[u8]) -> Result<Manifest, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("manifest: {error}"))
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// The files of a directory, or of a tar file, by their path.
enum Files {
    Directory(PathBuf),
    Tar { file: File, index: HashMap<PathBuf, Place> },
}

enum Place {
    Bytes { offset: u64, length: u64 },
    Link(PathBuf),
}

impl Files {
    fn open(path: &Path, workspace: &Workspace) -> io::Result<Self> {
        if path.is_dir() {
            return Ok(Self::Directory(path.to_owned()));
        }
        let mut file = File::open(path)?;
        let mut magic = [0; 4];
        let known = file.read(&mut magic)?;
        file.seek(SeekFrom::Start(0))?;
        if Compression::of(magic.get(..known).unwrap_or_default()) != Compression::None {
            // Random access needs it uncompressed.
            let mut plain = File::options()
                .create_new(true)
                .read(true)
                .write(true)
                .open(workspace.path.join("archive"))?;
            io::copy(&mut decompress(file)?, &mut plain)?;
            plain.seek(SeekFrom::Start(0))?;
            file = plain;
        }
        let mut index = HashMap::new();
        let allowance = Allowance::default();
        let mut archive = tar::Archive::new(allowance.limit(BufReader::new(file.try_clone()?)));
        let mut entries = archive.entries_with_seek()?;
        loop {
            // Contents are passed over without being read.
            allowance.allow_headers();
            let Some(entry) = entries.next() else { break };
            let entry = entry?;
            let Some(name) = normal(Path::new(OsStr::from_bytes(&entry.path_bytes()))) else { continue };
            let link = entry.link_name_bytes().map(|target| PathBuf::from(OsStr::from_bytes(&target)));
            let place = match (entry.header().entry_type(), link) {
                (tar::EntryType::Symlink, Some(target)) => {
                    normal(&name.parent().unwrap_or(Path::new("")).join(target)).map(Place::Link)
                }
                (tar::EntryType::Link, Some(target)) => normal(&target).map(Place::Link),
                (kind, _) if kind.is_file() => {
                    Some(Place::Bytes { offset: entry.raw_file_position(), length: entry.size() })
                }
                _ => None,
            };
            index.extend(place.map(|place| (name, place)));
        }
        Ok(Self::Tar { file, index })
    }

    fn contains(&self, name: &str) -> bool {
        match self {
            Self::Directory(directory) => directory.join(name).is_file(),
            Self::Tar { index, .. } => index.contains_key(Path::new(name)),
        }
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn Read + '_>> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "no such file in the archive");
        let mut path = normal(Path::new(name)).ok_or_else(missing)?;
        let (file, index) = match self {
            Self::Directory(directory) => {
                return Ok(Box::new(BufReader::new(File::open(directory.join(path))?)));
            }
            Self::Tar { file, index } => (file, index),
        };
        // Old archives link equal layers to each other; one step is all that Docker ever wrote.
        if let Some(Place::Link(target)) = index.get(&path) {
            path.clone_from(target);
        }
        let Some(Place::Bytes { offset, length }) = index.get(&path) else { return Err(missing()) };
        let mut file = file.try_clone()?;
        file.seek(SeekFrom::Start(*offset))?;
        Ok(Box::new(BufReader::new(file.take(*length))))
    }

    fn document(&self, name: &str) -> Result<Vec<u8>, String> {
        self.read(name).and_then(read_document).map_err(|error| format!("{name}: {error}"))
    }

    /// A document of an OCI layout, checked against its digest.
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, String> {
        let bytes = self.document(&blob_path(digest))?;
        let found = Digest::of(&bytes);
        if found == *digest {
            Ok(bytes)
        } else {
            Err(format!("a blob has digest {found}, expected {digest}"))
        }
    }
}

/// `path` without `.` and `..`, or `None` where it leaves the archive.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !clean.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(clean)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Zstandard,
}

impl Compression {
    fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstandard,
            _ => Self::None,
        }
    }
}

/// Reads a stream that is gzip, Zstandard or plain: the first bytes say which, whatever its media type says.
pub(super) fn decompress<'a>(mut stream: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut magic = Vec::with_capacity(4);
    stream.by_ref().take(4).read_to_end(&mut magic)?;
    let compression = Compression::of(&magic);
    let whole = BufReader::new(io::Cursor::new(magic).chain(stream));
    Ok(match compression {
        Compression::None => Box::new(whole),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(whole)),
        Compression::Zstandard => Box::new(ZstandardFrames { frame: None, rest: Some(Box::new(whole)) }),
    })
}

/// Reads all frames of a Zstandard stream, one after the other: tools cut layers into several.
struct ZstandardFrames<'a> {
    frame: Option<StreamingDecoder<Box<dyn BufRead + 'a>, FrameDecoder>>,
    rest: Option<Box<dyn BufRead + 'a>>,
}

impl<'a> Read for ZstandardFrames<'a> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(mut rest) = self.rest.take() {
                let mut header = Vec::with_capacity(8);
                rest.by_ref().take(8).read_to_end(&mut header)?;
                match header.as_slice() {
                    [] => return Ok(0),
                    // A skippable frame: an index that tools append for their own use.
                    [0x50..=0x5f, 0x2a, 0x4d, 0x18, length @ ..] if length.len() == 4 => {
                        let length = length.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
                        io::copy(&mut rest.by_ref().take(length), &mut io::sink())?;
                        self.rest = Some(rest);
                    }
                    _ => {
                        let whole: Box<dyn BufRead + 'a> = Box::new(io::Cursor::new(header).chain(rest));
                        self.frame = Some(StreamingDecoder::new(whole).map_err(io::Error::other)?);
                    }
                }
                continue;
            }
            let Some(mut frame) = self.frame.take() else { return Ok(0) };
            let count = frame.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                self.frame = Some(frame);
                return Ok(count);
            }
            self.rest = Some(frame.into_inner());
        }
    }
}
