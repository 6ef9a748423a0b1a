//! AWS's protocols: reading inputs, writing answers and errors.
//!
//! One file per protocol; a new one adds a file and a variant here. Which protocol a service speaks says its model.

pub mod ec2;
mod json;
pub mod query;
pub mod query_compatible;
mod refusal;
pub mod rest_json;
pub mod rest_xml;
mod scalar;
mod xml;
pub mod xml_reader;

use api::AwsError;
use api::model::{Operation, Protocol, ServiceModel, Shape};
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderName};
use serde_json::Value;

use crate::sigv4::Refusal;
use query::{Dialect, Form};

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// `awsJson1_0`.
    Json1_0,
    /// `awsJson1_1`.
    Json1_1,
    /// `awsJson1_0` with the errors of `awsQuery` in a header.
    QueryCompatible,
    /// `awsQuery`, with the service's XML namespace; empty where the service is not known.
    Query {
        /// The namespace.
        namespace: &'static str,
    },
    /// `awsQuery` of a service that speaks `awsJson1_0` since, with the service's XML namespace.
    FormerQuery {
        /// The namespace.
        namespace: &'static str,
    },
    /// `ec2Query`, with the service's XML namespace.
    Ec2 {
        /// The namespace.
        namespace: &'static str,
    },
    /// `restJson1`, with the HTTP status of an answer that is no error.
    RestJson1 {
        /// The status.
        success: u16,
    },
    /// Nothing says which protocol the client speaks.
    None,
}

/// An input as it was sent.
pub enum Input<'a> {
    /// A JSON body.
    Json(&'a [u8]),
    /// A form's parameters.
    Form(Form<'a>, Dialect),
    /// A form's parameters, for a service that speaks JSON since.
    FormerForm(Form<'a>),
    /// Members all over the request.
    Rest(rest_json::Request<'a>),
}

/// What an HTTP response carries.
#[derive(Debug, PartialEq)]
pub struct Payload {
    pub status: u16,
    pub content_type: &'static str,
    /// A header that tells of an error, for protocols that have one.
    pub error_header: Option<(HeaderName, String)>,
    pub body: Vec<u8>,
}

impl Syntax {
    /// The syntax of a service's answers.
    pub fn of(model: &ServiceModel) -> Self {
        match model.protocol {
            Protocol::AwsJson1_0 => Self::Json1_0,
            Protocol::AwsJson1_1 => Self::Json1_1,
            Protocol::AwsQueryCompatible => Self::QueryCompatible,
            Protocol::AwsQuery | Protocol::RestXml(_) => Self::Query { namespace: model.xml_namespace },
            Protocol::Ec2Query => Self::Ec2 { namespace: model.xml_namespace },
            Protocol::RestJson1(_) => Self::RestJson1 { success: 200 },
        }
    }

    /// The syntax that a client of an unknown service most likely understands.
    pub fn guess(headers: &HeaderMap) -> Self {
        let content_type =
            headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if content_type.starts_with("application/x-amz-json-1.0") {
            Self::Json1_0
        } else if content_type.starts_with("application/x-www-form-urlencoded") {
            Self::Query { namespace: "" }
        } else {
            Self::Json1_1
        }
    }

    /// The answer of an operation that succeeded.
    pub fn output(self, operation: &Operation, output: &Value, request_id: &str) -> Payload {
        match self {
            Self::Json1_0 | Self::Json1_1 | Self::QueryCompatible | Self::None => {
                self.payload(200, json::output(output))
            }
            // A status that means "no content" comes with none.
            Self::RestJson1 { success: 204 } => self.payload(204, Vec::new()),
            Self::RestJson1 { success } => self.payload(success, json::output(output)),
            Self::Query { namespace } | Self::FormerQuery { namespace } => {
                self.payload(200, query::output(operation, output, namespace, request_id))
            }
            Self::Ec2 { namespace } => {
                self.payload(200, ec2::output(operation, output, namespace, request_id))
            }
        }
    }

    /// The answer of an operation that failed, or of a request that reached none.
    pub fn error(self, error: &AwsError, operation: Option<&Operation>, request_id: &str) -> Payload {
        match self {
            Self::Json1_0 | Self::Json1_1 => self.payload(error.status, json::error(error)),
            Self::QueryCompatible => {
                let query = query::translate(error, operation);
                let header = (QUERY_ERROR, query_compatible::header(&query));
                let payload =
                    self.payload(query.status, json::error(&query_compatible::translate(error, operation)));
                Payload { error_header: Some(header), ..payload }
            }
            Self::Query { namespace } => {
                let error = query::translate(error, operation);
                self.payload(error.status, query::error(&error, namespace, request_id))
            }
            Self::FormerQuery { namespace } => {
                let error = query_compatible::of_form(error, operation);
                self.payload(error.status, query::error(&error, namespace, request_id))
            }
            Self::Ec2 { .. } => {
                let error = ec2::translate(error);
                self.payload(error.status, ec2::error(&error, request_id))
            }
            Self::RestJson1 { .. } => {
                let error = rest_json::translate(error, operation);
                let payload = self.payload(error.status, rest_json::error(&error, operation));
                Payload { error_header: Some((ERROR_TYPE, error.code.to_string())), ..payload }
            }
            Self::None => self.payload(error.status, format!("<{}/>\n", error.code).into_bytes()),
        }
    }

    /// The error for a request whose signature was refused.
    pub fn refusal(self, refusal: &Refusal) -> AwsError {
        match self {
            Self::Json1_0 | Self::Json1_1 | Self::QueryCompatible => refusal::json(refusal),
            Self::RestJson1 { .. } => refusal::json(refusal).with_status(403),
            Self::Ec2 { .. } => refusal::ec2(refusal),
            Self::Query { .. } | Self::FormerQuery { .. } | Self::None => refusal::query(refusal),
        }
    }

    fn payload(self, status: u16, body: Vec<u8>) -> Payload {
        let content_type = match self {
            Self::Json1_0 | Self::QueryCompatible => "application/x-amz-json-1.0",
            Self::Json1_1 => "application/x-amz-json-1.1",
            Self::RestJson1 { .. } => "application/json",
            Self::Ec2 { .. } => "text/xml;charset=UTF-8",
            Self::Query { .. } | Self::FormerQuery { .. } | Self::None => "text/xml",
        };
        Payload { status, content_type, error_header: None, body }
    }
}

impl Input<'_> {
    /// The input as JSON of the given shape.
    ///
    /// # Errors
    /// `SerializationException` for what is no JSON object.
    pub fn read(&self, shape: &Shape) -> Result<Value, AwsError> {
        match self {
            Self::Json(body) => json::input(body),
            Self::Form(form, dialect) => Ok(query::input(form, *dialect, shape)),
            Self::FormerForm(form) => {
                let mut input = query::input(form, Dialect::Aws, shape);
                query_compatible::with_empty_lists(shape, &mut input);
                Ok(input)
            }
            Self::Rest(request) => request.input(shape),
        }
    }
}
