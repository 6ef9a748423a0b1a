//! Pulls images from registries that speak the OCI distribution API.
//!
//! What is served: anonymous users, passwords and bearer tokens; indices for several platforms; redirects of blobs.
//! Nothing that a registry says is believed before its digest was computed here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::digest::Digest;
use super::document::{Descriptor, Manifest, StoredImage};
use super::http::{Body, Failure, Fetcher, Target};
use super::limits::DOCUMENT_BYTES_MAX;
use super::reference::Reference;
use super::store::{ImageStore, Workspace, store, stored_image};
use crate::driver::ImageError;

/// How many layers are fetched at once: Docker's number.
const LAYERS_AT_ONCE: usize = 3;
/// The manifests that we can read.
const MANIFEST_TYPES: &str = "application/vnd.oci.image.manifest.v1+json, \
                              application/vnd.oci.image.index.v1+json, \
                              application/vnd.docker.distribution.manifest.v2+json, \
                              application/vnd.docker.distribution.manifest.list.v2+json";

/// How often what may pass is tried again: ECS's number.
const RETRIES: u32 = 5;

/// How registries are reached.
#[derive(Clone, Debug)]
pub struct RegistryOptions {
    /// Credentials by the registry's host (and port), as [`Reference::registry`] has it.
    pub credentials: BTreeMap<String, Credentials>,
    /// The pause before the first retry; each further one is twice as long.
    pub retry_pause: Duration,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self { credentials: BTreeMap::new(), retry_pause: Duration::from_millis(500) }
    }
}

/// A user of a registry.
#[derive(Clone)]
pub struct Credentials {
    /// The user's name.
    pub username: String,
    /// The password, or a token in its place.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    /// Leaves the password out: what is printed ends in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Pulls `reference` into `images`.
///
/// # Errors
/// Any [`ImageError`].
pub(super) async fn pull(
    images: &ImageStore,
    options: &RegistryOptions,
    reference: &Reference,
) -> Result<StoredImage, ImageError> {
    let named = |failure: Failure| image_error(reference, Part::Manifest, failure);
    let credentials = options.credentials.get(&reference.registry).cloned();
    let mut registry = Registry {
        fetcher: Fetcher::new(credentials).map_err(named)?,
        base: base(reference),
        token: None,
        retry_pause: options.retry_pause,
    };
    let mut retries = Retries::new(options);
    let (digest, manifest) = loop {
        let turn = images.transfers.acquire().await;
        let found = registry.manifest(reference).await;
        drop(turn);
        match found {
            Err(Failure::Transient(_)) if retries.pause().await => {}
            found => break found.map_err(named)?,
        }
    };
    let unusable = |reason: &str| named(Failure::Unusable(reason.to_owned()));
    let config = manifest.config.clone().ok_or_else(|| unusable("the manifest has no configuration"))?;
    let in_layers = |failure: Failure| image_error(reference, Part::Blobs, failure);
    let mut retries = Retries::new(options);
    let configuration = loop {
        let turn = images.transfers.acquire().await;
        let found = registry.document(&config).await;
        drop(turn);
        match found {
            Err(Failure::Transient(_)) if retries.pause().await => {}
            found => break found.map_err(in_layers)?,
        }
    };
    let image = stored_image(&configuration, Some(digest)).map_err(|reason| unusable(&reason))?;
    if image.layers.len() != manifest.layers.len() {
        return Err(unusable("the manifest and the configuration differ in the number of layers"));
    }
    let workspace = Arc::new(images.workspace().map_err(store)?);
    let mut seen = BTreeSet::new();
    let layers = manifest.layers.into_iter().zip(image.layers.clone()).enumerate();
    // Layers that do nothing are often the same one, several times.
    let layers: Vec<_> = layers.filter(|(_, (_, diff_id))| seen.insert(diff_id.clone())).collect();
    let fetch = |(index, (blob, diff_id))| registry.layer(images, &workspace, index, blob, diff_id);
    let fetched = stream::iter(layers).map(fetch).buffer_unordered(LAYERS_AT_ONCE);
    // All of them are waited for, also after a failure: none may still be unpacking when the failure is told.
    fetched.collect::<Vec<_>>().await.into_iter().collect::<Result<(), _>>().map_err(in_layers)?;
    let (images, committed) = (images.clone(), image.clone());
    let names = vec![reference.to_string()];
    let commit = tokio::task::spawn_blocking(move || images.commit(&workspace, &committed, &names));
    commit.await.map_err(|error| ImageError::Store(error.to_string()))??;
    Ok(image)
}

/// `https://host/v2/repository`, with plain HTTP for registries on this machine.
fn base(reference: &Reference) -> String {
    let scheme = if reference.is_local() { "http" } else { "https" };
    let host = if reference.registry == "docker.io" { "registry-1.docker.io" } else { &reference.registry };
    format!("{scheme}://{host}/v2/{}", reference.repository)
}

/// The pauses between the attempts at one thing.
struct Retries {
    left: u32,
    next: Duration,
}

impl Retries {
    fn new(options: &RegistryOptions) -> Self {
        Self::of(options.retry_pause)
    }

