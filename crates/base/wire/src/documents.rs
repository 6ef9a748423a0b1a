//! Plain documents over HTTP: what a container asks its surroundings for, and what a test asks a server's clock. There are
//! no signatures and no protocols of AWS in it, only a path, perhaps a token, and JSON.

use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use crate::handler::AnswerBody;
use crate::limits;
use crate::route::is_cross_origin;

/// Knows the documents that are served by their paths.
pub trait Documents: Send + Sync {
    /// Whether the path is one of theirs. Beside an API, all other paths are the API's.
    fn own(&self, path: &str) -> bool;

    /// The document with a path that is one of theirs, or why there is none.
    fn document<'a>(&'a self, request: DocumentRequest<'a>) -> BoxFuture<'a, Document>;

    /// Whether something can be posted to the path.
    fn takes_posts(&self, path: &str) -> bool {
        let _ = path;
        false
    }

    /// Does what is posted to a path that takes posts, and answers with what came of it.
    fn post<'a>(&'a self, path: &'a str, body: Vec<u8>) -> BoxFuture<'a, Document> {
        let _ = (path, body);
        Box::pin(async { Document { status: 404, body: "{}".to_owned() } })
    }
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

/// Whether a request posts something to documents, which is not an API's business then.
pub fn is_post(documents: &dyn Documents, parts: &Parts) -> bool {
    parts.method == Method::POST && documents.takes_posts(parts.uri.path())
}

/// Does what is posted. Pages of other sites are not listened to.
pub async fn post(documents: &dyn Documents, parts: &Parts, body: Incoming) -> Response<AnswerBody> {
    let refused = |status, text: &str| response(status, "text/plain; charset=utf-8", format!("{text}\n"));
    if is_cross_origin(&parts.headers) {
        return refused(403, "Cross-origin requests are not served.");
    }
    let Ok(body) = Limited::new(body, limits::POST_BYTES_MAX).collect().await else {
        return refused(413, "The body is too long.");
    };
    let Document { status, body } = documents.post(parts.uri.path(), body.to_bytes().into()).await;
    response(status, "application/json", body)
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
