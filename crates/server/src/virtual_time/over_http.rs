//! The clock over HTTP, for tests that run no command: `/_runwright/clock` beside the API, for clients on this machine.
//!
//! `GET` says what the clock shows; `POST` moves it, as `runwright clock` does, and answers once everything has come to
//! rest.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use wire::{Document, DocumentRequest, Documents};

use super::session::Subject;
use super::{Advance, To};
use crate::time_options::{parse_duration, parse_time};

const PATH: &str = "/_runwright/clock";

/// What is posted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// How far, such as `24h`.
    advance: Option<String>,
    /// To which time, such as `2026-11-21T18:00:00Z`.
    set: Option<String>,
    /// How long, in real time, containers are waited for at one moment.
    wait: Option<String>,
}

impl Request {
    fn advance(body: &[u8]) -> Result<Advance, String> {
        let request: Self = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let to = match (request.advance.as_deref(), request.set.as_deref()) {
            (Some(by), None) => To::By(parse_duration(by)?),
            (None, Some(time)) => To::Time(parse_time(time)?),
            _ => {
                return Err(
                    r#"give either "advance", such as "24h", or "set", such as "2026-11-21T18:00:00Z""#
                        .to_owned(),
                );
            }
        };
        let patience = request.wait.as_deref().map_or(Ok(Advance::PATIENCE), parse_duration)?;
        Ok(Advance { to, patience })
    }
}

/// The clock's document, beside others.
pub struct ClockDocuments {
    others: Arc<dyn Documents>,
    clock: Subject,
}

impl ClockDocuments {
    /// The document of `clock`, beside `others`.
    pub fn beside(others: Arc<dyn Documents>, clock: Subject) -> Self {
        Self { others, clock }
    }

    fn now(&self) -> Document {
        let (now, is_virtual) = self.clock.now();
        document(200, &json!({"time": now.to_iso_millis(), "virtual": is_virtual}))
    }

    async fn advance(&self, body: &[u8]) -> Document {
        let moved = match Request::advance(body) {
            Ok(advance) => self.clock.advance_at_once(advance).await.map_err(|error| format!("{error:#}")),
            Err(reason) => Err(reason),
        };
        let (moved, happened) = match moved {
            Ok(moved) => moved,
            Err(reason) => return document(400, &json!({"message": reason})),
        };
        let happened: Vec<Value> = happened.iter().filter_map(|one| one.to_json().ok()).collect();
        let (from, time) = (moved.from.to_iso_millis(), moved.to.to_iso_millis());
        document(200, &json!({"from": from, "time": time, "happened": happened}))
    }
}

fn document(status: u16, body: &Value) -> Document {
    Document { status, body: format!("{body}\n") }
}

impl Documents for ClockDocuments {
    fn own(&self, path: &str) -> bool {
        path == PATH || self.others.own(path)
    }

    fn document<'a>(&'a self, request: DocumentRequest<'a>) -> BoxFuture<'a, Document> {
        if request.path == PATH {
            return Box::pin(async { self.now() });
        }
        self.others.document(request)
    }

    fn takes_posts(&self, path: &str) -> bool {
        path == PATH
    }

    fn post<'a>(&'a self, _path: &'a str, body: Vec<u8>) -> BoxFuture<'a, Document> {
        Box::pin(async move { self.advance(&body).await })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_post_says_how_far_in_one_way() {
        let advance = |body: &str| Request::advance(body.as_bytes());
        let day = Advance { to: To::By(Duration::from_secs(86_400)), patience: Duration::from_secs(60) };
        assert_eq!(advance(r#"{"advance": "24h"}"#), Ok(day));
        let patience = Duration::from_secs(1);
        assert_eq!(advance(r#"{"advance": "1d", "wait": "1s"}"#), Ok(Advance { patience, ..day }));
        for refused in [
            "",
            "{}",
            r#"{"advance": "soon"}"#,
            r#"{"advance": "1s", "set": "2026-11-21T18:00:00Z"}"#,
            r#"{"by": "1h"}"#,
        ] {
            assert!(advance(refused).is_err(), "{refused}");
        }
    }
}
