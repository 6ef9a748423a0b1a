//! `runwright env`: what points AWS clients here.

use std::io::Write as _;
use std::process::ExitCode;

use crate::config::Config;
use crate::credentials;

/// Prints `export` lines for a shell to evaluate.
///
/// # Errors
/// Where no server was started on the data directory yet.
pub async fn print(config: &Config) -> anyhow::Result<ExitCode> {
    let access = credentials::read(&config.data_dir)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "export AWS_ENDPOINT_URL={}", access.endpoint_url)?;
    writeln!(out, "export AWS_ACCESS_KEY_ID={}", access.access_key_id)?;
    writeln!(out, "export AWS_SECRET_ACCESS_KEY={}", access.secret_access_key)?;
    writeln!(out, "export AWS_REGION={0} AWS_DEFAULT_REGION={0}", access.region)?;
    writeln!(out, "unset AWS_SESSION_TOKEN AWS_PROFILE")?;
    Ok(ExitCode::SUCCESS)
}
