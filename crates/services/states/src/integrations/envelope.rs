//! The envelope of an optimised integration: the service's answer with the metadata of the SDK that called it, or its
//! error in the SDK's words.
//!
//! Source: recorded executions of `ecs:runTask` and `states:startExecution`.

use api::AwsError;
use api::model::Operation;
use asl::{ErrorName, FailurePhase};
use serde_json::{Value, json};
use types::Timestamp;

use super::{Answer, failed, sdk_names, sdk_shape};

/// How the SDK names a service in error names and causes.
pub(super) struct Sdk {
    /// `ECS`, before the dot of an error's name.
    pub(super) prefix: &'static str,
    /// `AmazonECSException`: the class of errors that the operation's model does not list.
    pub(super) base_class: &'static str,
    /// `AmazonECS`, in causes.
    pub(super) service: &'static str,
    /// `Content-Type` of the service's answers.
    pub(super) content_type: &'static str,
    /// Whether the service's answers have a header `connection`.
    pub(super) keeps_alive: bool,
}

/// A successful answer in its envelope.
pub(super) fn answer(
    sdk: &Sdk,
    operation: &Operation,
    answer: &Value,
    request_id: &str,
    now: Timestamp,
) -> Value {
    let mut fields = sdk_shape::response(operation.output, answer);
    let length = answer.to_string().len().to_string();
    let date = now.format("%a, %d %b %Y %H:%M:%S GMT");
    let mut all_headers = json!({"x-amzn-RequestId": [request_id]});
    let mut headers = json!({});
    if sdk.keeps_alive {
        all_headers["connection"] = json!(["keep-alive"]);
        headers["connection"] = "keep-alive".into();
    }
    let more = [("Content-Length", length), ("Date", date), ("Content-Type", sdk.content_type.to_owned())];
    for (name, value) in more {
        all_headers[name] = json!([value]);
        headers[name] = value.into();
    }
    headers["x-amzn-RequestId"] = request_id.into();
    if let Some(headers) = headers.as_object_mut() {
        headers.sort_keys();
    }
    if let Some(fields) = fields.as_object_mut() {
        fields.insert(
            "SdkHttpMetadata".to_owned(),
            json!({"AllHttpHeaders": all_headers, "HttpHeaders": headers, "HttpStatusCode": 200}),
        );
        fields.insert("SdkResponseMetadata".to_owned(), json!({"RequestId": request_id}));
        fields.sort_keys();
    }
    fields
}

/// An error as the state sees it.
pub(super) fn error(sdk: &Sdk, operation: &Operation, error: &AwsError, request_id: &str) -> Answer {
    let Sdk { prefix, base_class, service, .. } = sdk;
    let status = error.status;
    let listed =
        operation.errors.iter().find(|shape| shape.code == error.code || shape.name == error.code.as_ref());
    let code = listed.map_or(error.code.as_ref(), |shape| shape.code);
    let class = listed.map_or_else(|| (*base_class).to_owned(), |shape| sdk_names::exception(shape.name));
    let cause = format!(
        "{} (Service: {service}; Status Code: {status}; Error Code: {code}; Request ID: {request_id}; Proxy: null)",
        error.message,
    );
    failed(ErrorName::from(format!("{prefix}.{class}")), cause, FailurePhase::Run)
}
