//! What Task states call: one file for each integration, and what they share.
//!
//! An integration turns a task's parameters into calls through the door, made as the state machine's role, and their
//! answers into what the state is told. It neither knows nor keeps the state of an execution.

pub(crate) mod aws_sdk;
pub(crate) mod ecs_run_task;
mod envelope;
mod events_put_events;
mod http_invoke;
mod http_request;
pub(crate) mod sdk_names;
mod sdk_shape;
mod sns_publish;
mod sqs_send_message;
pub(crate) mod states_start_execution;

use std::sync::Arc;

use api::{AwsError, Body, Call, Dispatcher, Principal, Reply};
use asl::{
    Catalogue, ErrorName, ExecutionSpec, Failure, FailurePhase, OpenTask, ParameterForm, Pattern, Resource,
    ResourceTarget, TaskFailure, TaskId,
};
use serde_json::Value;
use types::{AccountId, Arn, Region};

use crate::fingerprint;
use crate::plan::Cancellation;

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

    /// A name for what the task makes, where it has none: a UUID, the same for a repeated request.
    fn made_up_name(&self) -> String {
        self.uuid("name")
    }

    fn uuid(&self, what: &str) -> String {
        fingerprint::uuid(&[self.execution, &self.seed.to_string(), &self.task.to_string(), what])
    }

    /// Where the role is: it is in its account that services are called.
    fn account_of_role(&self) -> AccountId {
        let account = self.role_arn.parse::<Arn>().map(|arn| arn.account).unwrap_or_default();
        if account.is_empty() { self.account.clone() } else { AccountId::new(account) }
    }

    /// Calls an operation in the name of the role. The request's id comes back with the answer: it is the same for a
    /// repeated request.
    async fn call(&self, service: &str, operation: &str, input: Value) -> (String, Result<Value, AwsError>) {
        let (request_id, reply) = self.call_streaming(service, operation, input, None).await;
        (request_id, reply.map(|reply| reply.output))
    }

    /// [`Self::call`] with bytes beside request and answer.
    async fn call_streaming(
        &self,
        service: &str,
        operation: &str,
        input: Value,
        body: Option<Body>,
    ) -> (String, Result<Reply, AwsError>) {
        let request_id = self.uuid(&format!("{service}:{operation}"));
        let call = Call {
            principal: Principal::role(self.role_arn, fingerprint::letters(&[self.execution])),
            account: self.account_of_role(),
            region: self.region.clone(),
            service: service.to_owned(),
            operation: operation.to_owned(),
            input,
            request_id: request_id.clone(),
            idempotency_key: Some(request_id.clone()),
        };
        (request_id, self.dispatcher.call_streaming(call, body).await)
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
        ResourceTarget::Integration { service, action, .. } => match (&**service, &**action) {
            ("ecs", "runTask") => ecs_run_task::invoke(attempt).await,
            ("events", "putEvents") => events_put_events::invoke(attempt).await,
            ("http", "invoke") => http_invoke::invoke(attempt).await,
            ("sns", "publish") => sns_publish::invoke(attempt).await,
            ("sqs", "sendMessage") => sqs_send_message::invoke(attempt).await,
            ("states", "startExecution") => states_start_execution::invoke(attempt).await,
            _ => not_served(attempt),
        },
        ResourceTarget::AwsSdk { service, action, .. } => aws_sdk::invoke(attempt, service, action).await,
        ResourceTarget::Lambda | ResourceTarget::Activity | ResourceTarget::Unknown => not_served(attempt),
    }
}

/// Whether the task goes on after its submission, as a job that ends by itself.
pub(crate) fn is_job(resource: &Resource) -> bool {
    matches!(resource.pattern(), Pattern::Sync | Pattern::Sync2)
}

/// The execution that a submitted task waits for, if it waits for one.
pub(crate) fn awaited_execution<'a>(resource: &Resource, submitted: &'a Value) -> Option<&'a str> {
    match resource.target() {
        ResourceTarget::Integration { service, .. } if **service == *"states" && is_job(resource) => {
            states_start_execution::child(submitted)
        }
        _ => None,
    }
}

/// Looks whether the job that was submitted has ended.
///
/// # Errors
/// What the service answers.
pub(crate) async fn inspect(attempt: &Attempt<'_>, submitted: &Value) -> Result<Option<Answer>, AwsError> {
    match attempt.resource.target() {
        ResourceTarget::Integration { service, .. } => match &**service {
            "ecs" => ecs_run_task::inspect(attempt, submitted).await,
            "states" => states_start_execution::inspect(attempt, submitted).await,
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// Stops the job that the task has submitted, or may have.
///
/// # Errors
/// What the service answers, where trying again may help.
pub(crate) async fn cancel(attempt: &Attempt<'_>, cancellation: &Cancellation) -> Result<(), AwsError> {
    match attempt.resource.target() {
        ResourceTarget::Integration { service, .. } => match &**service {
            "ecs" => ecs_run_task::cancel(attempt, cancellation).await,
            "states" => states_start_execution::cancel(attempt, cancellation).await,
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// What definitions may name: the table of integrations, and every operation behind the door.
pub(crate) struct Served<'a>(pub(crate) &'a Dispatcher);

impl Catalogue for Served<'_> {
    fn is_served(&self, resource: &Resource) -> bool {
        match resource.target() {
            ResourceTarget::AwsSdk { service, action, pattern } => {
                aws_sdk::is_served(self.0, service, action, *pattern)
            }
            _ => resource.is_supported(),
        }
    }

    fn form(&self, resource: &Resource) -> Option<Arc<dyn ParameterForm>> {
        match resource.target() {
            ResourceTarget::AwsSdk { service, action, .. } => aws_sdk::form(self.0, service, action),
            _ => None,
        }
    }
}

/// The same for definitions that were accepted once: a server that serves less must still know them.
pub(crate) struct Kept<'a>(pub(crate) &'a Dispatcher);

impl Catalogue for Kept<'_> {
    fn is_served(&self, _resource: &Resource) -> bool {
        true
    }

    fn form(&self, resource: &Resource) -> Option<Arc<dyn ParameterForm>> {
        Served(self.0).form(resource)
    }
}

/// Definitions that name what is not served are refused when they are created.
fn not_served(attempt: &Attempt<'_>) -> Answer {
    let cause = format!("Runwright does not serve the resource {}.", attempt.resource.arn());
    failed(ErrorName::Runtime, cause, FailurePhase::Start)
}

fn failed(error: ErrorName, cause: String, phase: FailurePhase) -> Answer {
    Answer::Failed(TaskFailure { failure: Failure::new(error, cause), phase })
}
