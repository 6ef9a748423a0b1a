//! The documents that describe images: configurations, manifests and indices, as Docker and OCI write them.

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::limits::LAYERS_MAX;
use crate::driver::Image;

/// An image in the store: what is needed to run it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredImage {
    /// The digest of its configuration: Docker's image ID.
    pub id: Digest,
    /// The digest of its manifest where a registry gave one, else [`Self::id`].
    pub digest: Digest,
    /// The layers' `diff_id`s, the lowest first.
    pub layers: Vec<Digest>,
    /// What the configuration says about running it.
    pub config: RunConfig,
}

impl StoredImage {
    /// The image as drivers describe it, under the name that it was asked for.
    pub fn describe(&self, name: &str) -> Image {
        Image { name: name.to_owned(), digest: self.digest.to_string(), ..self.config.describe() }
    }
}

/// An image's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Configuration {
    /// `amd64`, `arm64`, ...
    #[serde(default)]
    pub architecture: String,
    /// `linux`.
    #[serde(default)]
    pub os: String,
    /// How to run it.
    #[serde(default)]
    pub config: Option<RunConfig>,
    /// What its root file system is made of.
    pub rootfs: RootFs,
}

/// The layers of a root file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct RootFs {
    /// Digests of the uncompressed layers, the lowest first.
    #[serde(default)]
    pub diff_ids: Vec<Digest>,
}

/// The part of a configuration that says how to run the image. Docker writes `null` as often as nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RunConfig {
    /// `USER`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `ENV`, as `name=value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<Vec<String>>,
    /// `ENTRYPOINT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// `CMD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// `WORKDIR`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// `STOPSIGNAL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
}

impl RunConfig {
    fn describe(&self) -> Image {
        let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let variables = self.env.iter().flatten();
        Image {
            entry_point: self.entrypoint.clone().unwrap_or_default(),
            command: self.cmd.clone().unwrap_or_default(),
            environment: variables
                .map(|line| line.split_once('=').unwrap_or((line, "")))
                .filter(|(name, value)| !name.is_empty() && !name.contains('\0') && !value.contains('\0'))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            working_directory: some(&self.working_dir).unwrap_or_else(|| "/".to_owned()),
            user: some(&self.user),
            stop_signal: some(&self.stop_signal),
            ..Image::default()
        }
    }
}

impl Configuration {
    /// Reads a configuration and checks that this machine can run the image.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let read: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("image configuration: {error}"))?;
        let platform = Platform { os: read.os.clone(), architecture: read.architecture.clone() };
        if !platform.is_empty() && !platform.runs_here() {
            return Err(format!(
                "image is for {}/{}, not for linux/{}",
                read.os,
                read.architecture,
                architecture()
            ));
        }
        if read.rootfs.diff_ids.len() > LAYERS_MAX {
            return Err(format!("image has {} layers, {LAYERS_MAX} at most", read.rootfs.diff_ids.len()));
        }
        Ok(read)
    }
}

/// A manifest, or an index of manifests for several platforms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Manifest {
    /// The configuration: absent in an index.
    #[serde(default)]
    pub config: Option<Descriptor>,
    /// The layers, compressed or not: empty in an index.
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    /// The manifests of an index.
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
}

impl Manifest {
    /// The manifest of an index that fits this machine.
    pub fn for_this_machine(&self) -> Option<&Descriptor> {
        let fits = |found: &&Descriptor| found.platform.as_ref().is_some_and(Platform::runs_here);
        let unnamed = |found: &&Descriptor| found.platform.as_ref().is_none_or(Platform::is_empty);
        self.manifests.iter().find(fits).or_else(|| self.manifests.iter().find(unnamed))
    }
}

/// Points to a blob.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What kind of document or layer it is.
    #[serde(default)]
    pub media_type: String,
    /// The blob's digest.
    pub digest: Digest,
    /// Its size in bytes.
    #[serde(default)]
    pub size: u64,
    /// What the image runs on, in an index.
    #[serde(default)]
    pub platform: Option<Platform>,
    /// Names, in an OCI layout's index.
    #[serde(default)]
    pub annotations: Option<std::collections::BTreeMap<String, String>>,
}

/// An operating system and an architecture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Platform {
    /// `linux`.
    #[serde(default)]
    pub os: String,
    /// Go's name of the processor.
    #[serde(default)]
    pub architecture: String,
}

impl Platform {
    fn runs_here(&self) -> bool {
        self.os == "linux" && self.architecture == architecture()
    }

    fn is_empty(&self) -> bool {
        self.os.is_empty() && self.architecture.is_empty()
    }
}

/// This machine's processor, by Go's name.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// One image of `docker save`'s `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SavedImage {
    /// The configuration's file.
    pub config: String,
    /// The names it had.
    #[serde(default)]
    pub repo_tags: Option<Vec<String>>,
    /// The layers' files, the lowest first.
    #[serde(default)]
    pub layers: Vec<String>,
}
