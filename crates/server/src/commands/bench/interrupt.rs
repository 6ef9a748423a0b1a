//! Whether the user wants an end (SIGINT, SIGTERM): then loads end, what was measured is printed, and the own server goes.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

static WANTED: AtomicBool = AtomicBool::new(false);

/// Listens for signals from now on. Called within a runtime.
///
/// # Errors
/// Where signals cannot be listened for.
pub fn listen() -> std::io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        WANTED.store(true, Ordering::Relaxed);
    });
    Ok(())
}

/// Whether an end is wanted.
pub fn wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}
