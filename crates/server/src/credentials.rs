//! The file by which `runwright env` knows the root key.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::config::Config;

/// How clients reach the server of a data directory.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Access {
    /// `http://ADDRESS:PORT` of the server that used the directory last.
    pub endpoint_url: String,
    /// The region of what the server does by itself.
    pub region: String,
    /// The root access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("root-key.toml")
}

/// Writes the file, for its owner alone.
///
/// # Errors
/// Where it cannot be written.
pub fn write(config: &Config, endpoint: &str, key: &iam::AccessKey) -> anyhow::Result<()> {
    let access = Access {
        endpoint_url: endpoint.to_owned(),
        region: config.region.to_string(),
        access_key_id: key.access_key_id.clone(),
        secret_access_key: key.secret_access_key.clone(),
    };
    let path = path(&config.data_dir);
    let text = toml::to_string(&access)?;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// Reads the file.
///
/// # Errors
/// Where there is none: no server was started on this directory yet.
pub fn read(data_dir: &Path) -> anyhow::Result<Access> {
    let path = path(data_dir);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("cannot read {}: start `runwright serve` on this data directory first", path.display())
    })?;
    toml::from_str(&text).with_context(|| format!("{} cannot be understood", path.display()))
}