    fn of(pause: Duration) -> Self {
        Self { left: RETRIES, next: pause }
    }

    /// Waits before the next attempt; `false` at once where there is none.
    async fn pause(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        tokio::time::sleep(self.next).await;
        self.next *= 2;
        true
    }
}

struct Registry {
    fetcher: Fetcher,
    base: String,
    /// What the registry wants to see with each request, once it has asked for it.
    token: Option<String>,
    retry_pause: Duration,
}

impl Registry {
    /// The manifest for this machine, and its digest.
    async fn manifest(&mut self, reference: &Reference) -> Result<(Digest, Manifest), Failure> {
        let path = format!("manifests/{}", reference.manifest_name());
        let challenge = match self.get(&path).await {
            Err(Failure::Challenge(challenge)) => challenge,
            answer => return self.choose(answer?, reference.digest.as_ref()).await,
        };
        let scope = format!("repository:{}:pull", reference.repository);
        self.token = Some(self.fetcher.authorize(&challenge, &scope).await?);
        let body = self.get(&path).await?;
        self.choose(body, reference.digest.as_ref()).await
    }

    async fn choose(&self, body: Body, wanted: Option<&Digest>) -> Result<(Digest, Manifest), Failure> {
        let bytes = body.collect(DOCUMENT_BYTES_MAX).await?;
        let mut digest = Digest::of(&bytes);
        check(wanted.unwrap_or(&digest), &digest)?;
        let mut manifest = parse(&bytes)?;
        if manifest.config.is_none() {
            let chosen = manifest.for_this_machine();
            let chosen = chosen
                .ok_or_else(|| Failure::Unusable("no matching manifest for this platform".to_owned()))?;
            digest = chosen.digest.clone();
            let bytes = self.get(&format!("manifests/{digest}")).await?.collect(DOCUMENT_BYTES_MAX).await?;
            check(&digest, &Digest::of(&bytes))?;
            manifest = parse(&bytes)?;
        }
        Ok((digest, manifest))
    }

    async fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Failure> {
        let body = self.get(&format!("blobs/{}", descriptor.digest)).await?;
        let bytes = body.collect(DOCUMENT_BYTES_MAX).await?;
        check(&descriptor.digest, &Digest::of(&bytes))?;
        Ok(bytes)
    }

    /// Fetches and unpacks one layer.
    async fn layer(
        &self,
        images: &ImageStore,
        workspace: &Arc<Workspace>,
        index: usize,
        blob: Descriptor,
        diff_id: Digest,
    ) -> Result<(), Failure> {
        let file = self.download(images, &blob, workspace, index).await?;
        let (images, workspace) = (images.clone(), workspace.clone());
        let unpacking = tokio::task::spawn_blocking(move || {
            let opened = File::open(&file).map_err(|error| error.to_string())?;
            images.unpack(&workspace, opened, Some(&blob.digest), &diff_id)?;
            std::fs::remove_file(&file).map_err(|error| error.to_string())
        });
        unpacking.await.map_err(|error| Failure::Unusable(error.to_string()))?.map_err(Failure::Unusable)
    }

