//! `runwright backup` and `runwright restore`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::config::{Config, Settings};
use crate::upkeep::backup::{self, Made, Source};
use crate::upkeep::{control, data_dir, restore};

/// What `runwright backup` is told.
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// Where to write the backup: a directory of its own, which is created.
    dir: PathBuf,

    /// Read this configuration file [default: runwright.toml, if there is one].
    #[arg(long, env = "RUNWRIGHT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// The data directory to copy [default: the platform's data directory].
    #[arg(long, env = "RUNWRIGHT_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// What `runwright restore` is told.
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// A directory that `runwright backup` has written.
    backup: PathBuf,

    /// The data directory to make of it: one that is not there yet, or empty.
    #[arg(long, env = "RUNWRIGHT_DATA_DIR", value_name = "DIR", required_unless_present = "check")]
    data_dir: Option<PathBuf>,

    /// Only compare the backup with its manifest.
    #[arg(long, conflicts_with = "data_dir")]
    check: bool,
}

/// Has the server of the data directory make the backup, or makes it here where none runs.
///
/// # Errors
/// Where the backup cannot be made.
pub async fn back_up(args: BackupArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings { config: args.config, data_dir: args.data_dir, ..Settings::default() };
    let config = settings.decide()?;
    let made = match control::ask_for_backup(&config.data_dir, &args.dir).await? {
        Some(made) => made,
        None => back_up_here(&config, &args.dir).await?,
    };
    let Made { files, bytes, seconds } = made;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}: {}, {files} files, in {seconds:.1} s", args.dir.display(), size(bytes))?;
    Ok(ExitCode::SUCCESS)
}

async fn back_up_here(config: &Config, dir: &std::path::Path) -> anyhow::Result<Made> {
    let data_dir = &config.data_dir;
    if !data_dir.join(data_dir::STORE).is_dir() {
        bail!("{} is not a data directory: there is nothing to copy", data_dir.display());
    }
    data_dir::check(data_dir)?;
    let store = data_dir::open_store(data_dir)
        .context("no server answers in this data directory, and its store cannot be opened")?;
    backup::make(&Source { data_dir: data_dir.clone(), store, s3: None }, dir).await
}

/// Makes a data directory of a backup, or only checks the backup.
///
/// # Errors
/// Where the backup is damaged, and where the directory is not empty.
pub async fn restore(args: RestoreArgs) -> anyhow::Result<ExitCode> {
    let RestoreArgs { backup, data_dir, .. } = args;
    let (manifest, done) = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
        match &data_dir {
            None => Ok((restore::check(&backup)?, format!("{} is whole", backup.display()))),
            Some(data_dir) => {
                let manifest = restore::restore(&backup, data_dir)?;
                Ok((manifest, format!("{} is ready for `runwright serve`", data_dir.display())))
            }
        }
    })
    .await??;
    let (files, bytes) = (manifest.files.len(), size(manifest.bytes()));
    let mut out = std::io::stdout().lock();
    writeln!(out, "{done}: {bytes}, {files} files, as of {}", manifest.created)?;
    Ok(ExitCode::SUCCESS)
}

/// A number of bytes for people.
#[expect(clippy::cast_precision_loss, reason = "it is rounded anyway")]
fn size(bytes: u64) -> String {
    let mut amount = bytes as f64;
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
        if amount < 1024.0 {
            return if unit == "bytes" { format!("{bytes} bytes") } else { format!("{amount:.1} {unit}") };
        }
        amount /= 1024.0;
    }
    format!("{amount:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_for_people() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1536, "1.5 KiB"),
            (5 << 30, "5.0 GiB"),
            (3 << 42, "12.0 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
