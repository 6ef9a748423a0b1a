//! Image names as Docker writes them: `busybox`, `localhost:5000/job:7`, `ghcr.io/a/b@sha256:...`.

use std::fmt;

use crate::driver::ImageError;

use super::digest::Digest;

/// A parsed image name, with Docker's defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The registry's host, with its port if any; `docker.io` where the name has none.
    pub registry: String,
    /// The repository's path; `library/` is put before a single word on `docker.io`.
    pub repository: String,
    /// The tag; `latest` where the name has neither a tag nor a digest.
    pub tag: Option<String>,
    /// The manifest's digest, where the name pins one.
    pub digest: Option<Digest>,
}

impl Reference {
    /// Reads a name.
    ///
    /// # Errors
    /// [`ImageError::InvalidReference`].
    pub fn parse(text: &str) -> Result<Self, ImageError> {
        Self::read(text).ok_or_else(|| ImageError::InvalidReference(text.to_owned()))
    }

    fn read(text: &str) -> Option<Self> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(Digest::parse(digest)?)),
            None => (text, None),
        };
        let (registry, rest) = match rest.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
            _ => ("docker.io", rest),
        };
        // A port belongs to the registry, so a colon that is left can only begin a tag.
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag).filter(|tag| is_tag(tag)).map(Some)?),
            None => (rest, None),
        };
        if !is_host(registry) || path.len() > 255 || !path.split('/').all(is_path_component) {
            return None;
        }
        let registry = if registry == "index.docker.io" { "docker.io" } else { registry };
        let repository = if registry == "docker.io" && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        let tag = tag.map(str::to_owned).or_else(|| digest.is_none().then(|| "latest".to_owned()));
        Some(Self { registry: registry.to_owned(), repository, tag, digest })
    }

    /// What follows `/manifests/` in the registry's API: the digest if there is one, else the tag.
    pub fn manifest_name(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }

    /// Whether the registry is this machine: `localhost` or a loopback address, which may speak plain HTTP.
    pub fn is_local(&self) -> bool {
        let host = match self.registry.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.registry,
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

fn is_host(host: &str) -> bool {
    host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
        && host.len() <= 261
        && !host.contains("..")
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
}

fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Lower-case letters and digits, joined by `.`, `_`, `__` or any number of `-`.
fn is_path_component(component: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    let ends = bytes.first().copied().is_some_and(word) && bytes.last().copied().is_some_and(word);
    ends && bytes.iter().all(|&byte| word(byte) || b"._-".contains(&byte))
        && !component.contains("..")
        && !component.contains("___")
}
