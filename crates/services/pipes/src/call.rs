//! How a pipe calls other services: as its role, in its account and region.

use api::{AwsError, Call, Dispatcher, Principal};
use clock::Clock;
use serde_json::Value;
use types::{AccountId, Region};

use crate::pipe::Pipe;

/// The way to other services.
pub(crate) struct Caller {
    dispatcher: Dispatcher,
    principal: Principal,
    account: AccountId,
    region: Region,
}

impl Caller {
    pub(crate) fn new(dispatcher: Dispatcher, pipe: &Pipe) -> Self {
        Self {
            dispatcher,
            principal: Principal::role(pipe.definition.role_arn.as_str(), pipe.name()),
            account: AccountId::new(pipe.account.as_str()),
            region: Region::new(pipe.region.as_str()),
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        self.dispatcher.clock()
    }

    /// Calls an operation; `key` is the same for a call that is made again.
    pub(crate) async fn call(
        &self,
        service: &str,
        operation: &str,
        input: Value,
        key: Option<&str>,
    ) -> Result<Value, AwsError> {
        let principal = self.principal.clone();
        let call = Call::new(principal, &self.account, &self.region, service, operation, input);
        let call = match key {
            Some(key) => call.with_idempotency_key(key),
            None => call,
        };
        self.dispatcher.call(call).await
    }
}
