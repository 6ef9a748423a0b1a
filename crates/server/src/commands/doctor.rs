//! `runwright doctor`.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use container::doctor;

use crate::config::Settings;
use crate::driver;
use crate::upkeep::data_dir;

/// What to look at.
#[derive(Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    settings: Settings,
    /// Read all of the store, too, and say whether it is sound. A server may be running.
    #[arg(long)]
    data: bool,
}

/// Prints which driver is used and why, and what was looked at; with `--data`, whether the store is sound. Fails where no
/// container can run, and where the store is not sound.
///
/// # Errors
/// A configuration that is not one; standard output that cannot be written.
pub async fn examine(args: DoctorArgs) -> anyhow::Result<ExitCode> {
    let config = args.settings.decide()?;
    let report = doctor::diagnose(&driver::configuration(&config)).await;
    let mut out = std::io::stdout().lock();
    write!(out, "{report}")?;
    let mut well = report.chosen.is_some();
    if args.data {
        match store(&config.data_dir) {
            Ok(found) => writeln!(out, "{found}")?,
            Err(found) => {
                well = false;
                writeln!(out, "the data are not sound: {found:#}; restore a backup into an empty directory")?;
            }
        }
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says that the store is sound.
///
/// # Errors
/// What is wrong with it.
fn store(data_dir: &Path) -> anyhow::Result<String> {
    let dir = data_dir.join(data_dir::STORE);
    if !dir.exists() {
        return Ok(format!("there are no data in {} yet", data_dir.display()));
    }
    data_dir::check(data_dir)?;
    let found = store::examine(&dir)?;
    anyhow::ensure!(found.is_empty(), "{}: {}", dir.display(), found.join("; "));
    Ok(format!("the data in {} are sound", data_dir.display()))
}
