//! Whose access key signed a request.
//!
//! Every request asks, and the answers hardly ever change: they are kept in memory as long as they are true.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use api::Principal;
use futures_util::future::BoxFuture;
use types::AccountId;
use wire::{Credential, CredentialStore};

use crate::Iam;
use crate::directory::Directory;
use crate::error::Error;
use crate::limits;

/// The access key id, and the secret, that tools use which have no account.
const TEST_KEY: &str = "test";

impl CredentialStore for Iam {
    fn lookup<'a>(&'a self, access_key_id: &'a str) -> BoxFuture<'a, Option<Arc<Credential>>> {
        Box::pin(async move {
            self.credential(access_key_id).await.unwrap_or_else(|error| {
                tracing::error!(%error, access_key_id, "a credential could not be looked up");
                None
            })
        })
    }
}

impl Directory {
    pub(crate) async fn credential(&self, access_key_id: &str) -> Result<Option<Arc<Credential>>, Error> {
        if let (TEST_KEY, Some(account)) = (access_key_id, &self.configuration.test_key_account) {
            return Ok(Some(Arc::new(root(account, TEST_KEY))));
        }
        let seen = match self.known.get(access_key_id) {
            Ok(credential) => return Ok(Some(credential)),
            Err(seen) => seen,
        };
        let credential = self.kept_credential(access_key_id).await?.map(Arc::new);
        if let Some(credential) = &credential {
            self.known.put(access_key_id, credential, seen);
        }
        Ok(credential)
    }

    async fn kept_credential(&self, access_key_id: &str) -> Result<Option<Credential>, Error> {
        if let Some(key) = self.access_keys.get(access_key_id).await? {
            return Ok(Some(root(&key.value.account, &key.value.secret_access_key)));
        }
        let session = self.sessions.get(access_key_id).await?;
        Ok(session.map(|session| session.value.credential()))
    }
}

/// Credentials that were looked up and have not been deleted since.
#[derive(Default)]
pub(crate) struct Known(RwLock<Credentials>);

#[derive(Default)]
struct Credentials {
    by_id: HashMap<String, Arc<Credential>>,
    deletions: Deletions,
}

/// How many deletions there have been: what was read before one of them may be what it deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deletions(u64);

impl Known {
    /// The credential; where it is not known, what [`Known::put`] wants to hear about the time before it is read.
    fn get(&self, access_key_id: &str) -> Result<Arc<Credential>, Deletions> {
        // The map is never left half-changed, so a panic elsewhere does not matter. Likewise below.
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.by_id.get(access_key_id).cloned().ok_or(known.deletions)
    }

    /// Keeps what was read after `seen`, unless something was deleted meanwhile.
    fn put(&self, access_key_id: &str, credential: &Arc<Credential>, seen: Deletions) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.deletions != seen {
            return;
        }
        if known.by_id.len() >= limits::KNOWN_CREDENTIALS_MAX {
            known.by_id.clear();
        }
        known.by_id.insert(access_key_id.to_owned(), Arc::clone(credential));
    }

    /// Forgets a credential that has been deleted.
    pub(crate) fn remove(&self, access_key_id: &str) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.deletions.0 += 1;
        known.by_id.remove(access_key_id);
    }
}

fn root(account: &AccountId, secret: &str) -> Credential {
    Credential {
        principal: Principal::Root { account: account.clone() },
        secret_access_key: secret.to_owned(),
        session_token: None,
        expires: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential() -> Arc<Credential> {
        Arc::new(root(&AccountId::new("000000000000"), "secret"))
    }

    #[test]
    fn what_is_deleted_is_not_known() {
        let known = Known::default();
        known.put("AKIA", &credential(), Deletions::default());
        assert!(known.get("AKIA").is_ok());
        known.remove("AKIA");
        assert!(known.get("AKIA").is_err());
    }

    #[test]
    fn what_is_deleted_while_it_is_read_is_not_known() {
        let known = Known::default();
        let Err(seen) = known.get("AKIA") else { panic!("nothing is known") };
        known.remove("AKIA");
        known.put("AKIA", &credential(), seen);
        assert!(known.get("AKIA").is_err());
    }
}
