//! The envelope of an optimised integration: the service's answer with the metadata of the SDK that called it, or its
//! error in the SDK's words.
//!
//! Source: recorded executions of `ecs:runTask`.

use api::AwsError;
use api::model::Operation;
use asl::{ErrorName, FailurePhase};
use serde_json::{Value, json};
use types::Timestamp;

use super::{Answer, failed, sdk_shape};

/// How the SDK names a service in error names and causes.
pub(super) struct Sdk {
    /// `ECS`, before the dot of an error's name.
    pub(super) prefix: &'static str,
    /// `AmazonECSException`: the class of errors that the operation's model does not list.
    pub(super) base_class: &'static str,
    /// `AmazonECS`, in causes.
    pub(super) service: &'static str,
}

/// A successful answer in its envelope.
pub(super) fn answer(operation: &Operation, answer: &Value, request_id: &str, now: Timestamp) -> Value {
    let mut fields = sdk_shape::response(operation.output, answer);
    let length = answer.to_string().len().to_string();
    let date = now.format("%a, %d %b %Y %H:%M:%S GMT");
    let content_type = "application/x-amz-json-1.1";
    if let Some(fields) = fields.as_object_mut() {
        fields.insert(
            "SdkHttpMetadata".to_owned(),
            json!({
                "AllHttpHeaders": {
                    "x-amzn-RequestId": [request_id],
                    "Content-Length": [length],
                    "Date": [date],
                    "Content-Type": [content_type],
                },
                "HttpHeaders": {
                    "Content-Length": length,
                    "Content-Type": content_type,
                    "Date": date,
                    "x-amzn-RequestId": request_id,
                },
                "HttpStatusCode": 200,
            }),
        );
        fields.insert("SdkResponseMetadata".to_owned(), json!({"RequestId": request_id}));
        fields.sort_keys();
    }
    fields
}

/// An error as the state sees it.
pub(super) fn error(sdk: &Sdk, operation: &Operation, error: &AwsError, request_id: &str) -> Answer {
    let Sdk { prefix, base_class, service } = sdk;
    let (code, status) = (&error.code, error.status);
    let listed = operation.errors.iter().any(|shape| shape.code == code.as_ref());
    let class = if listed { code.as_ref() } else { base_class };
    let cause = format!(
        "{} (Service: {service}; Status Code: {status}; Error Code: {code}; Request ID: {request_id}; Proxy: null)",
        error.message,
    );
    failed(ErrorName::from(format!("{prefix}.{class}")), cause, FailurePhase::Run)
}
