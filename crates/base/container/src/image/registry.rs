//! Pulls images from registries that speak the OCI distribution API.
//!
//! What is served: anonymous users, passwords and bearer tokens; indices for several platforms; redirects of blobs.
//! Nothing that a registry says is believed before its digest was computed here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

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

/// How registries are reached.
#[derive(Clone, Debug, Default)]
pub struct RegistryOptions {
    /// Credentials by the registry's host (and port), as [`Reference::registry`] has it.
    pub credentials: BTreeMap<String, Credentials>,
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
    let named = |failure: Failure| image_error(reference, failure);
    let credentials = options.credentials.get(&reference.registry).cloned();
    let mut registry =
        Registry { fetcher: Fetcher::new(credentials).map_err(named)?, base: base(reference), token: None };
    let (digest, manifest) = registry.manifest(reference).await.map_err(named)?;
    let unusable = |reason: &str| named(Failure::Unusable(reason.to_owned()));
    let config = manifest.config.clone().ok_or_else(|| unusable("the manifest has no configuration"))?;
    let configuration = registry.document(&config).await.map_err(named)?;
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
    fetched.collect::<Vec<_>>().await.into_iter().collect::<Result<(), _>>().map_err(named)?;
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

struct Registry {
    fetcher: Fetcher,
    base: String,
    /// What the registry wants to see with each request, once it has asked for it.
    token: Option<String>,
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
        let file = self.download(&blob, workspace, index).await?;
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
        descriptor: &Descriptor,
        workspace: &Workspace,
        index: usize,
    ) -> Result<PathBuf, Failure> {
        let path = workspace.path.join(format!("blob-{index}"));
        let mut file = File::create(&path).map_err(|error| Failure::Unusable(error.to_string()))?;
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
        Ok(path)
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

fn image_error(reference: &Reference, failure: Failure) -> ImageError {
    let image = reference.to_string();
    match failure {
        Failure::NotFound => ImageError::NotFound { image },
        Failure::Challenge(_) => ImageError::Denied { image, reason: "authorization failed".to_owned() },
        Failure::Denied(reason) => ImageError::Denied { image, reason },
        Failure::Unreachable(reason) => ImageError::Registry { image, reason },
        Failure::Unusable(reason) => ImageError::Unusable { image, reason },
    }
}
