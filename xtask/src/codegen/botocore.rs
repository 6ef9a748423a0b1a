//! Fetches botocore, whose `data` folder holds AWS's service models.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The folder `botocore/data` of the given version, installed below the target folder on first use.
pub fn data(root: &Path, version: &str) -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let installed = target.join(format!("botocore-{version}"));
    let data = installed.join("botocore/data");
    if !data.is_dir() {
        let status = Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
            .arg(&installed)
            .arg(format!("botocore=={version}"))
            .status()
            .context("starting pip")?;
        ensure!(status.success(), "pip could not install botocore {version}");
    }
    Ok(data)
}
