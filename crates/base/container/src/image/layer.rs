//! Unpacks one layer: a tar stream, turned into a directory that overlayfs can stack.
//!
//! An image is not trusted. Every path is resolved by the kernel beneath the layer's directory with no symbolic link on
//! the way, so nothing outside of it can be read, written or linked. Device nodes are left out. Whiteouts become
//! overlayfs's own, and no other `trusted.*` attribute is ever set.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    self, AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;
use tar::{Entry, EntryType};

use super::allowance::Allowance;
use super::digest::{Digest, DigestReader};
use super::limits::{LAYER_BYTES_MAX, LAYER_ENTRIES_MAX, PATH_BYTES_MAX};

/// Why a layer was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The layer is broken, or tries what no layer may do.
    #[error("{path}: {reason}")]
    Refused {
        /// The entry.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The stream or the disk failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What was unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// The digest of the tar stream: the layer's `diff_id`.
    pub diff_id: Digest,
    /// Bytes in its files.
    pub size: u64,
}

/// Unpacks the tar stream `stream` into the empty directory `directory`.
///
/// # Errors
/// [`LayerError`]; the directory may then hold some of the layer.
pub fn unpack(stream: impl Read, directory: &Path) -> Result<Unpacked, LayerError> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let root = fs::open(directory, flags, Mode::empty()).map_err(io::Error::from)?;
    let mut unpacking = Unpacking { root, parent: None, directories: Vec::new(), size: 0 };
    let allowance = Allowance::default();
    let mut archive = tar::Archive::new(DigestReader::new(allowance.limit(stream)));
    let mut entries = archive.entries()?;
    let mut count = 0;
    loop {
        allowance.allow_headers();
        let Some(entry) = entries.next() else { break };
        let mut entry = entry?;
        allowance.allow_everything();
        count += 1;
        let path = PathBuf::from(OsStr::from_bytes(&entry.path_bytes()));
        if count > LAYER_ENTRIES_MAX {
            return Err(refused(&path, "the layer has too many entries"));
        }
        unpacking.entry(&mut entry, &path)?;
        // What nobody wanted of it must not count as a header.
        io::copy(&mut entry, &mut io::sink())?;
    }
    allowance.allow_everything();
    unpacking.date_directories()?;
    let (diff_id, _) = archive.into_inner().finish()?;
    Ok(Unpacked { diff_id, size: unpacking.size })
}

struct Unpacking {
    root: OwnedFd,
    /// The directory of the last entry: most entries share it with the one before.
    parent: Option<(PathBuf, OwnedFd)>,
    /// Directories and their times, which are set at the end because entries in them change them.
    directories: Vec<(PathBuf, Timestamps)>,
    size: u64,
}

