//! How a pipe calls other services: as its role, in its account and region.

use std::time::Duration;

use api::{AwsError, Call, Dispatcher, Principal};
use clock::Clock;
use serde_json::Value;
use types::{AccountId, Region};

use crate::limits::{ATTEMPTS_MAX, PAUSE_MIN};
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

    /// Calls an operation.
    pub(crate) async fn call(&self, service: &str, operation: &str, input: Value) -> Result<Value, AwsError> {
        self.dispatcher.call(self.made(service, operation, input)).await
    }

    /// Calls an operation that only services may call.
    pub(crate) async fn call_internal(
        &self,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let pipes = Principal::service("pipes.amazonaws.com");
        let call = Call::new(pipes, &self.account, &self.region, service, operation, input);
        self.dispatcher.call(call).await
    }

    /// Calls an operation that is done once, however often it is called with `key`. What may pass is tried again.
    pub(crate) async fn call_once(
        &self,
        service: &str,
        operation: &str,
        input: Value,
        key: &str,
    ) -> Result<Value, AwsError> {
        let mut pause = PAUSE_MIN;
        for _ in 1..ATTEMPTS_MAX {
            let call = self.made(service, operation, input.clone()).with_idempotency_key(key);
            match self.dispatcher.call(call).await {
                Err(error) if error.may_pass() => tracing::warn!(%error, service, operation, "tried again"),
                answer => return answer,
            }
            self.pause(pause).await;
            pause = pause.saturating_mul(2);
        }
        let call = self.made(service, operation, input).with_idempotency_key(key);
        self.dispatcher.call(call).await
    }

    /// Waits.
    pub(crate) async fn pause(&self, pause: Duration) {
        self.clock().sleep_until(self.clock().now() + pause).await;
    }

    fn made(&self, service: &str, operation: &str, input: Value) -> Call {
        Call::new(self.principal.clone(), &self.account, &self.region, service, operation, input)
    }
}
