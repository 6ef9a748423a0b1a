//! Whose access key signed a request.

use api::Principal;
use futures_util::future::BoxFuture;
use types::AccountId;
use wire::{Credential, CredentialStore};

use crate::Iam;
use crate::directory::Directory;
use crate::error::Error;

/// The access key id, and the secret, that tools use which have no account.
const TEST_KEY: &str = "test";

impl CredentialStore for Iam {
    fn lookup<'a>(&'a self, access_key_id: &'a str) -> BoxFuture<'a, Option<Credential>> {
        Box::pin(async move {
            self.credential(access_key_id).await.unwrap_or_else(|error| {
                tracing::error!(%error, access_key_id, "a credential could not be looked up");
                None
            })
        })
    }
}

impl Directory {
    pub(crate) async fn credential(&self, access_key_id: &str) -> Result<Option<Credential>, Error> {
        if let (TEST_KEY, Some(account)) = (access_key_id, &self.configuration.test_key_account) {
            return Ok(Some(root(account, TEST_KEY)));
        }
        if let Some(key) = self.access_keys.get(access_key_id).await? {
            return Ok(Some(root(&key.value.account, &key.value.secret_access_key)));
        }
        let session = self.sessions.get(access_key_id).await?;
        Ok(session.map(|session| session.value.credential()))
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
