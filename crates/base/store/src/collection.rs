//! Records as typed values: the view of a table that a service works with.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Batch, Error, Range, Record, Store};

/// A table whose values are `T` as JSON.
pub struct Collection<T> {
    store: Arc<dyn Store>,
    table: &'static str,
    values: PhantomData<fn() -> T>,
}

/// A value with its key and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The key.
    pub key: String,
    /// The version, for [`Collection::replace`].
    pub version: u64,
    /// The value.
    pub value: T,
}

impl<T> Clone for Collection<T> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), table: self.table, values: PhantomData }
    }
}

impl<T: Serialize + DeserializeOwned> Collection<T> {
    /// The table `table` of `store`.
    pub fn new(store: Arc<dyn Store>, table: &'static str) -> Self {
        Self { store, table, values: PhantomData }
    }

    /// The value under `key`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Malformed`].
    pub async fn get(&self, key: &str) -> Result<Option<Versioned<T>>, Error> {
        self.store.get(self.table, key).await?.map(|record| self.read(record)).transpose()
    }

    /// Values in the order of their keys.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Malformed`].
    pub async fn list(&self, range: Range<'_>) -> Result<Vec<Versioned<T>>, Error> {
        let records = self.store.list(self.table, range).await?;
        records.into_iter().map(|record| self.read(record)).collect()
    }

    /// Adds to `batch`: create the value under a key that must be free.
    pub fn create(&self, batch: &mut Batch, key: &str, value: &T) {
        batch.require_absent(self.table, key);
        self.put(batch, key, value);
    }

    /// Adds to `batch`: replace the value that was read as `seen`, unless somebody else has.
    pub fn replace(&self, batch: &mut Batch, seen: &Versioned<T>, value: &T) {
        batch.require_version(self.table, seen.key.as_str(), seen.version);
        self.put(batch, &seen.key, value);
    }

    /// Adds to `batch`: create or replace the value, whatever was there.
    pub fn put(&self, batch: &mut Batch, key: &str, value: &T) {
        match serde_json::to_vec(value) {
            Ok(bytes) => batch.put(self.table, key, bytes),
            // Values are plain data with text keys: this cannot fail, and must not be lost silently if it ever does.
            Err(error) => unreachable!("a value of {} cannot be written: {error}", self.table),
        };
    }

    /// Adds to `batch`: delete the value.
    pub fn delete(&self, batch: &mut Batch, key: &str) {
        batch.delete(self.table, key);
    }

    fn read(&self, record: Record) -> Result<Versioned<T>, Error> {
        let Record { key, version, value } = record;
        match serde_json::from_slice(&value) {
            Ok(value) => Ok(Versioned { key, version, value }),
            Err(error) => {
                Err(Error::Malformed { table: self.table.to_owned(), key, cause: error.to_string() })
            }
        }
    }
}
