//! Access keys of an account's root user.

use std::fmt;

use serde::{Deserialize, Serialize};
use store::{Batch, Versioned};
use types::{AccountId, Timestamp};

use crate::directory::Directory;
use crate::error::Error;
use crate::limits;

/// A long-lived key of an account's root user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// The account.
    pub account: AccountId,
    /// `AKIA` and 16 characters.
    pub access_key_id: String,
    /// 40 characters.
    pub secret_access_key: String,
    /// When it was created.
    pub create_date: Timestamp,
}

impl fmt::Debug for AccessKey {
    /// Does not show the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AccessKey").field(&self.access_key_id).finish()
    }
}

/// The ids of an account's root access keys, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RootKeys {
    pub(crate) access_key_ids: Vec<String>,
}

impl AccessKey {
    fn random(account: &AccountId, now: Timestamp) -> Self {
        Self {
            account: account.clone(),
            access_key_id: format!("AKIA{}", api::ids::base32(16)),
            secret_access_key: api::ids::alphanumeric(40),
            create_date: now,
        }
    }
}

impl Directory {
    pub(crate) async fn ensure_root_key(
        &self,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<AccessKey, Error> {
        loop {
            if let Some(key) = self.root_keys(account).await?.into_iter().next() {
                return Ok(key);
            }
            match self.create_root_key(account, now).await {
                // Somebody else has created it meanwhile.
                Err(Error::ConcurrentModification) => {}
                outcome => return outcome,
            }
        }
    }

    /// The account's keys, oldest first.
    pub(crate) async fn root_keys(&self, account: &AccountId) -> Result<Vec<AccessKey>, Error> {
        let mut keys = Vec::new();
        for id in self.root_key_ids(account).await?.1.access_key_ids {
            keys.extend(self.access_keys.get(&id).await?.map(|key| key.value));
        }
        Ok(keys)
    }

    pub(crate) async fn create_root_key(
        &self,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<AccessKey, Error> {
        let (seen, mut ids) = self.root_key_ids(account).await?;
        if ids.access_key_ids.len() >= limits::ACCESS_KEYS_PER_USER {
            return Err(Error::TooManyAccessKeys);
        }
        let key = AccessKey::random(account, now);
        ids.access_key_ids.push(key.access_key_id.clone());
        let mut batch = Batch::new();
        self.put_root_key_ids(&mut batch, account, seen, &ids);
        self.access_keys.create(&mut batch, &key.access_key_id, &key);
        self.commit(batch).await?;
        Ok(key)
    }

    pub(crate) async fn delete_root_key(&self, account: &AccountId, id: &str) -> Result<(), Error> {
        let (seen, mut ids) = self.root_key_ids(account).await?;
        if !ids.access_key_ids.iter().any(|kept| kept == id) {
            return Err(Error::AccessKeyNotFound(id.to_owned()));
        }
        ids.access_key_ids.retain(|kept| kept != id);
        let mut batch = Batch::new();
        self.put_root_key_ids(&mut batch, account, seen, &ids);
        self.access_keys.delete(&mut batch, id);
        let outcome = self.commit(batch).await;
        self.known.remove(id);
        outcome
    }

    async fn root_key_ids(
        &self,
        account: &AccountId,
    ) -> Result<(Option<Versioned<RootKeys>>, RootKeys), Error> {
        let seen = self.root_keys.get(account.as_str()).await?;
        let ids = seen.as_ref().map(|seen| seen.value.clone()).unwrap_or_default();
        Ok((seen, ids))
    }

    fn put_root_key_ids(
        &self,
        batch: &mut Batch,
        account: &AccountId,
        seen: Option<Versioned<RootKeys>>,
        ids: &RootKeys,
    ) {
        match seen {
            Some(seen) => self.root_keys.replace(batch, &seen, ids),
            None => self.root_keys.create(batch, account.as_str(), ids),
        }
    }
}
