//! AWS Secrets Manager: secrets with versions, which staging labels point at.
//!
//! Values are sealed before they are stored; the key is `sealed`'s. A secret that is deleted stays for its recovery window:
//! a timer ends it. What another service has made for itself, only that service changes. Not here: rotation, replicas,
//! resource policies and keys of KMS, which are refused.

mod deletion;
mod error;
pub mod generated;
mod get_value;
pub mod limits;
mod list;
mod names;
mod operations;
mod password;
mod put_value;
mod secret;
mod tag;
mod version_stage;

use std::sync::Arc;

use api::model::ServiceModel;
use api::{AwsError, Context, Dispatcher, Service};
use futures_util::future::BoxFuture;
use sealed::SecretKey;
use serde_json::Value;
use store::{Collection, Store};

pub use error::Error;

/// The service `secretsmanager`.
#[derive(Clone)]
pub struct SecretsManager {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    store: Arc<dyn Store>,
    dispatcher: Dispatcher,
    key: SecretKey,
    secrets: Collection<secret::Secret>,
    values: Collection<secret::SealedValue>,
}

impl SecretsManager {
    /// The service on `store`, whose values are sealed with `key`. [`SecretsManager::start`] lets recovery windows end.
    pub fn new(store: Arc<dyn Store>, dispatcher: Dispatcher, key: SecretKey) -> Self {
        let inner = Inner {
            secrets: Collection::new(Arc::clone(&store), secret::TABLE),
            values: Collection::new(Arc::clone(&store), secret::VALUES_TABLE),
            store,
            dispatcher,
            key,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Begins to delete secrets whose recovery windows end, those that ended meanwhile included.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn start(&self) -> Result<(), Error> {
        let mut timers = self.inner.store.timers(deletion::QUEUE).await?;
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move {
            let clock = inner.dispatcher.clock().clone();
            while let Some(timer) = timers.next(&clock).await {
                inner.end_recovery_window(&timer.key).await;
            }
        });
        Ok(())
    }
}

impl Service for SecretsManager {
    fn name(&self) -> &'static str {
        "secretsmanager"
    }

    fn model(&self) -> &'static ServiceModel {
        &generated::model::MODEL
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        Box::pin(generated::operations::dispatch(&*self.inner, cx, operation, input))
    }
}
