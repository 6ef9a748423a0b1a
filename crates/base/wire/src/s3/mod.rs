//! What S3 does otherwise than AWS's other services: buckets in hosts, signatures over bodies that stream, checksums.
//!
//! A request is routed and its signature verified by its head alone; then its body is read, taken apart where it is
//! chunked, digested in one pass, and spooled to the service's folder where it is large. The service is called only with a
//! body that is whole and what the client says it is. How members are written is `protocol::rest_xml`'s.

mod address;
mod authentication;
mod chunked;
mod errors;
mod hoisted;
mod integrity;
mod legacy;
mod payload;
#[cfg(test)]
mod tests;
mod upload;

use std::pin::Pin;

use api::model::{Operation, Protocol, Route, ServiceModel};
use api::{AwsError, Body, Call, Reply};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderValue, SERVER};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::handler::{AnswerBody, Wire, account};
use crate::protocol::rest_xml::{self, Answer, Request};
use crate::sigv4::{Refusal, SignedRequest, parameter, scope_service};
use address::Address;
use authentication::{Sender, Verifier};
use integrity::Expected;
use upload::Upload;

/// The service of S3's kind that a request is for, if it is for one. `signed` is its signature as it was found.
pub fn service(
    parts: &Parts,
    signed: &Result<SignedRequest<'_>, Refusal>,
    mut models: impl Iterator<Item = &'static ServiceModel>,
) -> Option<(&'static ServiceModel, &'static [Route])> {
    let found = models.find_map(|model| match model.protocol {
        Protocol::RestXml(routes) => Some((model, routes)),
        _ => None,
    })?;
    let signed_for = scope_service(parts, signed);
    let is_s3 = match signed_for.as_deref() {
        Some(service) => service == found.0.signing_name,
        None => parameter(parts, "AWSAccessKeyId").is_some() || address::is_s3_host(parts),
    };
    is_s3.then_some(found)
}

/// An error, and the operation that answers it, where the request had reached one.
struct Failure {
    error: AwsError,
    operation: Option<&'static Operation>,
}

impl From<AwsError> for Failure {
    fn from(error: AwsError) -> Self {
        Self { error, operation: None }
    }
}

impl Wire {
    /// Answers a request to S3.
    pub(crate) async fn handle_s3<B>(
        &self,
        (model, routes): (&'static ServiceModel, &'static [Route]),
        parts: Parts,
        body: B,
        request_id: &str,
    ) -> Response<AnswerBody>
    where
        B: hyper::body::Body + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let is_head = parts.method == Method::HEAD;
        let waits = parts.headers.contains_key(EXPECT);
        let mut body = std::pin::pin!(body);
        let (answer, stream) = match self.s3_reply(model, routes, parts, body.as_mut(), request_id).await {
            Ok((answer, stream)) => (answer, stream),
            Err(Failure { error, operation }) => {
                if !waits {
                    upload::discard(body).await;
                }
                (rest_xml::error(&error, operation, request_id, &host_id(request_id)), None)
            }
        };
        response(answer, stream, is_head, request_id)
    }

    async fn s3_reply<B>(
        &self,
        model: &'static ServiceModel,
        routes: &'static [Route],
        mut parts: Parts,
        body: Pin<&mut B>,
        request_id: &str,
    ) -> Result<(Answer, Option<Body>), Failure>
    where
        B: hyper::body::Body + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let sender = self.s3_sender(&parts).await.inspect_err(|error| {
            tracing::info!(target: "audit", request = request_id, service = model.signing_name, code = %error.code, "refused");
        })?;
        if sender.is_presigned {
            hoisted::take(&mut parts);
        }
        let address = Address::of(&parts);
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let request =
            Request::route(model, routes, parts.method.as_str(), &address.path, &query, &parts.headers)?;
        let operation = request.operation;
        let failed = |error| Failure { error, operation: Some(operation) };
        let expected = Expected::of(&parts.headers, operation, sender.payload).map_err(failed)?;
        let folder = self.dispatcher.spool_folder(model.signing_name);
        let upload = Upload::of(&parts, &sender, operation).map_err(failed)?;
        let body = upload.read(body, folder, &expected, &mut parts.headers).await.map_err(failed)?;
        let reply = self.s3_call(model, &request, sender, &parts, body, request_id).await.map_err(failed)?;
        let answer = rest_xml::output(&request, model.xml_namespace, &reply.output);
        Ok((answer, reply.body.filter(|_| operation.gives_body())))
    }

    async fn s3_sender(&self, parts: &Parts) -> Result<Sender, AwsError> {
        let verifier = Verifier {
            credentials: self.credentials.as_ref(),
            keys: &self.signing_keys,
            now: self.clock.now(),
            session_now: self.dispatcher.clock().machine().now(),
        };
        verifier.sender(parts).await
    }

    /// Calls the operation, and lets it finish even where the client goes away meanwhile.
    async fn s3_call(
        &self,
        model: &ServiceModel,
        request: &Request<'_>,
        sender: Sender,
        parts: &Parts,
        body: Body,
        request_id: &str,
    ) -> Result<Reply, AwsError> {
        let operation = request.operation;
        let document = match operation.takes_body() {
            true => Bytes::new(),
            false => body.collect(u64::MAX).await.map_err(|error| errors::internal(&error))?,
        };
        let account = account(&sender.principal).ok_or_else(|| errors::access_denied("Access Denied"))?;
        let call = Call {
            principal: sender.principal,
            account,
            region: sender.region,
            service: model.signing_name.to_owned(),
            operation: operation.name.to_owned(),
            input: request.input(&parts.headers, &document)?,
            request_id: request_id.to_owned(),
            idempotency_key: None,
        };
        let dispatcher = self.dispatcher.clone();
        let body = operation.takes_body().then_some(body);
        match tokio::spawn(async move { dispatcher.call_streaming(call, body).await }).await {
            Ok(answer) => answer,
            Err(panic) => Err(errors::internal(&panic)),
        }
    }
}

/// The id that S3 gives besides the request's, for its own support: 48 characters that say nothing.
fn host_id(request_id: &str) -> String {
    STANDARD.encode(Sha256::digest(request_id.as_bytes()))
}

fn response(answer: Answer, stream: Option<Body>, is_head: bool, request_id: &str) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::default());
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    *headers = answer.headers;
    for (name, value) in [("x-amz-request-id", request_id), ("x-amz-id-2", &host_id(request_id))] {
        headers.extend(HeaderValue::from_str(value).ok().map(|value| (name.parse().ok(), value)));
    }
    headers.insert(SERVER, HeaderValue::from_static("AmazonS3"));
    if let Some(body) = &stream {
        headers.insert(CONTENT_LENGTH, body.len().into());
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("binary/octet-stream"));
    }
    *response.body_mut() = match stream {
        _ if is_head => AnswerBody::default(),
        Some(body) => streamed(&body),
        None => Full::from(answer.body).map_err(|never| match never {}).boxed_unsync(),
    };
    response
}

/// The bytes as they are read. Where that fails, the connection ends before the length that was announced.
fn streamed(body: &Body) -> AnswerBody {
    let frames = futures_util::stream::unfold(Some(body.reader()), |reader| async {
        let mut reader = reader?;
        match reader.next().await {
            Ok(Some(chunk)) => Some((Ok(Frame::data(chunk)), Some(reader))),
            Ok(None) => None,
            Err(error) => {
                tracing::error!(%error, "a body could not be read");
                Some((Err(error), None))
            }
        }
    });
    StreamBody::new(frames).boxed_unsync()
}