    /// Fetches a blob into a file; its digest is checked when it is unpacked.
    async fn download(
        &self,
        images: &ImageStore,
        descriptor: &Descriptor,
        workspace: &Workspace,
        index: usize,
    ) -> Result<PathBuf, Failure> {
        let path = workspace.path.join(format!("blob-{index}"));
        let mut retries = Retries::of(self.retry_pause);
        loop {
            let turn = images.transfers.acquire().await;
            let downloaded = self.download_once(descriptor, &path).await;
            drop(turn);
            match downloaded {
                Err(Failure::Transient(_)) if retries.pause().await => {}
                downloaded => return downloaded.map(|()| path),
            }
        }
    }

    async fn download_once(&self, descriptor: &Descriptor, path: &Path) -> Result<(), Failure> {
        let mut file = File::create(path).map_err(|error| Failure::Unusable(error.to_string()))?;
        let mut body = self.get(&format!("blobs/{}", descriptor.digest)).await?;
        let mut length = 0;
        while let Some(chunk) = body.chunk().await? {
            length += chunk.len() as u64;
            if length > descriptor.size {
                break;
            }
            file.write_all(&chunk).map_err(|error| Failure::Unusable(error.to_string()))?;
        }
        if length != descriptor.size {
            return Err(Failure::Unusable(format!(
                "blob {} is not {} bytes long, as its manifest says",
                descriptor.digest, descriptor.size
            )));
        }
        Ok(())
    }

    async fn get(&self, path: &str) -> Result<Body, Failure> {
        let target = Target {
            url: format!("{}/{path}", self.base),
            accept: path.starts_with("manifests/").then_some(MANIFEST_TYPES),
            authorization: self.token.clone(),
        };
        self.fetcher.get(target).await
    }
}

fn parse(bytes: &[u8]) -> Result<Manifest, Failure> {
    serde_json::from_slice(bytes).map_err(|error| Failure::Unusable(format!("manifest: {error}")))
}

fn check(wanted: &Digest, found: &Digest) -> Result<(), Failure> {
    if wanted == found {
        return Ok(());
    }
    Err(Failure::Unusable(format!("a document has digest {found}, expected {wanted}")))
}

/// What of an image could not be had.
#[derive(Clone, Copy)]
enum Part {
    Manifest,
    Blobs,
}

fn image_error(reference: &Reference, part: Part, failure: Failure) -> ImageError {
    let image = reference.to_string();
    let blob = |reason: String| format!("failed to copy: httpReadSeeker: failed open: {reason}");
    match (failure, part) {
        (Failure::NotFound, Part::Manifest) => ImageError::NotFound { image },
        (Failure::NotFound, Part::Blobs) => {
            ImageError::Blob { retries: 1, reason: blob("content not found".to_owned()) }
        }
        (Failure::Denied(reason), _) => ImageError::Denied { image, reason },
        (Failure::Challenge(_), _) => {
            ImageError::Registry { image, retries: 1, reason: "authorization failed".to_owned() }
        }
        (Failure::Refused(reason), Part::Manifest) => ImageError::Registry { image, retries: 1, reason },
        (Failure::Transient(reason), Part::Manifest) => {
            ImageError::Registry { image, retries: RETRIES, reason: as_head(reason) }
        }
        (Failure::Refused(reason), Part::Blobs) => ImageError::Blob { retries: 1, reason: blob(reason) },
        (Failure::Transient(reason), Part::Blobs) => {
            ImageError::Blob { retries: RETRIES, reason: blob(reason) }
        }
        (Failure::Unusable(reason), _) => ImageError::Unusable { image, reason },
    }
}

/// Manifests are first asked for without their contents by ECS's agent; who reads its errors expects that word.
fn as_head(reason: String) -> String {
    match reason.strip_prefix("failed to do request: Get ") {
        Some(rest) => format!("failed to do request: Head {rest}"),
        None => reason,
    }
}
