//! Calls that ECS makes for a task as its execution role, before its containers are started.

use api::{AwsError, Call, Dispatcher, Fault, Principal, Reply};
use serde_json::Value;
use types::{AccountId, Region};

use crate::limits;
use crate::retry::Delays;
use crate::task::Task;

/// The way to other services as a task's execution role.
pub struct ExecutionRole<'a> {
    dispatcher: &'a Dispatcher,
    principal: Principal,
    account: AccountId,
}

/// Why a call failed for good.
pub struct Refusal {
    error: AwsError,
    request_id: String,
    attempts: u32,
}

impl Refusal {
    /// `service call has been retried N time(s): `, what was tried, and what came of it.
    pub fn after_retries(&self, tried: &str) -> String {
        let Self { error, request_id, attempts } = self;
        format!(
            "service call has been retried {attempts} time(s): {tried}{}: {} status code: {}, request id: {request_id}",
            error.code, error.message, error.status
        )
    }

    /// What the service answered.
    pub fn answer(&self) -> String {
        let Self { error, request_id, .. } = self;
        format!("{}: {} status code: {}, request id: {request_id}", error.code, error.message, error.status)
    }
}

impl<'a> ExecutionRole<'a> {
    /// The execution role of `task`; ECS itself where it has none.
    pub fn of(task: &Task, dispatcher: &'a Dispatcher) -> Self {
        let principal = match task.execution_role_arn.as_deref().filter(|role| !role.is_empty()) {
            Some(role) if role.starts_with("arn:") => Principal::role(role, task.id.clone()),
            Some(name) => {
                Principal::role(format!("arn:aws:iam::{}:role/{name}", task.account), task.id.clone())
            }
            None => Principal::service("ecs.amazonaws.com"),
        };
        Self { dispatcher, principal, account: AccountId::new(task.account.as_str()) }
    }

    /// Calls an operation in a region; what may pass is tried again.
    ///
    /// # Errors
    /// The last answer.
    pub async fn call(
        &self,
        region: &str,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Reply, Refusal> {
        let mut delays = Delays::new(limits::EXECUTION_ROLE_ATTEMPTS);
        let mut attempts = 1;
        loop {
            let principal = self.principal.clone();
            let region = Region::new(region);
            let call = Call::new(principal, &self.account, &region, service, operation, input.clone());
            let request_id = call.request_id.clone();
            match self.dispatcher.call_streaming(call, None).await {
                Ok(reply) => return Ok(reply),
                Err(error) => {
                    if error.fault() == Fault::Sender || !delays.wait(self.dispatcher.clock()).await {
                        return Err(Refusal { error, request_id, attempts });
                    }
                    attempts += 1;
                }
            }
        }
    }
}