impl Unpacking {
    fn entry(&mut self, entry: &mut Entry<'_, impl Read>, path: &Path) -> Result<(), LayerError> {
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader | EntryType::XHeader | EntryType::Char | EntryType::Block)
        {
            return Ok(());
        }
        let Some(clean) = clean_path(path)? else {
            // The layer's root itself, as `./`.
            return self.attributes(entry, path, Path::new("."));
        };
        let name = clean.file_name().ok_or_else(|| refused(path, "no file name"))?.to_owned();
        if let Some(hidden) = name.as_bytes().strip_prefix(b".wh.") {
            return self.whiteout(&clean, OsStr::from_bytes(hidden));
        }
        match kind {
            EntryType::Directory => self.directory(&clean, &name)?,
            EntryType::Symlink => self.symbolic_link(entry, &clean, &name)?,
            EntryType::Link => return self.hard_link(entry, &clean, &name),
            EntryType::Fifo => {
                self.make_room(&clean, &name)?;
                let parent = self.parent(&clean)?;
                at(&clean, fs::mknodat(parent, &name, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0))?;
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let file = self.file(entry, &clean, &name)?;
                self.attributes(entry, path, &clean)?;
                // Last, because a change of owner takes file capabilities away.
                return extended_attributes(entry, &file);
            }
            other => return Err(refused(path, &format!("unknown type of entry: {:?}", other.as_byte()))),
        }
        self.attributes(entry, path, &clean)
    }

    fn file(
        &mut self,
        entry: &mut Entry<'_, impl Read>,
        path: &Path,
        name: &OsStr,
    ) -> Result<File, LayerError> {
        self.make_room(path, name)?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let parent = self.parent(path)?;
        let mut file = File::from(at(path, fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR))?);
        let left = LAYER_BYTES_MAX.saturating_sub(self.size);
        let written = io::copy(&mut entry.by_ref().take(left.saturating_add(1)), &mut file)?;
        if written > left {
            return Err(refused(path, "the layer is too large"));
        }
        self.size += written;
        Ok(file)
    }

    fn directory(&mut self, path: &Path, name: &OsStr) -> Result<(), LayerError> {
        let parent = self.parent(path)?;
        let replaces_whiteout = match fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::Directory => return Ok(()),
            Ok(found) => {
                let whiteout = is_whiteout(&found);
                at(path, fs::unlinkat(parent, name, AtFlags::empty()))?;
                whiteout
            }
            Err(_) => false,
        };
        let parent = self.parent(path)?;
        at(path, fs::mkdirat(parent, name, Mode::from_raw_mode(0o755)))?;
        if replaces_whiteout { self.make_opaque(path) } else { Ok(()) }
    }

    fn symbolic_link(
        &mut self,
        entry: &Entry<'_, impl Read>,
        path: &Path,
        name: &OsStr,
    ) -> Result<(), LayerError> {
        // Where it points to is the container's business: it is only ever followed inside of the container.
        let target =
            entry.link_name_bytes().ok_or_else(|| refused(path, "a symbolic link without a target"))?;
        self.make_room(path, name)?;
        at(path, fs::symlinkat(OsStr::from_bytes(&target), self.parent(path)?, name))
    }

    fn hard_link(
        &mut self,
        entry: &Entry<'_, impl Read>,
        path: &Path,
        name: &OsStr,
    ) -> Result<(), LayerError> {
        let target = entry.link_name_bytes().ok_or_else(|| refused(path, "a hard link without a target"))?;
        let target = clean_path(Path::new(OsStr::from_bytes(&target)))?
            .ok_or_else(|| refused(path, "a hard link to the root"))?;
        let target_name =
            target.file_name().ok_or_else(|| refused(path, "a hard link to a directory"))?.to_owned();
        if target == path {
            return Err(refused(path, "a hard link to itself"));
        }
        let source = self.open_directory(target.parent().unwrap_or(Path::new("")))?;
        self.make_room(path, name)?;
        // Without AT_SYMLINK_FOLLOW a link to a symbolic link links the link itself.
        at(path, fs::linkat(source, &target_name, self.parent(path)?, name, AtFlags::empty()))
    }

    /// `.wh.name` hides `name` of the layers below; `.wh..wh..opq` hides all that they have in this directory.
    fn whiteout(&mut self, path: &Path, hidden: &OsStr) -> Result<(), LayerError> {
        if hidden == ".wh..opq" {
            let directory = path.parent().unwrap_or(Path::new("")).to_owned();
            self.parent(path)?;
            return self.make_opaque(&directory);
        }
        if hidden.as_bytes().starts_with(b".wh.") {
            return Ok(()); // Bookkeeping of an old storage driver (aufs).
        }
        if hidden.is_empty() || hidden == "." || hidden == ".." {
            return Err(refused(path, "a whiteout of nothing"));
        }
        let parent = self.parent(path)?;
        match fs::statat(parent, hidden, AtFlags::SYMLINK_NOFOLLOW) {
            // This layer has something of that name: the whiteout only concerns the layers below.
            Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::Directory => {
                self.make_opaque(&path.with_file_name(hidden))
            }
            Ok(_) => Ok(()),
            Err(_) => at(path, fs::mknodat(parent, hidden, FileType::CharacterDevice, Mode::empty(), 0)),
        }
    }

    fn make_opaque(&mut self, directory: &Path) -> Result<(), LayerError> {
        let opened = self.open_directory(directory)?;
        at(directory, fs::fsetxattr(opened, "trusted.overlay.opaque", b"y", XattrFlags::empty()))
    }

    /// Removes what an earlier entry of this layer put where `path` is to be.
    fn make_room(&mut self, path: &Path, name: &OsStr) -> Result<(), LayerError> {
        let parent = self.parent(path)?;
        match fs::unlinkat(parent, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::ISDIR) => at(path, fs::unlinkat(parent, name, AtFlags::REMOVEDIR)),
            Err(error) => at(path, Err(error)),
        }
    }

    /// The opened directory that `path` is in, created where the layer does not name it.
    fn parent(&mut self, path: &Path) -> Result<&OwnedFd, LayerError> {
        let directory = path.parent().unwrap_or(Path::new(""));
        if self.parent.as_ref().is_none_or(|(known, _)| known != directory) {
            self.parent = Some((directory.to_owned(), self.open_directory(directory)?));
        }
        self.parent.as_ref().map(|(_, opened)| opened).ok_or_else(|| refused(path, "no parent"))
    }

    fn open_directory(&self, directory: &Path) -> Result<OwnedFd, LayerError> {
        match self.open_beneath(directory) {
            Err(Errno::NOENT) => self.create_directories(directory),
            Err(Errno::LOOP | Errno::NOTDIR | Errno::XDEV) => {
                Err(refused(directory, "its path leads through what is not a directory of this layer"))
            }
            opened => at(directory, opened),
        }
    }

    fn create_directories(&self, directory: &Path) -> Result<OwnedFd, LayerError> {
        let mut made = PathBuf::new();
        for component in directory.components() {
            let parent = at(directory, self.open_beneath(&made))?;
            match fs::mkdirat(parent, component.as_os_str(), Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => made.push(component),
                Err(error) => return at(directory, Err(error)),
            }
        }
        self.open_beneath(directory)
            .map_err(|_| refused(directory, "its path leads through what is not a directory of this layer"))
    }

    fn open_beneath(&self, directory: &Path) -> rustix::io::Result<OwnedFd> {
        let path = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        fs::openat2(&self.root, path, flags, Mode::empty(), resolve)
    }

    /// Sets owner, permissions and times. The owner first: a change of owner clears the set-user-ID bit.
    fn attributes(
        &mut self,
        entry: &Entry<'_, impl Read>,
        path: &Path,
        clean: &Path,
    ) -> Result<(), LayerError> {
        let header = entry.header();
        let id = |value: u64| {
            u32::try_from(value).ok().filter(|id| *id != u32::MAX).ok_or_else(|| refused(path, "bad owner"))
        };
        let (uid, gid) = (id(header.uid()?)?, id(header.gid()?)?);
        let times = timestamps(header.mtime().unwrap_or(0));
        let name = clean.file_name().unwrap_or(OsStr::new("."));
        let parent = if clean == Path::new(".") { &self.root } else { self.parent(clean)? };
        let owner = fs::chownat(
            parent,
            name,
            Some(Uid::from_raw(uid)),
            Some(Gid::from_raw(gid)),
            AtFlags::SYMLINK_NOFOLLOW,
        );
        at(path, owner)?;
        if header.entry_type() != EntryType::Symlink {
            let mode = Mode::from_raw_mode(header.mode()? & 0o7777);
            at(path, fs::chmodat(parent, name, mode, AtFlags::empty()))?;
        }
        if header.entry_type() == EntryType::Directory {
            self.directories.push((clean.to_owned(), times));
            return Ok(());
        }
        at(path, fs::utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW))
    }

    fn date_directories(&mut self) -> Result<(), LayerError> {
        for (path, times) in std::mem::take(&mut self.directories) {
            // It may have been replaced by a later entry.
            if let Ok(opened) = self.open_beneath(&path) {
                at(&path, fs::futimens(opened, &times))?;
            }
        }
        Ok(())
    }
}

