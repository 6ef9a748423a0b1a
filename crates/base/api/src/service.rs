//! What a service is to the dispatcher, and what the dispatcher gives it.

use std::path::Path;

use futures_util::future::BoxFuture;
use serde_json::Value;
use types::{AccountId, Arn, Region, Timestamp};

use crate::model::ServiceModel;
use crate::{AwsError, Body, Call, Dispatcher, Principal};

/// One AWS service: its model and its operations.
pub trait Service: Send + Sync {
    /// The service's namespace, as [`Call::service`] has it.
    fn name(&self) -> &'static str;

    /// The operations it serves and the shapes of their inputs and outputs.
    fn model(&self) -> &'static ServiceModel;

    /// Serves `operation`. The input has passed validation against the model, unless the operation is internal.
    ///
    /// # Errors
    /// The operation's own errors, with AWS's codes and texts.
    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>>;

    /// Serves `operation` where bytes travel beside its input or its answer. A service without such operations takes and
    /// gives none.
    ///
    /// # Errors
    /// As for [`Service::serve`].
    fn serve_streaming<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
        body: Option<Body>,
    ) -> BoxFuture<'a, Result<Reply, AwsError>> {
        drop(body);
        Box::pin(async move { Ok(self.serve(cx, operation, input).await?.into()) })
    }

    /// Whether a call of `operation` ends where it is once nobody waits for its answer any more: one that waits itself, and
    /// would take something for a caller who has gone. Others are served to their end.
    fn ends_with_its_caller(&self, operation: &str) -> bool {
        let _ = operation;
        false
    }

    /// Whether an event with that source and detail type, put on the default bus of that place now, may reach anybody: of
    /// the service `events`. Only a "no" is certain.
    fn may_deliver(&self, account: &AccountId, region: &Region, source: &str, detail_type: &str) -> bool {
        let _ = (account, region, source, detail_type);
        true
    }

    /// The folder that large bodies on their way in are spooled to, on the file system where the service keeps them. A
    /// service without one takes only bodies that fit into memory.
    fn spool_folder(&self) -> Option<&Path> {
        None
    }
}

/// What an operation answers.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The output, in the shape of the service's JSON protocol, without the bytes.
    pub output: Value,
    /// The bytes beside it; `None` for operations whose answers have none.
    pub body: Option<Body>,
}

impl From<Value> for Reply {
    fn from(output: Value) -> Self {
        Self { output, body: None }
    }
}

/// The circumstances of one call: who, where, when, and the way back to the door.
#[derive(Clone, Debug)]
pub struct Context {
    /// Who asks.
    pub principal: Principal,
    /// The account in which the operation works.
    pub account: AccountId,
    /// The region in which the operation works.
    pub region: Region,
    /// The request's id.
    pub request_id: String,
    /// The same for all tries of one call by a service of Runwright's own: [`Call::idempotency_key`].
    pub idempotency_key: Option<String>,
    /// The time at which the call came through the door.
    pub now: Timestamp,
    /// The door, for calls to other services.
    pub dispatcher: Dispatcher,
}

impl Context {
    /// The ARN of `service`'s `resource` in the call's region and account.
    pub fn arn(&self, service: &str, resource: impl Into<String>) -> Arn {
        Arn::new(service, &self.region, &self.account, resource)
    }

    /// Calls another service's operation as `principal`, in the same account and region.
    ///
    /// # Errors
    /// Whatever the operation answers.
    pub async fn call(
        &self,
        principal: Principal,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let call = Call::new(principal, &self.account, &self.region, service, operation, input);
        self.dispatcher.call(call).await
    }

    /// The same, with bytes beside the input or the answer.
    ///
    /// # Errors
    /// Whatever the operation answers.
    pub async fn call_streaming(
        &self,
        principal: Principal,
        service: &str,
        operation: &str,
        input: Value,
        body: Option<Body>,
    ) -> Result<Reply, AwsError> {
        let call = Call::new(principal, &self.account, &self.region, service, operation, input);
        self.dispatcher.call_streaming(call, body).await
    }
}
