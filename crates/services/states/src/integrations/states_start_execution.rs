//! `states:startExecution`: starts another execution, and with `.sync` waits until it has ended.
//!
//! The batch that closes an execution holds a look for every task that waits for it (`awaited`); a look after the task's
//! submission catches an end that came before anybody waited. A repeated start is known by its request id.
//!
//! Source: Step Functions Developer Guide, "Start a new AWS Step Functions state machine from a running execution";
//! recorded executions.

use api::model::Operation;
use api::{AwsError, Call, Dispatcher, Fault, Principal};
use asl::{ErrorName, Failure, FailurePhase, Pattern, TaskFailure};
use serde_json::{Map, Value, json};

use super::envelope::{self, Sdk};
use super::{Answer, Attempt, not_served, sdk_shape};
use crate::delivery::STATES;
use crate::name;
use crate::plan::Cancellation;

const SDK: Sdk = Sdk {
    prefix: "StepFunctions",
    base_class: "AWSStepFunctionsException",
    service: "AWSStepFunctions",
    content_type: "application/x-amz-json-1.0",
    keeps_alive: true,
};

/// Calls StartExecution.
pub(super) async fn invoke(attempt: &Attempt<'_>) -> Answer {
    let Some(operation) = operation(attempt.dispatcher, "StartExecution") else { return not_served(attempt) };
    let (request_id, answer) = attempt.call("states", "StartExecution", request(attempt)).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return envelope::error(&SDK, operation, &error, &request_id),
    };
    let output = envelope::answer(&SDK, operation, &answer, &request_id, attempt.dispatcher.clock().now());
    match attempt.resource.pattern() {
        Pattern::RequestResponse => Answer::Succeeded(output),
        Pattern::WaitForTaskToken => Answer::Submitted { output },
        Pattern::Sync | Pattern::Sync2 => match child(&output).map(name::check_describable) {
            // An express execution cannot be asked about: there is nothing to wait for.
            Some(Err(error)) => envelope::error(&SDK, operation, &error.into(), &request_id),
            Some(Ok(())) | None => Answer::Submitted { output },
        },
    }
}

/// The request. Without a name, it gets one that a repetition has too.
fn request(attempt: &Attempt<'_>) -> Value {
    let given = |field: &str| attempt.parameters.get(field).filter(|value| !value.is_null());
    let mut input = Map::new();
    let mut put = |member: &str, value: Value| {
        input.insert(member.to_owned(), value);
    };
    if let Some(machine) = given("StateMachineArn") {
        put("stateMachineArn", machine.clone());
    }
    put("name", given("Name").cloned().unwrap_or_else(|| attempt.made_up_name().into()));
    put(
        "input",
        match given("Input") {
            None => "{}".into(),
            Some(Value::String(text)) => text.as_str().into(),
            Some(value) => value.to_string().into(),
        },
    );
    if let Some(header) = given("TraceHeader") {
        put("traceHeader", header.clone());
    }
    Value::Object(input)
}

/// ARN of the execution that StartExecution's answer names.
pub(crate) fn child(submitted: &Value) -> Option<&str> {
    submitted.get("ExecutionArn")?.as_str()
}

/// Looks whether the execution that was started has ended.
///
/// # Errors
/// What DescribeExecution answers.
pub(super) async fn inspect(attempt: &Attempt<'_>, submitted: &Value) -> Result<Option<Answer>, AwsError> {
    let (Some(child), Some(operation)) =
        (child(submitted), operation(attempt.dispatcher, "DescribeExecution"))
    else {
        return Ok(None);
    };
    let Ok((region, account)) = name::place(child) else { return Ok(None) };
    let input = json!({"executionArn": child});
    let call = Call::new(Principal::service(STATES), &account, &region, "states", "DescribeExecution", input);
    let described = attempt.dispatcher.call(call).await?;
    Ok(outcome(operation, attempt.resource.pattern(), &described))
}

/// What became of an execution, if it has ended.
fn outcome(operation: &Operation, pattern: Pattern, described: &Value) -> Option<Answer> {
    let mut output = sdk_shape::response(operation.output, described);
    match described.get("status").and_then(Value::as_str)? {
        "RUNNING" | "PENDING_REDRIVE" => None,
        "SUCCEEDED" => {
            if pattern == Pattern::Sync2 {
                read_texts(&mut output);
            }
            Some(Answer::Succeeded(output))
        }
        _ => {
            let failure = Failure::new(ErrorName::TaskFailed, output.to_string());
            Some(Answer::Failed(TaskFailure { failure, phase: FailurePhase::Run }))
        }
    }
}

/// `.sync:2` gives input and output as JSON instead of texts.
fn read_texts(output: &mut Value) {
    for field in ["Input", "Output"] {
        let read = output.get(field).and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
        if let Some(read) = read {
            output[field] = read;
        }
    }
}

/// Stops the execution that was started, or may have been: if it is not known which, the same request tells it again.
///
/// # Errors
/// What StopExecution answers, where trying again may help.
pub(super) async fn cancel(attempt: &Attempt<'_>, cancellation: &Cancellation) -> Result<(), AwsError> {
    let submitted = match &cancellation.submitted {
        Some(submitted) => submitted.clone(),
        None => match invoke(attempt).await {
            Answer::Submitted { output } | Answer::Succeeded(output) => output,
            // The request was refused, so nothing runs.
            Answer::Failed(_) => return Ok(()),
        },
    };
    let Some(child) = child(&submitted) else { return Ok(()) };
    let (_, answer) = attempt.call("states", "StopExecution", json!({"executionArn": child})).await;
    match answer {
        Err(error) => {
            tracing::warn!(execution = attempt.execution, child, %error, "an execution could not be stopped");
            if error.fault() == Fault::Receiver { Err(error) } else { Ok(()) }
        }
        Ok(_) => Ok(()),
    }
}

fn operation(dispatcher: &Dispatcher, name: &str) -> Option<&'static Operation> {
    dispatcher.models().find(|model| model.signing_name == "states")?.operation(name)
}
