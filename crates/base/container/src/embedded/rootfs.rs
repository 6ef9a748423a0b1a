//! The file system that a container sees: overlayfs over the image's layers, in a mount namespace of our own.
//!
//! The mounts exist only in the supervisor's namespace and vanish with it, however it ends: nothing has to be cleaned
//! up. What is read or made in the image's tree is resolved by the kernel with the tree as root, so that a symbolic link
//! in the image cannot lead out of it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use rustix::fs::{Mode, OFlags, ResolveFlags, mkdirat, openat2};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create, fsconfig_set_string, fsmount,
    fsopen, move_mount,
};

use super::network::records::Record;
use super::network::resolver;
use super::state::{ContainerDirectory, Plan};
use crate::network::NetworkMode;

/// The longest option text that `mount` takes is a page.
const OPTIONS_BYTES_MAX: usize = 4000;
/// What is read of the image's `/etc/passwd` and `/etc/group` at most.
const ACCOUNTS_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A container's mounted root file system.
pub struct RootFs {
    path: PathBuf,
    root: OwnedFd,
}

impl RootFs {
    /// Leaves this machine's mount namespace, and mounts the container's root at `root` in its directory.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn mount(plan: &Plan, directory: &ContainerDirectory) -> io::Result<Self> {
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SLAVE, None::<&str>)?;
        for name in ["upper", "work", "root"] {
            fs::create_dir_all(directory.join(name))?;
        }
        let path = directory.join("root");
        let (upper, work) = (directory.join("upper"), directory.join("work"));
        if plan.layers.is_empty() {
            // `FROM scratch` with nothing in it: overlayfs wants at least one layer below.
            mount(Some(&upper), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
        } else {
            // Relative names keep the options of deep images short enough.
            std::env::set_current_dir(&plan.layers_directory)?;
            mount_overlay(&plan.layers, &upper, &work, &path)?;
            std::env::set_current_dir("/")?;
        }
        let root = OwnedFd::from(File::open(&path)?);
        Ok(Self { path, root })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a small text file of the image; a missing one is empty.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read_text(&self, path: &str) -> io::Result<String> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match openat2(&self.root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
            Ok(opened) => {
                let mut bytes = Vec::new();
                File::from(opened).take(ACCOUNTS_BYTES_MAX).read_to_end(&mut bytes)?;
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            }
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(String::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a directory and its parents, where the image does not have them.
    ///
    /// # Errors
    /// When something else is in the way.
    pub fn create_directories(&self, path: &str) -> io::Result<()> {
        if self.open_directory(Path::new(path)).is_ok() {
            return Ok(());
        }
        let mut made = PathBuf::from("/");
        for component in Path::new(path).components() {
            let Component::Normal(name) = component else { continue };
            let parent = self.open_directory(&made)?;
            match mkdirat(parent, name, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => made.push(name),
                Err(error) => return Err(error.into()),
            }
        }
        self.open_directory(&made).map(drop)
    }

    fn open_directory(&self, path: &Path) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(openat2(&self.root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)?)
    }
}

fn mount_overlay(layers: &[PathBuf], upper: &Path, work: &Path, target: &Path) -> io::Result<()> {
    // overlayfs wants the uppermost first, and gives `,`, `:` and `\` a meaning of their own.
    let lower: Vec<Vec<u8>> = layers.iter().rev().map(|layer| escape(layer)).collect();
    let options = [
        b"lowerdir=".as_slice(),
        &lower.join(&b':'),
        b",upperdir=",
        &escape(upper),
        b",workdir=",
        &escape(work),
    ]
    .concat();
    // Device nodes in an image are of no use: containers get theirs in /dev.
    if options.len() <= OPTIONS_BYTES_MAX {
        let options = OsStr::from_bytes(&options);
        mount(Some("overlay"), target, Some("overlay"), MsFlags::MS_NODEV, Some(options))?;
        return Ok(());
    }
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for layer in layers.iter().rev() {
        fsconfig_set_string(&context, "lowerdir+", layer)?;
    }
    fsconfig_set_string(&context, "upperdir", upper)?;
    fsconfig_set_string(&context, "workdir", work)?;
    fsconfig_create(&context)?;
    let mounted = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_NODEV)?;
    let here = rustix::fs::CWD;
    Ok(move_mount(mounted, "", here, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

fn escape(path: &Path) -> Vec<u8> {
    let mut escaped = Vec::new();
    for &byte in path.as_os_str().as_bytes() {
        if b",:\\".contains(&byte) {
            escaped.push(b'\\');
        }
        escaped.push(byte);
    }
    escaped
}

/// Writes the files that are mounted over the image's `/etc/resolv.conf`, `/etc/hosts` and `/etc/hostname`.
///
/// # Errors
/// Those of the disk.
pub fn write_network_files(
    plan: &Plan,
    directory: &ContainerDirectory,
    network: Option<&Record>,
) -> io::Result<()> {
    let hostname = &plan.hostname;
    let files = directory.join("files");
    fs::create_dir_all(&files)?;
    fs::write(files.join("hostname"), format!("{hostname}\n"))?;
    // The host's may be a link to nothing; an empty one makes libc ask 127.0.0.1.
    let ours = fs::read("/etc/resolv.conf").unwrap_or_default();
    let given = network.map(|record| record.network.dns_servers.as_slice()).unwrap_or_default();
    let servers = if plan.spec.dns_servers.is_empty() { given } else { &plan.spec.dns_servers };
    let domains = &plan.spec.dns_search_domains;
    let resolv_conf = if servers.is_empty() && domains.is_empty() {
        ours
    } else {
        resolver::resolv_conf(servers, domains, &String::from_utf8_lossy(&ours)).into_bytes()
    };
    fs::write(files.join("resolv.conf"), resolv_conf)?;
    let mut hosts = match plan.spec.network {
        NetworkMode::Host => fs::read_to_string("/etc/hosts").unwrap_or_default(),
        NetworkMode::Private | NetworkMode::Container(_) | NetworkMode::Network(_) => {
            let own = match network.and_then(|record| record.network.address) {
                Some(address) => format!("\n{address}\t{hostname}"),
                None => format!(" {hostname}"),
            };
            format!(
                "127.0.0.1\tlocalhost{own}\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n\
                 ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
            )
        }
    };
    if !hosts.is_empty() && !hosts.ends_with('\n') {
        hosts.push('\n');
    }
    for host in &plan.spec.extra_hosts {
        hosts.push_str(&format!("{}\t{}\n", host.ip_address, host.hostname));
    }
    fs::write(files.join("hosts"), hosts)
}
