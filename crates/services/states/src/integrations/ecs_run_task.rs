//! `ecs:runTask`: runs containers, and with `.sync` waits until they have stopped.
//!
//! Completion comes as the event "ECS Task State Change" of the managed rule that the state machine's creation put on the
//! default bus; a look at the task after its submission, and another one after each restart, catches what came too early.
//!
//! Source: Step Functions Developer Guide, "Run Amazon ECS or Fargate tasks with Step Functions"; recorded executions.

use api::model::{Operation, Shape};
use api::{AwsError, Dispatcher, Fault};
use asl::{ErrorName, Failure, FailurePhase, Pattern, TaskFailure};
use serde_json::{Value, json};

use super::envelope::{self, Sdk};
use super::{Answer, Attempt, failed, sdk_shape};
use crate::plan::Cancellation;

const SDK: Sdk = Sdk {
    prefix: "ECS",
    base_class: "AmazonECSException",
    service: "AmazonECS",
    content_type: "application/x-amz-json-1.1",
    keeps_alive: false,
};

/// Calls RunTask.
pub(super) async fn invoke(attempt: &Attempt<'_>) -> Answer {
    let pattern = attempt.resource.pattern();
    let Some(operation) = operation(attempt.dispatcher, "RunTask") else { return not_there() };
    let input = match request(attempt, operation, pattern) {
        Ok(input) => input,
        Err(problems) => return attempt.unusable(&problems),
    };
    let (request_id, answer) = attempt.call("ecs", "RunTask", input).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return envelope::error(&SDK, operation, &error, &request_id),
    };
    let output = envelope::answer(&SDK, operation, &answer, &request_id, attempt.dispatcher.clock().now());
    match pattern {
        Pattern::RequestResponse => Answer::Succeeded(output),
        Pattern::Sync | Pattern::Sync2 | Pattern::WaitForTaskToken => submitted(output),
    }
}

fn request(attempt: &Attempt<'_>, operation: &Operation, pattern: Pattern) -> Result<Value, Vec<String>> {
    let mut input = sdk_shape::request(operation.input, attempt.parameters)?;
    if pattern == Pattern::Sync && input.get("count").is_some_and(|count| *count != json!(1)) {
        return Err(vec![
            "The value for the field 'Count' must be 1 where the state waits for the task".to_owned(),
        ]);
    }
    input["clientToken"] = attempt.client_token().into();
    Ok(input)
}

/// A request with failures is a failure, where the state waits for more than the answer.
fn submitted(output: Value) -> Answer {
    match output.get("Failures") {
        Some(Value::Array(failures)) if !failures.is_empty() => {
            let cause = Value::Array(failures.clone()).to_string();
            failed(ErrorName::from("AmazonECS.Unknown"), cause, FailurePhase::Run)
        }
        _ => Answer::Submitted { output },
    }
}

/// What became of an ECS task, if it has stopped. `task` is an event's `detail`, or what DescribeTasks gives.
pub(crate) fn outcome(dispatcher: &Dispatcher, task: &Value) -> Option<Answer> {
    if task.get("lastStatus").and_then(Value::as_str) != Some("STOPPED") {
        return None;
    }
    let output = event_form(task_shape(dispatcher)?, task);
    if succeeded(&output) {
        return Some(Answer::Succeeded(output));
    }
    let failure = Failure::new(ErrorName::TaskFailed, output.to_string());
    Some(Answer::Failed(TaskFailure { failure, phase: FailurePhase::Run }))
}

/// A task has done well if every container that ran exited with 0, essential or not, and at least one did run.
fn succeeded(task: &Value) -> bool {
    let containers = task.get("Containers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let codes: Vec<i64> =
        containers.iter().filter_map(|container| container.get("ExitCode").and_then(Value::as_i64)).collect();
    let started = task.get("StopCode").and_then(Value::as_str) != Some("TaskFailedToStart");
    started && !codes.is_empty() && codes.iter().all(|code| *code == 0)
}

/// The task as the event about it has it: that is what states are given, whichever way it was learned.
fn event_form(shape: &Shape, task: &Value) -> Value {
    let mut task = sdk_shape::response(shape, task);
    if let Some(fields) = task.as_object_mut() {
        fields.shift_remove("PlatformFamily");
        fields.insert("Tags".to_owned(), json!([]));
    }
    for attachment in task.get_mut("Attachments").and_then(Value::as_array_mut).into_iter().flatten() {
        if attachment.get("Type").and_then(Value::as_str) == Some("ElasticNetworkInterface") {
            attachment["Type"] = "eni".into();
        }
    }
    task
}

/// Looks whether the task that was submitted has stopped.
///
/// # Errors
/// What DescribeTasks answers.
pub(super) async fn inspect(attempt: &Attempt<'_>, submitted: &Value) -> Result<Option<Answer>, AwsError> {
    for (task, cluster) in tasks(submitted) {
        let (_, answer) =
            attempt.call("ecs", "DescribeTasks", json!({"cluster": cluster, "tasks": [task]})).await;
        let answer = answer?;
        let described = answer.get("tasks").and_then(Value::as_array).into_iter().flatten();
        if let Some(outcome) = described.filter_map(|task| outcome(attempt.dispatcher, task)).next() {
            return Ok(Some(outcome));
        }
    }
    Ok(None)
}

/// Stops what the task has started, or may have: if it is not known what, the same request tells it again.
///
/// # Errors
/// What ECS answers, where trying again may help.
pub(super) async fn cancel(attempt: &Attempt<'_>, cancellation: &Cancellation) -> Result<(), AwsError> {
    let submitted = match &cancellation.submitted {
        Some(submitted) => submitted.clone(),
        None => match invoke(attempt).await {
            Answer::Submitted { output } | Answer::Succeeded(output) => output,
            // The request was refused, so nothing runs.
            Answer::Failed(_) => return Ok(()),
        },
    };
    for (task, cluster) in tasks(&submitted) {
        let (_, answer) = attempt.call("ecs", "StopTask", json!({"cluster": cluster, "task": task})).await;
        if let Err(error) = answer {
            tracing::warn!(execution = attempt.execution, task, %error, "a task could not be stopped");
            if error.fault() == Fault::Receiver {
                return Err(error);
            }
        }
    }
    Ok(())
}

/// ARNs of the tasks that RunTask's answer names, each with its cluster's.
pub(crate) fn tasks(submitted: &Value) -> impl Iterator<Item = (&str, &str)> {
    let tasks = submitted.get("Tasks").and_then(Value::as_array).into_iter().flatten();
    tasks.filter_map(|task| Some((task.get("TaskArn")?.as_str()?, task.get("ClusterArn")?.as_str()?)))
}

fn operation(dispatcher: &Dispatcher, name: &str) -> Option<&'static Operation> {
    dispatcher.models().find(|model| model.signing_name == "ecs")?.operation(name)
}

/// The shape of one task.
fn task_shape(dispatcher: &Dispatcher) -> Option<&'static Shape> {
    let tasks = operation(dispatcher, "RunTask")?.output.member("tasks")?;
    match &tasks.shape.kind {
        api::model::Kind::List(list) => Some(list.element),
        _ => None,
    }
}

fn not_there() -> Answer {
    failed(
        ErrorName::from("ECS.AmazonECSException"),
        "Amazon ECS is not served here.".to_owned(),
        FailurePhase::Run,
    )
}
