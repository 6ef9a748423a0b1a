//! Plain documents over HTTP: what a container asks its surroundings for. There are no signatures and no protocols of AWS
//! in it, only a path, perhaps a token, and JSON.

use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use crate::handler::AnswerBody;

/// Knows the documents that are served by their paths.
pub trait Documents: Send + Sync {
    /// Whether the path is one of theirs. Beside an API, all other paths are the API's.
    fn own(&self, path: &str) -> bool;

    /// The document with a path that is one of theirs, or why there is none.
    fn document<'a>(&'a self, request: DocumentRequest<'a>) -> BoxFuture<'a, Document>;
}

/// Asks for a document.
#[derive(Clone, Copy, Debug)]
pub struct DocumentRequest<'a> {
    /// The path, still escaped, without the query.
    pub path: &'a str,
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
}

/// A document in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The HTTP status.
    pub status: u16,
    /// The JSON.
    pub body: String,
}

/// The answer to a request for a document; `None` where its path is none of theirs.
pub async fn answer(documents: &dyn Documents, parts: &Parts) -> Option<Response<AnswerBody>> {
    let path = parts.uri.path();
    if !documents.own(path) || !matches!(parts.method, Method::GET | Method::HEAD) {
        return None;
    }
    let authorization = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Document { status, body } = documents.document(DocumentRequest { path, authorization }).await;
    Some(response(status, "application/json", body))
}

/// What is answered where nothing is found.
pub fn not_found() -> Response<AnswerBody> {
    response(404, "text/plain; charset=utf-8", "404 page not found\n".to_owned())
}

fn response(status: u16, content_type: &'static str, body: String) -> Response<AnswerBody> {
    let body = Full::from(body).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
