//! What Task states call: one file for each integration, and what they share.
//!
//! An integration turns a task's parameters into calls through the door, made as the state machine's role, and their
//! answers into what the state is told. It neither knows nor keeps the state of an execution.

pub(crate) mod ecs_run_task;
mod envelope;
pub(crate) mod sdk_shape;

use api::{AwsError, Call, Dispatcher, Principal};
use asl::{
    ErrorName, ExecutionSpec, Failure, FailurePhase, OpenTask, Resource, ResourceTarget, TaskFailure, TaskId,
};
use serde_json::Value;
use types::{AccountId, Region};

use crate::fingerprint;

/// One attempt of a task, as integrations see it.
pub(crate) struct Attempt<'a> {
    pub(crate) dispatcher: &'a Dispatcher,
    pub(crate) execution: &'a str,
    pub(crate) task: TaskId,
    pub(crate) seed: u64,
    /// The role in whose name services are called.
    pub(crate) role_arn: &'a str,
    pub(crate) region: &'a Region,
    pub(crate) account: &'a AccountId,
    pub(crate) resource: &'a Resource,
    pub(crate) parameters: &'a Value,
}

/// What is known of the task whose service is to be called.
pub(crate) struct Called {
    pub(crate) task: OpenTask,
    role_arn: String,
    seed: u64,
    region: Region,
    account: AccountId,
}

impl Called {
    /// A task of the execution with that spec.
    pub(crate) fn new(spec: &ExecutionSpec, task: &OpenTask) -> Self {
        Self {
            role_arn: task.credentials.clone().unwrap_or_else(|| spec.role_arn.to_string()),
            task: task.clone(),
            seed: spec.seed,
            region: Region::new(spec.region.as_ref()),
            account: AccountId::new(spec.account.as_str()),
        }
    }

    /// The task as integrations see it.
    pub(crate) fn attempt<'a>(&'a self, dispatcher: &'a Dispatcher, execution: &'a str) -> Attempt<'a> {
        Attempt {
            dispatcher,
            execution,
            task: self.task.task,
            seed: self.seed,
            role_arn: &self.role_arn,
            region: &self.region,
            account: &self.account,
            resource: &self.task.resource,
            parameters: self.task.parameters.value(),
        }
    }
}

/// What a service made of a task.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It accepted the request; the task goes on.
    Submitted {
        /// What it answered.
        output: Value,
    },
    /// It answered.
    Succeeded(Value),
    /// It refused.
    Failed(TaskFailure),
}

impl Attempt<'_> {
    /// The key by which services tell a repeated request from another one: at most 64 characters.
    fn client_token(&self) -> String {
        fingerprint::hex(&[self.execution, &self.seed.to_string(), &self.task.to_string()], 64)
    }

    /// Calls an operation in the name of the role. The request's id comes back with the answer.
    async fn call(&self, service: &str, operation: &str, input: Value) -> (String, Result<Value, AwsError>) {
        let request_id = api::ids::uuid();
        let call = Call {
            principal: Principal::role(self.role_arn, fingerprint::letters(&[self.execution])),
            account: self.account.clone(),
            region: self.region.clone(),
            service: service.to_owned(),
            operation: operation.to_owned(),
            input,
            request_id: request_id.clone(),
        };
        (request_id, self.dispatcher.call(call).await)
    }

    /// A failure that no state machine can catch: the parameters are not what the service takes.
    fn unusable(&self, problems: &[String]) -> Answer {
        let cause = format!(
            "The Parameters '{}' could not be used to start the Task: [{}]",
            self.parameters,
            problems.join(", ")
        );
        failed(ErrorName::Runtime, cause, FailurePhase::Start)
    }
}

/// Calls the service of a task.
pub(crate) async fn invoke(attempt: &Attempt<'_>) -> Answer {
    match attempt.resource.target() {
        ResourceTarget::Integration { service, action, .. }
            if (&**service, &**action) == ("ecs", "runTask") =>
        {
            ecs_run_task::invoke(attempt).await
        }
        // Definitions that name anything else are refused when they are created.
        ResourceTarget::Integration { .. }
        | ResourceTarget::AwsSdk { .. }
        | ResourceTarget::Lambda
        | ResourceTarget::Activity
        | ResourceTarget::Unknown => {
            let cause = format!("Runwright does not serve the resource {}.", attempt.resource.arn());
            failed(ErrorName::Runtime, cause, FailurePhase::Start)
        }
    }
}

fn failed(error: ErrorName, cause: String, phase: FailurePhase) -> Answer {
    Answer::Failed(TaskFailure { failure: Failure::new(error, cause), phase })
}
