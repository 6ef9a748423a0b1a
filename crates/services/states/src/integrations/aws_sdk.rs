//! `aws-sdk:SERVICE:ACTION`: any operation of any service behind the door, by the service's model.
//!
//! What there is follows from the models; nothing is listed here. An answer has no envelope.
//!
//! Source: Step Functions Developer Guide, "Learning to use AWS service SDK integrations"; recorded executions.

use std::sync::Arc;

use api::model::{Kind, Operation, ServiceModel, Shape};
use api::{AwsError, Dispatcher};
use asl::{ErrorName, FailurePhase, ParameterForm, Pattern};
use serde_json::Value;

use super::{Answer, Attempt, failed, not_served, sdk_names, sdk_shape};

/// Members by which services tell a repeated request, which SDKs fill in.
const IDEMPOTENCY_TOKENS: [&str; 2] = ["clientToken", "ClientToken"];

/// The operation that `service` and `action` of a resource name.
pub(crate) fn find(
    dispatcher: &Dispatcher,
    service: &str,
    action: &str,
) -> Option<(&'static ServiceModel, &'static Operation)> {
    let model = dispatcher.models().find(|model| sdk_names::package(model) == service)?;
    let operation = model.operations.iter().find(|operation| sdk_names::action(operation) == action)?;
    Some((model, operation))
}

/// Whether a definition may name it. No service has jobs to wait for here.
pub(super) fn is_served(dispatcher: &Dispatcher, service: &str, action: &str, pattern: Pattern) -> bool {
    let waits = matches!(pattern, Pattern::Sync | Pattern::Sync2);
    !waits && find(dispatcher, service, action).is_some()
}

/// What the operation takes.
pub(super) fn form(dispatcher: &Dispatcher, service: &str, action: &str) -> Option<Arc<dyn ParameterForm>> {
    let (_, operation) = find(dispatcher, service, action)?;
    Some(Arc::new(Input(operation.input)))
}

/// The shape of an operation's input. What must be there is the service's to say.
#[derive(Debug)]
struct Input(&'static Shape);

impl ParameterForm for Input {
    fn has(&self, name: &str) -> bool {
        self.0.members().iter().any(|member| sdk_names::member(member.name) == name)
    }

    fn problems(&self, parameters: &Value) -> Vec<String> {
        sdk_shape::sdk_request(self.0, parameters).err().unwrap_or_default()
    }
}

/// Calls the operation.
pub(super) async fn invoke(attempt: &Attempt<'_>, service: &str, action: &str) -> Answer {
    let Some((model, operation)) = find(attempt.dispatcher, service, action) else {
        return not_served(attempt);
    };
    let mut input = match sdk_shape::sdk_request(operation.input, attempt.parameters) {
        Ok(input) => input,
        Err(problems) => return attempt.unusable(&problems),
    };
    make_repeatable(attempt, model, operation, &mut input);
    let (request_id, answer) = attempt.call(model.signing_name, operation.name, input).await;
    let output = match answer {
        Ok(answer) => sdk_shape::sdk_response(operation.output, &answer),
        Err(refusal) => return error(model, operation, &refusal, &request_id),
    };
    match attempt.resource.pattern() {
        Pattern::RequestResponse => Answer::Succeeded(output),
        Pattern::Sync | Pattern::Sync2 | Pattern::WaitForTaskToken => Answer::Submitted { output },
    }
}

/// Fills in what lets the service find that it has served the request before.
fn make_repeatable(attempt: &Attempt<'_>, model: &ServiceModel, operation: &Operation, input: &mut Value) {
    for name in IDEMPOTENCY_TOKENS {
        let takes = operation.input.member(name).is_some_and(|member| matches!(member.shape.kind, Kind::String(_)));
        if takes && input.get(name).is_none() {
            input[name] = attempt.client_token().into();
        }
    }
    let starts = model.signing_name == "states" && operation.name == "StartExecution";
    if starts && input.get("name").is_none() {
        input["name"] = attempt.made_up_name().into();
    }
}

/// An error as the state sees it.
pub(super) fn error(
    model: &ServiceModel,
    operation: &Operation,
    error: &AwsError,
    request_id: &str,
) -> Answer {
    let prefix = sdk_names::prefix(model);
    let listed = operation.errors.iter().find(|shape| shape.code == error.code || shape.name == error.code);
    let class = listed.map_or_else(|| format!("{prefix}Exception"), |shape| sdk_names::exception(shape.name));
    let (message, status) = (&error.message, error.status);
    let extended = match model.signing_name {
        "s3" => format!(", Extended Request ID: {request_id}"),
        _ => String::new(),
    };
    let cause = format!(
        "{message} (Service: {prefix}, Status Code: {status}, Request ID: {request_id}{extended}) (SDK Attempt Count: 1)"
    );
    failed(ErrorName::from(format!("{prefix}.{class}")), cause, FailurePhase::Run)
}
