//! `aws-sdk:SERVICE:ACTION`: any operation of any service behind the door, by the service's model.
//!
//! What there is follows from the models; nothing is listed here. An answer has no envelope.
//!
//! Source: Step Functions Developer Guide, "Learning to use AWS service SDK integrations"; recorded executions.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use api::model::{Kind, Location, Member, Operation, ServiceModel, Shape};
use api::{AwsError, Body, Dispatcher};
use asl::{ErrorName, FailurePhase, ParameterForm, Pattern};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Answer, Attempt, failed, not_served, sdk_names, sdk_shape};
use crate::limits::PAYLOAD_BYTES;

/// Members by which services tell a repeated request, which SDKs fill in.
const IDEMPOTENCY_TOKENS: [&str; 2] = ["clientToken", "ClientToken"];

/// The operation that `service` and `action` of a resource name, of those behind the door.
pub(crate) fn find(
    dispatcher: &Dispatcher,
    service: &str,
    action: &str,
) -> Option<(&'static ServiceModel, &'static Operation)> {
    find_in(dispatcher.models(), service, action)
}

/// The operation that `service` and `action` of a resource name, of those that `models` have.
pub(crate) fn find_in(
    mut models: impl Iterator<Item = &'static ServiceModel>,
    service: &str,
    action: &str,
) -> Option<(&'static ServiceModel, &'static Operation)> {
    let model = models.find(|model| sdk_names::package(model) == service)?;
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
    let parameters = with_text_of_stream(operation, attempt.parameters);
    let mut input = match sdk_shape::sdk_request(operation.input, &parameters) {
        Ok(input) => input,
        Err(problems) => return attempt.unusable(&problems),
    };
    make_repeatable(attempt, model, operation, &mut input);
    describe_stream(operation, &mut input);
    let body = take_body(operation, &mut input);
    let (request_id, reply) = attempt.call_streaming(model.signing_name, operation.name, input, body).await;
    let reply = match reply {
        Ok(reply) => reply,
        Err(refusal) => return error(model, operation, &refusal, &request_id),
    };
    let mut output = sdk_shape::sdk_response(operation.output, &reply.output);
    if let (Some(body), Some(member)) = (reply.body, stream(operation.output)) {
        match body.collect(PAYLOAD_BYTES as u64).await {
            Ok(bytes) => output[sdk_names::member(member.name)] = String::from_utf8_lossy(&bytes).into(),
            Err(cause) => return unreadable(attempt, &cause),
        }
    }
    match attempt.resource.pattern() {
        Pattern::RequestResponse => Answer::Succeeded(output),
        Pattern::Sync | Pattern::Sync2 | Pattern::WaitForTaskToken => Answer::Submitted { output },
    }
}

/// The member whose bytes travel beside a message.
fn stream(shape: &Shape) -> Option<&'static Member> {
    shape.members().iter().find(|member| member.location == Location::Stream)
}

/// The parameters with JSON text in place of what is to travel as bytes: of a text too, as recorded.
fn with_text_of_stream<'a>(operation: &Operation, parameters: &'a Value) -> Cow<'a, Value> {
    let name = stream(operation.input).map(|member| sdk_names::member(member.name));
    match name.and_then(|name| Some((parameters.get(&name)?.to_string(), name))) {
        Some((text, name)) => {
            let mut parameters = parameters.clone();
            parameters[name] = text.into();
            Cow::Owned(parameters)
        }
        None => Cow::Borrowed(parameters),
    }
}

/// Says of bytes what AWS's SDK says of a text for which the caller has not said it: its type, and the checksum wanted.
fn describe_stream(operation: &Operation, input: &mut Value) {
    if stream(operation.input).is_none_or(|member| input.get(member.name).is_none()) {
        return;
    }
    let has_checksum =
        input.as_object().is_some_and(|members| members.keys().any(|name| name.starts_with("Checksum")));
    for (name, value, is_said) in [
        ("ChecksumAlgorithm", "CRC32", has_checksum),
        ("ContentType", "text/plain; charset=UTF-8", input.get("ContentType").is_some()),
    ] {
        if !is_said && operation.input.member(name).is_some() {
            input[name] = value.into();
        }
    }
}

/// Takes the bytes out of a request that travel beside it.
fn take_body(operation: &Operation, input: &mut Value) -> Option<Body> {
    let member = stream(operation.input)?;
    let encoded = input.as_object_mut()?.shift_remove(member.name)?;
    let bytes = STANDARD.decode(encoded.as_str()?).ok()?;
    Some(bytes.into())
}

fn unreadable(attempt: &Attempt<'_>, cause: &io::Error) -> Answer {
    let service = attempt.resource.history_resource_type();
    if cause.kind() == io::ErrorKind::FileTooLarge {
        let cause = format!(
            "The state/task '{service}' returned a result with a size exceeding the maximum number of bytes service limit."
        );
        return failed(ErrorName::DataLimitExceeded, cause, FailurePhase::Run);
    }
    failed(
        ErrorName::TaskFailed,
        format!("The answer of {service} cannot be read: {cause}"),
        FailurePhase::Run,
    )
}

/// Fills in what lets the service find that it has served the request before.
fn make_repeatable(attempt: &Attempt<'_>, model: &ServiceModel, operation: &Operation, input: &mut Value) {
    for name in IDEMPOTENCY_TOKENS {
        let takes =
            operation.input.member(name).is_some_and(|member| matches!(member.shape.kind, Kind::String(_)));
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
