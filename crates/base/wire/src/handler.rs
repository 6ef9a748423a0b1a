//! From an HTTP request to a call, and from its answer to an HTTP response.

use std::fmt;
use std::io;
use std::sync::Arc;

use api::model::{Operation, ServiceModel};
use api::{AwsError, Call, Dispatcher, Principal, ids};
use clock::Clock;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use serde_json::Value;
use types::{AccountId, Arn, Region};

use crate::credential::CredentialStore;
use crate::finishing::Finishing;
use crate::limits;
use crate::protocol::{Payload, Syntax};
use crate::queue_url;
use crate::route::{Routed, Target, is_cross_origin, route};
use crate::s3;
use crate::sigv4::{Refusal, SignedRequest, SigningKeys};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The bytes of an answer, from memory or as they are read.
pub type AnswerBody = UnsyncBoxBody<Bytes, io::Error>;

/// The HTTP side of the door.
pub struct Wire {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) credentials: Arc<dyn CredentialStore>,
    pub(crate) clock: Clock,
    pub(crate) signing_keys: SigningKeys,
}

impl Wire {
    /// A wire to `dispatcher`, for the keys of `credentials`. `clock` is what the ages of signatures are measured by: the
    /// time that clients sign with, also where the dispatcher's own clock is virtual.
    pub fn new(dispatcher: Dispatcher, credentials: Arc<dyn CredentialStore>, clock: Clock) -> Self {
        Self { dispatcher, credentials, clock, signing_keys: SigningKeys::default() }
    }

    /// Answers one HTTP request, whatever it is.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<AnswerBody>
    where
        B: Body + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let request_id = ids::uuid();
        let (parts, body) = request.into_parts();
        let signed = SignedRequest::parse(&parts);
        if !is_cross_origin(&parts.headers)
            && let Some(s3) = s3::service(&parts, &signed, self.dispatcher.models())
        {
            drop(signed);
            // Boxed, because it is large: every request is moved about with room for it otherwise.
            return Box::pin(self.handle_s3(s3, parts, body, &request_id)).await;
        }
        let payload = match read(&parts, body).await {
            Ok(body) => self.answer(&parts, signed, &body, &request_id).await,
            Err(error) => Syntax::guess(&parts.headers).error(&error, None, &request_id),
        };
        response(payload, &request_id)
    }

    async fn answer(
        &self,
        parts: &Parts,
        signed: Result<SignedRequest<'_>, Refusal>,
        body: &[u8],
        request_id: &str,
    ) -> Payload {
        let models: Vec<_> = self.dispatcher.models().collect();
        let Routed { syntax, target } = route(parts, &signed, body, &models);
        let (model, operation, input) = match target {
            Ok(Target { model, operation, input }) => (model, operation, input),
            Err(error) => return syntax.error(&error, None, request_id),
        };
        let input = input.read(operation.input);
        let is_open = api::is_open_to_all(model.signing_name, operation.name);
        let identified = match (signed, &input) {
            (Err(Refusal::Missing), Ok(input)) if is_open => Ok(Caller::of_link(input)),
            (signed, _) => self.authenticate(signed, body, model).await,
        };
        let caller = match identified {
            Ok(caller) => caller,
            Err(refusal) => {
                let error = syntax.refusal(&refusal);
                // Calls are audited behind the door; those that do not reach it, here. The text may be long.
                tracing::info!(target: "audit", request = request_id, operation = operation.action, code = %error.code, "refused");
                return syntax.error(&error, None, request_id);
            }
        };
        match self.call(caller, model, operation, input, request_id).await {
            Ok(mut output) => {
                queue_url::localise(model, &parts.headers, &mut output);
                syntax.output(operation, &output, request_id)
            }
            Err(error) => syntax.error(&error, Some(operation), request_id),
        }
    }

    async fn authenticate(
        &self,
        signed: Result<SignedRequest<'_>, Refusal>,
        body: &[u8],
        model: &ServiceModel,
    ) -> Result<Caller, Refusal> {
        let signed = signed?;
        let credential = self.credentials.lookup(signed.access_key_id()).await.ok_or(Refusal::UnknownKey)?;
        signed.check_token(&credential, self.dispatcher.clock().machine().now())?;
        signed.verify(
            &credential.secret_access_key,
            model.signing_name,
            body,
            self.clock.now(),
            &self.signing_keys,
        )?;
        let account = account(&credential.principal).ok_or(Refusal::UnknownKey)?;
        Ok(Caller { principal: credential.principal.clone(), account, region: Region::new(signed.region()) })
    }

    /// Calls the operation, and lets it finish even where the client goes away meanwhile.
    async fn call(
        &self,
        caller: Caller,
        model: &ServiceModel,
        operation: &Operation,
        input: Result<Value, AwsError>,
        request_id: &str,
    ) -> Result<Value, AwsError> {
        let call = Call {
            principal: caller.principal,
            account: caller.account,
            region: caller.region,
            service: model.signing_name.to_owned(),
            operation: operation.name.to_owned(),
            input: input?,
            request_id: request_id.to_owned(),
            idempotency_key: None,
        };
        let dispatcher = self.dispatcher.clone();
        let is_abandoned = dispatcher.ends_with_its_caller(model.signing_name, operation.name);
        let work = Finishing::new(async move { dispatcher.call(call).await });
        match work.abandoned_if(is_abandoned).await {
            Ok(answer) => answer,
            Err(panic) => Err(AwsError::internal("InternalFailure", &panic)),
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("dispatcher", &self.dispatcher).finish_non_exhaustive()
    }
}

