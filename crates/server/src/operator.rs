//! The person at the machine: the root principal's calls through the door, made by commands instead of HTTP.

use anyhow::anyhow;
use api::{AwsError, Call, Dispatcher, Principal};
use serde_json::Value;
use types::{AccountId, Region};

/// Makes calls as the account's root principal.
#[derive(Clone)]
pub struct Operator {
    dispatcher: Dispatcher,
    account: AccountId,
    region: Region,
}

impl Operator {
    /// An operator of `account` in `region`.
    pub fn new(dispatcher: Dispatcher, account: AccountId, region: Region) -> Self {
        Self { dispatcher, account, region }
    }

    /// The same operator in another region.
    #[must_use]
    pub fn in_region(self, region: Option<&str>) -> Self {
        match region {
            Some(region) => Self { region: Region::new(region), ..self },
            None => self,
        }
    }

    /// Calls an operation that clients can call too.
    ///
    /// # Errors
    /// Whatever the operation answers.
    pub async fn call(&self, service: &str, operation: &str, input: Value) -> Result<Value, AwsError> {
        self.call_as(Principal::Root { account: self.account.clone() }, service, operation, input).await
    }

    /// Calls an internal operation, which is not on the wire.
    ///
    /// # Errors
    /// Whatever the operation answers.
    pub async fn internal(&self, service: &str, operation: &str, input: Value) -> Result<Value, AwsError> {
        self.call_as(Principal::service("runwright"), service, &format!("internal:{operation}"), input).await
    }

    async fn call_as(
        &self,
        principal: Principal,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let call = Call::new(principal, &self.account, &self.region, service, operation, input);
        self.dispatcher.call(call).await
    }
}

/// The text under `name` in an answer.
///
/// # Errors
/// Where the answer has no such text: a mistake of ours.
pub fn text<'a>(answer: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    answer[name].as_str().ok_or_else(|| anyhow!("an answer without {name}: {answer}"))
}
