//! Identity and access management, and the security token service.
//!
//! Roles, their inline policies, the root access keys of accounts, and the temporary credentials of role sessions.
//! [`Iam::credential`] is where the wire learns whose key signed a request. Policies are kept and their grammar is
//! checked here; whether they permit a call is decided at the door (`api`), not here. There are no users, groups,
//! managed policies or instance profiles.

mod access_key;
mod credential;
mod directory;
mod error;
mod generated;
mod iam_api;
mod limits;
mod page;
mod policy_document;
mod role;
mod session;
mod sts_api;
mod trust;

use std::sync::Arc;

use api::model::ServiceModel;
use api::{AwsError, Context, Dispatcher, Service};
use clock::Clock;
use futures_util::future::BoxFuture;
use serde_json::Value;
use store::Store;
use tokio::task::JoinHandle;
use types::AccountId;
use wire::Credential;

pub use access_key::AccessKey;
use directory::Directory;
pub use error::Error;
pub use generated::{iam, sts};

/// What the operator decides about identities.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// The account whose root the key pair `test` and `test` is, where it is accepted at all.
    pub test_key_account: Option<AccountId>,
}

/// Identity and access management. It is global: an account has the same roles in all regions.
#[derive(Clone)]
pub struct Iam {
    directory: Arc<Directory>,
    clock: Clock,
}

/// The security token service, over the same roles.
#[derive(Clone)]
pub struct Sts {
    directory: Arc<Directory>,
}

impl Iam {
    /// The service over what `store` keeps. Nothing runs until [`Self::start`].
    pub fn new(store: Arc<dyn Store>, dispatcher: &Dispatcher, configuration: Configuration) -> Self {
        // Not the dispatcher itself: it will hold this service, and the two would keep each other and the store alive.
        let clock = dispatcher.clock().machine();
        Self { directory: Arc::new(Directory::new(store, configuration)), clock }
    }

    /// The security token service that belongs to it.
    pub fn sts(&self) -> Sts {
        Sts { directory: Arc::clone(&self.directory) }
    }

    /// The account's root access key; creates one with a random secret where it has none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn ensure_root_key(&self, account: &AccountId) -> Result<AccessKey, Error> {
        self.directory.ensure_root_key(account, self.clock.now()).await
    }

    /// Whose access key this is. An expired one is given as long as it is kept: whoever asks tells the two apart.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn credential(&self, access_key_id: &str) -> Result<Option<Arc<Credential>>, Error> {
        self.directory.credential(access_key_id).await
    }

    /// Starts what happens by itself: sessions that expired long ago are forgotten. Ends when the store closes.
    pub fn start(&self) -> JoinHandle<()> {
        let (directory, clock) = (Arc::clone(&self.directory), self.clock.clone());
        tokio::spawn(async move {
            if let Err(error) = directory.forget_sessions(&clock).await {
                tracing::error!(%error, "expired sessions are no longer forgotten");
            }
        })
    }
}

impl Service for Iam {
    fn name(&self) -> &'static str {
        "iam"
    }

    fn model(&self) -> &'static ServiceModel {
        &iam::model::MODEL
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        Box::pin(iam::operations::dispatch(self, cx, operation, input))
    }
}

impl Service for Sts {
    fn name(&self) -> &'static str {
        "sts"
    }

    fn model(&self) -> &'static ServiceModel {
        &sts::model::MODEL
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        Box::pin(sts::operations::dispatch(self, cx, operation, input))
    }
}
