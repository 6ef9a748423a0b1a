//! Manifests: an object that names the objects in which the items are.

use serde_json::Value;

use super::ObjectName;
use crate::error_name::Failure;
use crate::map_run::{ManifestType, reader_failure};

/// Bytes of a manifest at most. Ours: it is read whole, other than the files that it names.
const MANIFEST_BYTES: usize = 64 * 1024 * 1024;

/// A manifest while it is read.
#[derive(Debug)]
pub(super) struct ManifestText {
    kind: ManifestType,
    text: Vec<u8>,
}

/// What a manifest says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) files: Vec<ObjectName>,
    /// Of the columns, where they are told.
    pub(super) headers: Option<Vec<String>>,
}

impl ManifestText {
    pub(super) fn new(kind: ManifestType) -> Self {
        Self { kind, text: Vec::new() }
    }

    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.text.extend_from_slice(bytes);
        if self.text.len() > MANIFEST_BYTES {
            return Err(reader_failure(format!("The manifest exceeds {MANIFEST_BYTES} bytes.")));
        }
        Ok(())
    }

    /// The manifest, once it is complete.
    pub(super) fn parse(&self) -> Result<Manifest, Failure> {
        match self.kind {
            ManifestType::S3Inventory => inventory(&self.text),
            ManifestType::AthenaData => athena(&self.text),
        }
    }
}

/// The `manifest.json` of an inventory report.
///
/// Source: Amazon S3 User Guide, "Locating your inventory list".
fn inventory(text: &[u8]) -> Result<Manifest, Failure> {
    let refused = |what: &str| reader_failure(format!("The S3 inventory manifest is not valid: {what}"));
    let manifest: Value = serde_json::from_slice(text).map_err(|error| refused(&error.to_string()))?;
    let member = |name: &str| manifest.get(name).and_then(Value::as_str);
    if member("fileFormat") != Some("CSV") {
        return Err(refused("its fileFormat must be CSV."));
    }
    let schema = member("fileSchema").ok_or_else(|| refused("it has no fileSchema."))?;
    let bucket = member("destinationBucket").ok_or_else(|| refused("it has no destinationBucket."))?;
    let bucket = bucket.rsplit(':').next().unwrap_or_default();
    let files = manifest.get("files").and_then(Value::as_array).ok_or_else(|| refused("it has no files."))?;
    let file = |file: &Value| {
        let key = file.get("key").and_then(Value::as_str).ok_or_else(|| refused("a file has no key."))?;
        Ok(ObjectName { bucket: bucket.to_owned(), key: key.to_owned(), version_id: None })
    };
    Ok(Manifest {
        files: files.iter().map(file).collect::<Result<_, Failure>>()?,
        headers: Some(schema.split(',').map(|name| name.trim().to_owned()).collect()),
    })
}

/// The manifest of an `UNLOAD` query: a URI on each line.
///
/// Source: Amazon Athena User Guide, "UNLOAD".
fn athena(text: &[u8]) -> Result<Manifest, Failure> {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().map(|line| line.trim().trim_matches('"')).filter(|line| !line.is_empty());
    let file = |uri: &str| {
        let object = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
        let (bucket, key) = object.ok_or_else(|| {
            reader_failure(format!("The Athena manifest names what is no S3 object: {uri}"))
        })?;
        Ok(ObjectName { bucket: bucket.to_owned(), key: key.to_owned(), version_id: None })
    };
    Ok(Manifest { files: lines.map(file).collect::<Result<_, Failure>>()?, headers: None })
}
