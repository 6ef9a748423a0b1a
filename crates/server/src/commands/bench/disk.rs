//! What the disk does by itself: appends of 4 KiB, each followed by fdatasync, and nothing else.
//!
//! Two figures, for the two ways in which a log can be written: into a file that grows, so that each sync also writes
//! the file's new length, and over a file that is there already.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

const BLOCK: [u8; 4096] = [7; 4096];
/// Blocks of the file that is written over.
const RECYCLED_BLOCKS: u64 = 1024;

/// Syncs a second.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RawSyncs {
    /// Of a file that grows.
    pub growing: f64,
    /// Of a file that is written over.
    pub recycled: f64,
}

/// Measures for `time` each in `dir`, and leaves nothing there.
///
/// # Errors
/// Where files cannot be written in `dir`.
pub fn measure(dir: &Path, time: Duration) -> io::Result<RawSyncs> {
    let path = dir.join("runwright-bench-raw");
    let outcome = File::create(&path).and_then(|mut file| {
        let growing = syncs_a_second(&mut file, time, u64::MAX)?;
        file.seek(SeekFrom::Start(0))?;
        for _ in 0..RECYCLED_BLOCKS {
            file.write_all(&BLOCK)?;
        }
        file.sync_all()?;
        Ok(RawSyncs { growing, recycled: syncs_a_second(&mut file, time, RECYCLED_BLOCKS)? })
    });
    std::fs::remove_file(&path)?;
    outcome
}

/// Appends and syncs; begins again at the front after `blocks`.
#[expect(clippy::cast_precision_loss, reason = "counts of a measurement are small")]
fn syncs_a_second(file: &mut File, time: Duration, blocks: u64) -> io::Result<f64> {
    let (begun, mut syncs) = (Instant::now(), 0_u64);
    while begun.elapsed() < time {
        if syncs.is_multiple_of(blocks) {
            file.seek(SeekFrom::Start(0))?;
        }
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        syncs += 1;
    }
    Ok(syncs as f64 / begun.elapsed().as_secs_f64())
}