/// Who has proved to be calling, and where.
struct Caller {
    principal: Principal,
    account: AccountId,
    region: Region,
}

impl Caller {
    /// Somebody who follows a link: it leads to where the ARN is that it names.
    fn of_link(input: &Value) -> Self {
        let texts =
            input.as_object().into_iter().flat_map(|members| members.values()).filter_map(Value::as_str);
        let arn = texts.filter_map(|text| text.parse::<Arn>().ok()).next();
        let (account, region) = arn.map(|arn| (arn.account, arn.region)).unwrap_or_default();
        Self {
            principal: Principal::Anonymous,
            account: AccountId::new(account),
            region: Region::new(region),
        }
    }
}

/// Services sign nothing, so they have no account on the wire.
pub(crate) fn account(principal: &Principal) -> Option<AccountId> {
    match principal {
        Principal::Root { account } => Some(account.clone()),
        Principal::Role { role_arn, .. } => Some(AccountId::new(role_arn.parse::<Arn>().ok()?.account)),
        Principal::Service { .. } | Principal::Anonymous => None,
    }
}

async fn read<B>(parts: &Parts, body: B) -> Result<Bytes, AwsError>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if let Some(encoding) = parts.headers.get(CONTENT_ENCODING).filter(|value| *value != "identity") {
        let encoding = String::from_utf8_lossy(encoding.as_bytes());
        return Err(AwsError::new(
            "UnsupportedMediaTypeException",
            format!("Request bodies with Content-Encoding '{encoding}' are not supported."),
        )
        .with_status(415));
    }
    let body = Limited::new(body, limits::BODY_BYTES_MAX).collect();
    match tokio::time::timeout(limits::BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(AwsError::new(
            "RequestEntityTooLargeException",
            format!("Request bodies may have at most {} bytes.", limits::BODY_BYTES_MAX),
        )
        .with_status(413)),
        Ok(Err(error)) => {
            Err(AwsError::new("IncompleteBody", format!("The request body ended early: {error}.")))
        }
        Err(_) => {
            Err(AwsError::new("RequestTimeout", "The request body took too long to arrive.").with_status(408))
        }
    }
}

fn response(payload: Payload, request_id: &str) -> Response<AnswerBody> {
    let body = Full::from(payload.body).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(payload.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(payload.content_type));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some((name, value)) = payload.error_header
        && let Ok(value) = HeaderValue::try_from(value)
    {
        headers.insert(name, value);
    }
    response
}
