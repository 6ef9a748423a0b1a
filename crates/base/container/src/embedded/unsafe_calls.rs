//! The few calls that have no safe wrapper, each with the reason why it is sound here.
#![expect(
    unsafe_code,
    reason = "fork, signal dispositions, kill and AsyncFd have no safe wrapper; see each function"
)]

use std::io;
use std::os::fd::OwnedFd;

use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{ForkResult, fork};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Gives every signal its default disposition, as a new program expects (Rust ignores `SIGPIPE`).
pub fn reset_signals() {
    for number in Signal::iterator() {
        // SAFETY: the default disposition runs no code of ours. SIGKILL and SIGSTOP refuse, which changes nothing.
        let _ = unsafe { signal(number, SigHandler::SigDfl) };
    }
}

/// Splits the process in two.
///
/// # Errors
/// Those of the kernel.
pub fn split() -> nix::Result<ForkResult> {
    // SAFETY: the supervisor and a container's process 1, which call this, have one thread each, so no lock can be
    // held by a thread that the child lacks.
    unsafe { fork() }
}

/// Sends any signal, real-time ones included, which `nix` and `rustix` cannot name.
///
/// # Errors
/// Those of the kernel.
pub fn send_signal(pid: i32, number: i32) -> nix::Result<()> {
    // SAFETY: `kill` takes two integers and touches no memory.
    nix::errno::Errno::result(unsafe { libc::kill(pid, number) }).map(drop)
}

/// Registers a descriptor with tokio, to learn when it becomes readable.
///
/// # Errors
/// Those of the kernel.
pub fn watch(handle: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` keeps its descriptor open, and the same, until it is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(handle, Interest::READABLE) }?)
}
