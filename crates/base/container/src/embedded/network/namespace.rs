//! Network namespaces that are kept by a mount on a file, so that they need no process.
//!
//! A namespace belongs to a thread. Threads that change theirs are made for it and end afterwards: none of tokio's is
//! ever in another namespace than this machine's.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use tokio::sync::oneshot;

/// `statfs` says this of a file that a namespace is mounted on.
const NAMESPACE_FILE_SYSTEM: u32 = 0x6e73_6673;

/// Does `work`, which may block and may change its thread's namespace, on a thread of its own.
pub async fn on_own_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (done, result) = oneshot::channel();
    let body = move || drop(done.send(work()));
    std::thread::Builder::new().name("network".to_owned()).spawn(body)?;
    result.await.map_err(|_| io::Error::other("the thread ended early"))
}

/// Moves the calling thread into a new network namespace.
///
/// # Errors
/// Those of the kernel.
pub fn enter_new() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    // As in Docker: who runs as a user other than root listens on port 80 as well. Older kernels do not know it.
    let _ = fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    Ok(())
}

/// Moves the calling thread into the network namespace that `file` shows.
///
/// # Errors
/// Those of the kernel.
pub fn enter(file: &Path) -> io::Result<()> {
    Ok(setns(File::open(file)?, CloneFlags::CLONE_NEWNET)?)
}

/// The calling thread's network namespace.
///
/// # Errors
/// Those of the kernel.
pub fn current() -> io::Result<File> {
    File::open("/proc/thread-self/ns/net")
}

/// Keeps the calling thread's network namespace at `file`.
///
/// # Errors
/// Those of the kernel.
pub fn keep(file: &Path) -> io::Result<()> {
    File::create(file)?;
    Ok(mount(Some("/proc/thread-self/ns/net"), file, None::<&str>, MsFlags::MS_BIND, None::<&str>)?)
}

/// Whether a namespace is kept at `file`.
pub fn is_kept(file: &Path) -> bool {
    rustix::fs::statfs(file).is_ok_and(|found| u32::try_from(found.f_type) == Ok(NAMESPACE_FILE_SYSTEM))
}

/// Keeps a namespace no longer. It ends when nothing runs in it any more.
///
/// Containers that were started meanwhile have a copy of the mount; the kernel takes that away with the file.
///
/// # Errors
/// Those of the kernel.
pub fn discard(file: &Path) -> io::Result<()> {
    while is_kept(file) {
        umount2(file, MntFlags::MNT_DETACH)?;
    }
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