/// `path` without `.`, or `None` for the layer's root.
fn clean_path(path: &Path) -> Result<Option<PathBuf>, LayerError> {
    if path.as_os_str().len() > PATH_BYTES_MAX || path.as_os_str().as_bytes().contains(&0) {
        return Err(refused(path, "not a path"));
    }
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return Err(refused(path, "an absolute path")),
            Component::ParentDir => return Err(refused(path, "a path that leaves the layer")),
        }
    }
    Ok(Some(clean).filter(|clean| !clean.as_os_str().is_empty()))
}

/// Applies the attributes that a container may see: its users' own, and file capabilities.
fn extended_attributes(entry: &mut Entry<'_, impl Read>, file: impl AsFd) -> Result<(), LayerError> {
    let Some(extensions) = entry.pax_extensions()? else { return Ok(()) };
    for extension in extensions {
        let extension = extension?;
        let Some(name) = extension.key_bytes().strip_prefix(b"SCHILY.xattr.") else { continue };
        if name == b"security.capability" || name.starts_with(b"user.") {
            let name = OsString::from(OsStr::from_bytes(name));
            // A file system without extended attributes is no reason to refuse the image.
            let _ = fs::fsetxattr(&file, &name, extension.value_bytes(), XattrFlags::empty());
        }
    }
    Ok(())
}

fn is_whiteout(found: &fs::Stat) -> bool {
    FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice && found.st_rdev == 0
}

fn timestamps(seconds: u64) -> Timestamps {
    let time = Timespec { tv_sec: i64::try_from(seconds).unwrap_or(0), tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}

fn at<T>(path: &Path, result: rustix::io::Result<T>) -> Result<T, LayerError> {
    result.map_err(|error| match error {
        Errno::NOSPC | Errno::DQUOT | Errno::IO | Errno::ROFS => LayerError::Io(error.into()),
        other => refused(path, &other.to_string()),
    })
}

fn refused(path: &Path, reason: &str) -> LayerError {
    LayerError::Refused { path: path.display().to_string(), reason: reason.to_owned() }
}
