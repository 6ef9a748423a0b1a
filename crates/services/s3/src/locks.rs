//! Who may decide about a bucket or a key at a time.
//!
//! A change reads what is there, decides, and writes; the locks keep another change of the same key, or of its bucket,
//! from coming between. They are held for the length of a commit, never while bytes are received or written.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use tokio::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

const BUCKETS: usize = 64;
const KEYS: usize = 1024;

/// Names share locks: what counts is that equal names have the same one.
pub(crate) struct Locks {
    buckets: Vec<RwLock<()>>,
    keys: Vec<Mutex<()>>,
}

/// Nobody else changes the key, and nobody its bucket.
pub(crate) struct KeyLock<'l> {
    _bucket: RwLockReadGuard<'l, ()>,
    _key: MutexGuard<'l, ()>,
}

impl Default for Locks {
    fn default() -> Self {
        Self {
            buckets: std::iter::repeat_with(RwLock::default).take(BUCKETS).collect(),
            keys: std::iter::repeat_with(Mutex::default).take(KEYS).collect(),
        }
    }
}

impl Locks {
    /// Waits until nobody changes the key.
    pub(crate) async fn key(&self, bucket: &str, key: &str) -> KeyLock<'_> {
        // Always the bucket first, so that two never wait for each other.
        let bucket_lock = self.bucket_lock(bucket).read().await;
        KeyLock { _bucket: bucket_lock, _key: self.key_lock(bucket, key).lock().await }
    }

    /// Waits until nobody changes the bucket or a key of it.
    pub(crate) async fn bucket(&self, bucket: &str) -> RwLockWriteGuard<'_, ()> {
        self.bucket_lock(bucket).write().await
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder is less than the length")]
    fn bucket_lock(&self, bucket: &str) -> &RwLock<()> {
        &self.buckets[slot(bucket, BUCKETS)]
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder is less than the length")]
    fn key_lock(&self, bucket: &str, key: &str) -> &Mutex<()> {
        &self.keys[slot((bucket, key), KEYS)]
    }
}

#[expect(clippy::cast_possible_truncation, reason = "any digits of a hash will do")]
fn slot(name: impl Hash, count: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish() as usize % count
}
