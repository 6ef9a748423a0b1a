//! What the disk does by itself: appends of 4 KiB, each followed by fdatasync.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Outcome;

/// How long each of the two is measured.
const RUN: Duration = Duration::from_millis(300);
/// Blocks of the file that is written over.
const REUSED_BLOCKS: u32 = 1024;

/// Syncs a second.
pub struct Raw {
    /// Of a file that grows.
    pub growing: f64,
    /// Of a file that is there already and is written over.
    pub reused: f64,
}

/// Measures in `dir`.
pub fn measure(dir: &Path) -> Outcome<Raw> {
    let mut file = File::create(dir.join("raw"))?;
    let growing = syncs_a_second(&mut file, u32::MAX)?;
    file.seek(SeekFrom::Start(0))?;
    for _ in 0..REUSED_BLOCKS {
        file.write_all(&[7; 4096])?;
    }
    file.sync_all()?;
    Ok(Raw { growing, reused: syncs_a_second(&mut file, REUSED_BLOCKS)? })
}

fn syncs_a_second(file: &mut File, blocks: u32) -> Outcome<f64> {
    let (begun, mut syncs) = (Instant::now(), 0_u32);
    while begun.elapsed() < RUN {
        if syncs.is_multiple_of(blocks) {
            file.seek(SeekFrom::Start(0))?;
        }
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        syncs += 1;
    }
    Ok(f64::from(syncs) / begun.elapsed().as_secs_f64())
}
