//! The stack's way through the one door: calls to other services, made by the stack's principal.

use api::{AwsError, Call, Dispatcher, Principal};
use clock::Clock;
use serde_json::Value;
use types::{AccountId, Region};

/// CloudFormation itself, which alone sets the tags that tell of stacks.
const CLOUDFORMATION: &str = "cloudformation.amazonaws.com";

/// Calls in a stack's account and region.
#[derive(Clone, Debug)]
pub struct Door {
    /// The door itself.
    pub dispatcher: Dispatcher,
    /// Who calls.
    pub principal: Principal,
    /// The stack's account.
    pub account: AccountId,
    /// The stack's region.
    pub region: Region,
}

/// An error of a call, with the id by which the service logged it.
#[derive(Clone, Debug, PartialEq)]
pub struct CallError {
    /// What the service answered.
    pub error: AwsError,
    /// The call's request id.
    pub request_id: String,
}

impl Door {
    /// The same way, taken by CloudFormation itself.
    pub fn as_cloudformation(&self) -> Self {
        Self { principal: Principal::service(CLOUDFORMATION), ..self.clone() }
    }

    /// Whether the clock is one that stands while containers, which live by the machine's, go on.
    pub fn clock_stands(&self) -> bool {
        clock_stands(self.dispatcher.clock())
    }

    /// Calls `operation` of `service`.
    ///
    /// # Errors
    /// Whatever the operation answers.
    pub async fn call(&self, service: &str, operation: &str, input: Value) -> Result<Value, CallError> {
        self.pass(self.form(service, operation, input)).await
    }

    /// The same, one of several tries under `token`: the service answers a second one with what the first has made.
    ///
    /// # Errors
    /// Whatever the operation answers.
    pub async fn call_once(
        &self,
        token: &str,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, CallError> {
        self.pass(self.form(service, operation, input).with_idempotency_key(token)).await
    }

    fn form(&self, service: &str, operation: &str, input: Value) -> Call {
        Call::new(self.principal.clone(), &self.account, &self.region, service, operation, input)
    }

    async fn pass(&self, call: Call) -> Result<Value, CallError> {
        let request_id = call.request_id.clone();
        self.dispatcher.call(call).await.map_err(|error| CallError { error, request_id })
    }
}

/// Whether `clock` stands while containers, which live by the machine's, go on.
pub fn clock_stands(clock: &Clock) -> bool {
    matches!((clock, clock.machine()), (Clock::Virtual(_), Clock::Wall))
}

impl CallError {
    /// Whether the service says that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        let code = self.error.code.as_ref();
        ["NotFound", "NoSuchEntity", "NoSuchBucket", "DoesNotExist"].iter().any(|word| code.contains(word))
    }
}
