//! What is kept of identities, and how it is changed.

use std::sync::Arc;

use store::{Batch, Collection, Range, Store};
use types::AccountId;

use crate::Configuration;
use crate::access_key::{AccessKey, RootKeys};
use crate::credential::Known;
use crate::error::Error;
use crate::limits;
use crate::role::Role;
use crate::session::Session;

/// How often a change is tried where others change the same role.
const ATTEMPTS_MAX: usize = 16;

/// The tables of IAM and STS.
pub(crate) struct Directory {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) configuration: Configuration,
    /// By `ACCOUNT/name`, the name in lower case.
    pub(crate) roles: Collection<Role>,
    /// By access key id.
    pub(crate) access_keys: Collection<AccessKey>,
    /// By account.
    pub(crate) root_keys: Collection<RootKeys>,
    /// By access key id.
    pub(crate) sessions: Collection<Session>,
    /// What of `access_keys` and `sessions` requests were signed with lately.
    pub(crate) known: Known,
}

impl Directory {
    pub(crate) fn new(store: Arc<dyn Store>, configuration: Configuration) -> Self {
        Self {
            roles: Collection::new(Arc::clone(&store), "iam-roles"),
            access_keys: Collection::new(Arc::clone(&store), "iam-access-keys"),
            root_keys: Collection::new(Arc::clone(&store), "iam-root-keys"),
            sessions: Collection::new(Arc::clone(&store), "sts-sessions"),
            known: Known::default(),
            store,
            configuration,
        }
    }

    /// Writes a batch and waits until it is on disk.
    pub(crate) async fn commit(&self, batch: Batch) -> Result<(), Error> {
        self.store.submit(batch).durable().await?;
        Ok(())
    }

    pub(crate) async fn role(&self, account: &AccountId, name: &str) -> Result<Role, Error> {
        let role = self.roles.get(&Role::key(account, name)).await?;
        role.map(|role| role.value).ok_or_else(|| Error::RoleNotFound(name.to_owned()))
    }

    /// The account's roles, ordered by name.
    pub(crate) async fn roles(&self, account: &AccountId) -> Result<Vec<Role>, Error> {
        let prefix = format!("{account}/");
        Ok(self.roles.list(Range::prefix(&prefix)).await?.into_iter().map(|role| role.value).collect())
    }

    pub(crate) async fn create_role(&self, role: &Role) -> Result<(), Error> {
        let key = Role::key(&role.account, &role.name);
        let exists = || Error::RoleExists(role.name.clone());
        if self.roles.get(&key).await?.is_some() {
            return Err(exists());
        }
        if self.roles(&role.account).await?.len() >= limits::ROLES_PER_ACCOUNT {
            return Err(Error::TooManyRoles);
        }
        let mut batch = Batch::new();
        self.roles.create(&mut batch, &key, role);
        match self.commit(batch).await {
            Err(Error::ConcurrentModification) => Err(exists()),
            outcome => outcome,
        }
    }

    /// Changes a role; where somebody else does so at the same time, the change is made once more on what they left.
    pub(crate) async fn update_role(
        &self,
        account: &AccountId,
        name: &str,
        mut change: impl FnMut(&mut Role) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        for _ in 0..ATTEMPTS_MAX {
            let seen = self.roles.get(&Role::key(account, name)).await?;
            let seen = seen.ok_or_else(|| Error::RoleNotFound(name.to_owned()))?;
            let mut role = seen.value.clone();
            change(&mut role)?;
            let mut batch = Batch::new();
            self.roles.replace(&mut batch, &seen, &role);
            match self.commit(batch).await {
                Err(Error::ConcurrentModification) => {}
                outcome => return outcome,
            }
        }
        Err(Error::ConcurrentModification)
    }

    /// Deletes a role that has no policies.
    pub(crate) async fn delete_role(&self, account: &AccountId, name: &str) -> Result<(), Error> {
        let key = Role::key(account, name);
        let seen = self.roles.get(&key).await?.ok_or_else(|| Error::RoleNotFound(name.to_owned()))?;
        if !seen.value.policies.is_empty() {
            return Err(Error::RoleHasPolicies);
        }
        let mut batch = Batch::new();
        batch.require_version("iam-roles", key.as_str(), seen.version);
        self.roles.delete(&mut batch, &key);
        self.commit(batch).await
    }
}
