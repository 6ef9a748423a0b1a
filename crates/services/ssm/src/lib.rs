//! AWS Systems Manager Parameter Store: parameters with versions, labels and tags.
//!
//! All values are sealed before they are stored, those of `String` parameters too; the key is `sealed`'s. Not here: the
//! rest of Systems Manager, parameter policies, keys of KMS, and AWS's public parameters below `/aws/service`.

mod describe;
mod error;
pub mod generated;
mod get;
mod labels;
pub mod limits;
mod names;
mod operations;
mod page;
mod parameter;
mod put_parameter;
mod tag;

use std::sync::Arc;

use api::model::ServiceModel;
use api::{AwsError, Context, Service};
use futures_util::future::BoxFuture;
use sealed::SecretKey;
use serde_json::Value;
use store::{Collection, Store};

pub use error::Error;

/// The service `ssm`.
#[derive(Clone)]
pub struct Ssm {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    store: Arc<dyn Store>,
    key: SecretKey,
    parameters: Collection<parameter::Parameter>,
    versions: Collection<parameter::Version>,
}

impl Ssm {
    /// The service on `store`, whose values are sealed with `key`.
    pub fn new(store: Arc<dyn Store>, key: SecretKey) -> Self {
        let inner = Inner {
            parameters: Collection::new(Arc::clone(&store), parameter::TABLE),
            versions: Collection::new(Arc::clone(&store), parameter::VERSIONS_TABLE),
            store,
            key,
        };
        Self { inner: Arc::new(inner) }
    }
}

impl Service for Ssm {
    fn name(&self) -> &'static str {
        "ssm"
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
