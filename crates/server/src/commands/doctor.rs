//! `runwright doctor`.

use std::io::Write as _;
use std::process::ExitCode;

use container::doctor;

use crate::config::Config;
use crate::driver;

/// Prints which driver is used and why, and what was looked at. Fails where no container can run.
///
/// # Errors
/// Where standard output cannot be written.
pub async fn examine(config: &Config) -> anyhow::Result<ExitCode> {
    let report = doctor::diagnose(&driver::configuration(config)).await;
    write!(std::io::stdout().lock(), "{report}")?;
    Ok(if report.chosen.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
