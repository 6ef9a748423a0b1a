//! The key of a data directory: made with it, and the same ever after.

use std::io;
use std::path::{Path, PathBuf};

use store::{Batch, Store};

use crate::SecretKey;

/// The record that only the right key opens.
const TABLE: &str = "sealed/check";
const KEY: &str = "check";
const TEXT: &[u8] = b"This data directory's secrets are sealed with this key.";

/// Why the secrets of a data directory stay closed. Nothing of it was changed.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// The file is gone.
    #[error(
        "the key file {} is missing, and the store holds secrets that were sealed with it: put it back, from a backup \
         where need be", .0.display()
    )]
    Missing(PathBuf),
    /// The file holds another key.
    #[error(
        "the key in {} is not the one that the store's secrets were sealed with: put the right file back, from a backup \
         where need be", .0.display()
    )]
    Wrong(PathBuf),
    /// The file can be neither read nor made, or is no key.
    #[error("the key file {} cannot be used: {cause}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// The key in the file `path`, which belongs to `store`. Where the store has known no key yet, the file is made, unless
/// it is there.
///
/// # Errors
/// [`UnlockError`].
pub async fn unlock(store: &dyn Store, path: &Path) -> Result<SecretKey, UnlockError> {
    let unusable = |cause| UnlockError::Unusable { path: path.to_owned(), cause };
    let Some(check) = store.get(TABLE, KEY).await? else {
        let key = SecretKey::load_or_create(path).map_err(unusable)?;
        let sealed = key.seal(TABLE, TEXT).map_err(unusable)?;
        let mut batch = Batch::new();
        batch.put(TABLE, KEY, sealed);
        store.submit(batch).durable().await?;
        return Ok(key);
    };
    let key = SecretKey::load(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => UnlockError::Missing(path.to_owned()),
        _ => unusable(error),
    })?;
    match key.open(TABLE, &check.value) {
        Some(_) => Ok(key),
        None => Err(UnlockError::Wrong(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use store::SqliteStore;

    use super::*;

    #[tokio::test]
    async fn a_data_directory_knows_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("store")).unwrap();
        let path = dir.path().join("key");
        let sealed = unlock(&store, &path).await.unwrap().seal("a", b"secret").unwrap();
        assert!(unlock(&store, &path).await.unwrap().open("a", &sealed).is_some());

        let aside = dir.path().join("aside");
        std::fs::rename(&path, &aside).unwrap();
        assert!(matches!(unlock(&store, &path).await, Err(UnlockError::Missing(_))));
        assert!(!path.exists());
        SecretKey::load_or_create(&path).unwrap();
        assert!(matches!(unlock(&store, &path).await, Err(UnlockError::Wrong(_))));
        std::fs::write(&path, b"short").unwrap();
        assert!(matches!(unlock(&store, &path).await, Err(UnlockError::Unusable { .. })));

        std::fs::rename(&aside, &path).unwrap();
        assert!(unlock(&store, &path).await.unwrap().open("a", &sealed).is_some());
    }
}
